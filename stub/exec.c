/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qemu-kube-exec: stands in as libvirt's <emulator>, and becomes the emulator.
 *
 * The daemon decides, moves this process into the pod's cgroups and hands it the plan; this process enters the pod's
 * namespaces and executes QEMU there, so that the pid which libvirt knows is QEMU's, and the fds that libvirt passed
 * never leave it. For that it is setuid root and keeps root until it has entered. It listens to nobody but root: not to
 * its arguments, its environment or its working directory.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "caller.h"
#include "capabilities.h"
#include "entry.h"
#include "failpoint.h"

#define CAPABILITY_SYS_ADMIN 21
#define ACTOR "libvirt"

const char program_name[] = "qemu-kube-exec";

/* The fds of ENTER, in this order. */
enum enter_fd { ENTER_PLAN, ENTER_TARGET_PROC, ENTER_TARGET, ENTER_INIT, ENTER_FD_COUNT };

static _Noreturn void refuse_failure(const struct failure *failure) {
  char text[WIRE_MAX_TEXT];
  describe_failure(failure, ACTOR, NULL, text, sizeof text);
  refuse(text, NULL, NULL);
}

/* From ENTER on the daemon waits to hear what became of it. */
static _Noreturn void report(int fd, const struct failure *failure, const char *launch_id) {
  char text[WIRE_MAX_TEXT];
  size_t length = describe_failure(failure, ACTOR, launch_id, text, sizeof text);
  send_frame(fd, WIRE_FAILED, text, (uint32_t)length, now_ms() + 1000);
  refuse(text, NULL, NULL);
}

static void require_privilege(void) {
  if (!has_capability(CAPABILITY_SYS_ADMIN))
    refuse("Cannot enter the pod of a VM", "the stub of exec mode lacks CAP_SYS_ADMIN",
           "make it setuid root and run libvirt with that capability, or use fork mode");
}

static void check_inherited_fds(void) {
  struct failure failure = {.step = FAIL_FD_KIND};
  for (uint32_t i = 0; i < inherited_count; i++)
    if (check_fd_kind(inherited[i], inherited[i], &failure) < 0)
      refuse_failure(&failure);
}

static void await_entry(int fd, int fds[ENTER_FD_COUNT], int64_t deadline) {
  size_t count = 0;
  if (await_verdict(fd, fds, ENTER_FD_COUNT, &count, deadline) != WIRE_ENTER || count != ENTER_FD_COUNT)
    refuse_misunderstanding();
}

/* A plan for anybody else would make this process somebody whom its caller is not. */
static int read_plan(int memfd, struct plan *plan, struct failure *failure) {
  if (plan_read(memfd, plan) < 0)
    return fail(failure, FAIL_PLAN, errno, "plan");
  if (plan->uid != getuid() || plan->gid != getgid())
    return fail(failure, FAIL_PLAN, EPERM, "ids");
  /* No process can change its own. */
  if (plan_namespace_inode(plan, CLONE_NEWPID) != 0)
    return fail(failure, FAIL_PLAN, EINVAL, "pid");
  return 0;
}

/* Until it is libvirt's user for good, nobody but root may signal this process, and what it takes is of root's quotas, as in
 * fork mode: the 200 keys of libvirt's user are for all VMs of the node. Without the right to, it goes on as it is. */
static int become_root(struct failure *failure) {
  (void)!setresuid(0, 0, 0);
  return hide_process(failure);
}

/* Only returns on failure. */
static void become_emulator(const int fds[ENTER_FD_COUNT], struct plan *plan, struct failure *failure) {
  struct entry entry = {
      .plan = plan,
      .target_proc = fds[ENTER_TARGET_PROC],
      .target = fds[ENTER_TARGET],
      .init = fds[ENTER_INIT],
      .libvirt_mnt = -1,
  };
  if (read_plan(fds[ENTER_PLAN], plan, failure) < 0 || become_root(failure) < 0 || entry_open(&entry, failure) < 0 ||
      entry_enter(&entry, failure) < 0 || entry_become_caller(plan, failure) < 0)
    return;
  entry_execute(plan, failure);
}

int main(int argc, char **argv, char **envp) {
  static struct plan plan;
  struct failure failure = {.step = FAIL_PLAN};
  int fds[ENTER_FD_COUNT];

  open_standard_fds();
  answer_probe(argc, argv, envp);

  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  list_inherited_fds();
  check_inherited_fds();
  require_privilege();
  int64_t deadline = now_ms() + DEADLINE_MS;
  int fd = connect_to_daemon();
  send_request(fd, WIRE_MODE_EXEC, argv, envp, deadline);
  wipe_secret(envp);
  await_entry(fd, fds, deadline);
  failpoint("enter-received");
  /* All fds of our own are close-on-exec: that the connection ends without a word is how the daemon knows that QEMU
   * runs. */
  become_emulator(fds, &plan, &failure);
  report(fd, &failure, plan.launch_id);
}
