/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CAPABILITIES_H
#define CAPABILITIES_H

/* Gives up every capability of this process. Returns 0, or -1 with errno. */
int drop_capabilities(void);

/* Whether one is in force now; `capability` is one of the first 32, such as CAP_SYS_ADMIN, 21. */
int has_capability(int capability);

#endif
