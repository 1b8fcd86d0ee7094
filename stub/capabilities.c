/* SPDX-License-Identifier: Apache-2.0 */
#include "capabilities.h"

#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

/* musl has no <linux/capability.h>. */
#define VERSION_3 0x20080522

struct header {
  uint32_t version;
  int pid;
};

struct sets {
  uint32_t effective, permitted, inheritable;
};

int drop_capabilities(void) {
  struct header header = {.version = VERSION_3, .pid = 0};
  struct sets none[2] = {{0, 0, 0}, {0, 0, 0}};
  return (int)syscall(SYS_capset, &header, none);
}

int has_capability(int capability) {
  struct header header = {.version = VERSION_3, .pid = 0};
  struct sets sets[2];
  return syscall(SYS_capget, &header, sets) == 0 && (sets[0].effective & (1U << capability)) != 0;
}
