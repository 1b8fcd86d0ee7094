/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/resource.h>

#include "entry.h"

/* In a user namespace nothing gives the right to it. The rest waits, since the fds are still to be arranged. */
void raise_hard_limits(const struct plan *plan) {
  for (size_t i = 0; i < plan->rlimit_count; i++) {
    struct rlimit own;
    if (getrlimit((int)plan->rlimits[i].resource, &own) < 0 || own.rlim_max >= plan->rlimits[i].hard)
      continue;
    own.rlim_max = plan->rlimits[i].hard;
    setrlimit((int)plan->rlimits[i].resource, &own);
  }
}

void set_limits(const struct plan *plan) {
  for (size_t i = 0; i < plan->rlimit_count; i++) {
    const struct plan_rlimit *wanted = &plan->rlimits[i];
    struct rlimit limit = {.rlim_cur = wanted->soft, .rlim_max = wanted->hard};
    if (setrlimit((int)wanted->resource, &limit) == 0)
      continue;
    /* Hard limits can't be raised without CAP_SYS_RESOURCE: as close as they let us. */
    struct rlimit own;
    if (getrlimit((int)wanted->resource, &own) < 0)
      continue;
    limit.rlim_max = wanted->hard < own.rlim_max ? wanted->hard : own.rlim_max;
    limit.rlim_cur = wanted->soft < limit.rlim_max ? wanted->soft : limit.rlim_max;
    setrlimit((int)wanted->resource, &limit);
  }
}
