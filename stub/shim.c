/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qemu-kube-shim: the supervisor of one VM, and the parent of its QEMU. It lives on the host's side, in a cgroup of
 * its own, from before QEMU's first instruction to after its last, whatever happens to the daemon:
 *
 *   QEMU ends             -> exit record, the stub ends the same way
 *   the stub goes away    -> libvirt believes QEMU dead, so it must be: TERM, then KILL
 *   the container dies    -> TERM, then KILL, so that nothing of ours keeps the pod's cgroup
 *   the daemon goes away  -> nothing: the next one connects to shim.sock
 *
 * What QEMU leaves behind, however it detached itself, is ended with it: it would keep the pod's cgroup. Where libvirt
 * has a PID namespace of its own, leftovers.c finds it. The news of the end wait for that only so long: what is left then,
 * we stay for, with no other end than theirs.
 *
 * Started by the broker from a sealed memfd with the fds of plan.h and nothing else.
 */
#include "clients.h"
#include "failpoint.h"
#include "monitor.h"
#include "safe-fds.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POD_END_MS 50
#define REAPED_AT_ONCE 64

enum reason { REASON_QEMU, REASON_STUB_GONE, REASON_POD_GONE, REASON_OOM };

struct shim {
  struct plan plan;
  struct qemu qemu;
  int connection, children; /* the last: a signalfd for SIGCHLD */
  struct clients clients;
  struct monitor monitor;
  enum reason reason;
  int64_t kill_at; /* 0: nobody asked QEMU to end */
  int is_killed;   /* by us */
};

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/* The runtime could not remove the container's cgroups while QEMU was in them, and may have given up: what is empty
 * now is ours to remove. */
static void remove_pod_cgroups(const struct plan *plan) {
  if (process_ended(SHIM_INIT))
    for (size_t i = 0; i < plan->cgroup_count; i++)
      rmdir(plan->cgroups[i]);
}

/* Everybody has been told, and for stub and daemon this is the end. What cannot be killed yet, or is too much to be killed at
 * once, has us as its parent as long as we are there. */
static _Noreturn void leave(struct shim *shim, int status) {
  alarm(0);
  if (shim->connection >= 0)
    close(shim->connection);
  clients_close(&shim->clients);
  monitor_close(&shim->monitor);
  outlive_children(&shim->plan);
  remove_pod_cgroups(&shim->plan);
  exit(status);
}

static _Noreturn void refuse(struct shim *shim, const struct failure *failure) {
  char text[WIRE_MAX_TEXT];
  size_t length = describe_failure(failure, "the node driver", shim->plan.launch_id, text, sizeof text);
  send_frame(SHIM_CONNECTION, WIRE_REFUSED, text, (uint32_t)length, now_ms() + 1000);
  clients_tell(&shim->clients, "failed %d %s\n", failure->error, text);
  leave(shim, 1);
}

/* ---- start ---------------------------------------------------------------------------------------------------------- */

static void become_supervisor(struct shim *shim) {
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  struct rlimit files;
  sigset_t children;

  prctl(PR_SET_NAME, "qemu-kube-shim", 0, 0, 0);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  sigaction(SIGPIPE, &ignore, NULL);
  sigaction(SIGHUP, &ignore, NULL);
  sigaction(SIGINT, &ignore, NULL);
  sigaction(SIGTERM, &ignore, NULL);
  sigaction(SIGQUIT, &ignore, NULL);
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
  close_fds(SHIM_FDS_END, ~0U); /* nothing else of the daemon's is wanted here */
  /* What QEMU's children leave when they detach themselves becomes ours to end. */
  prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, NULL);
  shim->children = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  /* An fd from the caller may lead to a file system that does not answer, even to fstat() and close(): then there is
   * nobody left to tell, and the stub sees the end of its connection. FUSE alone can hold a process beyond its death,
   * until its server ends. */
  alarm(shim->plan.deadline / 1000 + 5);
}

/* ---- records, and what daemons are told ------------------------------------------------------------------------ */

/* The inode in a line of its own, which earlier daemons pass over. */
static int describe_start(const struct shim *shim, char *text, size_t size) {
  if (shim->qemu.inode == 0)
    return snprintf(text, size, "started %d %llu\n", (int)shim->qemu.pid, shim->qemu.start);
  return snprintf(text, size, "inode %llu\nstarted %d %llu\n", shim->qemu.inode, (int)shim->qemu.pid, shim->qemu.start);
}

