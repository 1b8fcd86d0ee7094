/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capabilities.h"
#include "entry.h"
#include "failpoint.h"
#include "reset-signals.h"

#define SECCOMP_SET_MODE_FILTER 1U
#define KEYCTL_JOIN_SESSION_KEYRING 1
#define GET_OWNER_UID _IO(0xb7, 0x4) /* NS_GET_OWNER_UID of linux/nsfs.h */

#ifdef TRACEABLE /* a test shows what becomes of it */
#define DUMPABLE 1
#else
#define DUMPABLE 0
#endif

/* ---- before entering: open everything ---------------------------------------------------------------------- */

static const char *namespace_file(uint32_t flag) {
  switch (flag) {
  case CLONE_NEWNS:
    return "ns/mnt";
  case CLONE_NEWNET:
    return "ns/net";
  case CLONE_NEWIPC:
    return "ns/ipc";
  case CLONE_NEWUTS:
    return "ns/uts";
  case CLONE_NEWCGROUP:
    return "ns/cgroup";
  case CLONE_NEWPID:
    return "ns/pid";
  case CLONE_NEWUSER:
    return "ns/user";
  default:
    return NULL;
  }
}

/* The container runtime makes that of a pod, as root. One that another user has made says what that user wants. */
static int check_owner(int user_namespace, struct failure *failure) {
  uid_t owner;
  if (ioctl(user_namespace, GET_OWNER_UID, &owner) < 0)
    return fail(failure, FAIL_NAMESPACE, errno, "the owner of user");
  return owner == 0 ? 0 : fail(failure, FAIL_USER_NAMESPACE, EPERM, "user %u", owner);
}

/* The namespace must still be the one that was decided on: the launcher may have unshared since. */
static int open_namespace(int target_proc, const struct plan_namespace *wanted, struct failure *failure) {
  struct stat info;
  const char *name = namespace_file(wanted->flag);
  if (name == NULL)
    return fail(failure, FAIL_NAMESPACE, EINVAL, "namespace flag %#x", wanted->flag);
  int fd = openat(target_proc, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &info) < 0)
    return fail(failure, FAIL_TARGET, errno, "%s", name);
#ifdef ANY_TARGET /* a test shows what becomes of it */
  return fd;
#endif
  if (info.st_ino != wanted->inode) {
    close(fd);
    return fail(failure, FAIL_TARGET, ESTALE, "%s", name);
  }
  if (wanted->flag == CLONE_NEWUSER && check_owner(fd, failure) < 0) {
    close(fd);
    return -1;
  }
  return fd;
}

int process_ended(int pidfd) {
  struct pollfd wait = {.fd = pidfd, .events = POLLIN};
  return poll(&wait, 1, 0) > 0;
}

/* Where the pod has the node's ids, it keeps its root from making files of root's on the node, and is done without on a
 * node that has no such mounts. */
static int open_id_map(struct entry *entry, struct failure *failure) {
  struct failure ignored;
  int must_have = entry->plan->id_count > 0;
  entry->id_map = -1;
  if (must_have || projection_is_mapped(entry->plan))
    entry->id_map = id_map_open(entry->plan, must_have ? failure : &ignored);
  return entry->id_map < 0 && must_have ? -1 : 0;
}

int entry_open(struct entry *entry, struct failure *failure) {
  const struct plan *plan = entry->plan;
  if (open_id_map(entry, failure) < 0)
    return -1;
  for (size_t i = 0; i < plan->namespace_count; i++)
    if ((entry->namespaces[i] = open_namespace(entry->target_proc, &plan->namespaces[i], failure)) < 0)
      return -1;
  entry->target_root = openat(entry->target_proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (entry->target_root < 0)
    return fail(failure, FAIL_TARGET, errno, "root");
  if (security_label_read(entry->target_proc, &entry->label, failure) < 0)
    return -1;
  failpoint("target-opened");
  /* The launcher is alive now, so everything that was opened through its pid is its own. */
  if (process_ended(entry->init) || process_ended(entry->target))
    return fail(failure, FAIL_POD_GONE, ESRCH, "before entering");
  return 0;
}

void entry_close(const struct entry *entry) {
  for (size_t i = 0; i < entry->plan->namespace_count; i++)
    close(entry->namespaces[i]);
  close(entry->target_root);
  if (entry->id_map >= 0)
    close(entry->id_map);
}

/* ---- in the process that enters ---------------------------------------------------------------------------- */

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

static int hide_again(struct failure *failure) {
  return prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0) < 0 ? fail(failure, FAIL_IDENTITY, errno, "not to be dumpable") : 0;
}

