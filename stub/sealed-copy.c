/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker.h"

#ifndef MFD_EXEC
#define MFD_EXEC 0x10U
#endif

/* Nobody can write through /proc/PID/exe into a sealed memfd, and it pins no mount of the daemon's container. */
int sealed_copy(const char *path) {
  struct stat info;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return -1;
  /* Where vm.memfd_noexec is set, only a memfd that asks for it can be executed; older kernels do not know the flag. */
  int copy = memfd_create("qemu-kube-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
  if (copy < 0 && errno == EINVAL)
    copy = memfd_create("qemu-kube-shim", MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (copy < 0 || fstat(file, &info) < 0)
    goto fail;
  for (off_t left = info.st_size; left > 0;) {
    ssize_t copied = sendfile(copy, file, NULL, (size_t)left);
    if (copied <= 0) {
      errno = copied == 0 ? EIO : errno;
      goto fail;
    }
    left -= copied;
  }
  if (fchmod(copy, 0555) < 0 ||
      fcntl(copy, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) < 0)
    goto fail;
  close(file);
  return copy;

fail:
  close(file);
  if (copy >= 0)
    close(copy);
  return -1;
}
