/* SPDX-License-Identifier: Apache-2.0 */
/* Fork mode's part of the way into the pod: from a process of the shim, with the fds that the stub passed. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cgroup-birth.h"
#include "failpoint.h"
#include "safe-fds.h"
#include "shim.h"

/* ---- before the fork ----------------------------------------------------------------------------------------- */

/* The launcher must still be in the cgroups that were decided on: compared as the text that it was. */
static int check_cgroups(const struct plan *plan, struct failure *failure) {
  static char text[65536];
  size_t length = 0;
  int file = openat(SHIM_TARGET_PROC, "cgroup", O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return fail(failure, FAIL_TARGET, errno, "cgroup");
  for (ssize_t got; length < sizeof text && (got = read(file, text + length, sizeof text - length)) != 0;) {
    if (got < 0) {
      close(file);
      return fail(failure, FAIL_TARGET, errno, "cgroup");
    }
    length += (size_t)got;
  }
  close(file);
#ifdef ANY_TARGET /* a test shows what becomes of it */
  return 0;
#endif
  if (length != plan->cgroup_text_length || memcmp(text, plan->cgroup_text, length) != 0)
    return fail(failure, FAIL_TARGET, ESTALE, "cgroup");
  return 0;
}

/* The directory of a v2 cgroup, where a process can be born; there is one at most. */
static void open_unified(struct child *child, size_t index) {
  int directory = open(child->entry.plan->cgroups[index], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory >= 0 && is_unified_cgroup(directory) && child->unified < 0) {
    child->unified = directory;
    child->unified_index = index;
  } else if (directory >= 0) {
    close(directory);
  }
}

static int open_cgroups(struct child *child, struct failure *failure) {
  char path[4096 + 16];
  child->unified = -1;
  for (size_t i = 0; i < child->entry.plan->cgroup_count; i++) {
    if (snprintf(path, sizeof path, "%s/cgroup.procs", child->entry.plan->cgroups[i]) >= (int)sizeof path)
      return fail(failure, FAIL_CGROUP, ENAMETOOLONG, "%.200s", child->entry.plan->cgroups[i]);
    child->cgroups[i] = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (child->cgroups[i] < 0)
      return fail(failure, FAIL_CGROUP, errno, "%.400s", child->entry.plan->cgroups[i]);
    open_unified(child, i);
  }
  return 0;
}

int child_open(struct child *child, const struct plan *plan, const struct passed_fds *passed,
               struct failure *failure) {
  child->passed = passed;
  child->pid_namespace = -1;
  child->entry = (struct entry){
      .plan = plan,
      .target_proc = SHIM_TARGET_PROC,
      .target = SHIM_TARGET,
      .init = SHIM_INIT,
      .libvirt_mnt = -1,
      .is_of_broker = 1,
  };
  if (open_cgroups(child, failure) < 0 || check_cgroups(plan, failure) < 0)
    return -1;
  scheduling_read(SHIM_STUB_PROC, &child->scheduling);
  if (memory_policy_read(SHIM_STUB_PROC, &child->memory_policy, failure) < 0)
    return -1;
  child->entry.libvirt_mnt = openat(SHIM_STUB_PROC, "ns/mnt", O_RDONLY | O_CLOEXEC);
  if (child->entry.libvirt_mnt < 0)
    return fail(failure, FAIL_STUB, errno, "its mount namespace");
  return entry_open(&child->entry, failure);
}

void child_close(const struct child *child) {
  for (size_t i = 0; i < child->entry.plan->cgroup_count; i++)
    close(child->cgroups[i]);
  if (child->unified >= 0)
    close(child->unified);
  close(child->entry.libvirt_mnt);
  if (child->pid_namespace >= 0)
    close(child->pid_namespace);
  entry_close(&child->entry);
}

pid_t child_fork(struct child *child) {
  if (child->unified >= 0) {
    child->is_born_inside = 1;
    pid_t pid = fork_into_cgroup(child->unified);
    /* EAGAIN is the pod's limit of processes, which a later join would get around. */
    if (pid >= 0 || errno == EAGAIN)
      return pid;
  }
  child->is_born_inside = 0;
  return fork();
}

/* ---- in the child ------------------------------------------------------------------------------------------- */

static int join_cgroups(const struct child *child, struct failure *failure) {
  for (size_t i = 0; i < child->entry.plan->cgroup_count; i++) {
    if (child->is_born_inside && i == child->unified_index) {
      close(child->cgroups[i]);
      continue;
    }
    if (join_cgroup(child->cgroups[i]) < 0)
      return fail(failure, FAIL_CGROUP, errno, "%.400s", child->entry.plan->cgroups[i]);
  }
  if (child->unified >= 0)
    close(child->unified);
  return 0;
}

/* A shim that is killed takes its QEMU with it: from here on by the signal (a change of ids clears it, so not earlier);
 * one that was killed before has left the pipe without a reader. Its pid may be none in this PID namespace. */
static int end_with_shim(int status, struct failure *failure) {
  struct pollfd reader = {.fd = status, .events = POLLOUT};
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || poll(&reader, 1, 0) < 0)
    return fail(failure, FAIL_IDENTITY, errno, "the parent-death signal");
  return (reader.revents & POLLERR) != 0 ? fail(failure, FAIL_IDENTITY, ESRCH, "no supervisor") : 0;
}

