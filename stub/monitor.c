/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define SOCKET_NAME "monitor.sock"
#define BACKLOG 8
#define LAST_WORDS 64 /* chunks; more than a socket holds */

/* ---- the two listening sockets ---------------------------------------------------------------------------------- */

static int is_listening(int fd) {
  int domain = 0, type = 0, listening = 0;
  socklen_t size = sizeof domain;
  return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_UNIX &&
         getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_STREAM &&
         getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) == 0 && listening;
}

/* In the launch's directory, which is root's alone. The name is a relative one: QEMU removes what it finds by the name
 * of its socket when it ends, and there is nothing of this name in QEMU's directory. */
static int listen_for_shim(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = SOCKET_NAME};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    return -1;
  mode_t mask = umask(0177);
  int bound = fchdir(SHIM_STATE) == 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0;
  int error = errno;
  umask(mask);
  if (chdir("/") < 0 || !bound || listen(fd, BACKLOG) < 0) {
    error = bound ? errno : error;
    close(fd);
    errno = error;
    return -1;
  }
  return fd;
}

static int connect_to_qemu(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/" SOCKET_NAME, SHIM_STATE);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) < 0) {
    close(fd);
    return -1;
  }
  return fd;
}

int monitor_take(struct monitor *monitor, struct passed_fds *passed, int number, struct failure *failure) {
  for (uint32_t i = 0; i < passed->count; i++) {
    if (passed->number[i] != number)
      continue;
    int flags = fcntl(passed->fd[i], F_GETFL);
    if (!is_listening(passed->fd[i]) || flags < 0 || fcntl(passed->fd[i], F_SETFL, flags | O_NONBLOCK) < 0)
      return fail(failure, FAIL_MONITOR, ENOTSOCK, "fd %d", number);
    int own = listen_for_shim();
    if (own < 0)
      return fail(failure, FAIL_STATE, errno, SOCKET_NAME);
    monitor->listener = passed->fd[i];
    passed->fd[i] = own;
    return 0;
  }
  return fail(failure, FAIL_MONITOR, EBADF, "fd %d", number);
}

/* ---- one direction ----------------------------------------------------------------------------------------------- */

static int translate(void *context, int id) {
  struct monitor *monitor = context;
  /* Threads come and go: looked up anew for each chunk, which came after they were there. */
  if (!monitor->is_map_fresh)
    thread_map_read(&monitor->map);
  monitor->is_map_fresh = 1;
  return thread_map_find(&monitor->map, id);
}

static int is_waiting(const struct direction *direction) { return direction->start < direction->end; }

static int is_temporary(int error) { return error == EAGAIN || error == EINTR; }

static void drop(struct direction *direction) {
  for (size_t i = 0; i < direction->fd_count; i++)
    close(direction->fds[i]);
  direction->fd_count = direction->start = direction->end = 0;
}

/* Sends what waits. fds go with the first byte of what they came with, and are closed here at once. Returns -1 where it can't
 * be sent to somebody who would still take it. */
static int flush_to(int fd, struct direction *direction) {
  while (is_waiting(direction) && !direction->broken) {
    ssize_t sent = send_with_fds(fd, direction->data + direction->start, direction->end - direction->start,
                                 direction->fds, direction->fd_count);
    if (sent < 0 && errno == EINTR)
      continue;
    if (sent < 0 && errno == EAGAIN)
      return 0;
    if (sent < 0 && errno != EPIPE && errno != ECONNRESET)
      return -1;
    if (sent < 0) {
      direction->broken = 1;
      break;
    }
    size_t left_start = direction->start + (size_t)sent, left_end = direction->end;
    drop(direction);
    direction->start = left_start;
    direction->end = left_end;
  }
  drop(direction);
  return 0;
}

static void receive_from_libvirt(struct monitor *monitor) {
  struct direction *direction = &monitor->to_qemu;
  ssize_t got = recv_with_fds(monitor->libvirt, direction->data, MONITOR_CHUNK, MSG_DONTWAIT, direction->fds,
                              WIRE_MAX_BATCH, &direction->fd_count);
  if (got > 0)
    direction->end = (size_t)got;
  else if (got == 0 || !is_temporary(errno))
    direction->ended = 1;
}

