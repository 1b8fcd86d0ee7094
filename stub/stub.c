/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qemu-kube: stands in as libvirt's <emulator>.
 *
 * It decides nothing. A capability probe runs the local emulator in place, unprivileged; everything else is
 * handed to the node driver, and this process then waits as the proxy that libvirt knows: it forwards signals
 * and ends as QEMU ended. It may be setuid root, for one purpose only: to connect to the daemon's socket.
 * Root is given up right after the connect, before anything is sent.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "caller.h"

const char program_name[] = "qemu-kube";

/* ---- the hand-over ------------------------------------------------------------------------------------------ */

static void send_fd_batch(int socket, uint32_t from, uint32_t count, int64_t deadline) {
  uint32_t payload[1 + WIRE_MAX_BATCH];
  struct wire_header header = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = WIRE_FDS};

  payload[0] = count;
  for (uint32_t i = 0; i < count; i++)
    payload[1 + i] = (uint32_t)inherited[from + i];
  header.length = (uint32_t)(sizeof(uint32_t) * (1 + count));

  /* The fds travel with the header, which is small enough to go in one piece. */
  for (;;) {
    ssize_t sent = send_with_fds(socket, &header, sizeof header, inherited + from, count);
    if (sent == (ssize_t)sizeof header)
      break;
    if (sent >= 0)
      errno = EPROTO;
    else if (errno == EINTR)
      continue;
    else if (errno == EAGAIN && wait_for(socket, POLLOUT, deadline) == 0)
      continue;
    refuse("Cannot pass on the inherited fds", strerror(errno), "start the VM again; read the node driver's log");
  }
  send_or_refuse(socket, payload, header.length, deadline);
}

/* Until QEMU runs. The default disposition of signals holds: to end early is to be fenced. */
static void wait_for_verdict(int fd, int64_t deadline) {
  uint32_t passed = 0;
  for (;;) {
    int none[1]; /* room for no fds: arithmetic on a null pointer is undefined */
    size_t count_of_none = 0;
    enum wire_type type = await_verdict(fd, none, 0, &count_of_none, deadline);
    if (type == WIRE_STARTED)
      return;
    if (type != WIRE_SEND_FDS)
      refuse_misunderstanding();
    uint32_t count = inherited_count - passed;
    if (count > WIRE_MAX_BATCH)
      count = WIRE_MAX_BATCH;
    send_fd_batch(fd, passed, count, deadline);
    passed += count;
  }
}

/* ---- the proxy ------------------------------------------------------------------------------------------ */

/* A copy of the log pipe or of the monitor's socket that outlives QEMU would keep libvirt waiting. */
static void close_inherited_fds(void) {
  for (uint32_t i = 0; i < inherited_count; i++)
    close(inherited[i]);
  open_standard_fds();
}

static _Noreturn void end_like(uint32_t kind, uint32_t value) {
  if (kind == WIRE_EXIT_STATUS)
    _exit((int)(value & 0xff));
  struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  struct sigaction plain = {.sa_handler = SIG_DFL};
  sigset_t own;
  sigaction((int)value, &plain, NULL);
  kill(getpid(), (int)value);
  /* That one alone: another that waits to be forwarded would end us in its stead. */
  sigemptyset(&own);
  sigaddset(&own, (int)value);
  sigprocmask(SIG_UNBLOCK, &own, NULL);
  _exit(128 + (int)(value & 0x7f));
}

static int block_forwarded_signals(void) {
  sigset_t forwarded;
  sigemptyset(&forwarded);
  sigaddset(&forwarded, SIGTERM);
  sigaddset(&forwarded, SIGINT);
  sigaddset(&forwarded, SIGHUP);
  sigaddset(&forwarded, SIGQUIT);
  /* QEMU's own business (vCPU kicks) must not end the proxy. */
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGUSR1, &ignore, NULL);
  sigaction(SIGUSR2, &ignore, NULL);
  if (sigprocmask(SIG_BLOCK, &forwarded, NULL) < 0)
    return -1;
  return signalfd(-1, &forwarded, SFD_CLOEXEC | SFD_NONBLOCK);
}

static _Noreturn void be_proxy(int fd, int signals) {
  for (;;) {
    struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    if (poll(wait, 2, -1) < 0) {
      if (errno == EINTR)
        continue;
      end_like(WIRE_EXIT_SIGNAL, SIGKILL);
    }
    if (wait[0].revents != 0) {
      struct wire_header header;
      uint32_t how[2];
      int64_t deadline = now_ms() + 2000;
      if (recv_header(fd, &header, deadline) < 0 || header.type != WIRE_EXITED || header.length != sizeof how ||
          recv_all(fd, how, sizeof how, deadline) < 0)
        end_like(WIRE_EXIT_SIGNAL, SIGKILL); /* the shim is gone, and QEMU with it: never a success */
      end_like(how[0], how[1]);
    }
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
      uint32_t number = info.ssi_signo;
      send_frame(fd, WIRE_SIGNAL, &number, sizeof number, now_ms() + 2000);
    }
  }
}

/* ---- main ----------------------------------------------------------------------------------------------- */

int main(int argc, char **argv, char **envp) {
  open_standard_fds();
  answer_probe(argc, argv, envp);

  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* without the setuid bit, others of this uid could read the secret */
  list_inherited_fds();
  int64_t deadline = now_ms() + DEADLINE_MS;
  int fd = connect_to_daemon();
  drop_privileges();
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* a change of ids may set it, as fs.suid_dumpable says */
  send_request(fd, WIRE_MODE_FORK, argv, envp, deadline);
  wipe_secret(envp);
  wait_for_verdict(fd, deadline);

  int signals = block_forwarded_signals();
  if (signals < 0)
    refuse("Cannot watch for signals", strerror(errno), "raise the caller's limit of open files");
  close_inherited_fds();
  be_proxy(fd, signals);
}
