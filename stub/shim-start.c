/* SPDX-License-Identifier: Apache-2.0 */
#include "broker.h"
#include "failpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cgroup-birth.h"
#include "reset-signals.h"
#include "wire.h"

#define SHIM_DEADLINE_MS 5000 /* from the fork to the exec; the daemon waits twice as long */

static int join_cgroup_at(const char *directory) {
  char path[4096 + 16];
  if (snprintf(path, sizeof path, "%s/cgroup.procs", directory) >= (int)sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int file = open(path, O_WRONLY | O_CLOEXEC);
  return file < 0 ? -1 : join_cgroup(file);
}

/* In the child: out of the daemon's cgroup before anything else, or the VM would die with the daemon's pod. It does not
 * join where it was born: that would wait as long as a move. */
static int become_shim(const int *fds, int shim_image, const char *birthplace) {
  static char *argv[] = {NULL, NULL};
  static char *envp[] = {NULL};
  static char name[] = "qemu-kube-shim";
  struct plan plan;

  argv[0] = name;
  if (plan_read(fds[SHIM_PLAN - SHIM_CONNECTION], &plan) < 0)
    return -1;
  for (size_t i = 0; i < plan.shim_cgroup_count; i++)
    if (strcmp(plan.shim_cgroups[i], birthplace) != 0 && join_cgroup_at(plan.shim_cgroups[i]) < 0)
      return -1;
  failpoint("shim-born");
  if (setsid() < 0 || chdir("/") < 0)
    return -1;
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0)
    return -1;

  /* All copies go above the fixed numbers first, so that none overwrites another. */
  int image = fcntl(shim_image, F_DUPFD_CLOEXEC, 64);
  int above[SHIM_FD_COUNT];
  for (int i = 0; i < SHIM_FD_COUNT; i++)
    if ((above[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 64)) < 0)
      return -1;
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (dup2(null, fd) < 0)
      return -1;
  for (int i = 0; i < SHIM_FD_COUNT; i++)
    if (dup2(above[i], SHIM_CONNECTION + i) < 0)
      return -1;
  if (null >= SHIM_FDS_END)
    close(null);
  reset_signals();
  return fexecve(image, argv, envp);
}

/* As fork(), in the cgroup of v2 with this path if it can be; if not, the path is emptied. Like the daemon, which has just
 * made that cgroup, this waits while somebody holds the kernel's lock of all cgroups. */
static pid_t fork_shim(char *birthplace) {
  int directory = *birthplace == '\0' ? -1 : open(birthplace, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  pid_t pid = directory < 0 ? -1 : fork_into_cgroup(directory);
  if (directory >= 0)
    close(directory);
  if (pid >= 0)
    return pid;
  *birthplace = '\0';
  return fork();
}

void start_shim(const struct broker_header *header, char *birthplace, const int *fds, int shim_image) {
  struct {
    uint32_t error, pid;
  } result = {.error = 0, .pid = 0};
  int pipes[2], failure = 0;

  if (header->fd_count != SHIM_FD_COUNT) {
    result.error = EINVAL;
  } else if (pipe2(pipes, O_CLOEXEC) < 0) {
    result.error = (uint32_t)errno;
  } else {
    pid_t pid = fork_shim(birthplace);
    if (pid == 0) {
      int status = fcntl(pipes[1], F_DUPFD_CLOEXEC, 64);
      if (status >= 0)
        become_shim(fds, shim_image, birthplace);
      failure = errno;
      (void)!write(status >= 0 ? status : pipes[1], &failure, sizeof failure);
      _exit(1);
    }
    if (pid < 0)
      result.error = (uint32_t)errno;
    close(pipes[1]);
    if (pid > 0 && wait_for(pipes[0], POLLIN, now_ms() + SHIM_DEADLINE_MS) < 0) {
      result.error = (uint32_t)errno;
      kill(pid, SIGKILL);
    } else if (pid > 0 && read(pipes[0], &failure, sizeof failure) == (ssize_t)sizeof failure) {
      result.error = (uint32_t)failure;
    }
    close(pipes[0]);
    result.pid = pid > 0 ? (uint32_t)pid : 0;
  }
  broker_answer(BROKER_SHIM, header->id, &result, sizeof result);
}
