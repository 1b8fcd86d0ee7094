/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim.h"

#define BATCH_DEADLINE_MS 5000

int fail(struct failure *failure, enum fail_step step, int error, const char *format, ...) {
  va_list arguments;
  failure->step = (int)step;
  failure->error = error;
  va_start(arguments, format);
  vsnprintf(failure->detail, sizeof failure->detail, format, arguments);
  va_end(arguments);
  return -1;
}

/* A directory would be a way out of the pod's file system, and so would an O_PATH fd to one. */
static int check_kind(int number, int fd, struct failure *failure) {
  struct stat info;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &info) < 0)
    return fail(failure, FAIL_FD_KIND, errno, "fd %d", number);
  if (S_ISDIR(info.st_mode))
    return fail(failure, FAIL_FD_KIND, EISDIR, "fd %d", number);
  if ((flags & O_PATH) != 0)
    return fail(failure, FAIL_FD_KIND, EBADF, "fd %d, an O_PATH one", number);
  return 0;
}

static int collect_batch(struct passed_fds *passed, uint32_t wanted, int64_t deadline, struct failure *failure) {
  struct wire_header header;
  uint32_t payload[1 + WIRE_MAX_BATCH];
  int fds[WIRE_MAX_BATCH];
  size_t received = 0, length = 0;

  if (send_frame(SHIM_CONNECTION, WIRE_SEND_FDS, NULL, 0, deadline) < 0)
    return fail(failure, FAIL_STUB, errno, "asking for the fds");
  /* The fds come with the first byte of the header. */
  while (length < sizeof header) {
    size_t more = 0;
    ssize_t got = recv_with_fds(SHIM_CONNECTION, (char *)&header + length, sizeof header - length, MSG_DONTWAIT,
                                fds + received, WIRE_MAX_BATCH - received, &more);
    received += more;
    if (got > 0)
      length += (size_t)got;
    else if (got == 0)
      return fail(failure, FAIL_STUB_GONE, ECONNRESET, "receiving the fds");
    else if (errno == EAGAIN && wait_for(SHIM_CONNECTION, POLLIN, deadline) == 0)
      continue;
    else if (errno != EINTR)
      return fail(failure, errno == EMFILE ? FAIL_FDS : FAIL_STUB, errno, "receiving the fds");
  }
  uint32_t base = passed->count;
  if (header.magic != WIRE_MAGIC || header.version != WIRE_VERSION || header.type != WIRE_FDS ||
      header.length != sizeof(uint32_t) * (1 + received) || received > wanted || (received == 0 && wanted > 0))
    return fail(failure, FAIL_STUB, EPROTO, "receiving the fds");
  if (recv_all(SHIM_CONNECTION, payload, header.length, deadline) < 0)
    return fail(failure, FAIL_STUB, errno, "receiving the fds");
  if (payload[0] != received)
    return fail(failure, FAIL_STUB, EPROTO, "receiving the fds");

  for (size_t i = 0; i < received; i++) {
    int number = (int)payload[1 + i];
    for (uint32_t j = 0; j < passed->count; j++)
      if (passed->number[j] == number)
        return fail(failure, FAIL_STUB, EPROTO, "receiving the fds: %d came twice", number);
    if (number < 0 || number > 1 << 20)
      return fail(failure, FAIL_STUB, EPROTO, "receiving the fds: %d is no fd", number);
    passed->number[passed->count] = number;
    passed->fd[passed->count++] = fds[i];
  }
  for (uint32_t i = base; i < passed->count; i++)
    if (check_kind(passed->number[i], passed->fd[i], failure) < 0)
      return -1;
  return 0;
}

int collect_fds(const struct plan *plan, struct passed_fds *passed, int64_t deadline, struct failure *failure) {
  passed->count = 0;
  if (plan->fd_count > WIRE_MAX_FDS)
    return fail(failure, FAIL_STUB, EPROTO, "asking for the fds");
  while (passed->count < plan->fd_count) {
    int64_t batch = now_ms() + BATCH_DEADLINE_MS;
    if (collect_batch(passed, plan->fd_count - passed->count, batch < deadline ? batch : deadline, failure) < 0)
      return -1;
  }
  return 0;
}
