/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What both stubs are to libvirt: qemu-kube, which waits while QEMU runs, and qemu-kube-exec, which becomes QEMU.
 * Neither decides anything, reads a file, or looks into the environment for itself.
 */
#ifndef CALLER_H
#define CALLER_H

#include <stddef.h>
#include <stdint.h>

#include "wire.h"

/* The name that a person reads in libvirt's error messages; each program has its own. */
extern const char program_name[];

/* ---- caller.c: the process that libvirt started ----------------------------------------------------------- */

/* The fds that libvirt left, 0 to 2 included. */
extern int inherited[WIRE_MAX_FDS];
extern uint32_t inherited_count;

/* "NAME: what: why; remedy" on stderr, as one line. Ends with status 125: the wrapper itself failed. */
_Noreturn void refuse(const char *what, const char *why, const char *remedy);

/* A closed 0, 1 or 2 would give its number to the daemon's socket, and QEMU would write its log there. */
void open_standard_fds(void);

/* Answers --version and libvirt's capability probes; returns for everything else. */
void answer_probe(int argc, char **argv, char **envp);

/* libvirt names only some of the fds on the command line, so all of them count. */
void list_inherited_fds(void);

/* Gives up root and all capabilities for good, and proves that they are gone. */
void drop_privileges(void);

/* ---- request.c: what is asked of the daemon ---------------------------------------------------------------- */

#define DEADLINE_MS 20000

/* All of these refuse where they can't do what they are for. */
int connect_to_daemon(void);
void send_request(int fd, enum wire_mode mode, char **argv, char **envp, int64_t deadline);

/* In place, so that /proc/PID/environ shows nothing either. */
void wipe_secret(char **envp);

/* As send_all(); prints the daemon's reason where it has refused meanwhile. */
void send_or_refuse(int fd, const void *data, size_t length, int64_t deadline);

/* The type of the next frame, which has no payload, with the fds that came along, at most `max`. */
enum wire_type await_verdict(int fd, int *fds, size_t max, size_t *count, int64_t deadline);

_Noreturn void refuse_misunderstanding(void);

#endif
