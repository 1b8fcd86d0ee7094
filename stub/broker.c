/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qemu-kube-broker: the daemon's hand. It forks what the daemon must not or cannot run itself: a child that reads
 * a file of a pod (and may hang, and is then killed), and the shim of a VM. Single-threaded, a few pages large:
 * its fork costs microseconds where the daemon's would copy the page tables of 90 MiB.
 *
 * It ends when the daemon does. Shims outlive both.
 */
#include "broker.h"
#include "failpoint.h"

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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "safe-fds.h"
#include "wire.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

#define CHANNEL 3 /* the socket to the daemon */
#define REAPED ((pid_t)-1)
#define SHIM_DEADLINE_MS 5000 /* from the fork to the exec; the daemon waits twice as long */

struct reading {
  pid_t pid; /* 0: free; REAPED: ended, its answer is still in the pipe */
  int pipe;
  uint32_t id;
  int64_t deadline;
  size_t length;
  char data[sizeof(struct read_result) + 65536];
};

static struct reading readings[BROKER_MAX_READS];
static int shim_image = -1;

static _Noreturn void die(const char *what) {
  fprintf(stderr, "qemu-kube-broker: %s: %s\n", what, strerror(errno));
  exit(1);
}

/* The daemon reads this socket all the time: an answer that can't be sent for so long means that it hangs. */
static void answer(enum broker_type type, uint32_t id, const void *payload, size_t length) {
  struct broker_header header = {.length = (uint32_t)length, .type = (uint16_t)type, .fd_count = 0, .id = id};
  int64_t deadline = now_ms() + 10000;
  if (send_all(CHANNEL, &header, sizeof header, deadline) < 0 || send_all(CHANNEL, payload, length, deadline) < 0)
    die("Cannot answer the daemon");
}

static void answer_read_error(uint32_t id, enum read_step step, int error) {
  struct read_result result = {.error = (uint32_t)error, .step = (uint32_t)step};
  answer(BROKER_FILE, id, &result, sizeof result);
}

