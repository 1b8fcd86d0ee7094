/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "safe-fds.h"

void close_fds(int first, unsigned last) {
  struct rlimit limit;
  if ((unsigned)first > last || syscall(SYS_close_range, first, last, 0) == 0)
    return;
  /* One by one, since /proc may be the pod's here. Nothing of ours is numbered above the limit. */
  if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > 1U << 20)
    limit.rlim_cur = 1U << 20;
  for (unsigned fd = (unsigned)first; fd <= last && fd < limit.rlim_cur; fd++)
    close((int)fd);
}
