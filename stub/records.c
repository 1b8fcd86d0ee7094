/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "failpoint.h"
#include "shim.h"

#define PID_FS_MAGIC 0x50494446

int write_record(const char *name, const char *text, size_t length) {
  char temporary[64];
  snprintf(temporary, sizeof temporary, ".%s.new", name);
  int file = openat(SHIM_STATE, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0)
    return -1;
  ssize_t written = write(file, text, length);
  if (written >= 0 && written != (ssize_t)length) {
    errno = ENOSPC;
    written = -1;
  }
  if (written < 0 || fsync(file) < 0) {
    int failure = errno;
    close(file);
    unlinkat(SHIM_STATE, temporary, 0);
    errno = failure;
    return -1;
  }
  close(file);
  failpoint(name[0] == 'e' ? "exit-written" : "started-written");
  if (renameat(SHIM_STATE, temporary, SHIM_STATE, name) < 0)
    return -1;
  failpoint(name[0] == 'e' ? "exit-renamed" : "started-renamed");
  return fsync(SHIM_STATE);
}

unsigned long long start_time(pid_t pid) {
  char path[32], text[1024];
  snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return 0;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length <= 0)
    return 0;
  text[length] = '\0';
  /* The name may hold anything, blanks and parentheses too: count the fields from the last ')'. */
  char *field = strrchr(text, ')');
  for (int i = 2; field != NULL && i < 22; i++)
    field = strchr(field + 1, ' ');
  return field == NULL ? 0 : strtoull(field + 1, NULL, 10);
}

unsigned long long pidfd_inode(pid_t pid) {
  struct statfs system;
  struct stat info;
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
  if (pidfd < 0)
    return 0;
  int is_known = fstatfs(pidfd, &system) == 0 && system.f_type == PID_FS_MAGIC && fstat(pidfd, &info) == 0;
  close(pidfd);
  return is_known ? info.st_ino : 0;
}
