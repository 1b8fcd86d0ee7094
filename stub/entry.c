/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "entry.h"
#include "failpoint.h"
#include "keyring.h"
#include "reset-signals.h"

#define SECCOMP_SET_MODE_FILTER 1U

static int set_oom_score(const struct plan *plan, struct failure *failure) {
  char text[16];
  int length = snprintf(text, sizeof text, "%d", plan->oom_score_adj);
  int file = open_own_proc("/proc/self/oom_score_adj");
  if (file < 0 && errno == EXDEV)
    return fail(failure, FAIL_PROC, EXDEV, "its OOM score");
  if (file < 0)
    return fail(failure, FAIL_IDENTITY, errno, "its OOM score");
  /* Without CAP_SYS_RESOURCE it can't be lowered; to stay easier to kill than the pod does no harm. */
  (void)!write(file, text, (size_t)length);
  close(file);
  return 0;
}

static int enter_mount_namespace(struct entry *entry, int pod_mnt, int pod_users, struct failure *failure) {
  struct projection projections[PLAN_MAX_PROJECTS];
  size_t present = 0;

  /* Only a mount of our own namespace can be cloned: so from libvirt's first, and then over. */
  if (entry->libvirt_mnt >= 0 && setns(entry->libvirt_mnt, CLONE_NEWNS) < 0)
    return fail(failure, FAIL_NAMESPACE, errno, "libvirt's mnt");
  if (pod_mnt < 0)
    return 0;
  if (projection_open(entry->plan, entry->id_map, projections, failure) < 0)
    return -1;
  for (size_t i = 0; i < entry->plan->project_count; i++)
    present += projections[i].tree >= 0;

  if (setns(pod_mnt, CLONE_NEWNS) < 0)
    return fail(failure, FAIL_NAMESPACE, errno, "mnt");
  /* setns() leads to the namespace's root, which is not the target's when that is chrooted. Root and working
   * directory move along into the copy that unshare() makes. */
  if (fchdir(entry->target_root) < 0)
    return fail(failure, FAIL_TARGET, errno, "root");
  close(entry->target_root);
  /* After all that takes rights on the node, and before anything is done in the pod. */
  if (pod_users >= 0 && become_root_of(pod_users, failure) < 0)
    return -1;
  failpoint("users-joined");
  if (present > 0) {
    if (unshare(CLONE_NEWNS) < 0)
      return fail(failure, FAIL_NAMESPACE, errno, "a private copy of mnt");
    /* Later volumes still arrive here, and nothing of ours leaks into the pod. */
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
      return fail(failure, FAIL_NAMESPACE, errno, "propagation of mnt");
  }
  if (chroot(".") < 0)
    return fail(failure, FAIL_TARGET, errno, "root");
  return present == 0 ? 0 : projection_place(projections, entry->plan->project_count, failure);
}

static int enter_namespaces(struct entry *entry, struct failure *failure) {
  const struct plan *plan = entry->plan;
  int pod_mnt = -1, pod_users = -1;
  for (size_t i = 0; i < plan->namespace_count; i++) {
    if (plan->namespaces[i].flag == CLONE_NEWNS) {
      pod_mnt = entry->namespaces[i];
      continue;
    }
    if (plan->namespaces[i].flag == CLONE_NEWUSER) {
      pod_users = entry->namespaces[i];
      continue;
    }
    if (plan->namespaces[i].flag == CLONE_NEWPID) { /* a process is born in it, or never in it: see shim-child.c */
      close(entry->namespaces[i]);
      continue;
    }
    if (setns(entry->namespaces[i], (int)plan->namespaces[i].flag) < 0)
      return fail(failure, FAIL_NAMESPACE, errno, "%s", namespace_file(plan->namespaces[i].flag) + 3);
    close(entry->namespaces[i]);
  }
  if (enter_mount_namespace(entry, pod_mnt, pod_users, failure) < 0)
    return -1;
  if (entry->libvirt_mnt >= 0)
    close(entry->libvirt_mnt);
  if (pod_mnt >= 0)
    close(pod_mnt);
  if (pod_users >= 0)
    close(pod_users);
  if (entry->id_map >= 0)
    close(entry->id_map);
  return 0;
}

static int enter_directory(const struct plan *plan, struct failure *failure) {
  char path[4096];
  if (chdir(plan->cwd) < 0)
    return fail(failure, FAIL_CWD, errno, "%.400s", plan->cwd);
  if (syscall(SYS_getcwd, path, sizeof path) < 0 || path[0] != '/')
    return fail(failure, FAIL_CWD, ENOENT, "%.400s", plan->cwd);
  return 0;
}

/* To what the pod's cpuset allows: the daemon's own affinity is no business of QEMU's. */
static void reset_affinity(void) {
  unsigned char all[1024];
  memset(all, 0xff, sizeof all);
  syscall(SYS_sched_setaffinity, 0, sizeof all, all);
}

/* Where that fails for want of quota the old one stays, with the keys of whoever started us. A filter of a container that
 * forbids it, or a kernel without keys, keeps QEMU from them as well. */
static int leave_keyring(const struct entry *entry, struct failure *failure) {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0 || errno == ENOSYS || errno == EPERM)
    return 0;
  int error = errno;
  /* Root's quota is also that of root of the pods, who can use it up. What the broker gave us then has no keys. */
  if (error == EDQUOT && entry->is_of_broker && syscall(SYS_keyctl, KEYCTL_READ, SESSION_KEYRING, NULL, 0) == 0)
    return 0;
  return fail(failure, FAIL_KEYRING, error, "session");
}

int entry_enter(struct entry *entry, struct failure *failure) {
  const struct plan *plan = entry->plan;

  /* Before it enters the pod, where /proc could be anything. */
  if (set_oom_score(plan, failure) < 0 || security_label_take(&entry->label, failure) < 0)
    return -1;
  /* From here on nobody in the pod may trace this process or look into it. */
  if (hide_process(failure) < 0 || leave_keyring(entry, failure) < 0)
    return -1;
  reset_signals();
  raise_hard_limits(plan);
  umask(0);
  if (enter_namespaces(entry, failure) < 0)
    return -1;
  umask((mode_t)plan->umask);
  reset_affinity();
  if (plan->affinity_size > 0)
    syscall(SYS_sched_setaffinity, 0, plan->affinity_size, plan->affinity);
  failpoint("namespaces-entered");
  return 0;
}

int entry_become_caller(const struct plan *plan, struct failure *failure) {
  set_limits(plan);
  return become_caller(plan, failure);
}

/* The last thing before the exec: from here on this process may do only what QEMU may. */
static int confine(const struct plan_filter *filter, struct failure *failure) {
  struct {
    unsigned short length;
    void *instructions;
  } program = {.length = filter->length, .instructions = filter->instructions};
  if (filter->length == 0)
    return 0;
  return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags, &program) < 0
             ? fail(failure, FAIL_SECCOMP, errno, "%u instructions", filter->length)
             : 0;
}

void entry_execute(const struct plan *plan, struct failure *failure) {
  if (enter_directory(plan, failure) < 0 || confine(&plan->filter, failure) < 0)
    return;
  failpoint("before-exec");
  execve(plan->emulator, plan->argv, plan->envp);
  fail(failure, FAIL_EXEC, errno, "%.400s", plan->emulator);
}
