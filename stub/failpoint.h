/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places where a test stops a program, to see what becomes of a launch when one of its processes is killed there. In
 * what is shipped they are nothing: only `make FAILPOINTS=DIRECTORY` makes something of them, and check-binary.sh looks.
 */
#ifndef FAILPOINT_H
#define FAILPOINT_H

#ifdef FAILPOINTS
/* Stops the calling process, once, where DIRECTORY has a file "failpoint-NAME". */
void failpoint(const char *name);
#else
#define failpoint(name) ((void)0)
#endif

#endif
