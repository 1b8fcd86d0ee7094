/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "caller.h"

#ifndef LAUNCH_SOCKET
#define LAUNCH_SOCKET "/run/kubevirt-node-driver/launch/launch.sock"
#endif

/* ---- the way to the daemon -------------------------------------------------------------------------------- */

/* Nobody but root may have put the socket there: every directory above it is root's and not writable by others. */
static void check_socket_path(void) {
  char path[] = LAUNCH_SOCKET;
  for (char *slash = path + sizeof path - 1; slash > path; slash--) {
    struct stat info;
    if (*slash != '/')
      continue;
    *slash = '\0';
    if (lstat(path, &info) < 0) {
      if (errno == EACCES)
        continue; /* not setuid: what we may not see we can't check; the peer's uid still counts */
      refuse("Cannot reach the node driver at " LAUNCH_SOCKET, strerror(errno),
             "start kubevirt-node-driver on this node");
    }
    /* In a sticky directory nobody can replace what is root's, and the next part of the path is checked to be that. */
    int others_write = (info.st_mode & 0022) != 0 && (info.st_mode & S_ISVTX) == 0;
    if (!S_ISDIR(info.st_mode) || info.st_uid != 0 || others_write)
      refuse("Cannot trust " LAUNCH_SOCKET, path,
             "make root the owner of this directory and take away write permission for group and others");
  }
}

int connect_to_daemon(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = LAUNCH_SOCKET};
  struct ucred peer;
  socklen_t size = sizeof peer;

  check_socket_path();
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    refuse("Cannot make a socket", strerror(errno), "raise the caller's limit of open files");
  /* connect() waits while the backlog is full; a send timeout bounds it. */
  struct timeval timeout = {.tv_sec = DEADLINE_MS / 1000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  int connected = connect(fd, (struct sockaddr *)&address, sizeof address);
  if (connected < 0 && errno == EAGAIN)
    refuse("Cannot reach the node driver at " LAUNCH_SOCKET, "it runs, but is too busy to take this call",
           "start the VM again; read the node driver's log");
  if (connected < 0)
    refuse("Cannot reach the node driver at " LAUNCH_SOCKET, strerror(errno),
           errno == EACCES ? "add libvirt's qemu user to the group of the socket's directory, or install the stub setuid"
                           : "start kubevirt-node-driver on this node");
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != 0)
    refuse("Cannot trust " LAUNCH_SOCKET, "who listens there is not root", "stop that process");
  return fd;
}

/* ---- what it says ------------------------------------------------------------------------------------------- */

_Noreturn void refuse_misunderstanding(void) {
  refuse("Cannot understand the node driver", NULL, "use stub and daemon of one release");
}

static _Noreturn void print_refusal(int fd, uint32_t length, int64_t deadline) {
  char text[WIRE_MAX_TEXT + 1];
  if (length > WIRE_MAX_TEXT || recv_all(fd, text, length, deadline) < 0)
    refuse("Cannot understand the node driver", "its refusal is garbled", "use stub and daemon of one release");
  text[length] = '\0';
  refuse(text, NULL, NULL);
}

enum wire_type await_verdict(int fd, int *fds, size_t max, size_t *count, int64_t deadline) {
  struct wire_header header;
  if (recv_header_with_fds(fd, &header, fds, max, count, deadline) < 0) {
    if (errno == EPROTO)
      refuse_misunderstanding(); /* another version of the protocol, too */
    refuse("Cannot start the VM",
           errno == ECONNRESET  ? "the node driver closed the connection"
           : errno == ETIMEDOUT ? "the node driver did not answer in time"
                                : strerror(errno),
           "read the node driver's log");
  }
  if (header.type == WIRE_REFUSED)
    print_refusal(fd, header.length, deadline);
  if (header.length != 0)
    refuse_misunderstanding();
  return (enum wire_type)header.type;
}

/* ---- the request ---------------------------------------------------------------------------------------------- */

static uint32_t count_strings(char **strings, const char *what) {
  uint32_t count = 0;
  while (strings[count] != NULL)
    if (++count > WIRE_MAX_STRINGS)
      refuse("Cannot pass on more than 4096 of the", what, "give the VM fewer");
  return count;
}

void send_or_refuse(int fd, const void *data, size_t length, int64_t deadline) {
  struct wire_header header;
  if (send_all(fd, data, length, deadline) == 0)
    return;
  int failure = errno;
  /* A daemon that has refused already reads no further, but its reason waits here. */
  if (failure != ETIMEDOUT) {
    errno = 0;
    if (recv_header(fd, &header, deadline) == 0 && header.type == WIRE_REFUSED)
      print_refusal(fd, header.length, deadline);
    if (errno == EPROTO)
      refuse_misunderstanding();
  }
  refuse("Cannot send the request to the node driver", strerror(failure), "read the node driver's log");
}

static void send_string(int fd, const char *text, int64_t deadline) {
  uint32_t length = (uint32_t)strlen(text);
  send_or_refuse(fd, &length, sizeof length, deadline);
  send_or_refuse(fd, text, length, deadline);
}

static uint64_t total_length(char **strings) {
  uint64_t total = 0;
  for (; *strings != NULL; strings++)
    total += sizeof(uint32_t) + strlen(*strings);
  return total;
}

void send_request(int fd, enum wire_mode mode, char **argv, char **envp, int64_t deadline) {
  static char cwd[WIRE_MAX_CWD + 1];
  long named = syscall(SYS_getcwd, cwd, sizeof cwd);
  if (named < 0 || cwd[0] != '/')
    refuse("Cannot name the working directory",
           named < 0 ? strerror(errno) : "it is outside of the caller's root directory", "start libvirtd in /");

  uint32_t numbers[4] = {(uint32_t)mode, inherited_count, count_strings(argv, "arguments"), count_strings(envp, "variables")};
  uint64_t length = sizeof numbers + sizeof(uint32_t) + strlen(cwd) + total_length(argv) + total_length(envp);
  if (length > WIRE_MAX_REQUEST)
    refuse("Cannot pass on arguments and environment of more than 4 MiB", NULL, "give the VM fewer");

  struct wire_header header = {
      .magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = WIRE_REQUEST, .length = (uint32_t)length};
  send_or_refuse(fd, &header, sizeof header, deadline);
  send_or_refuse(fd, numbers, sizeof numbers, deadline);
  send_string(fd, cwd, deadline);
  for (; *argv != NULL; argv++)
    send_string(fd, *argv, deadline);
  for (; *envp != NULL; envp++)
    send_string(fd, *envp, deadline);
}

void wipe_secret(char **envp) {
  static const char *const names[] = {"KUBEVIRT_IO_SECRET=", "kubevirt.io.secret="};
  for (; *envp != NULL; envp++)
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
      if (strncmp(*envp, names[i], strlen(names[i])) == 0)
        for (volatile char *byte = *envp + strlen(names[i]); *byte != '\0'; byte++)
          *byte = '\0';
}
