/* SPDX-License-Identifier: Apache-2.0 */
/* The launch protocol's frames (docs/protocol.md, section 1), shared by stubs and shim. */
#ifndef WIRE_H
#define WIRE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define WIRE_MAGIC 0x31444e4bU /* "KND1" */
#ifndef WIRE_VERSION /* a test plays another release */
#define WIRE_VERSION 1
#endif

#define WIRE_MAX_REQUEST (4U << 20)
#define WIRE_MAX_TEXT 1024U
#define WIRE_MAX_FDS 1000U
#define WIRE_MAX_BATCH 253U /* SCM_MAX_FD of the kernel */
#define WIRE_MAX_STRINGS 4096U
#define WIRE_MAX_CWD 4095U

enum wire_type {
  WIRE_REQUEST = 1,
  WIRE_REFUSED = 2,
  WIRE_SEND_FDS = 3,
  WIRE_STARTED = 4,
  WIRE_FDS = 5,
  WIRE_SIGNAL = 6,
  WIRE_EXITED = 7,
  WIRE_ENTER = 8,
  WIRE_FAILED = 9,
};

enum wire_mode { WIRE_MODE_FORK = 0, WIRE_MODE_EXEC = 1 };

enum wire_exit_kind { WIRE_EXIT_STATUS = 0, WIRE_EXIT_SIGNAL = 1 };

struct wire_header {
  uint32_t magic;
  uint16_t version;
  uint16_t type;
  uint32_t length;
};

_Static_assert(sizeof(struct wire_header) == 12, "the header has no padding");

/* Milliseconds of the monotonic clock; every deadline is given in these. */
int64_t now_ms(void);

/* All return 0, or -1 with errno: ETIMEDOUT past the deadline, ECONNRESET at the end of the stream,
 * EPROTO for a header that is not of this protocol. The socket may be blocking or not. */
int wait_for(int fd, short events, int64_t deadline);
int send_all(int fd, const void *data, size_t length, int64_t deadline);
int recv_all(int fd, void *data, size_t length, int64_t deadline);
int send_frame(int fd, enum wire_type type, const void *payload, uint32_t length, int64_t deadline);
int recv_header(int fd, struct wire_header *header, int64_t deadline);

/* Sends with `count` fds, at most WIRE_MAX_BATCH of them, which go with the first byte. Returns as send(2), without SIGPIPE;
 * does not wait. */
ssize_t send_with_fds(int socket, const void *data, size_t length, const int *fds, size_t count);

/* Receives at most `length` bytes, with the fds that came along (close-on-exec), at most `max`.
 * Returns as recv(2); EPROTO when there were more, EMFILE when not all could be opened here, and then none is kept. */
ssize_t recv_with_fds(int socket, void *data, size_t length, int flags, int *fds, size_t max, size_t *count);

/* As recv_header(), with the fds that came along, at most `max`; EMFILE when not all could be opened here. */
int recv_header_with_fds(int fd, struct wire_header *header, int *fds, size_t max, size_t *count, int64_t deadline);

#endif
