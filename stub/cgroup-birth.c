/* SPDX-License-Identifier: Apache-2.0 */
#include "cgroup-birth.h"

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define CGROUP2_SUPER_MAGIC 0x63677270
#define INTO_CGROUP 0x200000000ULL

int is_unified_cgroup(int directory) {
  struct statfs info;
  return fstatfs(directory, &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC;
}

pid_t fork_into_cgroup(int directory) {
  struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
  } arguments = {.flags = INTO_CGROUP, .exit_signal = SIGCHLD, .cgroup = (uint64_t)directory};
  return (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
}

int join_cgroup(int file) {
  int failure = 0;
  /* EINVAL while the kernel still sets the new task up: the container libraries retry as well. */
  for (int attempt = 0; write(file, "0", 1) != 1; attempt++) {
    struct timespec pause = {.tv_nsec = 30000000};
    failure = errno;
    if (failure != EINVAL || attempt == 5)
      break;
    failure = 0;
    nanosleep(&pause, NULL);
  }
  close(file);
  errno = failure;
  return failure == 0 ? 0 : -1;
}
