/* SPDX-License-Identifier: Apache-2.0 */
/* In libvirt's mount namespace: what is to be projected is looked at, and cloned. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "entry.h"
#include "mounts.h"
#include "safe-fds.h"

/* What else there is may well belong to other users, and be written all the same: the socket of a switch, say. */
static int is_mapped(const struct plan *plan, const struct plan_project *project) {
  return plan->id_count > 0 || (project->flags & PROJECT_OWNED) != 0;
}

int projection_is_mapped(const struct plan *plan) {
  for (size_t i = 0; i < plan->project_count; i++)
    if (is_mapped(plan, &plan->projects[i]))
      return 1;
  return 0;
}

/* For the message alone. */
static const struct {
  uint32_t magic;
  const char *name;
} file_systems[] = {
    {0x794c7630, "overlayfs"}, {0x01021994, "tmpfs"}, {0x6969, "nfs"},       {0x65735546, "fuse"},
    {0x01021997, "9p"},        {0x858458f6, "ramfs"}, {0x00c36400, "ceph"}, {0xff534d42, "cifs"},
    {0xfe534d42, "smb"},       {0x2fc12fc1, "zfs"},   {0xef53, "ext4"},      {0x58465342, "xfs"},
};

static const char *name_file_system(int file) {
  static char text[32];
  struct statfs info;
  if (fstatfs(file, &info) < 0)
    return "a file system";
  for (size_t i = 0; i < sizeof file_systems / sizeof file_systems[0]; i++)
    if ((uint32_t)info.f_type == file_systems[i].magic)
      return file_systems[i].name;
  snprintf(text, sizeof text, "a file system %#x", (uint32_t)info.f_type);
  return text;
}

static int open_source(const struct plan *plan, const struct plan_project *project, int id_map,
                       struct failure *failure) {
  struct stat info;

  /* libvirt's qemu user may write in these directories: a symlink could point anywhere on the node. */
  int root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
  int source = root < 0 ? -1 : open_in_root(root, project->path, O_PATH | O_CLOEXEC, LINKS_REFUSED);
  int refusal = errno;
  if (root >= 0)
    close(root);
  errno = refusal;
  if (source < 0)
    return errno == ENOENT && (project->flags & PROJECT_OPTIONAL) != 0
               ? -1
               : fail(failure, FAIL_PROJECT_SOURCE, errno, "%s", project->path);
  if (fstat(source, &info) < 0 || ((project->flags & PROJECT_OWNED) != 0 &&
                                   (!S_ISDIR(info.st_mode) || info.st_uid != plan->uid))) {
    close(source);
    return fail(failure, FAIL_PROJECT_OWNER, EPERM, "%s", project->path);
  }
  int tree = clone_mount(source, "", AT_EMPTY_PATH);
  int error = errno;
  if (tree >= 0 && make_slave(tree) < 0) {
    error = errno;
    close(tree);
    tree = -1;
  }
  int must_have = plan->id_count > 0;
  if (tree >= 0 && id_map >= 0 && is_mapped(plan, project) && translate_ids(tree, id_map) < 0 &&
      (must_have || !id_maps_are_unsupported(errno))) {
    fail(failure, FAIL_PROJECT_IDS, errno, "%.400s on %s", project->path, name_file_system(source));
    close(tree);
    close(source);
    return -1;
  }
  close(source);
  return tree < 0 ? fail(failure, FAIL_PROJECT_SOURCE, error, "%s", project->path) : tree;
}

int projection_open(const struct plan *plan, int id_map, struct projection *projections, struct failure *failure) {
  failure->detail[0] = '\0';
  for (size_t i = 0; i < plan->project_count; i++) {
    projections[i].path = plan->projects[i].path;
    projections[i].tree = open_source(plan, &plan->projects[i], id_map, failure);
    if (projections[i].tree < 0 && failure->detail[0] != '\0')
      return -1;
  }
  return 0;
}
