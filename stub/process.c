/* SPDX-License-Identifier: Apache-2.0 */
#include "processes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "entry.h"

int process_open(struct process *process, pid_t pid) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d", (int)pid);
  process->pid = pid;
  process->fd = (int)syscall(SYS_pidfd_open, pid, 0);
  process->proc = process->fd < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  /* Alive after both were opened: both are the same process. */
  if (process->proc >= 0 && !process_ended(process->fd))
    return 0;
  process_close(process);
  return -1;
}

void process_close(const struct process *process) {
  if (process->proc >= 0)
    close(process->proc);
  if (process->fd >= 0)
    close(process->fd);
}

long process_status(const struct process *process, const char *name) {
  char text[4096];
  int file = openat(process->proc, "status", O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return -1;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  text[length < 0 ? 0 : length] = '\0';
  char *line = strstr(text, name), *end = line == NULL ? NULL : strchr(line + 1, '\n');
  if (end == NULL)
    return -1;
  *end = '\0';
  return strtol(strrchr(line, '\t'), NULL, 10);
}
