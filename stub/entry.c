/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of one process from the shim into the pod. The order is the point: cgroups first, while this process is
 * still on the host's side and its first page is not yet charged; then the namespaces; then the caller's identity;
 * then nothing but what libvirt passed; then QEMU.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

#define PROC_SUPER_MAGIC 0x9fa0
#define CGROUP2_SUPER_MAGIC 0x63677270
#define KEYCTL_JOIN_SESSION_KEYRING 1
#define INTO_CGROUP 0x200000000ULL

/* ---- before the fork: open everything ---------------------------------------------------------------------- */

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
  default:
    return NULL;
  }
}

/* The namespace must still be the one that was decided on: the launcher may have unshared since. */
static int open_namespace(const struct plan_namespace *wanted, struct failure *failure) {
  struct stat info;
  const char *name = namespace_file(wanted->flag);
  if (name == NULL)
    return fail(failure, FAIL_NAMESPACE, EINVAL, "namespace flag %#x", wanted->flag);
  int fd = openat(SHIM_TARGET_PROC, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &info) < 0)
    return fail(failure, FAIL_TARGET, errno, "%s", name);
  if (info.st_ino != wanted->inode) {
    close(fd);
    return fail(failure, FAIL_TARGET, ESTALE, "%s", name);
  }
  return fd;
}

