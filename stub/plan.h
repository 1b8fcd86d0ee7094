/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the daemon decided for one launch, handed to the shim in a sealed memfd: records of
 * { u16 tag, u16 zero, u32 length, bytes }, strings with their terminating NUL. Written by
 * daemon/launch/encode-plan.ts.
 */
#ifndef PLAN_H
#define PLAN_H

#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>

/* The fds of START_SHIM, in this order, and their numbers in the shim. */
enum shim_fd {
  SHIM_CONNECTION = 3, /* the stub's connection */
  SHIM_PLAN = 4,       /* memfd with the plan */
  SHIM_REPORT = 5,     /* socket to the daemon that started it */
  SHIM_STATE = 6,      /* directory state/<launch id> */
  SHIM_TARGET = 7,     /* pidfd of the launcher process */
  SHIM_TARGET_PROC = 8, /* directory /proc/PID of the launcher process */
  SHIM_INIT = 9,       /* pidfd of the container's first process */
  SHIM_STUB_PROC = 10, /* directory /proc/PID of the stub */
  SHIM_FDS_END = 11,
};

#define SHIM_FD_COUNT (SHIM_FDS_END - SHIM_CONNECTION)

enum plan_tag {
  PLAN_LAUNCH_ID = 1,
  PLAN_EMULATOR = 2,
  PLAN_ARG = 3,           /* argv, argv[0] included; repeated */
  PLAN_ENV = 4,           /* repeated */
  PLAN_CWD = 5,
  PLAN_UID = 6,           /* u32 */
  PLAN_GID = 7,           /* u32 */
  PLAN_GROUP = 8,         /* u32, repeated */
  PLAN_UMASK = 9,         /* u32 */
  PLAN_RLIMIT = 10,       /* u32 resource, u32 zero, u64 soft, u64 hard; repeated */
  PLAN_OOM_SCORE_ADJ = 11, /* i32 */
  PLAN_AFFINITY = 12,     /* bytes of a cpu_set_t */
  PLAN_NAMESPACE = 13,    /* u32 CLONE_NEW* flag, u32 zero, u64 inode; repeated */
  PLAN_CGROUP = 14,       /* directory of the target's cgroup, as the node sees it; repeated */
  PLAN_CGROUP_TEXT = 15,  /* the target's /proc/PID/cgroup at the time of the decision */
  PLAN_PROJECT = 16,      /* u32 PROJECT_* flags, then the path; repeated */
  PLAN_FD_COUNT = 17,     /* u32: how many fds the stub has to pass */
  PLAN_STUB_GONE_GRACE = 18, /* u32 ms between TERM and KILL */
  PLAN_POD_GONE_GRACE = 19,  /* u32 ms */
  PLAN_SHIM_CGROUP = 20,  /* directory of the shim's own cgroup, as the daemon sees it; repeated */
  PLAN_HOST_MNT = 21,     /* path of the host's mount namespace; absent: it is the daemon's own */
  PLAN_DEADLINE = 22,     /* u32 ms for the whole launch */
  PLAN_MONITOR = 23,      /* u32 number of the fd on which libvirt's monitor listens; only with a PID namespace */
  PLAN_SECCOMP = 24,      /* u32 SECCOMP_FILTER_FLAG_*, u32 zero, then struct sock_filter[]; absent: no filter */
  PLAN_ID = 25,           /* u32 PLAN_ID_USER or _GROUP, u32 id in the pod's user namespace, u32 the same as the node
                           * numbers it: all that QEMU is to have; repeated; with a user namespace, and only then */
};

enum plan_id_kind { PLAN_ID_USER = 0, PLAN_ID_GROUP = 1 };

enum project_flag {
  PROJECT_OWNED = 1,    /* a directory that belongs to the caller */
  PROJECT_OPTIONAL = 2, /* skipped when it does not exist */
};

#define PLAN_MAX_GROUPS 256
#define PLAN_MAX_IDS (PLAN_MAX_GROUPS + 2)
#define PLAN_MAX_NAMESPACES 8
#define PLAN_MAX_CGROUPS 32
#define PLAN_MAX_PROJECTS 64
#define PLAN_MAX_RLIMITS 16
#define PLAN_MAX_FILTER 4096 /* BPF_MAXINSNS */
#define PLAN_NO_MONITOR UINT32_MAX

struct plan_namespace {
  uint32_t flag;
  uint64_t inode;
};

struct plan_id {
  uint32_t kind, in_pod, on_node;
};

struct plan_project {
  uint32_t flags;
  const char *path;
};

struct plan_rlimit {
  uint32_t resource;
  uint64_t soft, hard;
};

/* The kernel copies the instructions: they need not be aligned. */
struct plan_filter {
  uint32_t flags;
  uint16_t length; /* in instructions; 0: there is none */
  char *instructions;
};

/* Strings point into the mapped memfd, which stays mapped. */
struct plan {
  const char *launch_id, *emulator, *cwd, *host_mnt;
  char **argv, **envp; /* NULL-terminated */
  size_t argc, envc;
  uint32_t uid, gid, umask; /* with a user namespace: as the pod numbers them, and the groups too */
  uint32_t groups[PLAN_MAX_GROUPS];
  size_t group_count;
  struct plan_id ids[PLAN_MAX_IDS];
  size_t id_count;
  struct plan_rlimit rlimits[PLAN_MAX_RLIMITS];
  size_t rlimit_count;
  int32_t oom_score_adj;
  const void *affinity;
  size_t affinity_size;
  struct plan_namespace namespaces[PLAN_MAX_NAMESPACES];
  size_t namespace_count;
  const char *cgroups[PLAN_MAX_CGROUPS];
  size_t cgroup_count;
  const char *cgroup_text;
  size_t cgroup_text_length;
  struct plan_project projects[PLAN_MAX_PROJECTS];
  size_t project_count;
  const char *shim_cgroups[PLAN_MAX_CGROUPS];
  size_t shim_cgroup_count;
  uint32_t fd_count, stub_gone_grace, pod_gone_grace, deadline;
  uint32_t monitor; /* PLAN_NO_MONITOR: there is none */
  struct plan_filter filter;
};

/* Maps and checks a plan. Returns 0, or -1 with errno EPROTO for a plan that is not well-formed. */
int plan_read(int memfd, struct plan *plan);

/* The inode to expect for one namespace, or 0 when it is not to be joined. */
uint64_t plan_namespace_inode(const struct plan *plan, uint32_t flag);

#endif
