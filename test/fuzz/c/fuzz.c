/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <unistd.h>

jmp_buf fuzz_exited;
int fuzz_status;
char fuzz_line[8192];
size_t fuzz_line_length;
int64_t fuzz_now;
const char *fuzz_cwd;
int fuzz_signal, fuzz_map_fails;
uint32_t fuzz_last[2];
const uint8_t *fuzz_file;
size_t fuzz_file_length;

static struct input faults;
static void *mapped;
int fuzz_first_fd; /* 0: no run is under way */

/* ---- the input ----------------------------------------------------------------------------------------------------- */

uint8_t take_byte(struct input *input) { return input->next < input->end ? *input->next++ : 0; }

uint32_t take_number(struct input *input, size_t bytes) {
  uint32_t number = 0;
  for (size_t i = 0; i < bytes; i++)
    number |= (uint32_t)take_byte(input) << (8 * i);
  return number;
}

const uint8_t *take_bytes(struct input *input, size_t length, size_t *got) {
  const uint8_t *bytes = input->next;
  size_t left = (size_t)(input->end - input->next);
  *got = length < left ? length : left;
  input->next += *got;
  return bytes;
}

struct input take_part(struct input *input) {
  size_t length;
  const uint8_t *bytes = take_bytes(input, take_byte(input), &length);
  return (struct input){bytes, bytes + length};
}

/* ---- one run ------------------------------------------------------------------------------------------------------- */

void fuzz_open(void) {
  struct rlimit files;
  /* Whoever started us may have left some open. */
  syscall(SYS_close_range, 3, ~0U, 0);
  EXPECT(open("/dev/null", O_RDWR) == 3);
  for (int fd = 4; fd < FUZZ_FDS_END; fd++)
    EXPECT(dup2(3, fd) == fd);
  if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_max > 4096) {
    files.rlim_cur = 4096;
    setrlimit(RLIMIT_NOFILE, &files);
  }
}

void fuzz_begin(struct input wanted) {
  if (fuzz_first_fd == 0) {
    fuzz_first_fd = dup(3);
    close(fuzz_first_fd);
  }
  faults = wanted;
  fuzz_now = 1000;
  fuzz_status = -1;
  fuzz_line_length = 0;
  fuzz_signal = fuzz_map_fails = 0;
  fuzz_cwd = NULL;
  fuzz_last[0] = fuzz_last[1] = UINT32_MAX;
  fuzz_file = NULL;
  fuzz_received_length = fuzz_received_fds = 0;
}

void fuzz_end(void) {
  free(mapped);
  mapped = NULL;
  fuzz_disconnect();
  /* Those before it are libFuzzer's. */
  syscall(SYS_close_range, fuzz_first_fd, ~0U, 0);
  fuzz_first_fd = 0;
}

/* ---- system calls -------------------------------------------------------------------------------------------------- */

enum fault { FAULT_NONE, FAULT_EINTR, FAULT_EAGAIN, FAULT_SHORT, FAULT_ERROR, FAULT_KINDS };

static enum fault next_fault(void) { return (enum fault)(take_byte(&faults) % FAULT_KINDS); }

/* Fails with the errno of the fault; a short one halves the length. */
int fuzz_fails(size_t *length, int error) {
  switch (next_fault()) {
  case FAULT_EINTR:
    errno = EINTR;
    return 1;
  case FAULT_EAGAIN:
    errno = EAGAIN;
    return 1;
  case FAULT_ERROR:
    errno = error;
    return 1;
  case FAULT_SHORT:
    *length = (*length + 1) / 2;
    return 0;
  case FAULT_NONE:
  case FAULT_KINDS:
  default:
    return 0;
  }
}

_Noreturn void fuzz_exit(int status) {
  fuzz_status = status;
  longjmp(fuzz_exited, 1);
}

int fuzz_nothing(const void *argument) {
  (void)argument;
  return 0;
}

int fuzz_clock_gettime(clockid_t clock, struct timespec *time) {
  (void)clock;
  *time = (struct timespec){.tv_sec = fuzz_now / 1000, .tv_nsec = fuzz_now % 1000 * 1000000};
  return 0;
}

ssize_t fuzz_send(int fd, const void *data, size_t length, int flags) {
  return fuzz_fails(&length, EPIPE) ? -1 : send(fd, data, length, flags);
}

/* In however many pieces they came. */
static void keep_last(const void *data, size_t length) {
  char *last = (char *)fuzz_last;
  size_t fresh = length < sizeof fuzz_last ? length : sizeof fuzz_last;
  memmove(last, last + fresh, sizeof fuzz_last - fresh);
  memcpy(last + sizeof fuzz_last - fresh, (const char *)data + (length - fresh), fresh);
}

