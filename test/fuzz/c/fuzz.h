/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the harnesses share: an input read as choices, a peer that says what the input has it say, and system calls that
 * fail when the input says so. The programs are compiled as they are; calls.h turns their system calls to these.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

/* A property that must hold for every input. */
#define EXPECT(condition)                                                                                               \
  do {                                                                                                                  \
    if (!(condition)) {                                                                                                 \
      fprintf(stderr, "%s:%d: expected %s\n", __FILE__, __LINE__, #condition);                                          \
      abort();                                                                                                          \
    }                                                                                                                   \
  } while (0)

/* ---- the input; behind its end everything is 0 ------------------------------------------------------------------- */

struct input {
  const uint8_t *next, *end;
};

uint8_t take_byte(struct input *input);
uint32_t take_number(struct input *input, size_t bytes);
/* At most `length` bytes; *got says how many. */
const uint8_t *take_bytes(struct input *input, size_t length, size_t *got);
/* What begins with its length in one byte. */
struct input take_part(struct input *input);

/* ---- one run ------------------------------------------------------------------------------------------------------- */

/* Fixed numbers below this are the programs' own; what a run opens above is closed at its end. */
#define FUZZ_FDS_END 16

/* In place of a signalfd: SIGTERM comes where a read is a short one. */
#define FUZZ_SIGNALS (-2)

/* What the run has opened begins here: what is below may be libFuzzer's. */
extern int fuzz_first_fd;

/* Before the first run. Fds 3 to FUZZ_FDS_END - 1 lead to /dev/null. */
void fuzz_open(void);

/* The next system calls fail as `faults` says, one byte for each call. */
void fuzz_begin(struct input faults);
void fuzz_end(void);

/* Where exit() and _exit() of the program go: `if (setjmp(fuzz_exited) == 0) …`. */
extern jmp_buf fuzz_exited;
extern int fuzz_status;

/* The last line on standard error. */
extern char fuzz_line[8192];
extern size_t fuzz_line_length;

/* ---- the peer ------------------------------------------------------------------------------------------------------ */

/* A socket whose peer sends the parts of the script, each when the program waits for more, then closes or falls silent.
 * A part is { u8 kind, u8 or u16 length, bytes }; see peer.c for the kinds. */
int fuzz_connect(struct input script, int is_silent_at_end);

/* Until the next fuzz_connect() there is no peer. */
void fuzz_disconnect(void);

/* What the peer received, and how many fds with it. */
extern uint8_t *fuzz_received;
extern size_t fuzz_received_length, fuzz_received_fds;
void fuzz_drain(void);
/* So many bytes are there, or the peer has ended. */
void fuzz_await(int fd, size_t length);

/* ---- system calls of the programs ----------------------------------------------------------------------------------- */

extern int64_t fuzz_now; /* ms */
extern const char *fuzz_cwd; /* NULL: getcwd(2) fails */
extern int fuzz_signal; /* the last one sent, 0: none */
extern uint32_t fuzz_last[2]; /* the last bytes that were received */
extern int fuzz_map_fails;
extern const uint8_t *fuzz_file; /* what is read from every file; NULL: none can be opened */
extern size_t fuzz_file_length;

/* Whether the next call fails, with this errno or a temporary one; or *length is halved. */
int fuzz_fails(size_t *length, int error);

_Noreturn void fuzz_exit(int status);
int fuzz_clock_gettime(clockid_t clock, struct timespec *time);
int fuzz_poll(struct pollfd *entries, nfds_t count, int timeout);
ssize_t fuzz_send(int fd, const void *data, size_t length, int flags);
ssize_t fuzz_recv(int fd, void *data, size_t length, int flags);
ssize_t fuzz_recvmsg(int fd, struct msghdr *message, int flags);
ssize_t fuzz_write(int fd, const void *data, size_t length);
ssize_t fuzz_read(int fd, void *data, size_t length);
int fuzz_open_file(const char *path);
int fuzz_fstat(int fd, struct stat *info);
void *fuzz_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset);
int fuzz_ioctl(int fd, unsigned long request, int *value);
long fuzz_syscall(long number, ...);
#define FUZZ_CHILD (1 << 30) /* the pid of every child */
pid_t fuzz_fork(void);
int fuzz_kill(pid_t pid, int number);
int fuzz_nothing(const void *argument);

#endif
