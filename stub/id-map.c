/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libvirt's files belong to ids of the node; a pod with a user namespace has other ids of the node under the same
 * numbers. A mount can translate between the two. The kernel takes the table in the form of a user namespace only, so
 * one is made for it, in which nothing ever runs.
 *
 * The table has the ids of QEMU and no others. With all those of the pod in it, as in the pod's own user namespace, a
 * process of the pod that got hold of a projected directory could leave a file there that is root's on the node. So can
 * root of a pod without a user namespace, for which the table names each id as itself. Nor has it the groups that the
 * pod has chosen, of which a file could be setgid.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "entry.h"
#include "safe-fds.h"

#define HOLDER_MS 2000
#define MAX_TEXT 4095 /* what the kernel takes in one write, and it takes only one */

/* Opened by the process that is in the namespace, in the table of fds that it shares with its parent: so its pid need
 * mean nothing in the procfs that is mounted here. */
struct holder_fds {
  int proc, namespace;
};

static _Noreturn void hold_namespace(int answer, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
  if (getppid() != parent)
    _exit(1);
  struct holder_fds fds = {
      .proc = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
      .namespace = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC),
  };
  (void)!write(answer, &fds, sizeof fds);
  for (;;)
    pause();
}

struct map_text {
  char text[MAX_TEXT + 1];
  size_t length;
};

/* Too much of it is told by its length. */
static void add_line(struct map_text *map, uint32_t in_pod, uint32_t on_node) {
  if (map->length < sizeof map->text)
    map->length += (size_t)snprintf(map->text + map->length, sizeof map->text - map->length, "%u %u 1\n", in_pod, on_node);
}

static int write_map(int proc, const char *name, const struct plan *plan, uint32_t kind) {
  struct map_text map = {.length = 0};
  for (size_t i = 0; i < plan->id_count; i++)
    if (plan->ids[i].kind == kind)
      add_line(&map, plan->ids[i].in_pod, plan->ids[i].on_node);
  if (plan->id_count == 0) {
    uint32_t own = kind == PLAN_ID_USER ? plan->uid : plan->gid;
    add_line(&map, own, own);
  }
  if (map.length >= sizeof map.text) {
    errno = E2BIG;
    return -1;
  }
  int file = openat(proc, name, O_WRONLY | O_CLOEXEC);
  if (file < 0)
    return -1;
  ssize_t written = write(file, map.text, map.length);
  int error = errno;
  close(file);
  errno = error;
  return written == (ssize_t)map.length ? 0 : -1;
}

static int write_maps(int proc, const struct plan *plan) {
  if (check_procfs(proc) < 0)
    return -1;
  return write_map(proc, "uid_map", plan, PLAN_ID_USER) < 0 ? -1 : write_map(proc, "gid_map", plan, PLAN_ID_GROUP);
}

/* The pipe never ends: both have all of it. */
static int hear_holder(int answer, struct holder_fds *fds) {
  struct pollfd wait = {.fd = answer, .events = POLLIN};
  if (poll(&wait, 1, HOLDER_MS) != 1 || read(answer, fds, sizeof *fds) != (ssize_t)sizeof *fds) {
    errno = ETIMEDOUT;
    return -1;
  }
  errno = ENOENT;
  return fds->proc < 0 || fds->namespace < 0 ? -1 : 0;
}

static int make_namespace(const struct plan *plan, int answer[2]) {
  pid_t parent = getpid();
  struct holder_fds fds = {-1, -1};
  /* Without a signal at its end: in the shim, that would be QEMU's. */
  pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWUSER | CLONE_FILES, NULL, NULL, NULL, NULL);
  if (pid < 0)
    return -1;
  if (pid == 0)
    hold_namespace(answer[1], parent);
  int result = hear_holder(answer[0], &fds) < 0 ? -1 : write_maps(fds.proc, plan);
  int error = errno;
  kill(pid, SIGKILL);
  while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
    continue;
  if (fds.proc >= 0)
    close(fds.proc);
  if (result < 0 && fds.namespace >= 0)
    close(fds.namespace);
  errno = error;
  return result < 0 ? -1 : fds.namespace;
}

static int has_user_namespaces(void) {
  char limit = '1';
  int file = open("/proc/sys/user/max_user_namespaces", O_RDONLY | O_CLOEXEC);
  if (file >= 0) {
    (void)!read(file, &limit, 1);
    close(file);
  }
  return limit != '0';
}

int id_maps_are_unsupported(int error) {
  switch (error) {
  case ENOSYS: /* before Linux 5.12 */
  case EINVAL: /* the file system, or a kernel without user namespaces */
  case EPERM:  /* what confines this process */
  case EACCES:
    return 1;
  case ENOSPC:
    return !has_user_namespaces();
  default:
    return 0;
  }
}

int id_map_open(const struct plan *plan, struct failure *failure) {
  int answer[2];
  if (pipe2(answer, O_CLOEXEC) < 0)
    return fail(failure, FAIL_ID_MAP, errno, "a pipe");
  int namespace = make_namespace(plan, answer);
  int error = errno;
  close(answer[0]);
  close(answer[1]);
  if (namespace < 0 && error == EXDEV)
    return fail(failure, FAIL_PROC, EXDEV, "a user namespace");
  return namespace < 0 ? fail(failure, FAIL_ID_MAP, error, "a user namespace") : namespace;
}
