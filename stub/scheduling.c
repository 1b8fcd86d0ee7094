/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the kernel schedules the stub, and so QEMU: what libvirt has set for the process that it believes to be QEMU.
 * All of it is best effort: a pod's cgroup may forbid a real-time policy, and a kernel may lack a feature.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

#define IOPRIO_WHO_PROCESS 1
#define SCHED_CORE 62
#define SCHED_CORE_SHARE_FROM 3
#define SCHED_CORE_THREAD 0

static unsigned long read_number(int directory, const char *name) {
  char text[32];
  int file = openat(directory, name, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return 0;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  text[length < 0 ? 0 : length] = '\0';
  return strtoul(text, NULL, 10);
}

void scheduling_read(int stub_proc, struct scheduling *scheduling) {
  unsigned long pid = read_number(stub_proc, "stat");
  memset(scheduling, 0, sizeof *scheduling);
  scheduling->is_known = syscall(SYS_sched_getattr, pid, &scheduling->attributes, sizeof scheduling->attributes, 0) == 0;
  scheduling->io_priority = (int)syscall(SYS_ioprio_get, IOPRIO_WHO_PROCESS, pid);
  scheduling->timer_slack = read_number(stub_proc, "timerslack_ns");
  /* Children inherit the cookie. */
  prctl(SCHED_CORE, SCHED_CORE_SHARE_FROM, pid, SCHED_CORE_THREAD, 0);
}

void scheduling_take(const struct scheduling *scheduling) {
  if (scheduling->is_known)
    syscall(SYS_sched_setattr, 0, &scheduling->attributes, 0);
  if (scheduling->io_priority >= 0)
    syscall(SYS_ioprio_set, IOPRIO_WHO_PROCESS, 0, scheduling->io_priority);
  if (scheduling->timer_slack > 0)
    prctl(PR_SET_TIMERSLACK, scheduling->timer_slack, 0, 0, 0);
  personality(PER_LINUX); /* fixed: whatever weakens address space randomisation stays outside */
}
