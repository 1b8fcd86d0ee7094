/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "mounts.h"

#define OPEN_TREE_CLONE 1U
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#define MOVE_FROM_EMPTY 0x04U
#define MOVE_TO_EMPTY 0x40U
#define CONTEXT_CLOEXEC 1U
#define CONTEXT_SET_STRING 1U
#define CONTEXT_CREATE 6U
#define FSMOUNT_CLOEXEC 1U
#define ATTR_NOSUID 0x02U
#define ATTR_NODEV 0x04U
#define ATTR_NOEXEC 0x08U
#define ATTR_IDMAP 0x00100000U

int clone_mount(int directory, const char *path, unsigned flags) {
  return (int)syscall(SYS_open_tree, directory, path, flags | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

struct mount_attributes {
  uint64_t set, clear, propagation, userns;
};

int make_slave(int tree) {
  struct mount_attributes attributes = {.propagation = MS_SLAVE};
  long result = syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE_TREE, &attributes, sizeof attributes);
  return result < 0 && errno != ENOSYS ? -1 : 0; /* before Linux 5.12 only the paths, none inside another, see to it */
}

int translate_ids(int tree, int id_map) {
  struct mount_attributes attributes = {.set = ATTR_IDMAP, .userns = (uint64_t)id_map};
  return (int)syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
}

int attach_mount(int tree, int directory, const char *name) {
  unsigned flags = MOVE_FROM_EMPTY | (name[0] == '\0' ? MOVE_TO_EMPTY : 0U);
  return (int)syscall(SYS_move_mount, tree, "", directory, name, flags);
}

int new_tmpfs(void) {
  int context = (int)syscall(SYS_fsopen, "tmpfs", CONTEXT_CLOEXEC);
  if (context < 0)
    return -1;
  int mount = -1;
  if (syscall(SYS_fsconfig, context, CONTEXT_SET_STRING, "source", "qemu-kube", 0) == 0 &&
      syscall(SYS_fsconfig, context, CONTEXT_SET_STRING, "size", "1m", 0) == 0 &&
      syscall(SYS_fsconfig, context, CONTEXT_CREATE, NULL, NULL, 0) == 0)
    mount = (int)syscall(SYS_fsmount, context, FSMOUNT_CLOEXEC, ATTR_NOSUID | ATTR_NODEV | ATTR_NOEXEC);
  int error = errno;
  close(context);
  errno = error;
  return mount;
}
