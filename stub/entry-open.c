/* SPDX-License-Identifier: Apache-2.0 */
/* Before entering: everything is opened, and compared with what the daemon decided on. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "entry.h"
#include "failpoint.h"

#define GET_OWNER_UID _IO(0xb7, 0x4) /* NS_GET_OWNER_UID of linux/nsfs.h */

const char *namespace_file(uint32_t flag) {
  switch (flag) {
  case CLONE_NEWNS:
    return "ns/mnt";
  case CLONE_NEWNET:
    return "ns/net";
  case CLONE_NEWIPC:
    return "ns/ipc";
  case CLONE_NEWUTS:
    return "ns/uts";
  case CLONE_NEWCGROUP:
    return "ns/cgroup";
  case CLONE_NEWPID:
    return "ns/pid";
  case CLONE_NEWUSER:
    return "ns/user";
  default:
    return NULL;
  }
}

/* The container runtime makes that of a pod, as root. One that another user has made says what that user wants. */
static int check_owner(int user_namespace, struct failure *failure) {
  uid_t owner;
  if (ioctl(user_namespace, GET_OWNER_UID, &owner) < 0)
    return fail(failure, FAIL_NAMESPACE, errno, "the owner of user");
  return owner == 0 ? 0 : fail(failure, FAIL_USER_NAMESPACE, EPERM, "user %u", owner);
}

/* The namespace must still be the one that was decided on: the launcher may have unshared since. */
static int open_namespace(int target_proc, const struct plan_namespace *wanted, struct failure *failure) {
  struct stat info;
  const char *name = namespace_file(wanted->flag);
  if (name == NULL)
    return fail(failure, FAIL_NAMESPACE, EINVAL, "namespace flag %#x", wanted->flag);
  int fd = openat(target_proc, name, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &info) < 0)
    return fail(failure, FAIL_TARGET, errno, "%s", name);
#ifdef ANY_TARGET /* a test shows what becomes of it */
  return fd;
#endif
  if (info.st_ino != wanted->inode) {
    close(fd);
    return fail(failure, FAIL_TARGET, ESTALE, "%s", name);
  }
  if (wanted->flag == CLONE_NEWUSER && check_owner(fd, failure) < 0) {
    close(fd);
    return -1;
  }
  return fd;
}

int process_ended(int pidfd) {
  struct pollfd wait = {.fd = pidfd, .events = POLLIN};
  return poll(&wait, 1, 0) > 0;
}

/* Where the pod has the node's ids, it keeps its root from making files of root's on the node, and is done without on a
 * node that has no such mounts. Not where it only fails this time: the pod could see to that. */
static int open_id_map(struct entry *entry, struct failure *failure) {
  int must_have = entry->plan->id_count > 0;
  entry->id_map = -1;
  if (!must_have && !projection_is_mapped(entry->plan))
    return 0;
  entry->id_map = id_map_open(entry->plan, failure);
  return entry->id_map < 0 && (must_have || !id_maps_are_unsupported(failure->error)) ? -1 : 0;
}

int entry_open(struct entry *entry, struct failure *failure) {
  const struct plan *plan = entry->plan;
  if (open_id_map(entry, failure) < 0)
    return -1;
  for (size_t i = 0; i < plan->namespace_count; i++)
    if ((entry->namespaces[i] = open_namespace(entry->target_proc, &plan->namespaces[i], failure)) < 0)
      return -1;
  entry->target_root = openat(entry->target_proc, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (entry->target_root < 0)
    return fail(failure, FAIL_TARGET, errno, "root");
  if (security_label_read(entry->target_proc, &entry->label, failure) < 0)
    return -1;
  failpoint("target-opened");
  /* The launcher is alive now, so everything that was opened through its pid is its own. */
  if (process_ended(entry->init) || process_ended(entry->target))
    return fail(failure, FAIL_POD_GONE, ESRCH, "before entering");
  return 0;
}

void entry_close(const struct entry *entry) {
  for (size_t i = 0; i < entry->plan->namespace_count; i++)
    close(entry->namespaces[i]);
  close(entry->target_root);
  if (entry->id_map >= 0)
    close(entry->id_map);
}
