/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fds that a stub passes to the shim. Input: faults, u16 announced fds, u8 flags, the peer's script.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"
#include "shim.h"

static void check_passed(const struct plan *plan, const struct passed_fds *passed) {
  static uint8_t seen[(1 << 20) + 1];
  EXPECT(passed->count == plan->fd_count && passed->count <= WIRE_MAX_FDS);
  for (uint32_t i = 0; i < passed->count; i++) {
    struct stat info;
    EXPECT(passed->number[i] >= 0 && passed->number[i] <= 1 << 20 && !seen[passed->number[i]]);
    EXPECT(passed->fd[i] >= FUZZ_FDS_END && fcntl(passed->fd[i], F_GETFD) == FD_CLOEXEC);
    EXPECT(fstat(passed->fd[i], &info) == 0 && !S_ISDIR(info.st_mode) && (fcntl(passed->fd[i], F_GETFL) & O_PATH) == 0);
    seen[passed->number[i]] = 1;
  }
  for (uint32_t i = 0; i < passed->count; i++)
    seen[passed->number[i]] = 0;
}

/* Whatever went wrong is told in one line. */
static void check_failure(const struct failure *failure) {
  char text[WIRE_MAX_TEXT];
  EXPECT(failure->step == FAIL_STUB || failure->step == FAIL_STUB_GONE || failure->step == FAIL_FDS ||
         failure->step == FAIL_FD_KIND);
  EXPECT(failure->error != 0);
  size_t length = describe_failure(failure, "the node driver", NULL, text, sizeof text);
  EXPECT(length == strlen(text) && length > 0 && length < sizeof text && strchr(text, '\n') == NULL);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  fuzz_open();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct passed_fds passed;
  struct input input = {data, data + size};
  struct failure failure = {.step = -1};
  struct plan plan = {.deadline = 1};
  fuzz_begin(take_part(&input));
  plan.fd_count = take_number(&input, 2);
  int is_silent = take_byte(&input) & 1;
  int fd = fuzz_connect(input, is_silent);
  EXPECT(dup2(fd, SHIM_CONNECTION) == SHIM_CONNECTION);
  if (collect_fds(&plan, &passed, now_ms() + 20000, &failure) == 0)
    check_passed(&plan, &passed);
  else
    check_failure(&failure);
  EXPECT(dup2(4, SHIM_CONNECTION) == SHIM_CONNECTION);
  fuzz_end();
  return 0;
}
