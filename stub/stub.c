/* SPDX-License-Identifier: Apache-2.0 */
/*
 * qemu-kube: stands in as libvirt's <emulator>.
 *
 * It decides nothing. A capability probe runs the local emulator in place, unprivileged; everything else is
 * handed to the node driver, and this process then waits as the proxy that libvirt knows: it forwards signals
 * and ends as QEMU ended. It may be setuid root, for one purpose only: to connect to the daemon's socket.
 * Root is given up right after the connect, before anything is sent.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "wire.h"

#ifndef LAUNCH_SOCKET
#define LAUNCH_SOCKET "/run/kubevirt-node-driver/launch/launch.sock"
#endif
#ifndef VERSION
#define VERSION "unknown"
#endif

#define DEADLINE_MS 20000
#define REPORT_MS 1000
#define CANNOT_RUN 125 /* as docker and env say: the wrapper itself failed */

static int inherited[WIRE_MAX_FDS];
static uint32_t inherited_count;

/* ---- one line on stderr, without stdio ------------------------------------------------------------------ */

struct line {
  char text[WIRE_MAX_TEXT + 256];
  size_t length;
};

static void append(struct line *line, const char *text) {
  while (*text != '\0' && line->length < sizeof line->text - 2)
    line->text[line->length++] = *text++;
}

/* virsh shows the line only where libvirt finds it in the log when the monitor's connection ends. So that connection
 * must have been made, and virtlogd, which writes the log, must have taken the line out of its pipe: else virsh says
 * "failed to connect to monitor socket" or "qemu unexpectedly closed the monitor", and no more. */
static void wait_for_libvirt(void) {
  static struct pollfd listeners[WIRE_MAX_FDS];
  const struct timespec pause = {.tv_nsec = 1000000};
  struct stat info;
  nfds_t count = 0;
  int unread = 0;
  for (uint32_t i = 0; i < inherited_count; i++) {
    int is_listening = 0;
    socklen_t size = sizeof is_listening;
    if (getsockopt(inherited[i], SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &size) == 0 && is_listening)
      listeners[count++] = (struct pollfd){.fd = inherited[i], .events = POLLIN};
  }
  if (count > 0)
    (void)poll(listeners, count, REPORT_MS);
  if (fstat(STDERR_FILENO, &info) < 0 || !S_ISFIFO(info.st_mode))
    return;
  for (int i = 0; i < REPORT_MS && ioctl(STDERR_FILENO, FIONREAD, &unread) == 0 && unread > 0; i++)
    nanosleep(&pause, NULL);
}

static _Noreturn void refuse(const char *what, const char *why, const char *remedy) {
  struct line line = {.length = 0};
  append(&line, "qemu-kube: ");
  append(&line, what);
  if (why != NULL) {
    append(&line, ": ");
    append(&line, why);
  }
  if (remedy != NULL) {
    append(&line, "; ");
    append(&line, remedy);
  }
  line.text[line.length++] = '\n';
  (void)!write(STDERR_FILENO, line.text, line.length);
  wait_for_libvirt();
  _exit(CANNOT_RUN);
}

/* ---- privileges ----------------------------------------------------------------------------------------- */

/* Gives up root for good: group before user, since afterwards it is too late; then proves that it is gone. */
static void drop_privileges(void) {
  uid_t uid = getuid(), ruid, euid, suid;
  gid_t gid = getgid(), rgid, egid, sgid;
  if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
    refuse("Cannot drop privileges", strerror(errno), NULL);
  if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0 || ruid != uid || euid != uid ||
      suid != uid || rgid != gid || egid != gid || sgid != gid)
    refuse("Cannot drop privileges", "the ids did not change", NULL);
  /* Ambient capabilities of the caller survive a plain exec: libvirt gives CAP_DAC_OVERRIDE to probes. */
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  struct {
    uint32_t version;
    int pid;
  } header = {.version = 0x20080522, .pid = 0};
  struct {
    uint32_t effective, permitted, inheritable;
  } none[2] = {{0, 0, 0}, {0, 0, 0}};
  if (syscall(SYS_capset, &header, none) < 0)
    refuse("Cannot drop capabilities", strerror(errno), NULL);
  if (uid != 0 && setuid(0) == 0)
    refuse("Cannot drop privileges", "root could be taken back", NULL);
}

/* ---- capability probes ---------------------------------------------------------------------------------- */

static int is_identity(const char *entry) {
  static const char *const names[] = {
      "KUBEVIRT_IO_VM_UUID=",
      "KUBEVIRT_IO_VM_NAME=",
      "kubevirt.io.vm.uuid=",
      "kubevirt.io.vm.name=",
  };
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    if (strncmp(entry, names[i], strlen(names[i])) == 0)
      return 1;
  return 0;
}