/* Likewise the cgroups: compared as the text that the decision was made on. */
static int check_cgroups(const struct plan *plan, struct failure *failure) {
  static char text[65536];
  size_t length = 0;
  int file = openat(SHIM_TARGET_PROC, "cgroup", O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return fail(failure, FAIL_TARGET, errno, "cgroup");
  for (ssize_t got; length < sizeof text && (got = read(file, text + length, sizeof text - length)) != 0;) {
    if (got < 0) {
      close(file);
      return fail(failure, FAIL_TARGET, errno, "cgroup");
    }
    length += (size_t)got;
  }
  close(file);
  if (length != plan->cgroup_text_length || memcmp(text, plan->cgroup_text, length) != 0)
    return fail(failure, FAIL_TARGET, ESTALE, "cgroup");
  return 0;
}

/* The directory of a v2 cgroup, where a process can be born; there is one at most. */
static void open_unified(struct entry *entry, size_t index) {
  struct statfs info;
  int directory = open(entry->plan->cgroups[index], O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (directory >= 0 && fstatfs(directory, &info) == 0 && info.f_type == CGROUP2_SUPER_MAGIC && entry->unified < 0) {
    entry->unified = directory;
    entry->unified_index = index;
  } else if (directory >= 0) {
    close(directory);
  }
}

static int open_cgroups(struct entry *entry, struct failure *failure) {
  char path[4096 + 16];
  entry->unified = -1;
  for (size_t i = 0; i < entry->plan->cgroup_count; i++) {
    if (snprintf(path, sizeof path, "%s/cgroup.procs", entry->plan->cgroups[i]) >= (int)sizeof path)
      return fail(failure, FAIL_CGROUP, ENAMETOOLONG, "%.200s", entry->plan->cgroups[i]);
    entry->cgroups[i] = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (entry->cgroups[i] < 0)
      return fail(failure, FAIL_CGROUP, errno, "%.400s", entry->plan->cgroups[i]);
    open_unified(entry, i);
  }
  return 0;
}

int entry_open(struct entry *entry, const struct plan *plan, const struct passed_fds *passed,
               struct failure *failure) {
  entry->plan = plan;
  entry->passed = passed;
  if (open_cgroups(entry, failure) < 0)
    return -1;
  for (size_t i = 0; i < plan->namespace_count; i++)
    if ((entry->namespaces[i] = open_namespace(&plan->namespaces[i], failure)) < 0)
      return -1;
  if (check_cgroups(plan, failure) < 0)
    return -1;
  entry->target_root = openat(SHIM_TARGET_PROC, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (entry->target_root < 0)
    return fail(failure, FAIL_TARGET, errno, "root");
  entry->stub_mnt = openat(SHIM_STUB_PROC, "ns/mnt", O_RDONLY | O_CLOEXEC);
  if (entry->stub_mnt < 0)
    return fail(failure, FAIL_STUB, errno, "its mount namespace");
  return 0;
}

void entry_close(struct entry *entry) {
  for (size_t i = 0; i < entry->plan->cgroup_count; i++)
    close(entry->cgroups[i]);
  for (size_t i = 0; i < entry->plan->namespace_count; i++)
    close(entry->namespaces[i]);
  close(entry->target_root);
  close(entry->stub_mnt);
  if (entry->unified >= 0)
    close(entry->unified);
}

/* ---- the fork ----------------------------------------------------------------------------------------------- */

pid_t entry_fork(struct entry *entry) {
  struct {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
  } arguments = {.flags = INTO_CGROUP, .exit_signal = SIGCHLD};

  if (entry->unified >= 0) {
    arguments.cgroup = (uint64_t)entry->unified;
    entry->is_born_inside = 1;
    pid_t pid = (pid_t)syscall(SYS_clone3, &arguments, sizeof arguments);
    /* EAGAIN is the pod's limit of processes, which a later join would get around. */
    if (pid >= 0 || errno == EAGAIN)
      return pid;
  }
  entry->is_born_inside = 0;
  return fork();
}

/* ---- in the child ------------------------------------------------------------------------------------------- */

static int join_cgroups(const struct entry *entry, struct failure *failure) {
  for (size_t i = 0; i < entry->plan->cgroup_count; i++) {
    if (entry->is_born_inside && i == entry->unified_index) {
      close(entry->cgroups[i]);
      continue;
    }
    /* EINVAL while the kernel still sets the new task up: the container libraries retry as well. */
    for (int attempt = 0; write(entry->cgroups[i], "0", 1) != 1; attempt++) {
      struct timespec pause = {.tv_nsec = 30000000};
      if (errno != EINVAL || attempt == 5)
        return fail(failure, FAIL_CGROUP, errno, "%.400s", entry->plan->cgroups[i]);
      nanosleep(&pause, NULL);
    }
    close(entry->cgroups[i]);
  }
  if (entry->unified >= 0)
    close(entry->unified);
  return 0;
}

/* Opened by the child, since a file below /proc/self stays that of the process which opened it; and before it enters
 * the pod, where /proc could be anything. */
static int set_oom_score(const struct plan *plan, struct failure *failure) {
  char text[16];
  struct statfs proc;
  int length = snprintf(text, sizeof text, "%d", plan->oom_score_adj);
  int file = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
  if (file < 0)
    return fail(failure, FAIL_IDENTITY, errno, "its OOM score");
  if (fstatfs(file, &proc) < 0 || proc.f_type != PROC_SUPER_MAGIC)
    return fail(failure, FAIL_IDENTITY, EINVAL, "/proc is not procfs");
  /* Without CAP_SYS_RESOURCE it can't be lowered; to stay easier to kill than the pod does no harm. */
  (void)!write(file, text, (size_t)length);
  close(file);
  return 0;
}

static int enter_mount_namespace(struct entry *entry, int pod_mnt, struct failure *failure) {
  struct projection projections[PLAN_MAX_PROJECTS];
  size_t present = 0;

  /* Only a mount of our own namespace can be cloned: so from libvirt's first, and then over. */
  if (setns(entry->stub_mnt, CLONE_NEWNS) < 0)
    return fail(failure, FAIL_NAMESPACE, errno, "libvirt's mnt");
  if (pod_mnt < 0)
    return 0;
  if (projection_open(entry->plan, projections, failure) < 0)
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
  int pod_mnt = -1;
  for (size_t i = 0; i < plan->namespace_count; i++) {
    if (plan->namespaces[i].flag == CLONE_NEWNS) {
      pod_mnt = entry->namespaces[i];
      continue;
    }
    if (setns(entry->namespaces[i], (int)plan->namespaces[i].flag) < 0)
      return fail(failure, FAIL_NAMESPACE, errno, "%s", namespace_file(plan->namespaces[i].flag) + 3);
    close(entry->namespaces[i]);
  }
  if (enter_mount_namespace(entry, pod_mnt, failure) < 0)
    return -1;
  close(entry->stub_mnt);
  if (pod_mnt >= 0)
    close(pod_mnt);
  return 0;
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

static int drop_capabilities(void) {
  struct {
    uint32_t version;
    int pid;
  } header = {.version = 0x20080522, .pid = 0};
  struct {
    uint32_t effective, permitted, inheritable;
  } none[2] = {{0, 0, 0}, {0, 0, 0}};
  return (int)syscall(SYS_capset, &header, none);
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
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0)
    return fail(failure, FAIL_IDENTITY, errno, "not to be dumpable");
  return 0;
}

/* A shim that is killed takes its QEMU with it: from here on by the signal (a change of ids clears it, so not earlier);
 * one that was killed before has left the pipe without a reader. Its pid may be none in this PID namespace. */
static int end_with_shim(int status, struct failure *failure) {
  struct pollfd reader = {.fd = status, .events = POLLOUT};
  if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || poll(&reader, 1, 0) < 0)
    return fail(failure, FAIL_IDENTITY, errno, "the parent-death signal");
  return (reader.revents & POLLERR) != 0 ? fail(failure, FAIL_IDENTITY, ESRCH, "no supervisor") : 0;
}

/* Gives every fd the number it had in the stub, and closes all others but `status`. */
static int arrange_fds(const struct passed_fds *passed, int *status, struct failure *failure) {
  static int above[WIRE_MAX_FDS];
  int floor = STDERR_FILENO + 1;
  for (uint32_t i = 0; i < passed->count; i++)
    if (passed->number[i] >= floor)
      floor = passed->number[i] + 1;
  int moved = fcntl(*status, F_DUPFD_CLOEXEC, floor);
  if (moved < 0)
    return fail(failure, FAIL_FDS, errno, "numbers up to %d", floor);
  *status = moved;
  for (uint32_t i = 0; i < passed->count; i++)
    if ((above[i] = fcntl(passed->fd[i], F_DUPFD_CLOEXEC, floor)) < 0)
      return fail(failure, FAIL_FDS, errno, "numbers up to %d", floor);
  for (int fd = 0; fd < floor; fd++)
    close(fd);
  for (uint32_t i = 0; i < passed->count; i++)
    if (dup2(above[i], passed->number[i]) < 0)
      return fail(failure, FAIL_FDS, errno, "number %d", passed->number[i]);
  for (uint32_t i = 0; i < passed->count; i++)
    close(above[i]);
  /* All that is left above is close-on-exec; what is not named is closed all the same. */
  if (syscall(SYS_close_range, floor, *status - 1, 0) < 0 && errno != EINVAL && errno != ENOSYS)
    return fail(failure, FAIL_FDS, errno, "closing the rest");
  if (syscall(SYS_close_range, *status + 1, ~0U, 0) < 0 && errno != ENOSYS)
    return fail(failure, FAIL_FDS, errno, "closing the rest");
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

static void reset_signals(void) {
  struct sigaction plain = {.sa_handler = SIG_DFL};
  sigset_t none;
  for (int number = 1; number < NSIG; number++)
    sigaction(number, &plain, NULL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

/* To what the pod's cpuset allows: the daemon's own affinity is no business of QEMU's. */
static void reset_affinity(void) {
  unsigned char all[1024];
  memset(all, 0xff, sizeof all);
  syscall(SYS_sched_setaffinity, 0, sizeof all, all);
}

void entry_run(struct entry *entry, struct failure *failure) {
  const struct plan *plan = entry->plan;

  if (join_cgroups(entry, failure) < 0 || set_oom_score(plan, failure) < 0)
    return;
  /* From here on nobody in the pod may trace this process or look into it. */
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0) {
    fail(failure, FAIL_IDENTITY, errno, "not to be dumpable");
    return;
  }
  for (int fd = SHIM_CONNECTION; fd < SHIM_FDS_END; fd++)
    close(fd);
  setsid();
  syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
  reset_signals();
  umask(0);
  if (enter_namespaces(entry, failure) < 0)
    return;
  umask((mode_t)plan->umask);
  reset_affinity();
  if (plan->affinity_size > 0)
    syscall(SYS_sched_setaffinity, 0, plan->affinity_size, plan->affinity);
  if (arrange_fds(entry->passed, &entry->status, failure) < 0)
    return;
  set_limits(plan);
  if (become_caller(plan, failure) < 0 || end_with_shim(entry->status, failure) < 0 ||
      enter_directory(plan, failure) < 0)
    return;
  execve(plan->emulator, plan->argv, plan->envp);
  fail(failure, FAIL_EXEC, errno, "%.400s", plan->emulator);
}
