/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "broker.h"
#include "capabilities.h"
#include "safe-fds.h"

static _Noreturn void answer(int out, enum read_step step, int error, const char *content, size_t length) {
  struct read_result result = {.error = (uint32_t)error, .step = (uint32_t)step};
  (void)!write(out, &result, sizeof result);
  while (length > 0) {
    ssize_t written = write(out, content, length);
    if (written <= 0)
      break;
    content += written;
    length -= (size_t)written;
  }
  _exit(0);
}

/* Root's file access must never serve a path that a pod controls: become what the target is. */
static int take_ids(const struct read_request *request) {
  gid_t groups[PLAN_MAX_GROUPS];
  if (request->uid == (uid_t)-1 || request->gid == (gid_t)-1) {
    errno = EINVAL; /* -1 means "as it is" there: root */
    return -1;
  }
  for (uint32_t i = 0; i < request->group_count; i++)
    groups[i] = request->groups[i];
  if (setgroups(request->group_count, groups) < 0 || setresgid(request->gid, request->gid, request->gid) < 0 ||
      setresuid(request->uid, request->uid, request->uid) < 0)
    return -1;
  return drop_capabilities();
}

/* Opens what has been looked at, and nothing that was put into its place meanwhile. By its number here: this process is not
 * in the pod's mount namespace, and /proc/self is the node's. */
static int reopen(int file, const struct stat *seen) {
  char path[32];
  struct stat opened;
  snprintf(path, sizeof path, "/proc/self/fd/%d", file);
  int again = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  if (again < 0 || fstat(again, &opened) < 0)
    return -1;
  if (opened.st_dev == seen->st_dev && opened.st_ino == seen->st_ino)
    return again;
  errno = ESTALE; /* whatever is mounted at /proc */
  return -1;
}

_Noreturn void read_file(int proc_directory, const struct read_request *request, int out) {
  static char content[65536 + 1];
  struct rlimit no_core = {0, 0};
  struct stat info;

  setrlimit(RLIMIT_CORE, &no_core);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
  int root = openat(proc_directory, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0)
    answer(out, READ_ROOT, errno, NULL, 0);
  if (take_ids(request) < 0)
    answer(out, READ_ROOT, errno, NULL, 0);
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* a change of ids may set it, as fs.suid_dumpable says */
  /* Nobody else would end a child that hangs. After the ids, whose change clears it. */
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != request->parent)
    _exit(1);

  /* Symlinks are followed, since Secret volumes are made of them, but never out of the target's root. What it is, is
   * looked at before it is opened: to open a device can be enough to set it off. */
  int found = open_in_root(root, request->path, O_PATH | O_CLOEXEC, LINKS_IN_ROOT);
  if (found < 0)
    answer(out, READ_OPEN, errno, NULL, 0);
  if (fstat(found, &info) < 0)
    answer(out, READ_OPEN, errno, NULL, 0);
  if (!S_ISREG(info.st_mode))
    answer(out, READ_TYPE, S_ISDIR(info.st_mode) ? EISDIR : EINVAL, NULL, 0);
  int file = reopen(found, &info);
  if (file < 0)
    answer(out, READ_OPEN, errno, NULL, 0);
  if (info.st_size > (off_t)request->max_size)
    answer(out, READ_SIZE, EFBIG, NULL, 0);

  size_t length = 0;
  for (;;) {
    ssize_t got = read(file, content + length, request->max_size + 1 - length);
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      answer(out, READ_CONTENT, errno, NULL, 0);
    if (got == 0)
      break;
    length += (size_t)got;
    if (length > request->max_size)
      answer(out, READ_SIZE, EFBIG, NULL, 0);
  }
  answer(out, READ_CONTENT, 0, content, length);
}