/* From here on this process may do on the node what nobody may, and in the pod what its root may. It must be that root:
 * who has no id in a user namespace can make no file in it. */
static int become_root_of(int user_namespace, struct failure *failure) {
  if (setns(user_namespace, CLONE_NEWUSER) < 0)
    return fail(failure, FAIL_NAMESPACE, errno, "user");
  /* New capabilities and new ids set it as fs.suid_dumpable says. */
  if (hide_again(failure) < 0)
    return -1;
  if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
    return fail(failure, FAIL_IDENTITY, errno, "root of its user namespace");
  return hide_again(failure);
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

/* In a user namespace nothing gives the right to it. The rest waits, since the fds are still to be arranged. */
static void raise_hard_limits(const struct plan *plan) {
  for (size_t i = 0; i < plan->rlimit_count; i++) {
    struct rlimit own;
    if (getrlimit((int)plan->rlimits[i].resource, &own) < 0 || own.rlim_max >= plan->rlimits[i].hard)
      continue;
    own.rlim_max = plan->rlimits[i].hard;
    setrlimit((int)plan->rlimits[i].resource, &own);
  }
}

static void set_limits(const struct plan *plan) {
  for (size_t i = 0; i < plan->rlimit_count; i++) {
    const struct plan_rlimit *wanted = &plan->rlimits[i];
    struct rlimit limit = {.rlim_cur = wanted->soft, .rlim_max = wanted->hard};
    if (setrlimit((int)wanted->resource, &limit) == 0)
      continue;
    /* Hard limits can't be raised without CAP_SYS_RESOURCE: as close as they let us. */
    struct rlimit own;
    if (getrlimit((int)wanted->resource, &own) < 0)
      continue;
    limit.rlim_max = wanted->hard < own.rlim_max ? wanted->hard : own.rlim_max;
    limit.rlim_cur = wanted->soft < limit.rlim_max ? wanted->soft : limit.rlim_max;
    setrlimit((int)wanted->resource, &limit);
  }
}

/* Groups before gid before uid: each step takes away the right to the one before. */
static int become_caller(const struct plan *plan, struct failure *failure) {
  gid_t groups[PLAN_MAX_GROUPS];
  for (size_t i = 0; i < plan->group_count; i++)
    groups[i] = plan->groups[i];
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
      return fail(failure, FAIL_IDENTITY, errno, "the capability bounding set");
  if (setgroups(plan->group_count, groups) < 0 || setresgid(plan->gid, plan->gid, plan->gid) < 0 ||
      setresuid(plan->uid, plan->uid, plan->uid) < 0)
    return fail(failure, FAIL_IDENTITY, errno, "uid %u, gid %u", plan->uid, plan->gid);
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || drop_capabilities() < 0)
    return fail(failure, FAIL_IDENTITY, errno, "no capabilities");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return fail(failure, FAIL_IDENTITY, errno, "no new privileges");
  /* A change of ids sets it as fs.suid_dumpable says. */
  return hide_again(failure);
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
static int leave_keyring(struct failure *failure) {
  if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0 || errno == ENOSYS || errno == EPERM)
    return 0;
  return fail(failure, FAIL_KEYRING, errno, "session");
}

int entry_enter(struct entry *entry, struct failure *failure) {
  const struct plan *plan = entry->plan;

  /* Before it enters the pod, where /proc could be anything. */
  if (set_oom_score(plan, failure) < 0 || security_label_take(&entry->label, failure) < 0)
    return -1;
  /* From here on nobody in the pod may trace this process or look into it. */
  if (hide_again(failure) < 0 || leave_keyring(failure) < 0)
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
