/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU opens by path what libvirt made for it. Each such path appears at the same place in a private copy of the
 * pod's mount namespace. Nothing is created in the pod's own file system: where a mount point is missing, the
 * nearest existing directory above it is covered by a small tmpfs, which holds the missing directories and, bound
 * in again, everything that was there before (the "skeleton").
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "entry.h"
#include "safe-fds.h"

#define OPEN_TREE_CLONE 1U
#define OPEN_TREE_CLOEXEC O_CLOEXEC
#define AT_RECURSIVE_TREE 0x8000U
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

#define MAX_CHILDREN 1024

static int open_tree(int directory, const char *path, unsigned flags) {
  return (int)syscall(SYS_open_tree, directory, path, flags | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);
}

struct mount_attributes {
  uint64_t set, clear, propagation, userns;
};

/* A clone of a shared mount would be its peer: what is mounted on it here would appear on the node as well. */
static int make_slave(int tree) {
  struct mount_attributes attributes = {.propagation = MS_SLAVE};
  long result = syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE_TREE, &attributes, sizeof attributes);
  return result < 0 && errno != ENOSYS ? -1 : 0; /* before Linux 5.12 only the paths, none inside another, see to it */
}

/* What else there is may well belong to other users, and be written all the same: the socket of a switch, say. */
static int is_mapped(const struct plan *plan, const struct plan_project *project) {
  return plan->id_count > 0 || (project->flags & PROJECT_OWNED) != 0;
}

int projection_is_mapped(const struct plan *plan) {
  for (size_t i = 0; i < plan->project_count; i++)
    if (is_mapped(plan, &plan->projects[i]))
      return 1;
  return 0;
}

static int translate_ids(int tree, int id_map) {
  struct mount_attributes attributes = {.set = ATTR_IDMAP, .userns = (uint64_t)id_map};
  return (int)syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH, &attributes, sizeof attributes);
}

static int attach(int tree, int directory, const char *name) {
  unsigned flags = MOVE_FROM_EMPTY | (name[0] == '\0' ? MOVE_TO_EMPTY : 0U);
  return (int)syscall(SYS_move_mount, tree, "", directory, name, flags);
}

/* ---- in libvirt's mount namespace ------------------------------------------------------------------------- */

/* For the message alone. */
static const struct {
  uint32_t magic;
  const char *name;
} file_systems[] = {
    {0x794c7630, "overlayfs"}, {0x01021994, "tmpfs"}, {0x6969, "nfs"},       {0x65735546, "fuse"},
    {0x01021997, "9p"},        {0x858458f6, "ramfs"}, {0x00c36400, "ceph"}, {0xff534d42, "cifs"},
    {0xfe534d42, "smb"},       {0x2fc12fc1, "zfs"},   {0xef53, "ext4"},      {0x58465342, "xfs"},
};

static const char *name_file_system(int file) {
  static char text[32];
  struct statfs info;
  if (fstatfs(file, &info) < 0)
    return "a file system";
  for (size_t i = 0; i < sizeof file_systems / sizeof file_systems[0]; i++)
    if ((uint32_t)info.f_type == file_systems[i].magic)
      return file_systems[i].name;
  snprintf(text, sizeof text, "a file system %#x", (uint32_t)info.f_type);
  return text;
}

static int open_source(const struct plan *plan, const struct plan_project *project, int id_map,
                       struct failure *failure) {
  struct stat info;

  /* libvirt's qemu user may write in these directories: a symlink could point anywhere on the node. */
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int source = root < 0 ? -1 : open_in_root(root, project->path, O_PATH | O_CLOEXEC, LINKS_REFUSED);
  int refusal = errno;
  if (root >= 0)
    close(root);
  errno = refusal;
  if (source < 0)
    return errno == ENOENT && (project->flags & PROJECT_OPTIONAL) != 0
               ? -1
               : fail(failure, FAIL_PROJECT_SOURCE, errno, "%s", project->path);
  if (fstat(source, &info) < 0 || ((project->flags & PROJECT_OWNED) != 0 &&
                                   (!S_ISDIR(info.st_mode) || info.st_uid != plan->uid))) {
    close(source);
    return fail(failure, FAIL_PROJECT_OWNER, EPERM, "%s", project->path);
  }
  int tree = open_tree(source, "", AT_EMPTY_PATH);
  int error = errno;
  if (tree >= 0 && make_slave(tree) < 0) {
    error = errno;
    close(tree);
    tree = -1;
  }
  int must_have = plan->id_count > 0;
  if (tree >= 0 && id_map >= 0 && is_mapped(plan, project) && translate_ids(tree, id_map) < 0 && must_have) {
    fail(failure, FAIL_PROJECT_IDS, errno, "%.400s on %s", project->path, name_file_system(source));
    close(tree);
    close(source);
    return -1;
  }
  close(source);
  return tree < 0 ? fail(failure, FAIL_PROJECT_SOURCE, error, "%s", project->path) : tree;
}

