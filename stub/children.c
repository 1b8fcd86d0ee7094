/* SPDX-License-Identifier: Apache-2.0 */
#include "processes.h"
#include "shim.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KILL_DEADLINE_MS 2000
#define REAP_MS 20 /* before others are killed again, who may make zombies as fast as these are reaped */
#define LONGEST_PASS_MS 10000 /* nobody waits for it */
#define LONGEST_PAUSE_MS 1000

pid_t reap_one(int *status) {
  pid_t pid;
  do
    pid = waitpid(-1, status, WNOHANG);
  while (pid < 0 && errno == EINTR);
  return pid;
}

int list_children(struct pid_list *list) { return pid_list_open(list, AT_FDCWD, "/proc/thread-self/children"); }

/* None of them can be another's meanwhile: only we reap them. */
static void kill_children(int64_t deadline) {
  struct pid_list list;
  struct process process;
  if (list_children(&list) < 0)
    return;
  for (pid_t pid; now_ms() < deadline && (pid = pid_list_next(&list)) > 0;) {
    if (process_open(&process, pid) < 0) { /* it has ended, or there is no fd left for it */
      kill(pid, SIGKILL);
      continue;
    }
    kill_tree(&process, deadline);
    process_close(&process);
  }
  pid_list_close(&list);
}

enum left { LEFT_NONE, LEFT_SAME, LEFT_OTHERS };

/* What is left: nothing, or as far as we can tell what was there before, or others. */
static enum left kill_all(const struct plan *plan, int64_t deadline) {
  static int leftovers_before;
  int64_t begin = now_ms();
  int reaped = 0;
  pid_t pid;
  while ((pid = reap_one(NULL)) > 0) {
    reaped++;
    if (now_ms() >= begin + REAP_MS)
      break;
  }
  /* In this order: how long the search takes is up to the pod. */
  kill_children(deadline);
  int leftovers = leftovers_kill(plan, deadline);
  int is_same = reaped == 0 && leftovers == leftovers_before;
  leftovers_before = leftovers;
  /* Without children, QEMU is reaped, and what it left has a new parent. */
  if (pid < 0 && leftovers == 0)
    return LEFT_NONE;
  return is_same ? LEFT_SAME : LEFT_OTHERS;
}

static void wait_ms(int64_t time) {
  struct timespec pause = {.tv_sec = time / 1000, .tv_nsec = time % 1000 * 1000000};
  nanosleep(&pause, NULL);
}

void end_children(const struct plan *plan) {
  int64_t deadline = now_ms() + KILL_DEADLINE_MS;
  while (kill_all(plan, deadline) != LEFT_NONE && now_ms() < deadline)
    wait_ms(1);
}

void outlive_children(const struct plan *plan) {
  int64_t pause = 1, begin = now_ms();
  for (enum left left; (left = kill_all(plan, begin + LONGEST_PASS_MS)) != LEFT_NONE; begin = now_ms()) {
    int64_t took = now_ms() - begin;
    /* A fifth of one processor at most, which no limit of the pod's counts. */
    wait_ms(pause > 4 * took ? pause : 4 * took);
    pause = left == LEFT_OTHERS ? 1 : 2 * pause < LONGEST_PAUSE_MS ? 2 * pause : LONGEST_PAUSE_MS;
  }
}
