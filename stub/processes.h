/* SPDX-License-Identifier: Apache-2.0 */
/* Processes of others, as the shim finds and ends them: lists of the kernel's, trees, cgroups. */
#ifndef PROCESSES_H
#define PROCESSES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* ---- pid-list.c: cgroup.procs, and the children of a thread --------------------------------------------------- */

/* Read piece by piece: how long it is, others decide. */
struct pid_list {
  int file;
  size_t next, end; /* of what has been read and not been looked at */
  char text[512];
};

/* path: below that directory, or absolute */
int pid_list_open(struct pid_list *list, int directory, const char *path);

/* The next one, never 1 or less; 0 at the end. */
pid_t pid_list_next(struct pid_list *list);

void pid_list_close(struct pid_list *list);

/* ---- process.c ------------------------------------------------------------------------------------------------- */

struct process {
  pid_t pid;
  int fd, proc; /* pidfd, and the directory /proc/PID, of one and the same process */
};

/* Fails for one that has ended, reaped or not. */
int process_open(struct process *process, pid_t pid);
void process_close(const struct process *process);

/* The last number of a line of /proc/PID/status, or -1; name: from the newline before it to the tab behind it. */
long process_status(const struct process *process, const char *name);

/* ---- process-tree.c --------------------------------------------------------------------------------------------- */

/* Kills a process and what descends from it, as far as it is found before the deadline. */
void kill_tree(const struct process *top, int64_t deadline);

/* ---- cgroup-tree.c ---------------------------------------------------------------------------------------------- */

/* Calls `visit` with every process of a cgroup and of those below it, until it returns 0. Returns whether all of them were
 * seen: there may be too many for the deadline, or too deep. */
int visit_cgroup(const char *path, int64_t deadline, int (*visit)(void *context, pid_t pid), void *context);

#endif
