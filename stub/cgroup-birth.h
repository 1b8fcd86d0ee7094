/* SPDX-License-Identifier: Apache-2.0 */
/* Into a cgroup. To be born in one of v2 costs nothing; who moves there instead waits for a grace period of RCU. */
#ifndef KND_CGROUP_BIRTH_H
#define KND_CGROUP_BIRTH_H

#include <sys/types.h>

/* Whether the directory is a cgroup of v2. */
int is_unified_cgroup(int directory);

/* As fork(), with the child in the cgroup of v2. Fails where the kernel or a filter lacks clone3(), which fork() does not. */
pid_t fork_into_cgroup(int directory);

/* Moves this process to the cgroup whose cgroup.procs this is, which is closed. Returns -1 with errno on failure. */
int join_cgroup(int file);

#endif
