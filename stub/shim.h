/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of qemu-kube-shim. */
#ifndef SHIM_H
#define SHIM_H

#include <stdint.h>
#include <sys/types.h>

#include "plan.h"
#include "wire.h"

/* ---- fd-collector.c: what libvirt left to the stub ------------------------------------------------------- */

struct passed_fds {
  uint32_t count;
  int number[WIRE_MAX_FDS]; /* in the stub, and so in QEMU */
  int fd[WIRE_MAX_FDS];     /* here, close-on-exec */
};

/* Why a launch failed. `step` is one of enum fail_step, `error` an errno, `detail` what it was about. */
struct failure {
  int step, error;
  char detail[512];
};

enum fail_step {
  FAIL_PLAN,
  FAIL_STUB,
  FAIL_FD_KIND,
  FAIL_TARGET,
  FAIL_CGROUP,
  FAIL_NAMESPACE,
  FAIL_PROJECT_SOURCE,
  FAIL_PROJECT_OWNER,
  FAIL_PROJECT_PLACE,
  FAIL_PROJECT_SYMLINK,
  FAIL_PROJECT_CROWDED,
  FAIL_IDENTITY,
  FAIL_FDS,
  FAIL_CWD,
  FAIL_EXEC,
  FAIL_TIMEOUT,
  FAIL_POD_GONE,
  FAIL_STUB_GONE,
  FAIL_STATE,
};

/* Returns 0, or -1 with *failure filled in from errno and the printf-like detail. */
__attribute__((format(printf, 4, 5))) int fail(struct failure *failure, enum fail_step step, int error,
                                               const char *format, ...);

int collect_fds(const struct plan *plan, struct passed_fds *passed, int64_t deadline, struct failure *failure);

/* ---- entry.c: from a forked child of the shim to QEMU ---------------------------------------------------- */

/* What the shim opens before it forks, while names still mean what they mean on the node. */
struct entry {
  const struct plan *plan;
  const struct passed_fds *passed;
  int cgroups[PLAN_MAX_CGROUPS]; /* cgroup.procs of each, write-only */
  int unified;                   /* directory of the v2 cgroup, or -1 */
  size_t unified_index;
  int is_born_inside; /* the child need not join the v2 cgroup */
  int namespaces[PLAN_MAX_NAMESPACES];
  int target_root, stub_mnt;
  int status; /* pipe to the shim: a struct failure, or end-of-file at a successful exec */
};

int entry_open(struct entry *entry, const struct plan *plan, const struct passed_fds *passed,
               struct failure *failure);
void entry_close(struct entry *entry);

/* As fork(2); where the kernel can do it, the child is born in the v2 cgroup. */
pid_t entry_fork(struct entry *entry);

/* Joins, enters, becomes the caller and executes the emulator. Only returns on failure. */
void entry_run(struct entry *entry, struct failure *failure);

/* ---- projection.c: this domain's files at the same place in the pod --------------------------------------- */

struct projection {
  const char *path;
  int tree; /* detached mount; -1: did not exist and is optional */
};

/* In libvirt's mount namespace: clones what is to be projected. */
int projection_open(const struct plan *plan, struct projection *projections, struct failure *failure);

/* In a private copy of the pod's mount namespace: puts it into place. */
int projection_place(const struct projection *projections, size_t count, struct failure *failure);

/* ---- records.c: state/<launch id> ------------------------------------------------------------------------- */

/* Replaces a file of the state directory: write, fsync, rename, fsync. */
int write_record(const char *name, const char *text, size_t length);

/* Start time of a process in clock ticks since boot, or 0. */
unsigned long long start_time(pid_t pid);

#endif
