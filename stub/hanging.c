/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No signal ends a process that waits for the answer of a FUSE server, and that may be the pod's. Such a reader is counted
 * until it is gone, or a pod could have as many as the broker may have processes, and no VM could be started any more.
 */
#include "broker.h"

#include <errno.h>

/* Those that run may all come to hang. */
static struct {
  pid_t pid; /* 0: free */
  uint64_t owner;
} hanging[BROKER_MAX_HANGING + BROKER_MAX_READS];

static const size_t size = sizeof hanging / sizeof hanging[0];

int hanging_refusal(uint64_t owner, size_t running) {
  size_t of_owner = running, of_all = 0;
  for (size_t i = 0; i < size; i++) {
    of_all += hanging[i].pid != 0;
    of_owner += hanging[i].pid != 0 && hanging[i].owner == owner;
  }
  if (of_owner >= BROKER_MAX_OF_POD)
    return EBUSY;
  return of_all >= BROKER_MAX_HANGING ? EAGAIN : 0;
}

void hanging_add(pid_t pid, uint64_t owner) {
  for (size_t i = 0; i < size; i++)
    if (hanging[i].pid == 0) {
      hanging[i].pid = pid;
      hanging[i].owner = owner;
      return;
    }
}

void hanging_reaped(pid_t pid) {
  for (size_t i = 0; i < size; i++)
    if (hanging[i].pid == pid)
      hanging[i].pid = 0;
}