/* libvirt's probe carries neither an identity nor -name; a start always has -name. */
static int is_probe(char **argv, char **envp) {
  for (char **entry = envp; *entry != NULL; entry++)
    if (is_identity(*entry))
      return 0;
  for (char **arg = argv + 1; *arg != NULL; arg++)
    if (strcmp(*arg, "-name") == 0)
      return 0;
  return 1;
}

/* Returns why it does not run: an errno. */
static int try_emulator(const char *path, const struct stat *self, char **argv, char **envp) {
  struct stat found;
  if (stat(path, &found) < 0)
    return errno;
  if (found.st_dev == self->st_dev && found.st_ino == self->st_ino)
    return ELOOP;
  /* QEMU looks for its modules beside argv[0] where /proc is not its own. */
  char *probed = argv[0];
  union {
    const char *given;
    char *expected;
  } name = {.given = path};
  argv[0] = name.expected;
  execve(path, argv, envp);
  argv[0] = probed;
  return errno;
}

static _Noreturn void run_local_emulator(char **argv, char **envp) {
  static const char *const directories[] = {"/usr/bin/", "/usr/libexec/", "/usr/local/bin/"};
  char own[1024], candidate[sizeof own + 32];
  struct stat self;

  drop_privileges();
  ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
  if (length <= 0 || stat("/proc/self/exe", &self) < 0)
    refuse("Cannot find the local emulator", strerror(errno), "mount /proc where libvirt runs");
  own[length] = '\0';
  char *slash = strrchr(own, '/');
  if (slash == NULL)
    refuse("Cannot find the local emulator", "the stub has no directory", NULL);

  struct line path = {.length = 0};
  size_t directory = (size_t)(slash - own) + 1;
  memcpy(candidate, own, directory);
  memcpy(candidate + directory, "local", sizeof "local");
  int failure = try_emulator(candidate, &self, argv, envp);
  for (size_t i = 0; i < sizeof directories / sizeof directories[0]; i++) {
    path.length = 0;
    append(&path, directories[i]);
    append(&path, slash + 1);
    path.text[path.length] = '\0';
    int other = try_emulator(path.text, &self, argv, envp);
    if (failure == ENOENT)
      failure = other; /* what is there and does not run says more than what is not there */
  }
  refuse("Cannot run an emulator for libvirt's capability probe", strerror(failure),
         "link one as \"local\" beside the stub");
}

/* ---- what the caller left us ---------------------------------------------------------------------------- */

/* A closed 0, 1 or 2 would give its number to the daemon's socket, and QEMU would write its log there. */
static void open_standard_fds(void) {
  for (int fd = 0; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF && open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY) != fd)
      refuse("Cannot open /dev/null", strerror(errno), "raise the caller's limit of open files");
}

struct directory_entry {
  uint64_t inode;
  int64_t offset;
  uint16_t length;
  uint8_t type;
  char name[];
};

static int to_number(const char *name) {
  int number = 0;
  if (*name == '\0')
    return -1;
  for (; *name != '\0'; name++) {
    if (*name < '0' || *name > '9' || number > 100000000)
      return -1;
    number = number * 10 + (*name - '0');
  }
  return number;
}

/* libvirt names only some of the fds on the command line, so all of them count. */
static void list_inherited_fds(void) {
  _Alignas(struct directory_entry) char entries[4096];
  int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    refuse("Cannot list the inherited fds", strerror(errno), "mount /proc where libvirt runs");
  for (;;) {
    long got = syscall(SYS_getdents64, directory, entries, sizeof entries);
    if (got < 0)
      refuse("Cannot list the inherited fds", strerror(errno), NULL);
    if (got == 0)
      break;
    for (long at = 0; at < got;) {
      struct directory_entry *entry = (struct directory_entry *)(void *)(entries + at);
      at += entry->length;
      int fd = to_number(entry->name);
      if (fd < 0 || fd == directory)
        continue;
      if (inherited_count == WIRE_MAX_FDS)
        refuse("Cannot pass on more than 1000 inherited fds", NULL, "give the VM fewer devices or channels");
      inherited[inherited_count++] = fd;
    }
  }
  close(directory);
}

/* ---- the daemon ----------------------------------------------------------------------------------------- */

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

static int connect_to_daemon(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = LAUNCH_SOCKET};
  struct ucred peer;
  socklen_t size = sizeof peer;

  check_socket_path();
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0)
    refuse("Cannot make a socket", strerror(errno), NULL);
  /* connect() waits while the backlog is full; a send timeout bounds it. */
  struct timeval timeout = {.tv_sec = DEADLINE_MS / 1000};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
    refuse("Cannot reach the node driver at " LAUNCH_SOCKET, strerror(errno),
           errno == EACCES ? "add libvirt's qemu user to the group of the socket's directory, or install the stub setuid"
                           : "start kubevirt-node-driver on this node");
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 || peer.uid != 0)
    refuse("Cannot trust " LAUNCH_SOCKET, "who listens there is not root", "stop that process");
  return fd;
}

