/* SPDX-License-Identifier: Apache-2.0 */
#include "clients.h"

#include "failpoint.h"
#include "shim.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

void clients_begin(struct clients *clients, int fd) {
  clients->listener = -1;
  for (size_t i = 0; i < MAX_CLIENTS; i++)
    clients->each[i] = (struct client){.fd = i == 0 ? fd : -1};
}

void clients_close(struct clients *clients) {
  for (size_t i = 0; i < MAX_CLIENTS; i++)
    if (clients->each[i].fd >= 0)
      close(clients->each[i].fd);
  if (clients->listener >= 0)
    close(clients->listener);
}

void client_tell(struct client *client, const char *text, size_t length) {
  if (client->fd >= 0 && send(client->fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)length) {
    close(client->fd);
    client->fd = -1;
  }
}

void clients_tell(struct clients *clients, const char *format, ...) {
  char line[WIRE_MAX_TEXT + 128];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  if (length < 0)
    return;
  if ((size_t)length >= sizeof line)
    length = (int)sizeof line - 1;
  for (size_t i = 0; i < MAX_CLIENTS; i++)
    client_tell(&clients->each[i], line, (size_t)length);
}

int clients_listen(struct clients *clients, struct failure *failure) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  /* By the fd, since a path can be longer than an address. */
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/shim.sock", SHIM_STATE);
  mode_t mask = umask(0177);
  clients->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  int result = 0;
  if (clients->listener < 0 || bind(clients->listener, (struct sockaddr *)&address, sizeof address) < 0 ||
      listen(clients->listener, MAX_CLIENTS) < 0)
    result = fail(failure, FAIL_STATE, errno, "shim.sock");
  umask(mask);
  failpoint("shim-listening");
  return result;
}

struct client *clients_accept(struct clients *clients) {
  int fd = accept4(clients->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0)
    return NULL;
  struct ucred peer;
  socklen_t size = sizeof peer;
  struct client *free_client = NULL;
  for (size_t i = 0; i < MAX_CLIENTS && free_client == NULL; i++)
    if (clients->each[i].fd < 0)
      free_client = &clients->each[i];
  if (free_client == NULL || getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != 0) {
    close(fd);
    return NULL;
  }
  *free_client = (struct client){.fd = fd, .length = 0};
  return free_client;
}

void client_hear(struct client *client, void (*obey)(void *context, const char *line), void *context) {
  ssize_t got = recv(client->fd, client->input + client->length, sizeof client->input - client->length, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR))
    return;
  client->length += got > 0 ? (size_t)got : 0;
  for (char *end; got > 0 && (end = memchr(client->input, '\n', client->length)) != NULL;) {
    *end = '\0';
    obey(context, client->input);
    client->length -= (size_t)(end + 1 - client->input);
    memmove(client->input, end + 1, client->length);
  }
  if (got <= 0 || client->length == sizeof client->input) {
    close(client->fd);
    client->fd = -1;
  }
}
