/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a cgroup with those of the cgroups below it, which are the pod's to make, however many and deep. */
#include "processes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "wire.h"

#define MAX_DEPTH 64 /* each takes an fd */

struct visit {
  int (*visit)(void *context, pid_t pid);
  void *context;
  int64_t deadline;
  int is_complete;
};

/* What is gone has nobody in it. */
static void note_error(struct visit *visit) {
  if (errno != ENOENT && errno != ENODEV)
    visit->is_complete = 0;
}

static int visit_own(struct visit *visit, int directory) {
  struct pid_list list;
  int goes_on = now_ms() < visit->deadline;
  if (!goes_on)
    visit->is_complete = 0;
  else if (pid_list_open(&list, directory, "cgroup.procs") < 0)
    note_error(visit);
  else {
    for (pid_t pid; goes_on && (pid = pid_list_next(&list)) > 0;)
      goes_on = visit->visit(visit->context, pid);
    pid_list_close(&list);
  }
  return goes_on;
}

static int visit_tree(struct visit *visit, int directory, int depth);

static int visit_child(struct visit *visit, int directory, const char *name, int depth) {
  if (depth > MAX_DEPTH) {
    visit->is_complete = 0;
    return 1;
  }
  int child = openat(directory, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (child >= 0)
    return visit_tree(visit, child, depth);
  note_error(visit);
  return 1;
}

/* There are no links in a file system of cgroups. Takes the directory over. */
static int visit_tree(struct visit *visit, int directory, int depth) {
  int goes_on = visit_own(visit, directory);
  DIR *entries = fdopendir(directory);
  if (entries == NULL) {
    note_error(visit);
    close(directory);
    return goes_on;
  }
  for (const struct dirent *each; goes_on && (each = readdir(entries)) != NULL;)
    if (each->d_type == DT_DIR && strcmp(each->d_name, ".") != 0 && strcmp(each->d_name, "..") != 0)
      goes_on = visit_child(visit, directory, each->d_name, depth + 1);
  closedir(entries);
  return goes_on;
}

int visit_cgroup(const char *path, int64_t deadline, int (*visit)(void *context, pid_t pid), void *context) {
  struct visit all = {.visit = visit, .context = context, .deadline = deadline, .is_complete = 1};
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0)
    visit_tree(&all, directory, 0);
  else
    note_error(&all);
  return all.is_complete;
}