static uint32_t count_strings(char **strings, const char *what) {
  uint32_t count = 0;
  while (strings[count] != NULL)
    if (++count > WIRE_MAX_STRINGS)
      refuse("Cannot pass on more than 4096 of the", what, "give the VM fewer");
  return count;
}

static _Noreturn void print_refusal(int fd, uint32_t length, int64_t deadline) {
  char text[WIRE_MAX_TEXT + 1];
  if (length > WIRE_MAX_TEXT || recv_all(fd, text, length, deadline) < 0)
    refuse("Cannot understand the node driver", "its refusal is garbled", "use stub and daemon of one release");
  text[length] = '\0';
  refuse(text, NULL, NULL);
}

static void send_or_refuse(int fd, const void *data, size_t length, int64_t deadline) {
  struct wire_header header;
  if (send_all(fd, data, length, deadline) == 0)
    return;
  int failure = errno;
  /* A daemon that has refused already reads no further, but its reason waits here. */
  if (failure != ETIMEDOUT && recv_header(fd, &header, deadline) == 0 && header.type == WIRE_REFUSED)
    print_refusal(fd, header.length, deadline);
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

static void send_request(int fd, char **argv, char **envp, int64_t deadline) {
  static char cwd[WIRE_MAX_CWD + 1];
  if (syscall(SYS_getcwd, cwd, sizeof cwd) < 0 || cwd[0] != '/')
    refuse("Cannot name the working directory", strerror(errno), NULL);

  uint32_t numbers[4] = {0, inherited_count, count_strings(argv, "arguments"), count_strings(envp, "variables")};
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

/* In place, so that /proc/PID/environ shows nothing either. */
static void wipe_secret(char **envp) {
  static const char *const names[] = {"KUBEVIRT_IO_SECRET=", "kubevirt.io.secret="};
  for (; *envp != NULL; envp++)
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
      if (strncmp(*envp, names[i], strlen(names[i])) == 0)
        for (volatile char *byte = *envp + strlen(names[i]); *byte != '\0'; byte++)
          *byte = '\0';
}

static void send_fd_batch(int socket, uint32_t from, uint32_t count, int64_t deadline) {
  uint32_t payload[1 + WIRE_MAX_BATCH];
  _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int) * WIRE_MAX_BATCH)];
  struct wire_header header = {.magic = WIRE_MAGIC, .version = WIRE_VERSION, .type = WIRE_FDS};

  payload[0] = count;
  for (uint32_t i = 0; i < count; i++)
    payload[1 + i] = (uint32_t)inherited[from + i];
  header.length = (uint32_t)(sizeof(uint32_t) * (1 + count));

  struct iovec part = {.iov_base = &header, .iov_len = sizeof header};
  struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
  if (count > 0) {
    memset(control, 0, sizeof control);
    message.msg_control = control;
    message.msg_controllen = (socklen_t)CMSG_SPACE(sizeof(int) * count);
    struct cmsghdr *ancillary = CMSG_FIRSTHDR(&message);
    ancillary->cmsg_level = SOL_SOCKET;
    ancillary->cmsg_type = SCM_RIGHTS;
    ancillary->cmsg_len = (socklen_t)CMSG_LEN(sizeof(int) * count);
    memcpy(CMSG_DATA(ancillary), inherited + from, sizeof(int) * count);
  }
  /* The fds travel with the header, which is small enough to go in one piece. */
  for (;;) {
    /* Not musl's sendmsg(): that one takes control data of at most 1,024 bytes, which is 252 fds. */
    long sent = syscall(SYS_sendmsg, socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == (long)sizeof header)
      break;
    if (sent >= 0)
      errno = EPROTO;
    else if (errno == EINTR)
      continue;
    else if (errno == EAGAIN && wait_for(socket, POLLOUT, deadline) == 0)
      continue;
    refuse("Cannot pass on the inherited fds", strerror(errno), NULL);
  }
  send_or_refuse(socket, payload, header.length, deadline);
}

