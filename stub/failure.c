/* SPDX-License-Identifier: Apache-2.0 */
#include "failure.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "one-line.h"

int fail(struct failure *failure, enum fail_step step, int error, const char *format, ...) {
  va_list arguments;
  failure->step = (int)step;
  failure->error = error;
  va_start(arguments, format);
  vsnprintf(failure->detail, sizeof failure->detail, format, arguments);
  va_end(arguments);
  return -1;
}

static int describe(const struct failure *failure, const char *actor, char *text, size_t size) {
  const char *why = strerror(failure->error), *what = failure->detail;
  switch ((enum fail_step)failure->step) {
  case FAIL_PLAN:
    return snprintf(text, size, "Cannot read the launch plan: %s; use stub, daemon and shim of one release", why);
  case FAIL_STUB:
    return snprintf(text, size, "Cannot talk to the stub (%s): %s; use stub and shim of one release", what, why);
  case FAIL_STUB_GONE:
    return snprintf(text, size, "Cannot start the VM: libvirt ended the stub; start the VM again");
  case FAIL_FD_KIND:
    return snprintf(text, size, "Cannot pass %s to the pod: %s; remove the device or argument it belongs to", what,
                    why);
  case FAIL_TARGET:
    if (failure->error == EACCES || failure->error == EPERM)
      return snprintf(text, size, "Cannot look into the pod (%s): %s; run %s with CAP_SYS_PTRACE", what, why, actor);
    return snprintf(text, size,
                    "Cannot enter the pod: its launcher changed or ended while the VM was starting (%s: %s); start "
                    "the VM again when the pod is running",
                    what, why);
  case FAIL_CGROUP:
    if (failure->error == EBUSY || failure->error == EOPNOTSUPP)
      return snprintf(text, size,
                      "Cannot join the pod's cgroup %s: %s: the launcher has left it, and the pod made of it what takes "
                      "no process; start the VM again when the launcher stays where it is",
                      what, failure->error == EBUSY ? "it has controllers for cgroups below it"
                                                    : "it is beside threaded cgroups");
    return snprintf(text, size,
                    "Cannot join the pod's cgroup %s: %s; check that the pod still runs and that its memory, pids and "
                    "cpuset limits leave room",
                    what, why);
  case FAIL_NAMESPACE:
    return snprintf(text, size,
                    "Cannot enter the pod's namespaces (%s): %s; run %s with CAP_SYS_ADMIN, "
                    "CAP_SYS_CHROOT and CAP_SYS_PTRACE",
                    what, why, actor);
  case FAIL_PROJECT_SOURCE:
    return snprintf(text, size,
                    "Cannot find %s where libvirt runs: %s; set \"libvirt-state\" and \"project\" to paths without "
                    "symlinks",
                    what, why);
  case FAIL_PROJECT_OWNER:
    return snprintf(text, size,
                    "Cannot show %s in the pod: it is not a directory of the user that QEMU runs as; check \"user\" "
                    "in qemu.conf",
                    what);
  case FAIL_PROJECT_SYMLINK:
    return snprintf(text, size,
                    "Cannot show libvirt's files in the pod: %s is a symlink there; make it a directory in the pod's "
                    "image",
                    what);
  case FAIL_PROJECT_CROWDED:
    return snprintf(text, size,
                    "Cannot show libvirt's files in the pod: %s has more than 1024 entries; make the mount point in "
                    "the pod's image",
                    what);
  case FAIL_PROJECT_PLACE:
    return snprintf(text, size,
                    "Cannot show libvirt's files in the pod (%s): %s; make the mount point in the pod's image", what,
                    why);
  case FAIL_IDENTITY:
    return snprintf(text, size, "Cannot become QEMU's user in the pod (%s): %s; run %s with full capabilities",
                    what, why, actor);
  case FAIL_PROC:
    return snprintf(text, size,
                    "Cannot give QEMU what it has from the pod (%s): /proc of %s is not procfs; mount procfs there",
                    what, actor);
  case FAIL_LABEL:
    return snprintf(text, size,
                    "Cannot give QEMU the security label of the pod (%s): %s; let %s run unconfined, or allow its label "
                    "to change to the pod's",
                    what, why, actor);
  case FAIL_MEMORY_POLICY:
    if (failure->error == EINVAL)
      return snprintf(text, size,
                      "Cannot take QEMU's memory from the NUMA nodes of the domain: the pod may use none of them; "
                      "change <numatune> or the pod's cpuset");
    return snprintf(text, size, "Cannot take over the NUMA policy of the stub (%s): %s; remove <numatune>", what, why);
  case FAIL_FDS:
    return snprintf(text, size, "Cannot give QEMU its fds (%s): %s; raise %s's limit of open files", what, why,
                    actor);
  case FAIL_CWD:
    return snprintf(text, size, "Cannot use %s as working directory in the pod: %s; start libvirtd in /", what, why);
  case FAIL_EXEC:
    return snprintf(text, size,
                    "Cannot execute the emulator %s in the pod: %s; install it in the pod's image or set \"emulator\" "
                    "in qemu-kube.conf%s",
                    what, why, failure->error == EACCES ? ", and mount it without noexec" : "");
  case FAIL_TIMEOUT:
    return snprintf(text, size, "Cannot start the emulator: the pod did not let it start in time; check the pod's "
                                "volumes, and that the pod is not paused");
  case FAIL_POD_GONE:
    return snprintf(text, size, "Cannot start the VM: its pod ended meanwhile; start the VM again when the pod is "
                                "running");
  case FAIL_STATE:
    return snprintf(text, size,
                    "Cannot record the launch (%s): %s; make room in the node driver's run directory and start the VM "
                    "again",
                    what, why);
  case FAIL_PID_NAMESPACE:
    return snprintf(text, size,
                    "Cannot join the PID namespace of the pod: libvirt's is no ancestor of it, so libvirt would know "
                    "none of QEMU's threads; take pid out of \"namespaces\", or run libvirt in the PID namespace of "
                    "the node");
  case FAIL_MONITOR:
    return snprintf(text, size,
                    "Cannot join the PID namespace of the pod: %s of libvirt's monitor is no listening Unix socket; "
                    "take pid out of \"namespaces\"",
                    what);
  case FAIL_USER_NAMESPACE:
    return snprintf(text, size,
                    "Cannot enter the pod: its user namespace was made by %s, and not by the container runtime; start its "
                    "launcher without unshare(1) and the like",
                    what);
  case FAIL_ID_MAP:
    return snprintf(text, size,
                    "Cannot show libvirt's files with no ids but QEMU's (%s): %s; run %s with full capabilities, allow the "
                    "node more user namespaces (sysctl user.max_user_namespaces), and leave the pod room for a process",
                    what, why, actor);
  case FAIL_PROJECT_IDS:
    return snprintf(text, size,
                    "Cannot show %s with no ids but QEMU's: %s; use a file system and a kernel that have idmapped mounts "
                    "(ext4, xfs; tmpfs from Linux 6.3 on), or let the pod use the users of the node (\"hostUsers: true\")",
                    what, why);
  case FAIL_KEYRING:
    return snprintf(text, size,
                    "Cannot give QEMU a %s keyring of its own: %s; remove keys of root, or allow it more (sysctl "
                    "kernel.keys.root_maxkeys and root_maxbytes)",
                    what, why);
  case FAIL_FORK:
    return snprintf(text, size,
                    "Cannot make a process for QEMU: %s; check that the pod's limit of processes and memory, and %s's, "
                    "leave room",
                    why, actor);
  case FAIL_ENDED:
    return snprintf(text, size,
                    "Cannot start the VM: the process that was to become QEMU was ended before (%s); check the memory limit "
                    "of the pod, and what ends processes in it",
                    what);
  case FAIL_SECCOMP:
    return snprintf(text, size,
                    "Cannot filter the system calls of QEMU (%s): %s; use a kernel with seccomp filters, or set \"seccomp\" "
                    "in qemu-kube.conf",
                    what, why);
  default:
    return snprintf(text, size, "Cannot start the VM: %s", why);
  }
}

size_t describe_failure(const struct failure *failure, const char *actor, const char *launch_id, char *text, size_t size) {
  char id[64] = "";
  if (launch_id != NULL && strlen(launch_id) < sizeof id - sizeof " (launch )")
    snprintf(id, sizeof id, " (launch %s)", launch_id);
  size_t room = size - strlen(id); /* a text that is cut still ends in it */
  int described = describe(failure, actor, text, room);
  size_t length = described < 0 ? 0 : (size_t)described < room ? (size_t)described : room - 1;
  memcpy(text + length, id, strlen(id) + 1);
  if (size > 0)
    make_one_line(text); /* names from the pod must not make a second line, nor write to a terminal */
  return length + strlen(id);
}
