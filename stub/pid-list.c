/* SPDX-License-Identifier: Apache-2.0 */
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

int pid_list_open(struct pid_list *list, int directory, const char *path) {
  list->next = list->end = 0;
  list->file = openat(directory, path, O_RDONLY | O_CLOEXEC);
  return list->file < 0 ? -1 : 0;
}

/* -1 at the end; what can't be read is one, too. */
static int next_character(struct pid_list *list) {
  if (list->next == list->end) {
    ssize_t length;
    do
      length = read(list->file, list->text, sizeof list->text);
    while (length < 0 && errno == EINTR);
    if (length <= 0)
      return -1;
    list->next = 0;
    list->end = (size_t)length;
  }
  return list->text[list->next++];
}

/* Each number is followed by a space or a newline: one that is not was cut, and is none. */
pid_t pid_list_next(struct pid_list *list) {
  pid_t pid = 0;
  for (int character; (character = next_character(list)) >= 0;) {
    if (character >= '0' && character <= '9' && pid <= (INT_MAX - 9) / 10)
      pid = 10 * pid + (character - '0');
    else if (pid > 1)
      return pid;
    else
      pid = 0;
  }
  return 0;
}

void pid_list_close(struct pid_list *list) { close(list->file); }
