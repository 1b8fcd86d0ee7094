/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kills a process with all that descends from it. Killing one level at a time would not do: each level would have to be
 * seen to die before the next one has a parent by which it is known, and could make two of itself meanwhile. So a process
 * is stopped on the way down, which keeps it from having more children, and killed on the way up.
 *
 * Which processes there are, and how many, is the word of whoever is to be ended. What this takes is bounded by the depth,
 * and what is deeper has another parent once this is killed: the caller comes again.
 */
#include "processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "entry.h"
#include "wire.h"

#define MAX_DEPTH 128 /* of which each takes three or four fds, and 4 KiB */

static void kill_level(const struct process *process, int depth, int64_t deadline);

static void signal_process(const struct process *process, int number) {
  syscall(SYS_pidfd_send_signal, process->fd, number, NULL, 0);
}

static void kill_child(const struct process *parent, pid_t pid, int depth, int64_t deadline) {
  struct process child;
  if (process_open(&child, pid) < 0)
    return;
  /* A pid that was in the list may be another's by now. The parent lives after it was named as such: its own pid is not
   * another's either. */
  if (process_status(&child, "\nPPid:\t") == parent->pid && !process_ended(parent->fd))
    kill_level(&child, depth, deadline);
  process_close(&child);
}

static void kill_children_of_thread(const struct process *parent, const char *thread, int depth, int64_t deadline) {
  struct pid_list children;
  char path[64];
  if (snprintf(path, sizeof path, "task/%s/children", thread) >= (int)sizeof path ||
      pid_list_open(&children, parent->proc, path) < 0)
    return;
  for (pid_t pid; now_ms() < deadline && (pid = pid_list_next(&children)) > 0;)
    kill_child(parent, pid, depth, deadline);
  pid_list_close(&children);
}

static void kill_children_of(const struct process *parent, int depth, int64_t deadline) {
  int directory = openat(parent->proc, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *threads = directory < 0 ? NULL : fdopendir(directory);
  if (threads == NULL) {
    if (directory >= 0)
      close(directory);
    return;
  }
  for (const struct dirent *each; now_ms() < deadline && (each = readdir(threads)) != NULL;)
    if (each->d_name[0] != '.')
      kill_children_of_thread(parent, each->d_name, depth, deadline);
  closedir(threads);
}

static void kill_level(const struct process *process, int depth, int64_t deadline) {
  if (depth < MAX_DEPTH && now_ms() < deadline) {
    signal_process(process, SIGSTOP);
    kill_children_of(process, depth + 1, deadline);
  }
  signal_process(process, SIGKILL);
}

void kill_tree(const struct process *top, int64_t deadline) { kill_level(top, 0, deadline); }
