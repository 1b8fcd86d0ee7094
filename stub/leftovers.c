/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What QEMU leaves behind in libvirt's PID namespace, where libvirt runs in a container. A process that loses its parent
 * there becomes the child of that namespace's first process, never the shim's, which is outside. It would keep the pod's
 * cgroup, and outlive its VM. Known are such processes by three things together, none of which it can choose: it is in
 * the pod's cgroup or one below it, in the PID namespace that its QEMU was put in, and a child of that namespace's first
 * process. The pod's own processes are in another PID namespace, libvirt's in other cgroups, and the QEMU of another launch
 * is the child of its shim. What descends from one that is known is ended with it.
 *
 * Not told apart is what another QEMU of the same pod has left behind while it runs: it is ended, too. Nor is a QEMU of exec
 * mode, which is libvirt's child: a pod must not have one while what a VM of fork mode left in it can't be ended.
 */
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "processes.h"
#include "shim.h"

#define GET_PARENT_NAMESPACE _IO(0xb7, 2)
#define MAX_NESTING 32 /* of PID namespaces, by the kernel */
#define DOUBTS 3       /* so often nothing must be met any more, where something was */

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

/* That process keeps its pid as long as the namespace is there: what was its child is no other's meanwhile. */
static int is_first(pid_t pid) {
  struct process process;
  if (process_open(&process, pid) < 0)
    return 0;
  int file = open_pid_namespace(process.proc);
  int is_one = file >= 0 && inode_of(file) == inode_of(namespace) && process_status(&process, "\nNSpid:\t") == 1;
  if (file >= 0)
    close(file);
  process_close(&process);
  return is_one;
}

static int is_child_of_first(const struct process *process) {
  static pid_t first;
  pid_t parent = (pid_t)process_status(process, "\nPPid:\t");
  if (first == 0 && parent > 0 && is_first(parent))
    first = parent;
  return parent > 0 && parent == first;
}

struct search {
  int64_t deadline;
  int found;
};

static int kill_leftover(void *context, pid_t pid) {
  struct search *search = context;
  struct process process;
  if (process_open(&process, pid) == 0) {
    /* The cheaper question first: most processes are the pod's own. */
    if (is_child_of_first(&process) && is_in_namespace(process.proc)) {
      search->found++;
      kill_tree(&process, search->deadline);
    }
    process_close(&process);
  }
  return now_ms() < search->deadline;
}

int leftovers_kill(const struct plan *plan, int64_t deadline) {
  static int doubts;
  struct search search = {.deadline = deadline};
  if (namespace < 0)
    return 0;
  for (size_t i = 0; i < plan->cgroup_count; i++)
    if (!visit_cgroup(plan->cgroups[i], deadline, kill_leftover, &search))
      search.found++;
  if (now_ms() >= deadline)
    search.found++; /* as far as we know */
  /* One that forks and exits all the time is not met each time. */
  if (search.found > 0)
    doubts = DOUBTS;
  else if (doubts > 0)
    doubts--;
  return search.found + doubts;
}
