/* SPDX-License-Identifier: Apache-2.0 */
/* Fork mode's way from a plan to a QEMU that runs in the pod, as the shim goes it. */
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "failpoint.h"
#include "safe-fds.h"
#include "shim.h"

/* The cgroups of the plan are named as the node sees them: its mount namespace comes first. */
static int enter_host_mount_namespace(const struct plan *plan, struct failure *failure) {
  if (plan->host_mnt == NULL)
    return 0;
  int mnt = open(plan->host_mnt, O_RDONLY | O_CLOEXEC);
  if (mnt < 0 || setns(mnt, CLONE_NEWNS) < 0)
    return fail(failure, FAIL_NAMESPACE, errno, "the host's mnt");
  close(mnt);
  return 0;
}

static pid_t fork_into(struct child *child, int listener, int status[2], struct failure *failure) {
  pid_t pid = child_fork(child);
  if (pid == 0) {
    close(listener); /* a daemon must not connect to a shim that is no more */
    child->status = status[1];
    child_run(child, failure);
    (void)!write(child->status, failure, sizeof *failure);
    _exit(127);
  }
  return pid;
}

void kill_qemu(const struct plan *plan, const struct qemu *qemu) {
  kill(qemu->pid, SIGKILL);
  end_children(plan);
}

/* Until the child has executed QEMU, or reports. The pod and the stub may end first. */
static int wait_for_exec(int status, int64_t deadline, struct failure *failure) {
  for (;;) {
    int64_t left = deadline - now_ms();
    if (left <= 0)
      return fail(failure, FAIL_TIMEOUT, ETIMEDOUT, "exec");
    struct pollfd wait[3] = {{.fd = status, .events = POLLIN},
                             {.fd = SHIM_INIT, .events = POLLIN},
                             {.fd = SHIM_CONNECTION, .events = POLLRDHUP}};
    if (poll(wait, 3, (int)left) < 0 && errno != EINTR)
      return fail(failure, FAIL_TIMEOUT, errno, "exec");
    if (wait[0].revents != 0)
      return 0;
    if (wait[1].revents != 0)
      return fail(failure, FAIL_POD_GONE, ESRCH, "before exec");
    if (wait[2].revents != 0)
      return fail(failure, FAIL_STUB_GONE, ECONNRESET, "before exec");
  }
}

/* By the pod, or by the kernel where the pod has no memory left: it could tell nobody. */
static int fail_as_ended(int status, struct failure *failure) {
  if (out_of_memory_happened())
    return fail(failure, FAIL_ENDED, ENOMEM, "for want of memory");
  return WIFSIGNALED(status) ? fail(failure, FAIL_ENDED, ECHILD, "by signal %d", WTERMSIG(status))
                             : fail(failure, FAIL_ENDED, ECHILD, "without a word");
}

/* In a PID namespace of its own QEMU is born to the one that we forked, which then ends. Asked of the kernel: what is told by
 * a process in the pod may be the pod's word. */
static int find_qemu(struct qemu *qemu, struct failure *failure) {
  struct pid_list list;
  int status = 0;
  while (waitpid(qemu->pid, &status, 0) < 0 && errno == EINTR)
    continue;
  if (list_children(&list) < 0)
    return fail(failure, FAIL_IDENTITY, errno, "no report");
  qemu->pid = pid_list_next(&list);
  int is_alone = qemu->pid > 0 && pid_list_next(&list) == 0;
  pid_list_close(&list);
  return is_alone ? 0 : fail_as_ended(status, failure);
}

int launch(const struct plan *plan, struct monitor *monitor, int listener, struct qemu *qemu, struct failure *failure) {
  static struct passed_fds passed;
  static struct child child;
  int status[2];
  int64_t deadline = now_ms() + plan->deadline;

  if (collect_fds(plan, &passed, deadline, failure) < 0)
    return -1;
  failpoint("fds-collected");
  if (enter_host_mount_namespace(plan, failure) < 0 || child_open(&child, plan, &passed, failure) < 0)
    return -1;
  int is_other = choose_pid_namespace(&child.entry, &child.pid_namespace, failure);
  if (is_other < 0)
    return -1;
  if (is_other && plan->monitor != PLAN_NO_MONITOR &&
      monitor_take(monitor, &passed, (int)plan->monitor, failure) < 0)
    return -1;
  if (pipe2(status, O_CLOEXEC) < 0)
    return fail(failure, FAIL_FDS, errno, "a pipe");
  out_of_memory_expect(plan);
  qemu->pid = fork_into(&child, listener, status, failure);
  if (qemu->pid < 0)
    return fail(failure, FAIL_FORK, errno, "fork");
  failpoint("child-forked");
  int has_own_namespace = child.pid_namespace >= 0;
  close(status[1]);
  child_close(&child);
  for (uint32_t i = 0; i < passed.count; i++)
    close(passed.fd[i]);

  ssize_t got = 0;
  int waited = wait_for_exec(status[0], deadline, failure);
  if (waited == 0)
    got = read(status[0], failure, sizeof *failure);
  failure->detail[sizeof failure->detail - 1] = '\0'; /* it may come from the pod */
  close(status[0]);
  if (waited < 0 || got != 0) {
    kill_qemu(plan, qemu);
    return waited < 0 || got == (ssize_t)sizeof *failure ? -1 : fail(failure, FAIL_ENDED, EIO, "in the middle of its report");
  }
  if (has_own_namespace && find_qemu(qemu, failure) < 0) {
    end_children(plan);
    return -1;
  }
  if (monitor->listener >= 0 && thread_map_open(&monitor->map, SHIM_STUB_PROC, qemu->pid) < 0) {
    kill_qemu(plan, qemu);
    return fail(failure, FAIL_STUB, errno, "its PID namespace");
  }
  if (process_ended(SHIM_INIT)) {
    kill_qemu(plan, qemu);
    return fail(failure, FAIL_POD_GONE, ESRCH, "after the fork");
  }
  qemu->start = start_time(qemu->pid);
  qemu->inode = pidfd_inode(qemu->pid);
  failpoint("exec-seen");
  return 0;
}