ssize_t fuzz_recv(int fd, void *data, size_t length, int flags) {
  if (fuzz_fails(&length, EIO))
    return -1;
  ssize_t got = recv(fd, data, length, flags);
  if (got > 0)
    keep_last(data, (size_t)got);
  return got;
}

/* The kernel leaves fds out where the process may have no more of them. */
ssize_t fuzz_recvmsg(int fd, struct msghdr *message, int flags) {
  size_t length = 2;
  if (fuzz_fails(&length, ECONNRESET))
    return -1;
  if ((flags & MSG_WAITALL) != 0)
    fuzz_await(fd, message->msg_iov[0].iov_len);
  ssize_t got = recvmsg(fd, message, flags);
  if (got >= 0 && length == 1)
    message->msg_flags |= MSG_CTRUNC;
  return got;
}

ssize_t fuzz_write(int fd, const void *data, size_t length) {
  if (fd == STDERR_FILENO || fd == STDOUT_FILENO) {
    EXPECT(length <= sizeof fuzz_line);
    memcpy(fuzz_line, data, length);
    fuzz_line_length = length;
  }
  return (ssize_t)length;
}

int fuzz_open_file(const char *path) {
  EXPECT(path != NULL);
  if (fuzz_file == NULL) {
    errno = ENOENT;
    return -1;
  }
  int fd = (int)syscall(SYS_memfd_create, "file", 0);
  EXPECT(fd >= 0 && write(fd, fuzz_file, fuzz_file_length) == (ssize_t)fuzz_file_length);
  lseek(fd, 0, SEEK_SET);
  return fd;
}

ssize_t fuzz_read(int fd, void *data, size_t length) {
  if (fd == FUZZ_SIGNALS) {
    struct signalfd_siginfo info = {.ssi_signo = SIGTERM};
    size_t none = 2;
    if (fuzz_fails(&none, EAGAIN) || none == 2 || length != sizeof info)
      return -1;
    memcpy(data, &info, sizeof info);
    return (ssize_t)sizeof info;
  }
  return fuzz_fails(&length, EIO) ? -1 : read(fd, data, length);
}

/* Standard error is a pipe to libvirt. */
int fuzz_fstat(int fd, struct stat *info) {
  if (fd != STDERR_FILENO)
    return fuzz_file != NULL && fd < FUZZ_FDS_END ? (info->st_size = (off_t)fuzz_file_length, 0) : fstat(fd, info);
  info->st_mode = S_IFIFO;
  return 0;
}

int fuzz_ioctl(int fd, unsigned long request, int *value) {
  (void)fd;
  (void)request;
  *value = next_fault() != FAULT_NONE;
  return 0;
}

/* A private copy of the file with its very length, so that the sanitizer sees a byte beyond. */
void *fuzz_mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  (void)address, (void)protection, (void)flags, (void)fd, (void)offset;
  EXPECT(mapped == NULL && length == fuzz_file_length);
  if (fuzz_map_fails) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  mapped = malloc(length);
  EXPECT(mapped != NULL);
  memcpy(mapped, fuzz_file, length);
  return mapped;
}

long fuzz_syscall(long number, ...) {
  long values[6];
  va_list list;
  va_start(list, number);
  for (size_t i = 0; i < sizeof values / sizeof values[0]; i++)
    values[i] = va_arg(list, long);
  va_end(list);
  size_t length = 2;
  switch (number) {
  case SYS_getcwd:
    if (fuzz_cwd == NULL || strlen(fuzz_cwd) >= (size_t)values[1]) {
      errno = fuzz_cwd == NULL ? ENOENT : ERANGE;
      return -1;
    }
    strcpy((char *)values[0], fuzz_cwd);
    return (long)strlen(fuzz_cwd) + 1;
  case SYS_rt_sigaction: /* the fuzzer's own signals */
    return 0;
  case SYS_pidfd_send_signal:
    fuzz_signal = (int)values[1];
    return 0;
  case SYS_sendmsg:
    if (fuzz_fails(&length, EPIPE))
      return -1;
    return length == 1 ? 5 : syscall(number, values[0], values[1], values[2]);
  default:
    return syscall(number, values[0], values[1], values[2], values[3], values[4], values[5]);
  }
}

pid_t fuzz_fork(void) {
  size_t length = 2;
  if (fuzz_fails(&length, EAGAIN))
    return -1;
  return length == 1 ? 0 : FUZZ_CHILD;
}

int fuzz_kill(pid_t pid, int number) {
  (void)pid;
  fuzz_signal = number;
  return 0;
}
