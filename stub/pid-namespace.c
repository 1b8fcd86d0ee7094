/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim.h"

#define GET_PARENT _IO(0xb7, 0x2) /* NS_GET_PARENT of linux/nsfs.h */

static int is_same(int one, int other) {
  struct stat first, second;
  return fstat(one, &first) == 0 && fstat(other, &second) == 0 && first.st_dev == second.st_dev &&
         first.st_ino == second.st_ino;
}

/* Only what is below libvirt's namespace has ids in it. */
static int is_below(int namespace, int ancestor) {
  int at = namespace, found = 0;
  while (at >= 0 && !found) {
    int parent = ioctl(at, GET_PARENT);
    if (at != namespace)
      close(at);
    at = parent;
    found = at >= 0 && is_same(at, ancestor);
  }
  if (at >= 0)
    close(at);
  return found;
}

/* QEMU writes its pid into no file, but its threads' ids go to libvirt, which pins and schedules them: they must be
 * those of libvirt's PID namespace, which is the stub's; or have one there that they can be translated to. */
int choose_pid_namespace(const struct entry *entry, int *chosen, struct failure *failure) {
  int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC), stub = openat(SHIM_STUB_PROC, "ns/pid", O_RDONLY | O_CLOEXEC);
  int pod = -1, is_other;
  *chosen = -1;
  if (own < 0 || stub < 0)
    return fail(failure, FAIL_STUB, errno, "its PID namespace");
  for (size_t i = 0; i < entry->plan->namespace_count; i++)
    if (entry->plan->namespaces[i].flag == CLONE_NEWPID)
      pod = entry->namespaces[i];
  is_other = pod >= 0 && !is_same(pod, stub);
  if (is_other && !is_below(pod, stub))
    return fail(failure, FAIL_PID_NAMESPACE, EINVAL, "pid");
  if (!is_same(pod < 0 ? stub : pod, own)) {
    if (pod < 0)
      leftovers_expect(stub);
    *chosen = fcntl(pod < 0 ? stub : pod, F_DUPFD_CLOEXEC, SHIM_FDS_END);
    if (*chosen < 0)
      return fail(failure, FAIL_FDS, errno, "a PID namespace");
  }
  close(own);
  close(stub);
  return is_other;
}