/* Gives every fd the number it had in the stub, and closes all others but `status`. */
static int arrange_fds(const struct passed_fds *passed, int *status, struct failure *failure) {
  static int above[WIRE_MAX_FDS];
  int floor = STDERR_FILENO + 1;
  for (uint32_t i = 0; i < passed->count; i++)
    if (passed->number[i] >= floor)
      floor = passed->number[i] + 1;
  int moved = fcntl(*status, F_DUPFD_CLOEXEC, floor);
  if (moved < 0)
    return fail(failure, FAIL_FDS, errno, "numbers up to %d", floor);
  *status = moved;
  for (uint32_t i = 0; i < passed->count; i++)
    if ((above[i] = fcntl(passed->fd[i], F_DUPFD_CLOEXEC, floor)) < 0)
      return fail(failure, FAIL_FDS, errno, "numbers up to %d", floor);
  for (int fd = 0; fd < floor; fd++)
    close(fd);
  for (uint32_t i = 0; i < passed->count; i++)
    if (dup2(above[i], passed->number[i]) < 0)
      return fail(failure, FAIL_FDS, errno, "number %d", passed->number[i]);
  for (uint32_t i = 0; i < passed->count; i++)
    close(above[i]);
  /* All that is left above is close-on-exec; what is not named is closed all the same. */
  close_fds(floor, (unsigned)*status - 1);
  close_fds(*status + 1, ~0U);
  return 0;
}

/* Only what is born after this is in the namespace. */
static int expect_pid_namespace(const struct child *child, struct failure *failure) {
  if (child->pid_namespace < 0)
    return 0;
  if (setns(child->pid_namespace, CLONE_NEWPID) < 0)
    return fail(failure, FAIL_NAMESPACE, errno, "pid");
  close(child->pid_namespace);
  return 0;
}

/* What is in the pod's PID namespace is seen by the pod, and can be traced by whoever has CAP_SYS_PTRACE there. So this
 * process stays outside of it while it has anything to lose; the one that goes on is QEMU's user and nobody else from its
 * birth, and a child of the shim. */
static int be_born_inside(const struct child *child, struct failure *failure) {
  if (child->pid_namespace < 0)
    return 0;
  long pid = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
  if (pid < 0)
    return fail(failure, FAIL_FORK, errno, "fork");
  if (pid > 0)
    _exit(0);
  setsid();
  failpoint("born-inside");
  return 0;
}

void child_run(struct child *child, struct failure *failure) {
  const struct plan *plan = child->entry.plan;

  failpoint("child-born");
  if (join_cgroups(child, failure) < 0)
    return;
  failpoint("cgroups-joined");
  for (int fd = SHIM_CONNECTION; fd < SHIM_FDS_END; fd++)
    close(fd);
  setsid();
  scheduling_take(&child->scheduling);
  if (memory_policy_take(&child->memory_policy, failure) < 0 || expect_pid_namespace(child, failure) < 0 ||
      entry_enter(&child->entry, failure) < 0 || arrange_fds(child->passed, &child->status, failure) < 0 ||
      entry_become_caller(plan, failure) < 0 || be_born_inside(child, failure) < 0 ||
      end_with_shim(child->status, failure) < 0)
    return;
  entry_execute(plan, failure);
}
