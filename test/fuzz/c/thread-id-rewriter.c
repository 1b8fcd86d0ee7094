/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The translator of thread ids in what QEMU, which a guest may own, says on its monitor. Input: u8 seed of where the text
 * is cut, then the text.
 */
#include <string.h>

#include "fuzz.h"
#include "thread-ids.h"

static size_t translated;

static int add_million(void *context, int id) {
  (void)context;
  EXPECT(id > 0 && id < THREAD_ID_UNKNOWN);
  translated++;
  return id < 1000000 ? id + 1000000 : id < 2000000 ? THREAD_ID_UNKNOWN : 0;
}

static int keep(void *context, int id) {
  (void)context;
  return id;
}

/* In pieces of the size that the seed gives, or in one; the buffers have the very size that is promised. */
static size_t rewrite(int (*translate)(void *, int), const uint8_t *text, size_t length, uint8_t seed, char *output) {
  struct thread_ids ids = {.translate = translate};
  size_t written = 0;
  unsigned state = seed;
  for (size_t at = 0; at < length;) {
    state = state * 1103515245U + 12345U;
    size_t size = seed == 0 ? length : 1 + (state >> 16) % (1 + seed % 32);
    size = size < length - at ? size : length - at;
    char *part = malloc(size), *room = malloc(THREAD_IDS_OUTPUT(size));
    EXPECT(part != NULL && room != NULL);
    memcpy(part, text + at, size);
    size_t got = thread_ids_rewrite(&ids, part, size, room);
    EXPECT(got <= THREAD_IDS_OUTPUT(size));
    memcpy(output + written, room, got);
    written += got;
    at += size;
    free(part);
    free(room);
  }
  return written;
}

/* Without everything that a number is made of, nothing has changed. */
static size_t without_numbers(const uint8_t *text, size_t length, char *output) {
  size_t kept = 0;
  for (size_t i = 0; i < length; i++)
    if (memchr("0123456789+-.eE", text[i], 15) == NULL)
      output[kept++] = (char)text[i];
  return kept;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size < 2)
    return 0;
  const uint8_t *text = data + 1;
  size_t length = size - 1, room = 16 * length + 16;
  char *whole = malloc(room), *cut = malloc(room), *again = malloc(room);
  EXPECT(whole != NULL && cut != NULL && again != NULL);

  translated = 0;
  size_t whole_length = rewrite(add_million, text, length, 0, whole);
  size_t count = translated;
  size_t cut_length = rewrite(add_million, text, length, data[0], cut);
  EXPECT(whole_length == cut_length && memcmp(whole, cut, whole_length) == 0 && translated == 2 * count);
  EXPECT(whole_length <= length + 10 * (count + length / 4) + 16);

  size_t before = without_numbers(text, length, cut);
  size_t after = without_numbers((const uint8_t *)whole, whole_length, again);
  EXPECT(before >= after && memcmp(cut, again, after) == 0);

  /* What names only threads that there are is a fixed point, but for a number that is not yet at its end. */
  size_t kept = rewrite(keep, text, length, data[0], whole);
  EXPECT(rewrite(keep, (const uint8_t *)whole, kept, data[0], again) == kept && memcmp(whole, again, kept) == 0);
  free(whole);
  free(cut);
  free(again);
  return 0;
}
