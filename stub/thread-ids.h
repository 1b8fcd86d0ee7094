/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rewrites the value of every "thread-id" in what QEMU says on its monitor, byte for byte otherwise. Pure: no I/O, a
 * fixed size of memory whatever comes, and nothing is held back but the digits of such a number.
 */
#ifndef THREAD_IDS_H
#define THREAD_IDS_H

#include <stddef.h>

/* No thread ever has it: the kernel's ids end at 2^22. libvirt's calls about it fail; 0 would be libvirt itself. */
#define THREAD_ID_UNKNOWN 2147483647

/* Room for the output of so many bytes of input. */
#define THREAD_IDS_OUTPUT(length) (2 * (length) + 16)

enum thread_ids_state {
  THREAD_IDS_OUTSIDE,
  THREAD_IDS_STRING,
  THREAD_IDS_ESCAPE,  /* behind a backslash */
  THREAD_IDS_UNICODE, /* in the four digits of \u */
  THREAD_IDS_NAME,    /* behind the string "thread-id" */
  THREAD_IDS_VALUE,   /* behind its colon */
  THREAD_IDS_NUMBER,
};

struct thread_ids {
  int (*translate)(void *context, int id); /* THREAD_ID_UNKNOWN where there is no such thread */
  void *context;
  enum thread_ids_state state;
  int matched; /* characters of the name in this string so far, or -1 */
  int digits;  /* left of \u */
  unsigned code;
  char last;
  size_t length; /* of the number; it may be longer than what is kept */
  char number[11];
};

/* Returns the length of the output, at most THREAD_IDS_OUTPUT(length). */
size_t thread_ids_rewrite(struct thread_ids *ids, const char *input, size_t length, char *output);

#endif
