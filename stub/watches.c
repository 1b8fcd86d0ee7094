/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ends of processes that are nobody's children here: in exec mode QEMU is libvirt's, and the pod's init the container
 * runtime's.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker.h"
#include "wire.h"

/* So long after its end a process is given to be reaped, when the kernel knows how it ended. */
#define REAP_DEADLINE_MS 200

/* What Linux 6.15 says through a pidfd; older kernels do not know the request, or leave EXIT_KNOWN out. */
struct process_info {
  uint64_t mask, cgroup;
  uint32_t ids[11];
  int32_t exit_status;
};

_Static_assert(sizeof(struct process_info) == 64, "the first version of the kernel's structure");

#define GET_PROCESS_INFO _IOWR(0xff, 11, struct process_info)
#define EXIT_KNOWN (1ULL << 3)

struct watch {
  uint32_t id;
  int pidfd;
  int64_t deadline; /* 0: it has not ended */
};

static struct watch watches[BROKER_MAX_WATCHES];
static size_t watch_count;

static void drop(size_t index) {
  close(watches[index].pidfd);
  watches[index] = watches[--watch_count];
}

void watch_forget(uint32_t id) {
  for (size_t i = 0; i < watch_count; i++)
    if (watches[i].id == id) {
      drop(i);
      return;
    }
}

int watch_add(uint32_t id, int pidfd) {
  watch_forget(id);
  if (watch_count == BROKER_MAX_WATCHES)
    return ENOSPC;
  int own = fcntl(pidfd, F_DUPFD_CLOEXEC, 3);
  if (own < 0)
    return errno;
  watches[watch_count++] = (struct watch){.id = id, .pidfd = own};
  return 0;
}

size_t watch_prepare(struct pollfd *entries) {
  /* That it has been reaped is told as POLLHUP, which comes unasked. */
  for (size_t i = 0; i < watch_count; i++)
    entries[i] =
        (struct pollfd){.fd = watches[i].pidfd, .events = (short)(watches[i].deadline == 0 ? POLLIN : 0)};
  return watch_count;
}

int64_t watch_deadline(void) {
  int64_t first = -1;
  for (size_t i = 0; i < watch_count; i++)
    if (watches[i].deadline != 0 && (first < 0 || watches[i].deadline < first))
      first = watches[i].deadline;
  return first;
}

static struct watch_end end_of(const struct watch *watch) {
  struct process_info info = {.mask = EXIT_KNOWN};
  struct watch_end end = {.id = watch->id, .kind = WATCH_EXIT_UNKNOWN};
  /* musl declares the request of ioctl() as an int. */
  if (syscall(SYS_ioctl, watch->pidfd, GET_PROCESS_INFO, &info) < 0 || (info.mask & EXIT_KNOWN) == 0)
    return end;
  end.kind = WIFSIGNALED(info.exit_status) ? WIRE_EXIT_SIGNAL : WIRE_EXIT_STATUS;
  end.value = (uint32_t)(WIFSIGNALED(info.exit_status) ? WTERMSIG(info.exit_status) : WEXITSTATUS(info.exit_status));
  return end;
}

void watch_continue(const struct pollfd *entries, size_t count, void (*tell)(const struct watch_end *end)) {
  int64_t now = now_ms();
  /* From the last one on, since the last one takes the place of one that is dropped. */
  for (size_t i = count; i-- > 0;) {
    struct watch *watch = &watches[i];
    if (entries[i].revents != 0 && watch->deadline == 0)
      watch->deadline = now + REAP_DEADLINE_MS;
    if (watch->deadline != 0 && ((entries[i].revents & POLLHUP) != 0 || now >= watch->deadline)) {
      struct watch_end end = end_of(watch);
      drop(i);
      tell(&end);
    }
  }
}