/* QEMU passes no fds; the kernel closes any that come to a recv() without room for them. */
static void receive_from_qemu(struct monitor *monitor) {
  static char input[MONITOR_CHUNK];
  struct direction *direction = &monitor->to_libvirt;
  ssize_t got = recv(monitor->qemu, input, sizeof input, MSG_DONTWAIT);
  monitor->is_map_fresh = 0;
  if (got > 0)
    direction->end = thread_ids_rewrite(&monitor->ids, input, (size_t)got, direction->data);
  else if (got == 0 || !is_temporary(errno))
    direction->ended = 1;
}

/* ---- one connection ---------------------------------------------------------------------------------------------- */

static void disconnect(struct monitor *monitor) {
  drop(&monitor->to_qemu);
  drop(&monitor->to_libvirt);
  if (monitor->libvirt >= 0)
    close(monitor->libvirt);
  if (monitor->qemu >= 0)
    close(monitor->qemu);
  monitor->libvirt = monitor->qemu = -1;
}

static void accept_libvirt(struct monitor *monitor) {
  int libvirt = accept4(monitor->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (libvirt < 0)
    return;
  int qemu = connect_to_qemu();
  if (qemu < 0) { /* it ends, or takes no connections */
    close(libvirt);
    return;
  }
  monitor->libvirt = libvirt;
  monitor->qemu = qemu;
  monitor->to_qemu.ended = monitor->to_qemu.broken = 0;
  monitor->to_libvirt.ended = monitor->to_libvirt.broken = 0;
  monitor->ids = (struct thread_ids){.translate = translate, .context = monitor};
}

/* libvirt says no more: QEMU hears of it once it has been sent everything. */
static void end_libvirt(struct monitor *monitor) {
  struct pollfd peer = {.fd = monitor->libvirt};
  if (poll(&peer, 1, 0) > 0 && (peer.revents & (POLLHUP | POLLERR)) != 0)
    disconnect(monitor);
  else
    shutdown(monitor->qemu, SHUT_WR);
}

static int relay_one(struct monitor *monitor, struct direction *direction, int to, void (*receive)(struct monitor *)) {
  if (flush_to(to, direction) < 0)
    return -1;
  if (is_waiting(direction) || direction->ended)
    return 0;
  receive(monitor);
  return flush_to(to, direction);
}

/* A connection in which something has been lost is ended: libvirt would wait for the answer. */
static void relay(struct monitor *monitor) {
  if (relay_one(monitor, &monitor->to_qemu, monitor->qemu, receive_from_libvirt) < 0 ||
      relay_one(monitor, &monitor->to_libvirt, monitor->libvirt, receive_from_qemu) < 0 ||
      (monitor->to_libvirt.ended && !is_waiting(&monitor->to_libvirt)))
    disconnect(monitor);
  else if (monitor->to_qemu.ended && !is_waiting(&monitor->to_qemu))
    end_libvirt(monitor);
}

/* ---- the shim's loop ---------------------------------------------------------------------------------------------- */

static struct pollfd watch(int fd, const struct direction *from, const struct direction *to) {
  int events = (!from->ended && !is_waiting(from) ? POLLIN : 0) | (is_waiting(to) ? POLLOUT : 0);
  /* poll() reports a hang-up also where nothing is asked for. */
  return (struct pollfd){.fd = events == 0 ? -1 : fd, .events = (short)events};
}

void monitor_watch(const struct monitor *monitor, struct pollfd wait[MONITOR_POLLS]) {
  wait[0] = (struct pollfd){.fd = monitor->libvirt < 0 ? monitor->listener : -1, .events = POLLIN};
  wait[1] = watch(monitor->libvirt, &monitor->to_qemu, &monitor->to_libvirt);
  wait[2] = watch(monitor->qemu, &monitor->to_libvirt, &monitor->to_qemu);
}

void monitor_serve(struct monitor *monitor, const struct pollfd wait[MONITOR_POLLS]) {
  if (monitor->libvirt >= 0 && (wait[1].revents != 0 || wait[2].revents != 0))
    relay(monitor);
  else if (monitor->libvirt < 0 && wait[0].revents != 0)
    accept_libvirt(monitor);
}

void monitor_close(struct monitor *monitor) {
  for (int chunk = 0; chunk < LAST_WORDS && monitor->libvirt >= 0; chunk++)
    relay(monitor);
  disconnect(monitor);
  if (monitor->listener < 0)
    return;
  close(monitor->listener);
  monitor->listener = -1;
  unlinkat(SHIM_STATE, SOCKET_NAME, 0);
}
