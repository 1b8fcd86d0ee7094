/* SPDX-License-Identifier: Apache-2.0 */
#include "one-line.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NO_CHARACTER UINT32_MAX

/* Unicode's categories Cc, Cf, Zl and Zp. */
static const struct {
  uint32_t first, last;
} unprintable[] = {
    {0x0, 0x1f},         {0x7f, 0x9f},       {0xad, 0xad},       {0x600, 0x605},     {0x61c, 0x61c},
    {0x6dd, 0x6dd},      {0x70f, 0x70f},     {0x890, 0x891},     {0x8e2, 0x8e2},     {0x180e, 0x180e},
    {0x200b, 0x200f},    {0x2028, 0x202e},   {0x2060, 0x2064},   {0x2066, 0x206f},   {0xfeff, 0xfeff},
    {0xfff9, 0xfffb},    {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f}, {0x1bca0, 0x1bca3},
    {0x1d173, 0x1d17a},  {0xe0001, 0xe0001}, {0xe0020, 0xe007f}, {0xd800, 0xdfff},   {0x110000, NO_CHARACTER},
};

static size_t length_of(unsigned char first) {
  return first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

/* The character at the start of a text that does not end there; *length is how many bytes it has, or are none. */
static uint32_t decode(const char *text, size_t *length) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  unsigned char first = (unsigned char)text[0];
  size_t count = length_of(first);
  *length = 1;
  if (count <= 1)
    return count == 1 ? first : NO_CHARACTER;
  uint32_t code = first & (0x7fU >> count);
  for (size_t i = 1; i < count; i++) {
    unsigned char next = (unsigned char)text[i];
    if ((next & 0xc0) != 0x80)
      return NO_CHARACTER; /* also where the text ends */
    code = code << 6 | (next & 0x3f);
  }
  if (code < least[count])
    return NO_CHARACTER;
  *length = count;
  return code;
}

static int prints(uint32_t code) {
  for (size_t i = 0; i < sizeof unprintable / sizeof unprintable[0]; i++)
    if (code >= unprintable[i].first && code <= unprintable[i].last)
      return 0;
  return 1;
}

void make_one_line(char *text) {
  size_t length;
  for (; *text != '\0'; text += length)
    if (!prints(decode(text, &length)))
      memset(text, '?', length);
}
