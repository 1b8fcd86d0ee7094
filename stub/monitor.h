/* SPDX-License-Identifier: Apache-2.0 */
/*
 * QEMU's monitor where QEMU is in another PID namespace than libvirt. libvirt keeps its socket, and its listening fd stays
 * here; QEMU listens on one of the shim's. Between them goes one connection at a time, as QEMU takes them: towards QEMU
 * bytes and fds as they are, towards libvirt with the ids of QEMU's threads in libvirt's namespace. Never blocks.
 */
#ifndef MONITOR_H
#define MONITOR_H

#include <poll.h>
#include <stddef.h>
#include <sys/types.h>

#include "shim.h"
#include "thread-ids.h"

/* ---- thread-map.c --------------------------------------------------------------------------------------------- */

#define THREAD_MAP_SIZE 4096

struct thread_map {
  int tasks;    /* directory /proc/PID/task of QEMU */
  size_t level; /* of libvirt's PID namespace: how many ids a process in it has */
  size_t count;
  struct {
    int inner, outer;
  } threads[THREAD_MAP_SIZE];
};

int thread_map_open(struct thread_map *map, int stub_proc, pid_t qemu);
void thread_map_read(struct thread_map *map);
int thread_map_find(const struct thread_map *map, int inner);

/* ---- monitor.c ------------------------------------------------------------------------------------------------ */

#define MONITOR_CHUNK 16384

struct direction {
  size_t start, end; /* what is still to be sent of `data` */
  size_t fd_count;   /* fds that go with its first byte */
  int ended;         /* nothing more comes */
  int broken;        /* nothing more is taken: what comes is dropped */
  int fds[WIRE_MAX_BATCH];
  char data[THREAD_IDS_OUTPUT(MONITOR_CHUNK)];
};

struct monitor {
  int listener;      /* libvirt's; -1: QEMU has its monitor itself */
  int libvirt, qemu; /* the connection, or -1 */
  int is_map_fresh;
  struct direction to_qemu, to_libvirt;
  struct thread_ids ids;
  struct thread_map map;
};

#define MONITOR_POLLS 3

/* Keeps the fd that has this number in the stub, and puts a listening socket of the shim's into its place. */
int monitor_take(struct monitor *monitor, struct passed_fds *passed, int number, struct failure *failure);

/* What to wait for, and what to do then. */
void monitor_watch(const struct monitor *monitor, struct pollfd wait[MONITOR_POLLS]);
void monitor_serve(struct monitor *monitor, const struct pollfd wait[MONITOR_POLLS]);

/* QEMU has ended: its last words, and everything is closed. */
void monitor_close(struct monitor *monitor);

#endif
