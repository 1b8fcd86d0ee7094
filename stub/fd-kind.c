/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "entry.h"

int check_fd_kind(int number, int fd, struct failure *failure) {
  struct stat info;
  int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fstat(fd, &info) < 0)
    return fail(failure, FAIL_FD_KIND, errno, "fd %d", number);
  if (S_ISDIR(info.st_mode))
    return fail(failure, FAIL_FD_KIND, EISDIR, "fd %d", number);
  if ((flags & O_PATH) != 0)
    return fail(failure, FAIL_FD_KIND, EBADF, "fd %d, an O_PATH one", number);
  return 0;
}
