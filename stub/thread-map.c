/* SPDX-License-Identifier: Apache-2.0 */
/* The ids of QEMU's threads in its own PID namespace and in libvirt's, as the node's procfs tells them. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "monitor.h"

#define MAX_LEVELS 33 /* MAX_PID_NS_LEVEL of the kernel, and the first */

/* The ids of one process or thread from the outermost namespace to its own. Returns their number, 0 on failure. */
static size_t read_ids(int directory, const char *file, int ids[MAX_LEVELS]) {
  char text[8192];
  size_t count = 0;
  int status = openat(directory, file, O_RDONLY | O_CLOEXEC);
  if (status < 0)
    return 0;
  ssize_t length = read(status, text, sizeof text - 1);
  close(status);
  if (length <= 0)
    return 0;
  text[length] = '\0';
  /* The first line is the thread's name, in which the kernel writes a line's end as an escape. */
  char *next = strstr(text, "\nNSpid:");
  if (next == NULL)
    return 0;
  next += sizeof "\nNSpid:" - 1;
  while (*next == '\t' && count < MAX_LEVELS)
    ids[count++] = (int)strtol(next + 1, &next, 10);
  return count;
}

int thread_map_open(struct thread_map *map, int stub_proc, pid_t qemu) {
  int ids[MAX_LEVELS];
  char path[64];
  map->count = 0;
  map->level = read_ids(stub_proc, "status", ids);
  snprintf(path, sizeof path, "../%d/task", (int)qemu);
  map->tasks = openat(stub_proc, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  return map->level > 0 && map->tasks >= 0 ? 0 : -1;
}

void thread_map_read(struct thread_map *map) {
  int copy = openat(map->tasks, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *list = copy < 0 ? NULL : fdopendir(copy);
  map->count = 0;
  if (list == NULL) {
    if (copy >= 0)
      close(copy);
    return;
  }
  for (struct dirent *entry; map->count < THREAD_MAP_SIZE && (entry = readdir(list)) != NULL;) {
    int ids[MAX_LEVELS];
    char path[sizeof entry->d_name + sizeof "/status"];
    if (entry->d_name[0] == '.')
      continue;
    snprintf(path, sizeof path, "%s/status", entry->d_name);
    size_t count = read_ids(map->tasks, path, ids);
    if (count < map->level)
      continue;
    map->threads[map->count].inner = ids[count - 1];
    map->threads[map->count++].outer = ids[map->level - 1];
  }
  closedir(list);
}

int thread_map_find(const struct thread_map *map, int inner) {
  for (size_t i = 0; i < map->count; i++)
    if (map->threads[i].inner == inner)
      return map->threads[i].outer;
  return THREAD_ID_UNKNOWN;
}
