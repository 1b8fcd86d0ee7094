/* SPDX-License-Identifier: Apache-2.0 */
/* The processes of a cgroup with those of the cgroups below it, which are the pod's to make, however many and deep. */
#include "processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define MAX_DEPTH 32
#define MAX_CGROUPS 4096

struct visit {
  int (*visit)(void *context, pid_t pid);
  void *context;
  int left; /* so many cgroups may still be looked at */
};

static int visit_own(struct visit *visit, int directory) {
  struct pid_list list;
  int goes_on = 1;
  if (pid_list_open(&list, directory, "cgroup.procs") < 0)
    return 1;
  for (pid_t pid; goes_on && (pid = pid_list_next(&list)) > 0;)
    goes_on = visit->visit(visit->context, pid);
  pid_list_close(&list);
  return goes_on;
}

/* There are no links in a file system of cgroups. Takes the directory over. */
static int visit_below(struct visit *visit, int directory, int depth) {
  int goes_on = visit_own(visit, directory);
  DIR *entries = goes_on && depth < MAX_DEPTH ? fdopendir(directory) : NULL;
  if (entries == NULL) {
    close(directory);
    return goes_on;
  }
  for (const struct dirent *each; goes_on && visit->left > 0 && (each = readdir(entries)) != NULL;) {
    if (each->d_type != DT_DIR || strcmp(each->d_name, ".") == 0 || strcmp(each->d_name, "..") == 0)
      continue;
    int below = openat(directory, each->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    visit->left--;
    if (below >= 0)
      goes_on = visit_below(visit, below, depth + 1);
  }
  closedir(entries);
  return goes_on;
}

void visit_cgroup(const char *path, int (*visit)(void *context, pid_t pid), void *context) {
  struct visit all = {.visit = visit, .context = context, .left = MAX_CGROUPS};
  int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory >= 0)
    visit_below(&all, directory, 0);
}
