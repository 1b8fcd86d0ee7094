/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon's requests to the broker. Forks fail, make the child, or make a parent whose child says nothing.
 * Input: faults, u8 flags, the peer's script.
 */
#define main broker_main
#define fexecve(image, argv, envp) ((void)(image), (void)(argv), (void)(envp), errno = ENOEXEC, -1)
#include "cgroup-birth.h"
#define fork_into_cgroup(directory) ((void)(directory), fuzz_fork())
#include "readings.c"
#include "shim-start.c"
#include "broker.c"
#undef main

static int is_child, is_lazy; /* a lazy one does not look at what its children say */
static int sees_ends_first;   /* of its children, before what they say */

/* In the child: what was asked for must be within what the parent has checked. */
_Noreturn void read_file(int proc_directory, const struct read_request *request, int out) {
  EXPECT(proc_directory >= FUZZ_FDS_END && out >= FUZZ_FDS_END);
  EXPECT(request->group_count <= PLAN_MAX_GROUPS && request->max_size <= 65536);
  EXPECT(request->group_count == 0 || memchr(request->groups, 0, sizeof(uint32_t) * request->group_count) != request);
  EXPECT(strlen(request->path) < BROKER_MAX_PAYLOAD);
  is_child = 1;
  fuzz_exit(0);
}

static void forget_all(void) {
  for (size_t i = 0; i < BROKER_MAX_READS; i++)
    readings[i].pid = 0;
  hanging_reaped(FUZZ_CHILD);
  for (uint32_t id = 0; id < BROKER_MAX_WATCHES; id++)
    watch_forget(id);
}

static void check_readings(void) {
  for (size_t i = 0; i < BROKER_MAX_READS; i++)
    if (readings[i].pid != 0)
      EXPECT((readings[i].pipe >= FUZZ_FDS_END || readings[i].pipe == -1) && readings[i].length <= sizeof readings[i].data);
}

/* Frames to the daemon: each is whole, and of a type that it knows. */
static void check_answers(void) {
  struct broker_header header;
  for (size_t at = 0; at + sizeof header <= fuzz_received_length; at += sizeof header + header.length) {
    memcpy(&header, fuzz_received + at, sizeof header);
    EXPECT(header.type == BROKER_FILE || header.type == BROKER_SHIM || header.type == BROKER_EXITED);
    EXPECT(header.fd_count == 0 && header.length >= 8 && header.length <= 8 + 65536);
  }
}

static void continue_all(void) {
  struct pollfd entries[BROKER_MAX_READS];
  readings_prepare(entries);
  for (size_t i = 0; i < BROKER_MAX_READS; i++)
    entries[i].revents = is_lazy ? 0 : POLLIN;
  if (sees_ends_first)
    reading_reaped(FUZZ_CHILD);
  readings_continue(entries);
  /* Those that have said all. */
  for (size_t i = 0; i < BROKER_MAX_READS; i++)
    if (readings[i].pid > 0 && readings[i].pipe < 0)
      reading_reaped(FUZZ_CHILD);
}

static void serve_all(void) {
  if (setjmp(fuzz_exited) != 0)
    return;
  for (int i = 0; i < 200; i++) {
    struct pollfd wait = {.fd = BROKER_CHANNEL, .events = POLLIN};
    if (poll(&wait, 1, 60000) < 0 && errno != EINTR)
      return;
    if (!serve_one(-1))
      return;
    check_readings();
    continue_all();
    if (next_timeout() == 0)
      continue_all();
  }
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  fuzz_open();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  struct input input = {data, data + size};
  fuzz_begin(take_part(&input));
  is_child = 0;
  uint8_t flags = take_byte(&input);
  int is_silent = flags & 1;
  is_lazy = (flags & 2) != 0;
  sees_ends_first = (flags & 4) != 0;
  int fd = fuzz_connect(input, is_silent);
  EXPECT(dup2(fd, BROKER_CHANNEL) == BROKER_CHANNEL);
  serve_all();
  fuzz_drain();
  if (fuzz_status < 0)
    check_answers();
  forget_all();
  for (int number = 0; number < FUZZ_FDS_END; number++)
    if (number >= 3)
      dup2(15, number);
  fuzz_end();
  return 0;
}
