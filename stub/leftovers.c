/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What QEMU leaves behind in libvirt's PID namespace, where libvirt runs in a container. A process that loses its parent
 * there becomes the child of that namespace's first process, never the shim's, which is outside. It would keep the pod's
 * cgroup, and outlive its VM. Known are such processes by three things together, none of which it can choose: it is in
 * the pod's cgroup, in the PID namespace that its QEMU was put in, and a child of that namespace's first process. The
 * pod's own processes are in another PID namespace, libvirt's in other cgroups, and the QEMU of another launch is the
 * child of its shim.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

#define GET_PARENT_NAMESPACE _IO(0xb7, 2)
#define MAX_NESTING 32 /* of PID namespaces, by the kernel */

/* QEMU's PID namespace and the pod's. Held open: the number of one that is gone may become another's. */
static int namespace = -1, pod_namespace = -1;

static ino_t inode_of(int file) {
  struct stat info;
  return file < 0 || fstat(file, &info) < 0 ? 0 : info.st_ino;
}

static int open_pid_namespace(int proc) { return openat(proc, "ns/pid", O_RDONLY | O_CLOEXEC); }

void leftovers_expect(int pid_namespace) {
  pod_namespace = open_pid_namespace(SHIM_TARGET_PROC);
  /* In a pod that shares libvirt's PID namespace they can't be told from the pod's own, and end with that. */
  if (pod_namespace >= 0 && inode_of(pod_namespace) != inode_of(pid_namespace))
    namespace = fcntl(pid_namespace, F_DUPFD_CLOEXEC, 0);
}

/* Its PID namespace is that of QEMU, or one that was made in there. */
static int is_in_namespace(int proc) {
  ino_t wanted = inode_of(namespace), pod = inode_of(pod_namespace), own;
  int file = open_pid_namespace(proc);
  for (int level = 0; level < MAX_NESTING && (own = inode_of(file)) != 0 && own != wanted && own != pod; level++) {
    int parent = (int)syscall(SYS_ioctl, file, GET_PARENT_NAMESPACE);
    close(file);
    file = parent;
  }
  own = inode_of(file);
  if (file >= 0)
    close(file);
  return own == wanted;
}

/* The last number of a line of /proc/PID/status, or -1. */
static long status_field(int proc, const char *name) {
  char text[4096];
  int file = openat(proc, "status", O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return -1;
  ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  text[length < 0 ? 0 : length] = '\0';
  char *line = strstr(text, name), *end = line == NULL ? NULL : strchr(line + 1, '\n');
  if (end == NULL)
    return -1;
  *end = '\0';
  return strtol(strrchr(line, '\t'), NULL, 10);
}

static int open_process(pid_t pid) {
  char path[32];
  snprintf(path, sizeof path, "/proc/%d", (int)pid);
  return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* That process keeps its pid as long as the namespace is there: what was its child is no other's meanwhile. */
static int is_child_of_first(int proc) {
  int parent = open_process((pid_t)status_field(proc, "\nPPid:\t"));
  if (parent < 0)
    return 0;
  int file = open_pid_namespace(parent);
  int is_first = file >= 0 && inode_of(file) == inode_of(namespace) && status_field(parent, "\nNSpid:\t") == 1;
  if (file >= 0)
    close(file);
  close(parent);
  return is_first;
}

static int kill_leftover(pid_t pid) {
  int pidfd = (int)syscall(SYS_pidfd_open, pid, 0), proc = open_process(pid);
  /* Alive after both were opened: both are the same process. */
  int is_one =
      pidfd >= 0 && proc >= 0 && !process_ended(pidfd) && is_in_namespace(proc) && is_child_of_first(proc);
  if (is_one)
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
  if (pidfd >= 0)
    close(pidfd);
  if (proc >= 0)
    close(proc);
  return is_one;
}

int leftovers_kill(const struct plan *plan) {
  char path[4096 + 16];
  int killed = 0, pid;
  for (size_t i = 0; namespace >= 0 && i < plan->cgroup_count; i++) {
    snprintf(path, sizeof path, "%s/cgroup.procs", plan->cgroups[i]);
    FILE *list = fopen(path, "re");
    if (list == NULL)
      continue;
    while (fscanf(list, "%d", &pid) == 1)
      killed += pid > 1 && kill_leftover(pid);
    fclose(list);
  }
  return killed;
}
