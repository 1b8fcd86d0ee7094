/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stub's side of a launch, from the request to QEMU's end. What it sends must be, byte for byte, what libvirt gave it,
 * whatever the socket does; what it hears may be anything.
 *
 * Input: faults, working directory, { u8 operation, … }, 255, u8 flags, the peer's script.
 */
#define main stub_main
#include "stub.c"
#undef main
#include "caller.c"
#include "request.c"

#define MAX_STRINGS 5000
#define MAX_LENGTH (5U << 20)

enum operation { ADD_ARGUMENT, ADD_VARIABLE, REPEAT, DOUBLE, ADD_FDS, LIST_FDS, ADD_SECRET, ADD_LISTENER, OPERATIONS };

struct strings {
  char *list[MAX_STRINGS + 1];
  size_t count;
};

static struct strings arguments, variables;
static char *owned[64];
static size_t owned_count;
static char *last;
static struct strings *last_of;
static size_t made_fds;
static uint8_t *expected;
static size_t expected_length;

/* ---- what libvirt gives ---------------------------------------------------------------------------------------- */

static void add(struct strings *strings, char *text) {
  if (strings->count == MAX_STRINGS)
    return;
  strings->list[strings->count++] = text;
  strings->list[strings->count] = NULL;
  last = text;
  last_of = strings;
}

/* Exactly as long as it needs to be, for the sanitizer. */
static char *own(size_t length) {
  if (owned_count == sizeof owned / sizeof owned[0])
    return NULL;
  char *text = calloc(1, length + 1);
  EXPECT(text != NULL);
  return owned[owned_count++] = text;
}

static void add_text(struct strings *strings, const char *prefix, struct input part) {
  size_t length = strlen(prefix), rest = strnlen((const char *)part.next, (size_t)(part.end - part.next));
  char *text = own(length + rest);
  if (text == NULL)
    return;
  memcpy(text, prefix, length);
  memcpy(text + length, part.next, rest);
  add(strings, text);
}

static void double_last(unsigned times) {
  size_t length = last == NULL ? 0 : strlen(last);
  char *text = length == 0 || length << times > MAX_LENGTH ? NULL : own(length << times);
  if (text == NULL)
    return;
  for (size_t i = 0; i < 1UL << times; i++)
    memcpy(text + i * length, last, length);
  last_of->list[last_of->count - 1] = last = text;
}

/* The same fds that a loop over all numbers finds. */
static void list_fds(void) {
  uint32_t found = 0;
  inherited_count = 0;
  list_inherited_fds();
  for (int fd = 0; fd < 4096; fd++)
    if (fcntl(fd, F_GETFD) >= 0)
      found++;
  EXPECT(found == inherited_count);
  /* Those of the harness must not be closed with the others. */
  uint32_t kept = 0;
  for (uint32_t i = 0; i < inherited_count; i++)
    if (inherited[i] >= fuzz_first_fd)
      inherited[kept++] = inherited[i];
  inherited_count = kept;
}

/* As libvirt leaves one for QEMU's monitor. */
static void add_listener(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (made_fds++ > WIRE_MAX_FDS + 8 || inherited_count == WIRE_MAX_FDS)
    return;
  int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  /* Without a path the kernel chooses a name. */
  EXPECT(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address.sun_family) == 0 && listen(fd, 1) == 0);
  inherited[inherited_count++] = fd;
}

static void build(struct input *input) {
  for (size_t steps = 0; steps < 200; steps++) {
    uint8_t operation = take_byte(input);
    if (operation == 255)
      return;
    switch ((enum operation)(operation % OPERATIONS)) {
    case ADD_ARGUMENT:
      add_text(&arguments, "", take_part(input));
      break;
    case ADD_VARIABLE:
      add_text(&variables, "", take_part(input));
      break;
    case ADD_SECRET:
      add_text(&variables, "KUBEVIRT_IO_SECRET=", take_part(input));
      break;
    case REPEAT:
      for (uint32_t times = take_number(input, 2) % MAX_STRINGS; times > 0 && last != NULL; times--)
        add(last_of, last);
      break;
    case DOUBLE:
      double_last(take_byte(input) % 23);
      break;
    case ADD_FDS:
      for (uint32_t left = 4U * take_byte(input); left > 0; left--) {
        /* A few more than may be passed on, for list_fds(). */
        if (made_fds++ > WIRE_MAX_FDS + 8)
          break;
        int fd = fcntl(3, F_DUPFD, FUZZ_FDS_END);
        EXPECT(fd >= 0);
        if (inherited_count < WIRE_MAX_FDS)
          inherited[inherited_count++] = fd;
      }
      break;
    case LIST_FDS:
      list_fds();
      break;
    case ADD_LISTENER:
      add_listener();
      break;
    case OPERATIONS:
    default:
      break;
    }
  }
}

/* ---- what the daemon must receive -------------------------------------------------------------------------------- */

static void expect_bytes(const void *data, size_t length) {
  memcpy(expected + expected_length, data, length);
  expected_length += length;
}

static void expect_text(const char *text) {
  uint32_t length = (uint32_t)strlen(text);
  expect_bytes(&length, sizeof length);
  expect_bytes(text, length);
}

