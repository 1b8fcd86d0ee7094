/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLIENTS_H
#define CLIENTS_H

#include "failure.h"

#include <stddef.h>

/* Daemons that come and go; the first is the one that started us. */
#define MAX_CLIENTS 8

struct client {
  int fd; /* -1: free */
  size_t length;
  char input[64];
};

struct clients {
  int listener;
  struct client each[MAX_CLIENTS];
};

/* @param fd of the daemon that started us */
void clients_begin(struct clients *clients, int fd);

/* Listens on shim.sock in the directory of the launch, whose fd is SHIM_STATE. */
int clients_listen(struct clients *clients, struct failure *failure);

/* Ends all connections; there are none any more. */
void clients_close(struct clients *clients);

/* Takes a daemon that connects; NULL where that is none, or there are too many. */
struct client *clients_accept(struct clients *clients);

/* Never blocks: a daemon that does not read loses its connection, and asks again. */
void client_tell(struct client *client, const char *text, size_t length);
void clients_tell(struct clients *clients, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Calls obey with each line that has come as a whole; a daemon that says too much at once loses its connection. */
void client_hear(struct client *client, void (*obey)(void *context, const char *line), void *context);

#endif