static void greet(struct shim *shim, struct client *client) {
  char text[256];
  int length = snprintf(text, sizeof text, "shim %d %d %llu\n", SHIM_VERSION, (int)getpid(), start_time(getpid()));
  if (shim->qemu.pid > 0)
    length += describe_start(shim, text + length, sizeof text - (size_t)length);
  client_tell(client, text, (size_t)length);
}

static void accept_daemon(struct shim *shim) {
  struct client *client = clients_accept(&shim->clients);
  if (client != NULL)
    greet(shim, client);
}

static int record_start(struct shim *shim, struct failure *failure) {
  char text[128];
  int length = describe_start(shim, text, sizeof text);
  if (write_record("started", text, (size_t)length) < 0) {
    fail(failure, FAIL_STATE, errno, "started");
    kill_qemu(&shim->plan, &shim->qemu);
    return -1;
  }
  clients_tell(&shim->clients, "%s", text);
  failpoint("start-told-daemon");
  return 0;
}

static const char *reason_name(enum reason reason) {
  switch (reason) {
  case REASON_STUB_GONE:
    return "stub-gone";
  case REASON_POD_GONE:
    return "pod-gone";
  case REASON_OOM:
    return "oom";
  case REASON_QEMU:
  default:
    return "qemu";
  }
}

/* The kernel kills what is in a PID namespace before the end of its first process can be seen. */
static int pod_ends_too(const struct shim *shim) {
  struct pollfd init = {.fd = SHIM_INIT, .events = POLLIN};
  return plan_namespace_inode(&shim->plan, CLONE_NEWPID) != 0 && poll(&init, 1, POD_END_MS) > 0;
}

/* Where the kernel ends the whole container for want of memory, its first process may be seen to end before QEMU. */
static enum reason find_reason(const struct shim *shim, int status) {
  int is_killed = WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL && !shim->is_killed;
  if (is_killed && shim->reason != REASON_STUB_GONE && out_of_memory_happened())
    return REASON_OOM;
  return is_killed && shim->reason == REASON_QEMU && pod_ends_too(shim) ? REASON_POD_GONE : shim->reason;
}

