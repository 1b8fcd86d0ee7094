/* SPDX-License-Identifier: Apache-2.0 */
/* Opening by a path that somebody else controls, and closing what nobody needs, also where the kernel or a seccomp
 * filter has no openat2() and no close_range(). */
#ifndef SAFE_FDS_H
#define SAFE_FDS_H

/* ---- open-in-root.c ----------------------------------------------------------------------------------------- */

enum links {
  LINKS_IN_ROOT, /* followed, with `root` as "/" and nothing above it */
  LINKS_REFUSED, /* none, anywhere in the path: ELOOP */
};

/* Opens `path`, which is below `root` however it begins. Links of procfs that are no names are never followed. */
int open_in_root(int root, const char *path, int flags, enum links links);

/* ---- own-proc.c --------------------------------------------------------------------------------------------- */

/* Fails with EXDEV where a file is of no procfs. */
int check_procfs(int file);

/* ---- close-fds.c -------------------------------------------------------------------------------------------- */

/* Closes all fds from `first` to `last`. */
void close_fds(int first, unsigned last);

#endif
