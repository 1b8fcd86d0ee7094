/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "shim.h"

#define BATCH_DEADLINE_MS 5000

static int collect_batch(struct passed_fds *passed, uint32_t wanted, int64_t deadline, struct failure *failure) {
  struct wire_header header;
  uint32_t payload[1 + WIRE_MAX_BATCH];
  int fds[WIRE_MAX_BATCH];
  size_t received = 0;

  if (send_frame(SHIM_CONNECTION, WIRE_SEND_FDS, NULL, 0, deadline) < 0)
    return fail(failure, FAIL_STUB, errno, "asking for the fds");
  if (recv_header_with_fds(SHIM_CONNECTION, &header, fds, WIRE_MAX_BATCH, &received, deadline) < 0)
    return fail(failure,
                errno == ECONNRESET ? FAIL_STUB_GONE
                : errno == EMFILE   ? FAIL_FDS
                                    : FAIL_STUB,
                errno, "receiving the fds");
  uint32_t base = passed->count;
  if (header.type != WIRE_FDS ||
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
    if (check_fd_kind(passed->number[i], passed->fd[i], failure) < 0)
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
