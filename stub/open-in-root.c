/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "safe-fds.h"

#define RESOLVE_NO_MAGICLINKS 0x02U
#define RESOLVE_NO_SYMLINKS 0x04U
#define RESOLVE_IN_ROOT 0x10U

#define MAX_LINKS 40     /* as the kernel */
#define MAX_DEPTH 128    /* directories that the walk holds open */
#define MAX_ATTEMPTS 128 /* against somebody who renames all the time */

/* ---- the kernel's ------------------------------------------------------------------------------------------- */

/* Returns -1 with ENOSYS where the walk has to do it: the kernel has no such call, or a filter forbids it. */
static int open_by_kernel(int root, const char *path, int flags, enum links links) {
  struct {
    uint64_t flags, mode, resolve;
  } how = {.flags = (uint64_t)flags,
           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (links == LINKS_REFUSED ? RESOLVE_NO_SYMLINKS : 0U)};
  for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd >= 0)
      return fd;
    if (errno == EPERM)
      errno = ENOSYS;
    if (errno != EAGAIN) /* it could not tell for renames whether ".." stays inside */
      return -1;
  }
  return -1;
}

/* ---- the walk ----------------------------------------------------------------------------------------------- */

/* The directories from the root to where the walk is: ".." is the one before, and so never above the root, and no
 * matter where a directory has been moved meanwhile. */
struct walk {
  int at[MAX_DEPTH];
  int depth; /* of the last one; at[0] is the caller's */
  int links_left;
  char rest[PATH_MAX];
};

static void rise_to(struct walk *walk, int depth) {
  while (walk->depth > depth)
    close(walk->at[walk->depth--]);
}

/* Cuts the first component off the rest. Returns 0 where there is none. */
static int next_component(struct walk *walk, char name[NAME_MAX + 1], int *is_last) {
  const char *begin = walk->rest + strspn(walk->rest, "/");
  size_t length = strcspn(begin, "/");
  if (length == 0)
    return 0;
  if (length > NAME_MAX) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memcpy(name, begin, length);
  name[length] = '\0';
  const char *after = begin + length;
  *is_last = after[0] == '\0';
  memmove(walk->rest, after, strlen(after) + 1);
  return 1;
}

/* Puts what the link says in front of the rest. */
static int follow(struct walk *walk, int link) {
  char target[PATH_MAX];
  if (walk->links_left-- == 0 || check_procfs(link) == 0) {
    errno = ELOOP;
    return -1;
  }
  ssize_t length = readlinkat(link, "", target, sizeof target);
  if (length < 0)
    return -1;
  if (length == 0 || (size_t)length + strlen(walk->rest) >= sizeof walk->rest) {
    errno = length == 0 ? ENOENT : ENAMETOOLONG;
    return -1;
  }
  memmove(walk->rest + length, walk->rest, strlen(walk->rest) + 1);
  memcpy(walk->rest, target, (size_t)length);
  if (target[0] == '/')
    rise_to(walk, 0);
  return 0;
}

/* Takes one step. Returns the fd once it is there, -1 on failure, -2 to go on. */
static int step(struct walk *walk, const char *name, int is_last, int flags) {
  struct stat info;
  if (strcmp(name, "..") == 0)
    rise_to(walk, walk->depth > 0 ? walk->depth - 1 : 0);
  if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
    return is_last ? openat(walk->at[walk->depth], ".", flags) : -2;

  int found = openat(walk->at[walk->depth], name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
  if (found < 0)
    return -1;
  if (fstat(found, &info) < 0) {
    close(found);
    return -1;
  }
  if (S_ISLNK(info.st_mode)) {
    int followed = follow(walk, found);
    int error = errno;
    close(found);
    errno = error;
    return followed < 0 ? -1 : -2;
  }
  if (is_last && (flags & O_PATH) != 0)
    return found;
  if (is_last) {
    /* It may have become a link meanwhile: that is not followed, but ends in ELOOP. */
    int opened = openat(walk->at[walk->depth], name, flags | O_NOFOLLOW);
    int error = errno;
    close(found);
    errno = error;
    return opened;
  }
  if (!S_ISDIR(info.st_mode) || walk->depth + 1 == MAX_DEPTH) {
    close(found);
    errno = S_ISDIR(info.st_mode) ? ENAMETOOLONG : ENOTDIR;
    return -1;
  }
  walk->at[++walk->depth] = found;
  return -2;
}

static int walk_path(int root, const char *path, int flags, enum links links) {
  static struct walk walk;
  char name[NAME_MAX + 1];
  int is_last = 0, fd = -2, more = 0;

  if (strlen(path) >= sizeof walk.rest) {
    errno = ENAMETOOLONG;
    return -1;
  }
  walk.at[0] = root;
  walk.depth = 0;
  walk.links_left = links == LINKS_REFUSED ? 0 : MAX_LINKS;
  memcpy(walk.rest, path, strlen(path) + 1);
  while (fd == -2 && (more = next_component(&walk, name, &is_last)) > 0)
    fd = step(&walk, name, is_last, flags);
  if (fd == -2) /* the path, or a link at its end, was a directory's: "/" */
    fd = more < 0 ? -1 : openat(walk.at[walk.depth], ".", flags);
  int error = errno;
  rise_to(&walk, 0);
  errno = error;
  return fd;
}

int open_in_root(int root, const char *path, int flags, enum links links) {
#ifdef FOLLOW_LINKS_PLAINLY /* a test shows what becomes of it */
  return openat(root, path[0] == '/' ? path + 1 : path, flags);
#endif
  int fd = open_by_kernel(root, path, flags, links);
  return fd < 0 && errno == ENOSYS ? walk_path(root, path, flags, links) : fd;
}
