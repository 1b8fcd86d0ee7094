/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way of one process into the pod, the same in both launch modes: a forked child of the shim goes it, or the stub
 * itself. The order is the point: cgroups first (each mode has its way), while this process is still on the host's side
 * and its first page is not yet charged; then the namespaces; then the caller's identity; then QEMU.
 */
#ifndef ENTRY_H
#define ENTRY_H

#include <stddef.h>
#include <sys/types.h>

#include "failure.h"
#include "plan.h"

/* ---- entry-open.c ------------------------------------------------------------------------------------------- */

struct security_label {
  const char *file, *prefix; /* file: NULL where the launcher is not confined */
  char text[1024];
};

struct entry {
  const struct plan *plan;
  /* Given: directory /proc/PID and pidfd of the launcher, pidfd of the container's first process. */
  int target_proc, target, init;
  /* Given: libvirt's mount namespace, or -1 where this process is in it. Closed on the way. */
  int libvirt_mnt;
  int is_of_broker; /* given: in a process that the broker started, with a session keyring of the broker's */
  /* Opened while names still mean what they mean on the node. */
  int namespaces[PLAN_MAX_NAMESPACES];
  int target_root;
  int id_map; /* for the mounts of a projection; -1: none can be had, and none must */
  struct security_label label;
};

/* Opens everything; proves that it is what the daemon decided on, and the launcher's own. */
int entry_open(struct entry *entry, struct failure *failure);
void entry_close(const struct entry *entry);

int process_ended(int pidfd);

/* The file of a namespace below /proc/PID, or NULL where no process enters such a one. */
const char *namespace_file(uint32_t flag);

/* ---- entry.c ------------------------------------------------------------------------------------------------- */

/* OOM score, keyring, signals, namespaces, umask, CPUs: all that a process of the host must do itself. */
int entry_enter(struct entry *entry, struct failure *failure);

/* Limits and ids; no privilege is left after it. */
int entry_become_caller(const struct plan *plan, struct failure *failure);

/* Executes the emulator. Only returns on failure. */
void entry_execute(const struct plan *plan, struct failure *failure);

/* ---- identity.c ---------------------------------------------------------------------------------------------- */

/* From the eyes of others with the same ids; each change of ids may undo it. */
int hide_process(struct failure *failure);
int become_root_of(int user_namespace, struct failure *failure);
int become_caller(const struct plan *plan, struct failure *failure);

/* ---- limits.c ------------------------------------------------------------------------------------------------- */

void raise_hard_limits(const struct plan *plan);
void set_limits(const struct plan *plan);

/* ---- own-proc.c -------------------------------------------------------------------------------------------- */

/* A file below /proc/self to write to, of the process that calls this. Fails with EXDEV where /proc is no procfs. */
int open_own_proc(const char *path);

/* ---- id-map.c ------------------------------------------------------------------------------------------------- */

/* A user namespace that has QEMU's ids and no others, to be given to mounts. */
int id_map_open(const struct plan *plan, struct failure *failure);

/* Whether a failure to make or to use one says that none can be had here, and not that there is no room for it now. */
int id_maps_are_unsupported(int error);

/* ---- security-label.c ----------------------------------------------------------------------------------------- */

int security_label_read(int target_proc, struct security_label *label, struct failure *failure);
int security_label_take(const struct security_label *label, struct failure *failure);

/* ---- fd-kind.c ---------------------------------------------------------------------------------------------- */

/* A directory would be a way out of the pod's file system, and so would an O_PATH fd to one. `number` is what the
 * caller knows it by. */
int check_fd_kind(int number, int fd, struct failure *failure);

/* ---- projection-open.c: this domain's files, at the same place in the pod ------------------------------------- */

struct projection {
  const char *path;
  int tree; /* detached mount; -1: did not exist and is optional */
};

/* Whether something that is to be projected should show QEMU's ids alone. */
int projection_is_mapped(const struct plan *plan);

/* In libvirt's mount namespace: clones what is to be projected, with its ids translated where there is a map. */
int projection_open(const struct plan *plan, int id_map, struct projection *projections, struct failure *failure);

/* ---- projection.c --------------------------------------------------------------------------------------------- */

/* In a private copy of the pod's mount namespace: puts it into place. */
int projection_place(const struct projection *projections, size_t count, struct failure *failure);

/* ---- skeleton.c: a small tmpfs over a directory, with all that was there bound in again ------------------------ */

/* Covers `covered`, the directory at `path`, and returns the tmpfs that does. */
int skeleton_cover(int covered, const char *path, struct failure *failure);

/* Makes the rest of the path in a skeleton: directories, and last what the projected thing is. */
int skeleton_make_mount_point(int skeleton, char *rest, mode_t kind);

#endif
