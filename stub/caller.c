/* SPDX-License-Identifier: Apache-2.0 */
#include "caller.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "capabilities.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

#define REPORT_MS 1000
#define CANNOT_RUN 125 /* as docker and env say: the wrapper itself failed */

int inherited[WIRE_MAX_FDS];
uint32_t inherited_count;

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

_Noreturn void refuse(const char *what, const char *why, const char *remedy) {
  struct line line = {.length = 0};
  append(&line, program_name);
  append(&line, ": ");
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
  /* Neither a log that may not grow nor one that nobody reads is a reason to end in another way. */
  signal(SIGXFSZ, SIG_IGN);
  signal(SIGPIPE, SIG_IGN);
  (void)!write(STDERR_FILENO, line.text, line.length);
  wait_for_libvirt();
  _exit(CANNOT_RUN);
}

/* ---- privileges ----------------------------------------------------------------------------------------- */

/* The kernel lets everybody give up what they have, unless it is not the kernel that answers. */
#define KEPT_REMEDY "let no seccomp filter or security module answer for the kernel where libvirt runs"

/* Group before user, since afterwards it is too late. */
void drop_privileges(void) {
  uid_t uid = getuid(), ruid, euid, suid;
  gid_t gid = getgid(), rgid, egid, sgid;
  if (setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, uid) < 0)
    refuse("Cannot drop privileges", strerror(errno), KEPT_REMEDY);
  if (getresuid(&ruid, &euid, &suid) < 0 || getresgid(&rgid, &egid, &sgid) < 0 || ruid != uid || euid != uid ||
      suid != uid || rgid != gid || egid != gid || sgid != gid)
    refuse("Cannot drop privileges", "the ids did not change", KEPT_REMEDY);
  /* Ambient capabilities of the caller survive a plain exec: libvirt gives CAP_DAC_OVERRIDE to probes. */
  prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
  if (drop_capabilities() < 0)
    refuse("Cannot drop capabilities", strerror(errno), KEPT_REMEDY);
  if (uid != 0 && setuid(0) == 0)
    refuse("Cannot drop privileges", "root could be taken back", KEPT_REMEDY);
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

static _Noreturn void print_version(void) {
  struct line line = {.length = 0};
  append(&line, program_name);
  append(&line, " " VERSION "\n");
  _exit(write(STDOUT_FILENO, line.text, line.length) < 0);
}

void answer_probe(int argc, char **argv, char **envp) {
  if (argc < 1 || argv[0] == NULL)
    refuse("Cannot run without a name", NULL, "start this program as libvirt does, with argv[0]");
  if (argc == 2 && strcmp(argv[1], "--version") == 0)
    print_version();
  if (is_probe(argv, envp))
    run_local_emulator(argv, envp);
}

/* ---- what the caller left us ---------------------------------------------------------------------------- */

void open_standard_fds(void) {
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

void list_inherited_fds(void) {
  _Alignas(struct directory_entry) char entries[4096];
  int directory = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0)
    refuse("Cannot list the inherited fds", strerror(errno), "mount /proc where libvirt runs");
  for (;;) {
    long got = syscall(SYS_getdents64, directory, entries, sizeof entries);
    if (got < 0)
      refuse("Cannot list the inherited fds", strerror(errno), "mount /proc where libvirt runs");
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
