/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether the kernel killed QEMU for want of memory in the pod. The kernel counts such a kill in the victim's cgroup before
 * it sends the signal. The file is opened before QEMU runs: a runtime may have removed the cgroup by the time QEMU ends.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"

static int events = -1;
static unsigned long long before;

static unsigned long long count_kills(void) {
  static const char name[] = "\noom_kill ";
  char text[1024] = "\n";
  ssize_t length = pread(events, text + 1, sizeof text - 2, 0);
  text[length < 0 ? 1 : length + 1] = '\0';
  char *line = strstr(text, name);
  return line == NULL ? 0 : strtoull(line + sizeof name - 1, NULL, 10);
}

void out_of_memory_expect(const struct plan *plan) {
  static const char *const names[] = {"memory.events", "memory.oom_control"}; /* of cgroup v2 and v1 */
  char path[4096 + 32];
  for (size_t i = 0; events < 0 && i < plan->cgroup_count; i++)
    for (size_t name = 0; events < 0 && name < sizeof names / sizeof names[0]; name++) {
      snprintf(path, sizeof path, "%s/%s", plan->cgroups[i], names[name]);
      events = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    }
  before = count_kills();
}

int out_of_memory_happened(void) { return count_kills() > before; }
