/* SPDX-License-Identifier: Apache-2.0 */
#include "wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int wait_for(int fd, short events, int64_t deadline) {
  for (;;) {
    int64_t left = deadline - now_ms();
    if (left <= 0) {
      errno = ETIMEDOUT;
      return -1;
    }
    struct pollfd entry = {.fd = fd, .events = events};
    int ready = poll(&entry, 1, (int)left);
    if (ready > 0)
      return 0;
    if (ready < 0 && errno != EINTR)
      return -1;
  }
}

int send_all(int fd, const void *data, size_t length, int64_t deadline) {
  const char *next = data;
  while (length > 0) {
    ssize_t sent = send(fd, next, length, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) {
      next += sent;
      length -= (size_t)sent;
    } else if (errno == EAGAIN) {
      if (wait_for(fd, POLLOUT, deadline) < 0)
        return -1;
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return 0;
}

int recv_all(int fd, void *data, size_t length, int64_t deadline) {
  char *next = data;
  while (length > 0) {
    ssize_t got = recv(fd, next, length, MSG_DONTWAIT);
    if (got > 0) {
      next += got;
      length -= (size_t)got;
    } else if (got == 0) {
      errno = ECONNRESET;
      return -1;
    } else if (errno == EAGAIN) {
      if (wait_for(fd, POLLIN, deadline) < 0)
        return -1;
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return 0;
}

int send_frame(int fd, enum wire_type type, const void *payload, uint32_t length, int64_t deadline) {
  struct wire_header header = {
      .magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = (uint16_t)type, .length = length};
  if (send_all(fd, &header, sizeof header, deadline) < 0)
    return -1;
  return length == 0 ? 0 : send_all(fd, payload, length, deadline);
}

static int check_header(const struct wire_header *header) {
  if (header->magic == WIRE_MAGIC && header->version == WIRE_VERSION)
    return 0;
  errno = EPROTO;
  return -1;
}

int recv_header(int fd, struct wire_header *header, int64_t deadline) {
  return recv_all(fd, header, sizeof *header, deadline) < 0 ? -1 : check_header(header);
}

ssize_t send_with_fds(int socket, const void *data, size_t length, const int *fds, size_t count) {
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int) * WIRE_MAX_BATCH)];
  } control;
  union {
    const void *given;
    void *expected;
  } bytes = {.given = data};
  struct iovec part = {.iov_base = bytes.expected, .iov_len = length};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > 0) {
    memset(&control, 0, sizeof control);
    message.msg_control = control.bytes;
    message.msg_controllen = (socklen_t)CMSG_SPACE(sizeof(int) * count);
    control.header = (struct cmsghdr){
        .cmsg_len = (socklen_t)CMSG_LEN(sizeof(int) * count), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
    memcpy(CMSG_DATA(&control.header), fds, sizeof(int) * count);
  }
  /* Not musl's sendmsg(): that one takes control data of at most 1,024 bytes, which is 252 fds. */
  return (ssize_t)syscall(SYS_sendmsg, socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
}

ssize_t recv_with_fds(int socket, void *data, size_t length, int flags, int *fds, size_t max, size_t *count) {
  union {
    struct cmsghdr align;
    char bytes[CMSG_SPACE(sizeof(int) * (WIRE_MAX_BATCH + 1))];
  } control;
  struct iovec part = {.iov_base = data, .iov_len = length};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};

  *count = 0;
  ssize_t got = recvmsg(socket, &message, flags | MSG_CMSG_CLOEXEC);
  if (got < 0)
    return got;
  struct cmsghdr *first = CMSG_FIRSTHDR(&message); /* the kernel puts all fds of a message into one */
  if (first != NULL && first->cmsg_level == SOL_SOCKET && first->cmsg_type == SCM_RIGHTS) {
    size_t found = (first->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    int received[WIRE_MAX_BATCH + 1];
    memcpy(received, CMSG_DATA(first), found * sizeof(int));
    if (found > max || (message.msg_flags & MSG_CTRUNC) != 0) {
      for (size_t i = 0; i < found; i++)
        close(received[i]);
      errno = found > max ? EPROTO : EMFILE; /* the buffer holds more than a message may carry */
      return -1;
    }
    memcpy(fds, received, found * sizeof(int));
    *count = found;
  } else if ((message.msg_flags & MSG_CTRUNC) != 0) {
    errno = EMFILE; /* not even one fitted */
    return -1;
  }
  return got;
}

int recv_header_with_fds(int fd, struct wire_header *header, int *fds, size_t max, size_t *count, int64_t deadline) {
  *count = 0;
  for (size_t length = 0; length < sizeof *header;) {
    size_t more = 0;
    ssize_t got = recv_with_fds(fd, (char *)header + length, sizeof *header - length, MSG_DONTWAIT, fds + *count,
                                max - *count, &more);
    *count += more;
    if (got > 0) {
      length += (size_t)got;
    } else if (got == 0) {
      errno = ECONNRESET;
      return -1;
    } else if (errno == EAGAIN) {
      if (wait_for(fd, POLLIN, deadline) < 0)
        return -1;
    } else if (errno != EINTR) {
      return -1;
    }
  }
  return check_header(header);
}
