/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU opens by path what libvirt made for it. Each such path appears at the same place in a private copy of the
 * pod's mount namespace. Nothing is created in the pod's own file system: where a mount point is missing, the
 * nearest existing directory above it is covered by a skeleton.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry.h"
#include "mounts.h"
#include "safe-fds.h"

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
      int skeleton = skeleton_cover(at, ancestor, failure);
      close(at);
      if (skeleton < 0)
        return -1;
      at = skeleton;
      struct stat info;
      if (fstat(skeleton, &info) == 0)
        skeletons[(*skeleton_count)++] = info.st_dev;
    }
    int point = skeleton_make_mount_point(at, rest, source.st_mode);
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
  int attached = attach_mount(projection->tree, at, "");
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
