/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of qemu-kube-shim. */
#ifndef SHIM_H
#define SHIM_H

#include <stdint.h>
#include <sys/types.h>

#include "entry.h"
#include "failure.h"
#include "plan.h"
#include "processes.h"
#include "wire.h"

/* Of what shim and daemon tell each other; docs/protocol.md, section 3. */
#ifndef SHIM_VERSION /* a test plays another release */
#define SHIM_VERSION 1
#endif

/* ---- fd-collector.c: what libvirt left to the stub ------------------------------------------------------- */

struct passed_fds {
  uint32_t count;
  int number[WIRE_MAX_FDS]; /* in the stub, and so in QEMU */
  int fd[WIRE_MAX_FDS];     /* here, close-on-exec */
};

int collect_fds(const struct plan *plan, struct passed_fds *passed, int64_t deadline, struct failure *failure);

/* ---- shim-child.c: the process that becomes QEMU ----------------------------------------------------------- */

struct scheduling {
  int is_known, io_priority;
  unsigned long timer_slack; /* ns; 0: unknown */
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
    uint32_t utilisation_min, utilisation_max;
  } attributes; /* of sched_getattr(2) */
};

#define MEMORY_POLICY_NODES 1024

struct memory_policy {
  int mode; /* of set_mempolicy(2) with its flags; 0: none */
  unsigned long nodes[MEMORY_POLICY_NODES / (8 * sizeof(unsigned long))];
};

struct child {
  struct memory_policy memory_policy; /* the stub's */
  struct scheduling scheduling; /* the stub's */
  struct entry entry;
  const struct passed_fds *passed;
  int cgroups[PLAN_MAX_CGROUPS]; /* cgroup.procs of each, write-only */
  int unified;                   /* directory of the v2 cgroup, or -1 */
  size_t unified_index;
  int is_born_inside; /* the child need not join the v2 cgroup */
  int pid_namespace;  /* that QEMU is to be born in; -1: that of its parent */
  int status;         /* pipe to the shim: a struct failure, or end-of-file at a successful exec */
};

/* Before the fork. */
int child_open(struct child *child, const struct plan *plan, const struct passed_fds *passed, struct failure *failure);
void child_close(const struct child *child);

/* As fork(2); where the kernel can do it, the child is born in the v2 cgroup. */
pid_t child_fork(struct child *child);

/* Joins, enters, becomes the caller and executes the emulator. Only returns on failure. */
void child_run(struct child *child, struct failure *failure);

/* ---- launch.c: from the plan to QEMU -------------------------------------------------------------------------- */

struct monitor; /* monitor.h */

struct qemu {
  pid_t pid;
  unsigned long long start, inode; /* see start_time() and pidfd_inode() */
};

/* Returns when QEMU's first instruction is about to run, or has the reason in *failure.
 *
 * listener: where daemons connect to; closed in the child */
int launch(const struct plan *plan, struct monitor *monitor, int listener, struct qemu *qemu, struct failure *failure);
void kill_qemu(const struct plan *plan, const struct qemu *qemu);

/* ---- children.c: the shim's own, and what became its own ---------------------------------------------------- */

/* As waitpid(-1, status, WNOHANG), which no signal interrupts: a child that is not seen now is never seen again. */
pid_t reap_one(int *status);

/* Of this thread, as the kernel lists them. */
int list_children(struct pid_list *list);

/* Ends all that came from QEMU, for at most two seconds: whoever waits for the news of QEMU's end must have it, and in a frozen
 * cgroup, or deep in a file system, a process dies later. */
void end_children(const struct plan *plan);

/* The same until nothing is left, however long that takes: nobody else would find it. */
void outlive_children(const struct plan *plan);

/* ---- leftovers.c: what QEMU leaves behind in libvirt's PID namespace ------------------------------------------ */

/* Before the fork, where that namespace is not the shim's own. */
void leftovers_expect(int pid_namespace);

/* Once QEMU has been reaped. Returns 0 where there was none, and has not been for a while. */
int leftovers_kill(const struct plan *plan, int64_t deadline);

/* ---- out-of-memory.c ---------------------------------------------------------------------------------------- */

/* Before the fork. */
void out_of_memory_expect(const struct plan *plan);

/* Whether the kernel has since then killed a process of the pod's container for want of memory. */
int out_of_memory_happened(void);

/* ---- pid-namespace.c ---------------------------------------------------------------------------------------- */

/* That of QEMU: the pod's, where the plan says so, or else libvirt's. -1 where it is the shim's own. Returns 1 where it is
 * another one than libvirt's, 0 where it is libvirt's, -1 on failure. */
int choose_pid_namespace(const struct entry *entry, int *chosen, struct failure *failure);

/* ---- records.c: state/<launch id> ------------------------------------------------------------------------- */

/* Replaces a file of the state directory: write, fsync, rename, fsync. */
int write_record(const char *name, const char *text, size_t length);

/* Start time of a process in clock ticks since boot, or 0. */
unsigned long long start_time(pid_t pid);

/* Number of a child that no other process of this boot has, or 0: before Linux 6.9 there is none. */
unsigned long long pidfd_inode(pid_t pid);

/* ---- scheduling.c: policy, nice, I/O priority, timer slack, core scheduling ---------------------------------- */

void scheduling_read(int stub_proc, struct scheduling *scheduling);
void scheduling_take(const struct scheduling *scheduling);

/* ---- memory-policy.c: NUMA ------------------------------------------------------------------------------------- */

int memory_policy_read(int stub_proc, struct memory_policy *policy, struct failure *failure);
int memory_policy_take(const struct memory_policy *policy, struct failure *failure);

#endif
