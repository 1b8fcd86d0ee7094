/* SPDX-License-Identifier: Apache-2.0 */
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILL_DEADLINE_MS 2000

pid_t reap_one(int *status) {
  pid_t pid;
  do
    pid = waitpid(-1, status, WNOHANG);
  while (pid < 0 && errno == EINTR);
  return pid;
}

void list_children(char *text, size_t size) {
  int file = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
  ssize_t length = file < 0 ? 0 : read(file, text, size - 1);
  if (file >= 0)
    close(file);
  text[length < 0 ? 0 : length] = '\0';
}

static void kill_children(void) {
  char text[4096], *end = text;
  list_children(text, sizeof text);
  /* None of these can be another's meanwhile: only we reap them. */
  for (char *next = text; (next = strchr(end, ' ')) != NULL; end = next + 1) {
    pid_t pid = (pid_t)strtol(end, NULL, 10);
    if (pid > 1)
      kill(pid, SIGKILL);
  }
}

void end_children(const struct plan *plan) {
  int64_t deadline = now_ms() + KILL_DEADLINE_MS;
  struct timespec pause = {.tv_nsec = 1000000};
  for (;;) {
    pid_t pid = reap_one(NULL);
    if (pid > 0)
      continue;
    /* Without children, QEMU is reaped, and what it left has a new parent. */
    int left = leftovers_kill(plan);
    if ((pid < 0 && left == 0) || now_ms() >= deadline)
      return;
    kill_children();
    nanosleep(&pause, NULL);
  }
}