int projection_open(const struct plan *plan, int id_map, struct projection *projections, struct failure *failure) {
  failure->detail[0] = '\0';
  for (size_t i = 0; i < plan->project_count; i++) {
    projections[i].path = plan->projects[i].path;
    projections[i].tree = open_source(plan, &plan->projects[i], id_map, failure);
    if (projections[i].tree < 0 && failure->detail[0] != '\0')
      return -1;
  }
  return 0;
}

/* ---- in the private copy of the pod's ---------------------------------------------------------------------- */

static int new_tmpfs(void) {
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

static int copy_symlink(int from, int to, const char *name) {
  char target[PATH_MAX];
  ssize_t length = readlinkat(from, name, target, sizeof target - 1);
  if (length < 0)
    return -1;
  target[length] = '\0';
  return symlinkat(target, to, name);
}

/* Shows one entry of the covered directory in the tmpfs again, with the mounts below it. */
static int carry_over(int covered, int skeleton, const char *name) {
  struct stat info;
  if (fstatat(covered, name, &info, AT_SYMLINK_NOFOLLOW) < 0)
    return errno == ENOENT ? 0 : -1; /* the pod removed it meanwhile */
  if (S_ISLNK(info.st_mode))
    return copy_symlink(covered, skeleton, name);
  int made = S_ISDIR(info.st_mode) ? mkdirat(skeleton, name, 0755) : mknodat(skeleton, name, S_IFREG | 0644, 0);
  if (made < 0)
    return -1;
  int tree = open_tree(covered, name, AT_RECURSIVE_TREE | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
  if (tree < 0)
    return -1;
  int attached = attach(tree, skeleton, name);
  int error = errno;
  close(tree);
  errno = error;
  return attached;
}

static int carry_all_over(int covered, int skeleton) {
  int copy = openat(covered, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *entries = copy < 0 ? NULL : fdopendir(copy);
  if (entries == NULL)
    return -1;
  int result = 0;
  size_t count = 0;
  for (struct dirent *entry; result == 0 && (entry = readdir(entries)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
      continue;
    if (++count > MAX_CHILDREN) {
      errno = E2BIG;
      result = -1;
    } else {
      result = carry_over(covered, skeleton, entry->d_name);
    }
  }
  int error = errno;
  closedir(entries);
  errno = error;
  return result;
}

/* Covers `covered`, the directory at `path`, and returns the tmpfs that does. */
static int cover(int covered, const char *path, struct failure *failure) {
  struct stat info;
  int skeleton = new_tmpfs();
  if (skeleton < 0 || fstat(covered, &info) < 0 || fchownat(skeleton, "", info.st_uid, info.st_gid, AT_EMPTY_PATH) < 0 ||
      fchmodat(skeleton, ".", info.st_mode & 07777, 0) < 0 || attach(skeleton, covered, "") < 0)
    return fail(failure, FAIL_PROJECT_PLACE, errno, "a tmpfs at %s", path);
  if (carry_all_over(covered, skeleton) < 0)
    return errno == E2BIG ? fail(failure, FAIL_PROJECT_CROWDED, E2BIG, "%s", path)
                          : fail(failure, FAIL_PROJECT_PLACE, errno, "the entries of %s", path);
  /* A mount on "/" is not seen through our root directory, which lies below it. */
  if (strcmp(path, "/") == 0 && (fchdir(skeleton) < 0 || chroot(".") < 0))
    return fail(failure, FAIL_PROJECT_PLACE, errno, "a tmpfs at /");
  return skeleton;
}

/* Makes the rest of the path in a skeleton: directories, and last what the projected thing is. */
static int make_mount_point(int skeleton, char *rest, mode_t kind) {
  int at = dup(skeleton);
  for (char *component = rest; at >= 0;) {
    char *slash = strchr(component, '/');
    if (slash != NULL)
      *slash = '\0';
    int last = slash == NULL;
    int made = last && !S_ISDIR(kind) ? mknodat(at, component, S_IFREG | 0600, 0) : mkdirat(at, component, 0755);
    if (made < 0 && errno != EEXIST)
      break;
    int next = openat(at, component, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    close(at);
    at = next;
    if (last)
      return at;
    *slash = '/';
    component = slash + 1;
  }
  if (at >= 0)
    close(at);
  return -1;
}

/* Walks as far as the path exists. Sets *rest to what is missing, or to NULL. Symlinks are never followed: QEMU
 * would follow them, and see something else than what was put there. */
static int walk(const char *path, char *copy, char **rest, struct failure *failure) {
  int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  snprintf(copy, PATH_MAX, "%s", path);
  for (char *component = copy + 1; at >= 0;) {
    char *slash = strchr(component, '/');
    if (slash != NULL)
      *slash = '\0';
    struct stat info;
    int next = openat(at, component, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (next < 0 && errno == ENOENT) {
      if (slash != NULL)
        *slash = '/';
      *rest = component;
      return at;
    }
    close(at);
    if (next < 0 || fstat(next, &info) < 0)
      return fail(failure, FAIL_PROJECT_PLACE, errno, "%s", path);
    if (S_ISLNK(info.st_mode)) {
      close(next);
      return fail(failure, FAIL_PROJECT_SYMLINK, ELOOP, "%s", copy);
    }
    if (slash == NULL) {
      *rest = NULL;
      return next;
    }
    *slash = '/';
    component = slash + 1;
    at = next;
  }
  return fail(failure, FAIL_PROJECT_PLACE, errno, "%s", path);
}

/* Whether the directory is one of our own tmpfs, where mount points can just be made. */
static int is_skeleton(int directory, const dev_t *skeletons, size_t count) {
  struct stat info;
  if (fstat(directory, &info) < 0)
    return 0;
  for (size_t i = 0; i < count; i++)
    if (info.st_dev == skeletons[i])
      return 1;
  return 0;
}

static int place(const struct projection *projection, dev_t *skeletons, size_t *skeleton_count,
                 struct failure *failure) {
  char copy[PATH_MAX], ancestor[PATH_MAX], *rest = NULL;
  struct stat source, destination;

  if (fstat(projection->tree, &source) < 0)
    return fail(failure, FAIL_PROJECT_PLACE, errno, "%s", projection->path);
  int at = walk(projection->path, copy, &rest, failure);
  if (at < 0)
    return -1;
  if (rest != NULL) {
    size_t length = (size_t)(rest - copy);
    snprintf(ancestor, sizeof ancestor, "%.*s", length > 1 ? (int)length - 1 : 1, copy);
    if (!is_skeleton(at, skeletons, *skeleton_count)) {
      int skeleton = cover(at, ancestor, failure);
      close(at);
      if (skeleton < 0)
        return -1;
      at = skeleton;
      struct stat info;
      if (fstat(skeleton, &info) == 0)
        skeletons[(*skeleton_count)++] = info.st_dev;
    }
    int point = make_mount_point(at, rest, source.st_mode);
    int error = errno;
    close(at);
    if (point < 0)
      return fail(failure, FAIL_PROJECT_PLACE, error, "%s", projection->path);
    at = point;
  }
  if (fstat(at, &destination) < 0 || S_ISDIR(source.st_mode) != S_ISDIR(destination.st_mode)) {
    close(at);
    return fail(failure, FAIL_PROJECT_PLACE, ENOTDIR, "%s", projection->path);
  }
  int attached = attach(projection->tree, at, "");
  int error = errno;
  close(at);
  return attached < 0 ? fail(failure, FAIL_PROJECT_PLACE, error, "%s", projection->path) : 0;
}

int projection_place(const struct projection *projections, size_t count, struct failure *failure) {
  dev_t skeletons[PLAN_MAX_PROJECTS];
  size_t skeleton_count = 0;
  for (size_t i = 0; i < count; i++)
    if (projections[i].tree >= 0) {
      if (place(&projections[i], skeletons, &skeleton_count, failure) < 0)
        return -1;
      close(projections[i].tree);
    }
  return 0;
}