/* Returns 0 where it must be refused. */
static int expect_request(enum wire_mode mode) {
  uint64_t length = 20;
  if (fuzz_cwd == NULL || fuzz_cwd[0] != '/' || strlen(fuzz_cwd) > WIRE_MAX_CWD || arguments.count > WIRE_MAX_STRINGS ||
      variables.count > WIRE_MAX_STRINGS)
    return 0;
  length += strlen(fuzz_cwd);
  for (size_t i = 0; i < arguments.count; i++)
    length += 4 + strlen(arguments.list[i]);
  for (size_t i = 0; i < variables.count; i++)
    length += 4 + strlen(variables.list[i]);
  if (length > WIRE_MAX_REQUEST)
    return 0;
  struct wire_header header = {WIRE_MAGIC, WIRE_VERSION, WIRE_REQUEST, (uint32_t)length};
  uint32_t numbers[4] = {(uint32_t)mode, inherited_count, (uint32_t)arguments.count, (uint32_t)variables.count};
  expected = malloc(sizeof header + length);
  EXPECT(expected != NULL);
  expect_bytes(&header, sizeof header);
  expect_bytes(numbers, sizeof numbers);
  expect_text(fuzz_cwd);
  for (size_t i = 0; i < arguments.count; i++)
    expect_text(arguments.list[i]);
  for (size_t i = 0; i < variables.count; i++)
    expect_text(variables.list[i]);
  EXPECT(expected_length == sizeof header + length);
  return 1;
}

static void check_probe(void) {
  int probe = 1;
  for (size_t i = 0; i < variables.count; i++)
    if (strncmp(variables.list[i], "KUBEVIRT_IO_VM_", 15) == 0 || strncmp(variables.list[i], "kubevirt.io.vm.", 15) == 0)
      if (strncmp(variables.list[i] + 15, "UUID=", 5) == 0 || strncmp(variables.list[i] + 15, "NAME=", 5) == 0 ||
          strncmp(variables.list[i] + 15, "uuid=", 5) == 0 || strncmp(variables.list[i] + 15, "name=", 5) == 0)
        probe = -1; /* not a probe, unless upper and lower case are mixed */
  for (size_t i = 1; i < arguments.count; i++)
    if (strcmp(arguments.list[i], "-name") == 0)
      probe = 0;
  if (arguments.count > 0) {
    int is_one = is_probe(arguments.list, variables.list);
    EXPECT(probe < 0 || is_one == probe);
  }
}

static void check_wiped(void) {
  for (size_t i = 0; i < variables.count; i++)
    if (strncmp(variables.list[i], "KUBEVIRT_IO_SECRET=", 19) == 0 ||
        strncmp(variables.list[i], "kubevirt.io.secret=", 19) == 0)
      EXPECT(variables.list[i][19] == '\0');
}

/* ---- one run ------------------------------------------------------------------------------------------------------- */

enum progress { BUILDING, SENDING, WAITING, PROXYING };

static volatile enum progress progress;
static volatile int is_sendable;

static void run(struct input input) {
  static char cwd[8192];
  struct input part = take_part(&input);
  if (part.next < part.end) {
    /* A last byte of 255 makes it as long as it can be, 254 longer. */
    size_t length = (size_t)(part.end - part.next), tail = part.end[-1] == 255 ? 4090 : part.end[-1] == 254 ? 5000 : 0;
    memset(cwd, 'd', sizeof cwd);
    memcpy(cwd, part.next, length);
    cwd[tail > length ? tail : length] = '\0';
    fuzz_cwd = cwd;
  }
  if (setjmp(fuzz_exited) != 0)
    return;
  build(&input);
  uint8_t flags = take_byte(&input);
  check_probe();
  enum wire_mode mode = (flags & 2) != 0 ? WIRE_MODE_EXEC : WIRE_MODE_FORK;
  is_sendable = expect_request(mode);
  int fd = fuzz_connect(input, flags & 1);
  progress = SENDING;
  send_request(fd, mode, arguments.list, variables.list, now_ms() + DEADLINE_MS);
  progress = WAITING;
  wipe_secret(variables.list);
  check_wiped();
  wait_for_verdict(fd, now_ms() + DEADLINE_MS);
  progress = PROXYING;
  close_inherited_fds();
  be_proxy(fd, FUZZ_SIGNALS);
}

static void check_received(void) {
  size_t head = fuzz_received_length < expected_length ? fuzz_received_length : expected_length;
  EXPECT(progress >= WAITING ? is_sendable && head == expected_length : 1);
  EXPECT(head == 0 || memcmp(fuzz_received, expected, head) == 0);
  EXPECT(is_sendable || fuzz_received_length == 0);
  EXPECT(fuzz_received_fds <= inherited_count);
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
  arguments.count = variables.count = owned_count = made_fds = expected_length = 0;
  arguments.list[0] = variables.list[0] = NULL;
  last = NULL;
  inherited_count = 0;
  expected = NULL;
  progress = BUILDING;
  is_sendable = 0;
  run(input);
  if (progress > BUILDING) {
    fuzz_drain();
    check_received();
  }
  /* Without QEMU's own word for it, an end is never a success. */
  EXPECT(fuzz_status > 0 || (fuzz_status == 0 && progress == PROXYING && fuzz_last[0] == WIRE_EXIT_STATUS && (fuzz_last[1] & 255) == 0));
  if (progress < PROXYING) {
    EXPECT(fuzz_status == CANNOT_RUN && fuzz_line_length > 0 && fuzz_line[fuzz_line_length - 1] == '\n');
    EXPECT(memcmp(fuzz_line, "qemu-kube: ", 11) == 0);
  }
  while (owned_count > 0)
    free(owned[--owned_count]);
  free(expected);
  fuzz_end();
  return 0;
}
