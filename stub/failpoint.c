/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "failpoint.h"

void failpoint(const char *name) {
  char path[512];
  snprintf(path, sizeof path, FAILPOINTS "/failpoint-%s", name);
  /* Of those that come here at once, one. Not raise(): libc does not know the pid of a child that clone3() made. */
  if (unlink(path) == 0)
    kill(getpid(), SIGSTOP);
}