static void reset_signals(void) {
  struct sigaction plain = {.sa_handler = SIG_DFL};
  sigset_t none;
  for (int number = 1; number < NSIG; number++)
    sigaction(number, &plain, NULL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- reading a pod's file ------------------------------------------------------------------------------- */

static int parse_read_request(char *payload, size_t length, struct read_request *request) {
  uint32_t numbers[5];
  if (length < sizeof numbers)
    return -1;
  memcpy(numbers, payload, sizeof numbers);
  size_t strings = sizeof numbers + sizeof(uint32_t) * (size_t)numbers[4];
  if (numbers[4] > PLAN_MAX_GROUPS || length <= strings || numbers[2] > 65536)
    return -1;
  static uint32_t groups[PLAN_MAX_GROUPS];
  memcpy(groups, payload + sizeof numbers, sizeof(uint32_t) * numbers[4]);
  payload[length] = '\0'; /* the buffer has room for it */
  *request = (struct read_request){
      .uid = numbers[0],
      .gid = numbers[1],
      .max_size = numbers[2],
      .deadline_ms = numbers[3],
      .group_count = numbers[4],
      .groups = groups,
      .path = payload + strings,
      .parent = getpid(),
  };
  return 0;
}

static void start_reading(const struct broker_header *header, char *payload, const int *fds) {
  struct read_request request;
  int pipes[2];

  if (header->fd_count != 1 || parse_read_request(payload, header->length, &request) < 0) {
    answer_read_error(header->id, READ_ROOT, EINVAL);
    return;
  }
  struct reading *reading = NULL;
  for (size_t i = 0; i < BROKER_MAX_READS && reading == NULL; i++)
    if (readings[i].pid == 0)
      reading = &readings[i];
  if (reading == NULL) {
    answer_read_error(header->id, READ_ROOT, EAGAIN);
    return;
  }
  if (pipe2(pipes, O_CLOEXEC) < 0) {
    answer_read_error(header->id, READ_ROOT, errno);
    return;
  }
  pid_t pid = fork();
  if (pid == 0) {
    reset_signals();
    close(CHANNEL);
    read_file(fds[0], &request, pipes[1]);
  }
  int failure = errno;
  close(pipes[1]);
  if (pid < 0) {
    close(pipes[0]);
    answer_read_error(header->id, READ_ROOT, failure);
    return;
  }
  fcntl(pipes[0], F_SETFL, O_NONBLOCK);
  reading->pid = pid;
  reading->pipe = pipes[0];
  reading->id = header->id;
  reading->deadline = now_ms() + request.deadline_ms;
  reading->length = 0;
}

static void end_reading(struct reading *reading) {
  if (reading->pid != REAPED)
    kill(reading->pid, SIGKILL); /* reaped by reap_children(), also when it hangs in the pod's file system */
  close(reading->pipe);
  explicit_bzero(reading->data, reading->length);
  reading->pid = 0;
}

static void continue_reading(struct reading *reading) {
  for (;;) {
    size_t room = sizeof reading->data - reading->length;
    ssize_t got = room == 0 ? 0 : read(reading->pipe, reading->data + reading->length, room);
    if (got > 0) {
      reading->length += (size_t)got;
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else if (got < 0 && errno == EAGAIN) {
      return;
    } else {
      if (reading->length < sizeof(struct read_result))
        answer_read_error(reading->id, READ_CONTENT, EIO);
      else
        answer(BROKER_FILE, reading->id, reading->data, reading->length);
      end_reading(reading);
      return;
    }
  }
}

static void expire_readings(void) {
  int64_t now = now_ms();
  for (size_t i = 0; i < BROKER_MAX_READS; i++)
    if (readings[i].pid != 0 && now >= readings[i].deadline) {
      answer_read_error(readings[i].id, READ_DEADLINE, ETIMEDOUT);
      end_reading(&readings[i]);
    }
}

/* ---- starting a shim ------------------------------------------------------------------------------------ */

static int join_cgroup(const char *directory) {
  char path[4096 + 16];
  if (snprintf(path, sizeof path, "%s/cgroup.procs", directory) >= (int)sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  int file = open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0)
    return -1;
  ssize_t written = write(file, "0", 1);
  int failure = errno;
  close(file);
  errno = failure;
  return written == 1 ? 0 : -1;
}

/* In the child: out of the daemon's cgroup before anything else, or the VM would die with the daemon's pod. */
static int become_shim(const int *fds) {
  static char *argv[] = {NULL, NULL};
  static char *envp[] = {NULL};
  static char name[] = "qemu-kube-shim";
  struct plan plan;

  argv[0] = name;
  if (plan_read(fds[SHIM_PLAN - SHIM_CONNECTION], &plan) < 0)
    return -1;
  for (size_t i = 0; i < plan.shim_cgroup_count; i++)
    if (join_cgroup(plan.shim_cgroups[i]) < 0)
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

static void start_shim(const struct broker_header *header, const int *fds) {
  struct {
    uint32_t error, pid;
  } result = {.error = 0, .pid = 0};
  int pipes[2], failure = 0;

  if (header->fd_count != SHIM_FD_COUNT) {
    result.error = EINVAL;
  } else if (pipe2(pipes, O_CLOEXEC) < 0) {
    result.error = (uint32_t)errno;
  } else {
    pid_t pid = fork();
    if (pid == 0) {
      int status = fcntl(pipes[1], F_DUPFD_CLOEXEC, 64);
      if (status >= 0)
        become_shim(fds);
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
  answer(BROKER_SHIM, header->id, &result, sizeof result);
}

/* ---- watching processes ---------------------------------------------------------------------------------- */

static void answer_exited(uint32_t id, uint32_t error, uint32_t kind, uint32_t value) {
  uint32_t payload[3] = {error, kind, value};
  answer(BROKER_EXITED, id, payload, sizeof payload);
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
    for (size_t i = 0; i < BROKER_MAX_READS; i++)
      if (readings[i].pid == pid)
        readings[i].pid = REAPED;
}

/* Reads one frame and its fds. Returns 0 at the end of the stream: the daemon is gone. */
static int serve_one(void) {
  static char payload[BROKER_MAX_PAYLOAD + 1];
  struct broker_header header;
  int fds[BROKER_MAX_FDS];
  size_t fd_count = 0;

  ssize_t got = recv_with_fds(CHANNEL, &header, sizeof header, MSG_WAITALL, fds, BROKER_MAX_FDS, &fd_count);
  if (got < 0 && (errno == EINTR || errno == EAGAIN))
    return 1;
  if (got == 0 || (got < 0 && errno == ECONNRESET))
    return 0;
  if (got != (ssize_t)sizeof header || header.length > BROKER_MAX_PAYLOAD || header.fd_count != fd_count) {
    errno = EPROTO;
    die("Cannot understand the daemon");
  }
  if (recv_all(CHANNEL, payload, header.length, now_ms() + 5000) < 0)
    return 0;

  switch ((enum broker_type)header.type) {
  case BROKER_READ_FILE:
    start_reading(&header, payload, fds);
    break;
  case BROKER_START_SHIM:
    start_shim(&header, fds);
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
    die("Cannot understand the daemon");
  }
  for (size_t i = 0; i < fd_count; i++)
    close(fds[i]);
  explicit_bzero(payload, header.length);
  return 1;
}

static int next_timeout(void) {
  int64_t now = now_ms(), first = watch_deadline();
  for (size_t i = 0; i < BROKER_MAX_READS; i++)
    if (readings[i].pid != 0 && (first < 0 || readings[i].deadline < first))
      first = readings[i].deadline;
  return first < 0 ? -1 : first <= now ? 0 : (int)(first - now);
}

static _Noreturn void serve(int signals) {
  for (;;) {
    static struct pollfd wait[2 + BROKER_MAX_READS + BROKER_MAX_WATCHES];
    struct pollfd *watched = wait + 2 + BROKER_MAX_READS;
    wait[0] = (struct pollfd){.fd = CHANNEL, .events = POLLIN};
    wait[1] = (struct pollfd){.fd = signals, .events = POLLIN};
    for (size_t i = 0; i < BROKER_MAX_READS; i++)
      wait[2 + i] = (struct pollfd){.fd = readings[i].pid != 0 ? readings[i].pipe : -1, .events = POLLIN};
    size_t watch_count = watch_prepare(watched);
    if (poll(wait, 2 + BROKER_MAX_READS + watch_count, next_timeout()) < 0) {
      if (errno == EINTR)
        continue;
      die("Cannot wait");
    }
    watch_continue(watched, watch_count, tell_end);
    for (size_t i = 0; i < BROKER_MAX_READS; i++)
      if (readings[i].pid != 0 && wait[2 + i].revents != 0)
        continue_reading(&readings[i]);
    expire_readings();
    if (wait[1].revents != 0)
      reap_children(signals);
    if (wait[0].revents != 0 && !serve_one())
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
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  prctl(PR_SET_NAME, "qemu-kube-brokr", 0, 0, 0);
  if (fcntl(CHANNEL, F_SETFD, FD_CLOEXEC) < 0)
    die("Cannot use fd 3");
  /* Whatever else the daemon was started with must not live on in shims: a pipe would keep its reader waiting. */
  close_fds(CHANNEL + 1, ~0U);
  raise_fd_limit();
  shim_image = sealed_copy(argv[1]);
  if (shim_image < 0)
    die("Cannot copy the shim");
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
    die("Cannot watch for children");
  serve(signals);
}
