/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "fuzz.h"
#include "wire.h"

#define MAX_FDS 253 /* SCM_MAX_FD of the kernel */

/* Kinds of a part: bytes as they are; a frame header whose length is true, then the bytes; the same with fds. */
enum kind { KIND_BYTES, KIND_FRAME, KIND_FDS_FRAME, KIND_BYTES_WITH_FDS, KIND_LONG, KINDS };

uint8_t *fuzz_received;
size_t fuzz_received_length, fuzz_received_fds;

static size_t room;
static int far = -1, is_silent;
static struct input script;

int fuzz_connect(struct input wanted, int is_silent_at_end) {
  int pair[2], size = 1 << 22;
  EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
  setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
  script = wanted;
  is_silent = is_silent_at_end;
  far = pair[1];
  return pair[0];
}

void fuzz_disconnect(void) {
  script = (struct input){NULL, NULL};
  is_silent = 1;
  far = -1;
}

void fuzz_drain(void) {
  char control[CMSG_SPACE(sizeof(int) * MAX_FDS)];
  for (;;) {
    if (room - fuzz_received_length < 65536) {
      room = 2 * room + 65536;
      fuzz_received = realloc(fuzz_received, room);
      EXPECT(fuzz_received != NULL);
    }
    struct iovec part = {.iov_base = fuzz_received + fuzz_received_length, .iov_len = room - fuzz_received_length};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(far, &message, MSG_DONTWAIT);
    if (got <= 0)
      return;
    fuzz_received_length += (size_t)got;
    struct cmsghdr *first = CMSG_FIRSTHDR(&message);
    if (first == NULL)
      continue;
    size_t count = (first->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int fds[MAX_FDS];
    memcpy(fds, CMSG_DATA(first), count * sizeof(int));
    for (size_t i = 0; i < count; i++)
      close(fds[i]);
    fuzz_received_fds += count;
  }
}

/* 0 to 200: so many of an ordinary file; above: all that a message can carry, or one that must not be passed. */
static size_t make_fds(uint8_t choice, int *fds) {
  size_t count = choice <= 200 ? choice : choice <= 210 ? MAX_FDS : 1;
  for (size_t i = 0; i < count; i++)
    fds[i] = 3;
  if (choice > 230)
    fds[0] = open("/", O_RDONLY | O_DIRECTORY);
  else if (choice > 210)
    fds[0] = open("/dev/null", O_PATH);
  return count;
}

static void say(const void *data, size_t length, const int *fds, size_t count) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * MAX_FDS)];
  } control = {.bytes = {0}};
  struct iovec part = {.iov_base = (void *)(uintptr_t)data, .iov_len = length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > 0) {
    control.header = (struct cmsghdr){
        .cmsg_len = CMSG_LEN(sizeof(int) * count), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * count);
    message.msg_control = &control;
    message.msg_controllen = CMSG_SPACE(sizeof(int) * count);
  }
  (void)!sendmsg(far, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void say_frame(uint16_t type, const void *data, size_t length, const int *fds, size_t count) {
  struct wire_header header = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = type, .length = (uint32_t)length};
  say(&header, sizeof header, fds, count);
  if (length > 0)
    say(data, length, NULL, 0);
}

/* A batch as the stub sends it, with the numbers from 100 on, or from where the part says. */
static void say_batch(struct input *part) {
  int fds[MAX_FDS];
  uint32_t payload[1 + MAX_FDS];
  size_t count = make_fds(take_byte(part), fds);
  uint32_t first = take_number(part, 3);
  payload[0] = (uint32_t)count;
  for (size_t i = 0; i < count; i++)
    payload[1 + i] = first + (uint32_t)i;
  say_frame(WIRE_FDS, payload, sizeof(uint32_t) * (1 + count), fds, count);
}

/* Returns 0 where the script is at its end. */
static int say_next(void) {
  int fds[MAX_FDS];
  if (script.next >= script.end)
    return 0;
  enum kind kind = (enum kind)(take_byte(&script) % KINDS);
  size_t length;
  const uint8_t *bytes = take_bytes(&script, take_number(&script, kind == KIND_LONG ? 2 : 1), &length);
  struct input part = {bytes, bytes + length};
  switch (kind) {
  case KIND_FRAME: {
    uint16_t type = (uint16_t)take_number(&part, 2);
    say_frame(type, part.next, (size_t)(part.end - part.next), NULL, 0);
    return 1;
  }
  case KIND_FDS_FRAME:
    say_batch(&part);
    return 1;
  case KIND_BYTES_WITH_FDS: {
    size_t count = make_fds(take_byte(&part), fds);
    say(part.next, (size_t)(part.end - part.next), fds, count);
    return 1;
  }
  case KIND_BYTES:
  case KIND_LONG:
  case KINDS:
  default:
    say(part.next, (size_t)(part.end - part.next), NULL, 0);
    return 1;
  }
}

void fuzz_await(int fd, size_t length) {
  int waiting = 0;
  while (ioctl(fd, FIONREAD, &waiting) == 0 && (size_t)waiting < length)
    if (!say_next()) {
      shutdown(far, SHUT_WR);
      return;
    }
}

int fuzz_poll(struct pollfd *entries, nfds_t count, int timeout) {
  size_t unused = 0;
  if (fuzz_fails(&unused, EBADF))
    return -1;
  fuzz_drain();
  int ready = poll(entries, count, 0);
  while (ready == 0 && say_next())
    ready = poll(entries, count, 0);
  if (ready != 0)
    return ready;
  if (!is_silent) {
    shutdown(far, SHUT_WR);
    return poll(entries, count, 0);
  }
  fuzz_now += timeout < 0 ? 1 << 20 : timeout;
  if (timeout < 0) {
    errno = EBADF; /* nobody would ever end the wait */
    return -1;
  }
  return 0;
}
