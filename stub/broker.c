/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qemu-kube-broker: the daemon's hand. It forks what the daemon must not or cannot run itself: a child that reads
 * a file of a pod (and may hang, and is then killed), and the shim of a VM. Single-threaded, a few pages large:
 * its fork costs microseconds where the daemon's would copy the page tables of 90 MiB.
 *
 * It ends when the daemon does. Shims outlive both.
 */
#include "broker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "keyring.h"
#include "reset-signals.h"
#include "safe-fds.h"
#include "wire.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

#define POSSESSOR_LOOKS 0x0b000000 /* view, read and search, not write or link, and nothing for anybody else */

/* The daemon starts another one. */
static _Noreturn void die(const char *what, const char *remedy) {
  fprintf(stderr, "qemu-kube-broker: %s: %s; %s\n", what, strerror(errno), remedy);
  exit(1);
}

/* The daemon reads this socket all the time: an answer that can't be sent for so long means that it hangs. */
void broker_answer(enum broker_type type, uint32_t id, const void *payload, size_t length) {
  struct broker_header header = {.length = (uint32_t)length, .type = (uint16_t)type, .fd_count = 0, .id = id};
  int64_t deadline = now_ms() + 10000;
  if (send_all(BROKER_CHANNEL, &header, sizeof header, deadline) < 0 ||
      send_all(BROKER_CHANNEL, payload, length, deadline) < 0)
    die("Cannot answer the daemon", "read the node driver's log");
}

/* ---- watching processes ---------------------------------------------------------------------------------- */

static void answer_exited(uint32_t id, uint32_t error, uint32_t kind, uint32_t value) {
  uint32_t payload[3] = {error, kind, value};
  broker_answer(BROKER_EXITED, id, payload, sizeof payload);
}

static void tell_end(const struct watch_end *end) { answer_exited(end->id, 0, end->kind, end->value); }

static void start_watch(const struct broker_header *header, const int *fds) {
  int failure = header->fd_count == 1 ? watch_add(header->id, fds[0]) : EINVAL;
  if (failure != 0)
    answer_exited(header->id, (uint32_t)failure, WATCH_EXIT_UNKNOWN, 0);
}

/* Two fds for each VM in exec mode. */
static void raise_fd_limit(void) {
  struct rlimit files;
  if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

/* ---- the loop ------------------------------------------------------------------------------------------- */

static void reap_children(int signals) {
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == (ssize_t)sizeof info)
    continue;
  /* From here on the pid may be another process's: it must not be killed any more. */
  for (pid_t pid; (pid = waitpid(-1, NULL, WNOHANG)) > 0;)
    reading_reaped(pid);
}

/* Reads one frame and its fds. Returns 0 at the end of the stream: the daemon is gone. */
static int serve_one(int shim_image) {
  static char payload[BROKER_MAX_PAYLOAD + 1];
  struct broker_header header;
  int fds[BROKER_MAX_FDS];
  size_t fd_count = 0;

  ssize_t got = recv_with_fds(BROKER_CHANNEL, &header, sizeof header, MSG_WAITALL, fds, BROKER_MAX_FDS, &fd_count);
  if (got < 0 && (errno == EINTR || errno == EAGAIN))
    return 1;
  if (got == 0 || (got < 0 && errno == ECONNRESET))
    return 0;
  if (got != (ssize_t)sizeof header || header.length > BROKER_MAX_PAYLOAD || header.fd_count != fd_count) {
    errno = EPROTO;
    die("Cannot understand the daemon", "use daemon and broker of one release");
  }
  if (recv_all(BROKER_CHANNEL, payload, header.length, now_ms() + 5000) < 0)
    return 0;

  switch ((enum broker_type)header.type) {
  case BROKER_READ_FILE:
    reading_start(&header, payload, fds);
    break;
  case BROKER_START_SHIM:
    payload[header.length] = '\0';
    start_shim(&header, payload, fds, shim_image);
    break;
  case BROKER_WATCH:
    start_watch(&header, fds);
    break;
  case BROKER_FORGET:
    watch_forget(header.id);
    break;
  case BROKER_FILE:
  case BROKER_SHIM:
  case BROKER_EXITED:
  default:
    errno = EPROTO;
    die("Cannot understand the daemon", "use daemon and broker of one release");
  }
  for (size_t i = 0; i < fd_count; i++)
    close(fds[i]);
  explicit_bzero(payload, header.length);
  return 1;
}

static int next_timeout(void) {
  int64_t now = now_ms(), watches = watch_deadline(), first = readings_deadline();
  if (first < 0 || (watches >= 0 && watches < first))
    first = watches;
  return first < 0 ? -1 : first <= now ? 0 : (int)(first - now);
}

static _Noreturn void serve(int signals, int shim_image) {
  for (;;) {
    static struct pollfd wait[2 + BROKER_MAX_READS + BROKER_MAX_WATCHES];
    struct pollfd *watched = wait + 2 + BROKER_MAX_READS;
    wait[0] = (struct pollfd){.fd = BROKER_CHANNEL, .events = POLLIN};
    wait[1] = (struct pollfd){.fd = signals, .events = POLLIN};
    readings_prepare(wait + 2);
    size_t watch_count = watch_prepare(watched);
    if (poll(wait, 2 + BROKER_MAX_READS + watch_count, next_timeout()) < 0) {
      if (errno == EINTR)
        continue;
      die("Cannot wait", "raise the node driver's limits of memory and open files");
    }
    watch_continue(watched, watch_count, tell_end);
    /* Before deadlines are looked at: who has ended in time was in time. */
    if (wait[1].revents != 0)
      reap_children(signals);
    readings_continue(wait + 2);
    if (wait[0].revents != 0 && !serve_one(shim_image))
      exit(0);
  }
}

int main(int argc, char **argv) {
  sigset_t blocked;

  if (argc == 2 && strcmp(argv[1], "--version") == 0)
    return puts("qemu-kube-broker " VERSION) < 0;
  if (argc != 2) {
    fputs("usage: qemu-kube-broker PATH-OF-SHIM, with a socket to the daemon as fd 3\n", stderr);
    return 2;
  }
  /* With SIGCHLD ignored, as by whoever started the daemon, nobody would hear of the end of a reader. */
  reset_signals();
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  prctl(PR_SET_NAME, "qemu-kube-brokr", 0, 0, 0);
  /* An empty one, which stays empty, for QEMU to be in where there is no room for its own: see entry.c. */
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0)
    syscall(SYS_keyctl, KEYCTL_SETPERM, SESSION_KEYRING, POSSESSOR_LOOKS);
  if (fcntl(BROKER_CHANNEL, F_SETFD, FD_CLOEXEC) < 0)
    die("Cannot use fd 3", "let the node driver start this program");
  /* Whatever else the daemon was started with must not live on in shims: a pipe would keep its reader waiting. */
  close_fds(BROKER_CHANNEL + 1, ~0U);
  raise_fd_limit();
  int shim_image = sealed_copy(argv[1]);
  if (shim_image < 0)
    die("Cannot copy the shim", "install the whole package, and leave the node driver memory for a copy");
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGCHLD);
  /* The daemon's terminal signals are the daemon's: it ends us by closing the socket. */
  sigaddset(&blocked, SIGINT);
  sigaddset(&blocked, SIGTERM);
  sigaddset(&blocked, SIGHUP);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  int signals = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0)
    die("Cannot watch for children", "raise the node driver's limit of open files");
  serve(signals, shim_image);
}
