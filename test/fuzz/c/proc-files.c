/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The texts of procfs that the shim reads, in which a process chooses its own name. Input: faults, u8 what, the text.
 */
#define open(path, flags) fuzz_open_file(path)
#define openat(directory, path, ...) ((void)(directory), fuzz_open_file(path))
#include "thread-map.c"
#include "records.c"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  fuzz_open();
  return 0;
}

/* Whatever the name of the program, behind it come the fields. */
static void check_start_time(struct input text) {
  char name[16] = "", stat[256];
  size_t length = (size_t)(text.end - text.next);
  if (length > 0)
    memcpy(name, text.next, length < sizeof name - 1 ? length : sizeof name - 1);
  int size = snprintf(stat, sizeof stat, "17 (%s) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 4711 23\n", name);
  fuzz_file = (const uint8_t *)stat;
  fuzz_file_length = (size_t)size;
  EXPECT(start_time(17) == 4711);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const struct input none;
  struct input input = {data, data + size};
  int ids[MAX_LEVELS];
  fuzz_begin(take_part(&input));
  uint8_t what = take_byte(&input);
  fuzz_file = what >= 254 ? NULL : input.next;
  fuzz_file_length = (size_t)(input.end - input.next);
  if (what % 2 == 0) {
    start_time(17);
    fuzz_begin(none);
    check_start_time(input);
  } else {
    EXPECT(read_ids(3, "status", ids) <= MAX_LEVELS);
  }
  fuzz_end();
  return 0;
}
