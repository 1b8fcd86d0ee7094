/* SPDX-License-Identifier: Apache-2.0 */
/* The broker's protocol with the daemon: docs/protocol.md, section 2. */
#ifndef BROKER_H
#define BROKER_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "plan.h"

enum broker_type {
  BROKER_READ_FILE = 1,
  BROKER_START_SHIM = 2,
  BROKER_WATCH = 3,
  BROKER_FORGET = 4,
  BROKER_FILE = 129,
  BROKER_SHIM = 130,
  BROKER_EXITED = 131,
};

struct broker_header {
  uint32_t length;
  uint16_t type, fd_count;
  uint32_t id;
};

#define BROKER_MAX_PAYLOAD 16384U
#define BROKER_MAX_FDS 16
#define BROKER_MAX_READS 128 /* at once */
/* Readers that were killed and hang all the same, in a file system of a pod. Of one pod 4 at most, running ones included: so
 * it takes 128 pods to fill this, more than a kubelet runs (110). With all that run there are 640 processes at most, of the
 * 1,024 that the unit may have. */
#define BROKER_MAX_HANGING 512
#define BROKER_MAX_OF_POD 4
#define BROKER_MAX_WATCHES 4096 /* two for each VM in exec mode */

enum read_step {
  READ_ROOT = 1,
  READ_OPEN = 2,
  READ_TYPE = 3,
  READ_SIZE = 4,
  READ_CONTENT = 5,
  READ_DEADLINE = 6,
  READ_HANGING = 7, /* EBUSY: too many readers of this pod hang; EAGAIN: of all pods */
};

struct read_request {
  uint32_t uid, gid, max_size, deadline_ms, group_count;
  const uint32_t *groups;
  uint64_t owner; /* whose file it is: the same for all of a pod */
  const char *path;
  pid_t parent; /* the broker */
};

/* What the reading child writes to its pipe: this, then the content. */
struct read_result {
  uint32_t error, step;
};

/* ---- broker.c ------------------------------------------------------------------------------------------------ */

#define BROKER_CHANNEL 3 /* the socket to the daemon */

/* Ends the broker where it can't be sent. */
void broker_answer(enum broker_type type, uint32_t id, const void *payload, size_t length);

/* ---- readings.c: children that read a pod's file, and may hang ------------------------------------------------- */

/* Answers, now or later. */
void reading_start(const struct broker_header *header, const char *payload, const int *fds);

/* From here on the pid may be another process's: it is not killed any more. */
void reading_reaped(pid_t pid);

/* Fills in BROKER_MAX_READS entries for poll(). */
void readings_prepare(struct pollfd *entries);

/* When to call readings_continue() at the latest, or -1. */
int64_t readings_deadline(void);
void readings_continue(const struct pollfd *entries);

/* ---- hanging.c: readers that were killed, until they are reaped -------------------------------------------------- */

/* 0, or why no reader may be started for this owner, of whom so many run: EBUSY or EAGAIN. */
int hanging_refusal(uint64_t owner, size_t running);

void hanging_add(pid_t pid, uint64_t owner);
void hanging_reaped(pid_t pid);

/* ---- shim-start.c ---------------------------------------------------------------------------------------------- */

/* Answers once the child has executed the shim, or has not.
 *
 * birthplace: path of its cgroup of v2, or empty; changed */
void start_shim(const struct broker_header *header, char *birthplace, const int *fds, int shim_image);

/* ---- file-reader.c --------------------------------------------------------------------------------------------- */

/* Reads a file below the root of the process whose /proc directory is given, with that process's ids and no
 * capability, and writes the result to `out`. Runs in a child of its own: any step may hang for as long as the
 * pod likes. */
_Noreturn void read_file(int proc_directory, const struct read_request *request, int out);

/* ---- watches.c -------------------------------------------------------------------------------------------- */

#define WATCH_EXIT_UNKNOWN 2 /* beside those of enum wire_exit_kind */

struct watch_end {
  uint32_t id, kind, value;
};

/* Watches a copy of the pidfd, in place of what was watched under this id. Returns 0 or an errno. */
int watch_add(uint32_t id, int pidfd);
void watch_forget(uint32_t id);

/* Fills in at most BROKER_MAX_WATCHES entries for poll(), and returns how many. */
size_t watch_prepare(struct pollfd *entries);

/* When to call watch_continue() at the latest, or -1. */
int64_t watch_deadline(void);

/* Tells of each process that has ended, once. Between watch_prepare() and this no watch may be added or dropped. */
void watch_continue(const struct pollfd *entries, size_t count, void (*tell)(const struct watch_end *end));

/* ---- sealed-copy.c ---------------------------------------------------------------------------------------------- */

/* A sealed memfd with the contents of the file, executable, or -1 with errno. */
int sealed_copy(const char *path);

#endif
