/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node-driver: how the image and the systemd unit start. An image has no shell, so this executes Node with the daemon beside
 * it.
 *
 * For "serve" it joins the node's cgroup namespace before. Where cgroup v2 is used, container runtimes give each
 * container that is not privileged a namespace of its own, in which the daemon could tell no pod from another. A thread can
 * only change its own: it has to be done before Node starts any.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_ARGUMENTS 256
#define SCRIPT "dist/daemon/main.js"

/* Of the package itself, then where images have it: distroless, Docker's official image, distributions. */
#define OWN_NODE "bin/node"
static char nodes[][24] = {"/nodejs/bin/node", "/usr/local/bin/node", "/usr/bin/node"};

/* An idle daemon has some 80 MiB. Without a limit Node takes what the whole machine has for its own. */
static char options[][32] = {"--disable-sigusr1", "--max-semi-space-size=1", "--max-old-space-size=128"};

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

static int fail(const char *what, const char *remedy) {
  fprintf(stderr, "node-driver: %s: %s; %s\n", what, strerror(errno), remedy);
  return 127;
}

/* The daemon itself refuses to serve in another one than the node's, and says so. */
static void join_cgroup_namespace(void) {
  struct stat own, host;
  int fd = open("/proc/1/ns/cgroup", O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return;
  if (fstat(fd, &host) == 0 && stat("/proc/self/ns/cgroup", &own) == 0 && own.st_ino != host.st_ino &&
      setns(fd, CLONE_NEWCGROUP) < 0)
    fail("Cannot join the node's cgroup namespace", "run the daemon with hostPID: true and CAP_SYS_ADMIN");
  close(fd);
}

/* The package's root, with a slash at its end, is two directories above this program's: ROOT/stub/build. */
static int find_root(char path[PATH_MAX]) {
  ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
  if (length < 0)
    return -1;
  path[length] = '\0';
  for (int level = 0; level < 3; level++) {
    char *slash = strrchr(path, '/');
    if (slash == NULL) {
      errno = ENOENT;
      return -1;
    }
    slash[level == 2 ? 1 : 0] = '\0';
  }
  return 0;
}

int main(int argc, char *argv[]) {
  char root[PATH_MAX], script[PATH_MAX + sizeof SCRIPT], own_node[PATH_MAX + sizeof OWN_NODE];
  char *command[COUNT(options) + MAX_ARGUMENTS + 3];
  size_t count = 1;

  if (argc > MAX_ARGUMENTS) {
    errno = E2BIG;
    return fail("Cannot start", "give fewer arguments");
  }
  if (find_root(root) < 0)
    return fail("Cannot find the daemon beside this program", "mount /proc");
  strcat(strcpy(script, root), SCRIPT);
  strcat(strcpy(own_node, root), OWN_NODE);
  if (argc > 1 && strcmp(argv[1], "serve") == 0)
    join_cgroup_namespace();

  for (size_t i = 0; i < COUNT(options); i++)
    command[count++] = options[i];
  command[count++] = script;
  for (int i = 1; i < argc; i++)
    command[count++] = argv[i];
  command[count] = NULL;
  command[0] = own_node;
  execv(own_node, command);
  for (size_t i = 0; i < COUNT(nodes) && errno == ENOENT; i++) {
    command[0] = nodes[i];
    execv(nodes[i], command);
  }
  return fail("Cannot execute Node", "use an image that has it in /nodejs/bin, /usr/local/bin or /usr/bin, or put it in bin/ beside dist/");
}
