/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry.h"
#include "mounts.h"
#include "safe-fds.h"

#define MAX_CHILDREN 1024

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
  int tree = clone_mount(covered, name, AT_RECURSIVE_TREE | AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT);
  if (tree < 0)
    return -1;
  int attached = attach_mount(tree, skeleton, name);
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

int skeleton_cover(int covered, const char *path, struct failure *failure) {
  struct stat info;
  int skeleton = new_tmpfs();
  if (skeleton < 0 || fstat(covered, &info) < 0 || fchownat(skeleton, "", info.st_uid, info.st_gid, AT_EMPTY_PATH) < 0 ||
      fchmodat(skeleton, ".", info.st_mode & 07777, 0) < 0 || attach_mount(skeleton, covered, "") < 0)
    return fail(failure, FAIL_PROJECT_PLACE, errno, "a tmpfs at %s", path);
  if (carry_all_over(covered, skeleton) < 0)
    return errno == E2BIG ? fail(failure, FAIL_PROJECT_CROWDED, E2BIG, "%s", path)
                          : fail(failure, FAIL_PROJECT_PLACE, errno, "the entries of %s", path);
  /* A mount on "/" is not seen through our root directory, which lies below it. */
  if (strcmp(path, "/") == 0 && (fchdir(skeleton) < 0 || chroot(".") < 0))
    return fail(failure, FAIL_PROJECT_PLACE, errno, "a tmpfs at /");
  return skeleton;
}

int skeleton_make_mount_point(int skeleton, char *rest, mode_t kind) {
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
