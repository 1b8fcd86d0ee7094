/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a running shim hears: a stub's frames, a daemon's lines, the kernel's lists of pids.
 * Input: faults, u8 what, the peer's script or the text.
 */
#define main shim_main
#define openat(directory, path, flags) ((void)(directory), fuzz_open_file(path))
#include "clients.c"
#include "pid-list.c"
#include "shim.c"
#undef main

static struct shim shim;

static void hear_frames(struct input input, int is_silent) {
  shim.connection = fuzz_connect(input, is_silent);
  for (int i = 0; i < 100 && shim.connection >= 0; i++) {
    fuzz_signal = 0;
    hear_stub(&shim);
    EXPECT(fuzz_signal == 0 || fuzz_signal == SIGTERM || fuzz_signal == SIGINT || fuzz_signal == SIGHUP ||
           fuzz_signal == SIGQUIT);
  }
  /* What is no signal ends the connection, and so QEMU: with a deadline. */
  EXPECT(shim.connection >= 0 || (shim.reason == REASON_STUB_GONE && shim.kill_at > 0 && next_timeout(&shim) >= 0));
}

static void hear_lines(struct input input, int is_silent) {
  struct client *client = &shim.clients.each[0];
  *client = (struct client){.fd = fuzz_connect(input, is_silent)};
  for (int i = 0; i < 1000 && client->fd >= 0; i++) {
    struct pollfd wait = {.fd = client->fd, .events = POLLIN};
    fuzz_signal = 0;
    if (poll(&wait, 1, -1) < 0 && errno != EINTR)
      break;
    client_hear(client, obey, &shim);
    EXPECT(fuzz_signal >= 0 && fuzz_signal < NSIG && client->length <= sizeof client->input);
    /* Room for more, or the client is gone. */
    EXPECT(client->fd < 0 || client->length < sizeof client->input);
    EXPECT(client->fd < 0 || memchr(client->input, '\n', client->length) == NULL);
  }
}

/* Each pid takes a digit and what ends it. */
static void give_pids(struct input input) {
  struct pid_list list;
  size_t count = 0;
  fuzz_file = input.next;
  fuzz_file_length = (size_t)(input.end - input.next);
  if (pid_list_open(&list, AT_FDCWD, "children") < 0)
    return;
  for (pid_t pid; (pid = pid_list_next(&list)) != 0; count++)
    EXPECT(pid > 1);
  EXPECT(count <= fuzz_file_length / 2);
  pid_list_close(&list);
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
  memset(&shim, 0, sizeof shim);
  clients_begin(&shim.clients, -1);
  shim.plan.stub_gone_grace = 2000;
  shim.qemu.pid = 1 << 30;
  uint8_t what = take_byte(&input);
  if (what % 4 == 0)
    give_pids(input);
  else if (what % 4 == 1)
    hear_frames(input, what >= 128);
  else
    hear_lines(input, what >= 128);
  fuzz_end();
  return 0;
}
