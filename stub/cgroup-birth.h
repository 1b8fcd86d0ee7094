/* SPDX-License-Identifier: Apache-2.0 */
/* Being born in a cgroup of v2, which costs nothing. Who moves there instead waits for a grace period of RCU. */
#ifndef KND_CGROUP_BIRTH_H
#define KND_CGROUP_BIRTH_H

#include <sys/types.h>

/* Whether the directory is a cgroup of v2. */
int is_unified_cgroup(int directory);

/* As fork(), with the child in the cgroup of v2. Fails where the kernel or a filter lacks clone3(), which fork() does not. */
pid_t fork_into_cgroup(int directory);

#endif
