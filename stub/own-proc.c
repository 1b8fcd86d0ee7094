/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "entry.h"
#include "safe-fds.h"

#define PROC_SUPER_MAGIC 0x9fa0

int check_procfs(int file) {
  struct statfs info;
  if (fstatfs(file, &info) == 0 && info.f_type == PROC_SUPER_MAGIC)
    return 0;
  errno = EXDEV; /* whatever is mounted there: what is written to it changes nothing */
  return -1;
}

int open_own_proc(const char *path) {
  int file = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0 || check_procfs(file) == 0)
    return file;
  close(file);
  errno = EXDEV;
  return -1;
}
