/* SPDX-License-Identifier: Apache-2.0 */
#include "thread-ids.h"


static const char name[] = "thread-id";
#define NAME_LENGTH ((int)sizeof name - 1)

static int is_space(char byte) { return byte == ' ' || byte == '\t' || byte == '\r' || byte == '\n'; }

static int is_in_number(char byte) {
  return (byte >= '0' && byte <= '9') || byte == '-' || byte == '+' || byte == '.' || byte == 'e' || byte == 'E';
}

static int hex_digit(char byte) {
  if (byte >= '0' && byte <= '9')
    return byte - '0';
  if ((byte >= 'a' && byte <= 'f') || (byte >= 'A' && byte <= 'F'))
    return (byte | 0x20) - 'a' + 10;
  return -1;
}

static void match(struct thread_ids *ids, unsigned character) {
  int fits = ids->matched >= 0 && ids->matched < NAME_LENGTH && character == (unsigned char)name[ids->matched];
  ids->matched = fits ? ids->matched + 1 : -1;
}

static void in_string(struct thread_ids *ids, char byte) {
  if (byte == '\\') {
    ids->state = THREAD_IDS_ESCAPE;
  } else if (byte == '"') {
    ids->state = ids->matched == NAME_LENGTH ? THREAD_IDS_NAME : THREAD_IDS_OUTSIDE;
  } else {
    match(ids, (unsigned char)byte);
  }
}

/* A name may be written with escapes: libvirt would understand it all the same. None but \u makes a character of it. */
static void in_escape(struct thread_ids *ids, char byte) {
  ids->digits = 4;
  ids->code = 0;
  ids->state = byte == 'u' ? THREAD_IDS_UNICODE : THREAD_IDS_STRING;
  if (byte != 'u')
    match(ids, 0);
}

static void in_unicode(struct thread_ids *ids, char byte) {
  int digit = hex_digit(byte);
  if (digit < 0) { /* no JSON; whoever reads it leniently finds the string's end where we do */
    ids->matched = -1;
    ids->state = THREAD_IDS_STRING;
    in_string(ids, byte);
    return;
  }
  ids->code = ids->code * 16 + (unsigned)digit;
  if (--ids->digits == 0) {
    match(ids, ids->code);
    ids->state = THREAD_IDS_STRING;
  }
}

static void between(struct thread_ids *ids, char byte) {
  if (byte == '"') {
    ids->state = THREAD_IDS_STRING;
    ids->matched = 0;
  } else if (ids->state == THREAD_IDS_NAME && byte == ':') {
    ids->state = THREAD_IDS_VALUE;
  } else if (!is_space(byte)) {
    ids->state = THREAD_IDS_OUTSIDE;
  }
}

/* The id that the digits say, or -1 where they say none that QEMU could mean. */
static int parse_number(const struct thread_ids *ids) {
  long long value = 0;
  if (ids->length >= sizeof ids->number || (ids->number[0] == '0' && ids->length > 1))
    return -1;
  for (size_t i = 0; i < ids->length; i++) {
    if (ids->number[i] < '0' || ids->number[i] > '9')
      return -1;
    value = value * 10 + (ids->number[i] - '0');
  }
  return value > 0 && value < THREAD_ID_UNKNOWN ? (int)value : -1;
}

static size_t write_number(struct thread_ids *ids, char *output) {
  char reversed[16];
  size_t count = 0;
  int id = parse_number(ids);
  int value = id < 0 ? THREAD_ID_UNKNOWN : ids->translate(ids->context, id);
  if (value <= 0)
    value = THREAD_ID_UNKNOWN;
  for (; value > 0; value /= 10)
    reversed[count++] = (char)('0' + value % 10);
  for (size_t i = 0; i < count; i++)
    output[i] = reversed[count - 1 - i];
  return count;
}

static void step(struct thread_ids *ids, char byte) {
  switch (ids->state) {
  case THREAD_IDS_STRING:
    in_string(ids, byte);
    return;
  case THREAD_IDS_ESCAPE:
    in_escape(ids, byte);
    return;
  case THREAD_IDS_UNICODE:
    in_unicode(ids, byte);
    return;
  case THREAD_IDS_OUTSIDE:
  case THREAD_IDS_NAME:
  case THREAD_IDS_VALUE:
  case THREAD_IDS_NUMBER:
  default:
    between(ids, byte);
    return;
  }
}

size_t thread_ids_rewrite(struct thread_ids *ids, const char *input, size_t length, char *output) {
  size_t written = 0;
  for (size_t i = 0; i < length; i++) {
    char byte = input[i], last = ids->last;
    ids->last = byte;
    if (ids->state == THREAD_IDS_VALUE && is_in_number(byte)) {
      ids->state = THREAD_IDS_NUMBER;
      ids->length = 0;
    }
    if (ids->state == THREAD_IDS_NUMBER) {
      if (is_in_number(byte)) {
        if (ids->length < sizeof ids->number)
          ids->number[ids->length++] = byte;
        continue;
      }
      written += write_number(ids, output + written);
      ids->state = THREAD_IDS_OUTSIDE;
    }
    output[written++] = byte;
    /* libvirt takes each line for a message of its own, whatever was open before it. */
    if (last == '\r' && byte == '\n')
      ids->state = THREAD_IDS_OUTSIDE;
    else
      step(ids, byte);
  }
  return written;
}