/* Until QEMU runs. The default disposition of signals holds: to end early is to be fenced. */
static void wait_for_verdict(int fd, int64_t deadline) {
  uint32_t passed = 0;
  for (;;) {
    struct wire_header header;
    if (recv_header(fd, &header, deadline) < 0)
      refuse("Cannot start the VM",
             errno == ECONNRESET  ? "the node driver closed the connection"
             : errno == ETIMEDOUT ? "the node driver did not answer in time"
                                  : strerror(errno),
             "read the node driver's log");
    if (header.type == WIRE_REFUSED)
      print_refusal(fd, header.length, deadline);
    if (header.length != 0)
      refuse("Cannot understand the node driver", NULL, "use stub and daemon of one release");
    if (header.type == WIRE_STARTED)
      return;
    if (header.type != WIRE_SEND_FDS)
      refuse("Cannot understand the node driver", NULL, "use stub and daemon of one release");
    uint32_t count = inherited_count - passed;
    if (count > WIRE_MAX_BATCH)
      count = WIRE_MAX_BATCH;
    send_fd_batch(fd, passed, count, deadline);
    passed += count;
  }
}

/* ---- the proxy ------------------------------------------------------------------------------------------ */

/* A copy of the log pipe or of the monitor's socket that outlives QEMU would keep libvirt waiting. */
static void close_inherited_fds(int keep) {
  for (uint32_t i = 0; i < inherited_count; i++)
    if (inherited[i] != keep)
      close(inherited[i]);
  open_standard_fds();
}

static _Noreturn void end_like(uint32_t kind, uint32_t value) {
  if (kind == WIRE_EXIT_STATUS)
    _exit((int)(value & 0xff));
  struct rlimit no_core = {0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  struct sigaction plain = {.sa_handler = SIG_DFL};
  sigset_t all;
  sigaction((int)value, &plain, NULL);
  sigemptyset(&all);
  sigprocmask(SIG_SETMASK, &all, NULL);
  kill(getpid(), (int)value);
  _exit(128 + (int)(value & 0x7f));
}

static int block_forwarded_signals(void) {
  sigset_t forwarded;
  sigemptyset(&forwarded);
  sigaddset(&forwarded, SIGTERM);
  sigaddset(&forwarded, SIGINT);
  sigaddset(&forwarded, SIGHUP);
  sigaddset(&forwarded, SIGQUIT);
  /* QEMU's own business (vCPU kicks) must not end the proxy. */
  struct sigaction ignore = {.sa_handler = SIG_IGN};
  sigaction(SIGUSR1, &ignore, NULL);
  sigaction(SIGUSR2, &ignore, NULL);
  if (sigprocmask(SIG_BLOCK, &forwarded, NULL) < 0)
    return -1;
  return signalfd(-1, &forwarded, SFD_CLOEXEC | SFD_NONBLOCK);
}

static _Noreturn void be_proxy(int fd, int signals) {
  for (;;) {
    struct pollfd wait[2] = {{.fd = fd, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
    if (poll(wait, 2, -1) < 0) {
      if (errno == EINTR)
        continue;
      end_like(WIRE_EXIT_SIGNAL, SIGKILL);
    }
    if (wait[0].revents != 0) {
      struct wire_header header;
      uint32_t how[2];
      int64_t deadline = now_ms() + 2000;
      if (recv_header(fd, &header, deadline) < 0 || header.type != WIRE_EXITED || header.length != sizeof how ||
          recv_all(fd, how, sizeof how, deadline) < 0)
        end_like(WIRE_EXIT_SIGNAL, SIGKILL); /* the shim is gone, and QEMU with it: never a success */
      end_like(how[0], how[1]);
    }
    struct signalfd_siginfo info;
    if (read(signals, &info, sizeof info) == (ssize_t)sizeof info) {
      uint32_t number = info.ssi_signo;
      send_frame(fd, WIRE_SIGNAL, &number, sizeof number, now_ms() + 2000);
    }
  }
}

/* ---- main ----------------------------------------------------------------------------------------------- */

int main(int argc, char **argv, char **envp) {
  static const char version[] = "qemu-kube " VERSION "\n";

  open_standard_fds();
  if (argc < 1 || argv[0] == NULL)
    refuse("Cannot run without a name", NULL, NULL);
  if (argc == 2 && strcmp(argv[1], "--version") == 0)
    return write(STDOUT_FILENO, version, sizeof version - 1) < 0;
  if (is_probe(argv, envp))
    run_local_emulator(argv, envp);

  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* without the setuid bit, others of this uid could read the secret */
  list_inherited_fds();
  int64_t deadline = now_ms() + DEADLINE_MS;
  int fd = connect_to_daemon();
  drop_privileges();
  prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); /* a change of ids may set it, as fs.suid_dumpable says */
  send_request(fd, argv, envp, deadline);
  wipe_secret(envp);
  wait_for_verdict(fd, deadline);

  int signals = block_forwarded_signals();
  if (signals < 0)
    refuse("Cannot watch for signals", strerror(errno), NULL);
  close_inherited_fds(-1);
  be_proxy(fd, signals);
}