static _Noreturn void finish(struct shim *shim, int status) {
  char text[256];
  uint32_t how[2];
  struct timespec now;

  how[0] = WIFSIGNALED(status) ? WIRE_EXIT_SIGNAL : WIRE_EXIT_STATUS;
  how[1] = (uint32_t)(WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
  failpoint("qemu-reaped");
  monitor_close(&shim->monitor);
  shim->reason = find_reason(shim, status);
  end_children(&shim->plan);
  remove_pod_cgroups(&shim->plan);
  clock_gettime(CLOCK_REALTIME, &now);
  int line = snprintf(text, sizeof text, "exited %s %u %s\n", how[0] == WIRE_EXIT_SIGNAL ? "signal" : "exit", how[1],
                      reason_name(shim->reason));
  int length = line + snprintf(text + line, sizeof text - (size_t)line, "at %lld\n", (long long)now.tv_sec);
  write_record("exit", text, (size_t)length);
  if (shim->connection >= 0)
    send_frame(shim->connection, WIRE_EXITED, how, sizeof how, now_ms() + 1000);
  failpoint("exit-told-stub");
  text[line] = '\0';
  clients_tell(&shim->clients, "%s", text);
  failpoint("exit-told-daemon");
  unlinkat(SHIM_STATE, "shim.sock", 0);
  failpoint("socket-removed");
  leave(shim, 0);
}

/* ---- the loop ---------------------------------------------------------------------------------------------------------- */

/* A child that is not reaped: the pid is no other's. */
static void signal_qemu(const struct shim *shim, int number) { kill(shim->qemu.pid, number); }

static void end_qemu(struct shim *shim, enum reason reason, uint32_t grace) {
  int64_t kill_at = now_ms() + grace;
  if (shim->kill_at == 0) {
    shim->reason = reason;
    signal_qemu(shim, SIGTERM);
    shim->kill_at = kill_at;
  } else if (kill_at < shim->kill_at) {
    shim->kill_at = kill_at;
  }
}

static int is_forwarded(uint32_t number) {
  return number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT;
}

static void hear_stub(struct shim *shim) {
  struct wire_header header;
  uint32_t number;
  int64_t deadline = now_ms() + 1000;
  if (recv_header(shim->connection, &header, deadline) == 0 && header.type == WIRE_SIGNAL &&
      header.length == sizeof number && recv_all(shim->connection, &number, sizeof number, deadline) == 0 &&
      is_forwarded(number)) {
    signal_qemu(shim, (int)number);
    return;
  }
  close(shim->connection);
  shim->connection = -1;
  end_qemu(shim, REASON_STUB_GONE, shim->plan.stub_gone_grace);
}

static void obey(void *context, const char *line) {
  const struct shim *shim = context;
  static const char command[] = "signal ";
  if (strncmp(line, command, sizeof command - 1) != 0)
    return;
  long number = strtol(line + sizeof command - 1, NULL, 10);
  if (number > 0 && number < NSIG)
    signal_qemu(shim, (int)number);
}

/* QEMU, and what it left to us. Returns whether there may be more: what came from QEMU can make zombies as fast as they are
 * reaped, and must not keep us from all else. */
static int reap(struct shim *shim) {
  struct signalfd_siginfo info;
  int status;
  while (read(shim->children, &info, sizeof info) == (ssize_t)sizeof info)
    continue;
  for (int i = 0; i < REAPED_AT_ONCE; i++) {
    pid_t pid = reap_one(&status);
    if (pid <= 0)
      return 0;
    if (pid == shim->qemu.pid)
      finish(shim, status);
  }
  return 1;
}

static int next_timeout(const struct shim *shim) {
  if (shim->kill_at == 0)
    return -1;
  int64_t left = shim->kill_at - now_ms();
  return left < 0 ? 0 : (int)left;
}

static _Noreturn void supervise(struct shim *shim) {
  int watch_init = 1, has_zombies = 0;
  for (;;) {
    struct pollfd wait[4 + MAX_CLIENTS + MONITOR_POLLS] = {
        {.fd = shim->children, .events = POLLIN},
        {.fd = shim->connection, .events = POLLIN},
        {.fd = watch_init ? SHIM_INIT : -1, .events = POLLIN},
        {.fd = shim->clients.listener, .events = POLLIN},
    };
    for (size_t i = 0; i < MAX_CLIENTS; i++)
      wait[4 + i] = (struct pollfd){.fd = shim->clients.each[i].fd, .events = POLLIN};
    monitor_watch(&shim->monitor, wait + 4 + MAX_CLIENTS);
    if (poll(wait, 4 + MAX_CLIENTS + MONITOR_POLLS, has_zombies ? 0 : next_timeout(shim)) < 0 && errno != EINTR)
      exit(1); /* QEMU is killed by its parent-death signal */

    has_zombies = reap(shim);
    monitor_serve(&shim->monitor, wait + 4 + MAX_CLIENTS);
    if (wait[1].revents != 0)
      hear_stub(shim);
    if (wait[2].revents != 0) {
      watch_init = 0;
      end_qemu(shim, REASON_POD_GONE, shim->plan.pod_gone_grace);
    }
    if (wait[3].revents != 0)
      accept_daemon(shim);
    for (size_t i = 0; i < MAX_CLIENTS; i++) {
      struct client *client = &shim->clients.each[i];
      if (client->fd >= 0 && wait[4 + i].fd == client->fd && wait[4 + i].revents != 0)
        client_hear(client, obey, shim);
    }
    if (shim->kill_at != 0 && now_ms() >= shim->kill_at) {
      signal_qemu(shim, SIGKILL);
      shim->is_killed = 1;
      shim->kill_at = now_ms() + 1000;
    }
  }
}

int main(void) {
  static struct shim shim;
  struct failure failure = {.step = FAIL_PLAN};

  shim.monitor.listener = shim.monitor.libvirt = shim.monitor.qemu = -1;
  shim.connection = SHIM_CONNECTION;
  clients_begin(&shim.clients, SHIM_REPORT);
  if (plan_read(SHIM_PLAN, &shim.plan) < 0) {
    fail(&failure, FAIL_PLAN, errno, "plan");
    refuse(&shim, &failure);
  }
  become_supervisor(&shim);
  greet(&shim, &shim.clients.each[0]);
  /* A daemon that starts while we launch can connect already, and is answered as soon as QEMU runs or we end. Known on
   * disk and to the daemon before libvirt goes on. */
  if (shim.children < 0)
    fail(&failure, FAIL_FDS, EMFILE, "a signalfd");
  if (shim.children < 0 || clients_listen(&shim.clients, &failure) < 0 ||
      launch(&shim.plan, &shim.monitor, shim.clients.listener, &shim.qemu, &failure) < 0 ||
      record_start(&shim, &failure) < 0)
    refuse(&shim, &failure);
  alarm(0);
  /* Only now: before, a new fd could have taken one of the fixed numbers, which the child closes. */
  close(SHIM_PLAN);
  close(SHIM_TARGET);
  close(SHIM_TARGET_PROC);
  close(SHIM_STUB_PROC);
  send_frame(SHIM_CONNECTION, WIRE_STARTED, NULL, 0, now_ms() + 1000);
  failpoint("start-told-stub");
  supervise(&shim);
}
