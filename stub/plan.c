/* SPDX-License-Identifier: Apache-2.0 */
#include "plan.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

struct record {
  uint16_t tag, zero;
  uint32_t length;
};

#define NOBODY UINT32_MAX

static int malformed(void) {
  errno = EPROTO;
  return -1;
}

static int get_u32(const char *bytes, uint32_t length, uint32_t *value) {
  if (length != sizeof *value)
    return malformed();
  memcpy(value, bytes, sizeof *value);
  return 0;
}

static int get_string(char *bytes, uint32_t length, const char **value) {
  if (length == 0 || memchr(bytes, '\0', length) != bytes + length - 1)
    return malformed();
  *value = bytes;
  return 0;
}

static int add_string(char *bytes, uint32_t length, const char **list, size_t *count, size_t max) {
  if (*count == max)
    return malformed();
  return get_string(bytes, length, &list[(*count)++]);
}

/* argv and envp: as many pointers as the plan has records at most, so they were allocated large enough. */
static int add_argument(char *bytes, uint32_t length, char **list, size_t *count) {
  const char *checked;
  if (get_string(bytes, length, &checked) < 0)
    return -1;
  list[(*count)++] = bytes;
  return 0;
}

static int add_namespace(const char *bytes, uint32_t length, struct plan *plan) {
  struct {
    uint32_t flag, zero;
    uint64_t inode;
  } value;
  if (length != sizeof value || plan->namespace_count == PLAN_MAX_NAMESPACES)
    return malformed();
  memcpy(&value, bytes, sizeof value);
  plan->namespaces[plan->namespace_count++] = (struct plan_namespace){.flag = value.flag, .inode = value.inode};
  return 0;
}

static int add_rlimit(const char *bytes, uint32_t length, struct plan *plan) {
  struct {
    uint32_t resource, zero;
    uint64_t soft, hard;
  } value;
  if (length != sizeof value || plan->rlimit_count == PLAN_MAX_RLIMITS)
    return malformed();
  memcpy(&value, bytes, sizeof value);
  plan->rlimits[plan->rlimit_count++] =
      (struct plan_rlimit){.resource = value.resource, .soft = value.soft, .hard = value.hard};
  return 0;
}

static int add_project(char *bytes, uint32_t length, struct plan *plan) {
  if (length <= sizeof(uint32_t) || plan->project_count == PLAN_MAX_PROJECTS)
    return malformed();
  struct plan_project *project = &plan->projects[plan->project_count++];
  memcpy(&project->flags, bytes, sizeof project->flags);
  return get_string(bytes + sizeof(uint32_t), length - (uint32_t)sizeof(uint32_t), &project->path);
}

static int add_group(const char *bytes, uint32_t length, struct plan *plan) {
  if (plan->group_count == PLAN_MAX_GROUPS)
    return malformed();
  return get_u32(bytes, length, &plan->groups[plan->group_count++]);
}

static int add_id(const char *bytes, uint32_t length, struct plan *plan) {
  struct plan_id *id = &plan->ids[plan->id_count];
  if (length != sizeof *id || plan->id_count == PLAN_MAX_IDS)
    return malformed();
  memcpy(id, bytes, sizeof *id);
  plan->id_count++;
  return id->kind > PLAN_ID_GROUP ? malformed() : 0;
}

#define INSTRUCTION_SIZE 8U

static int get_filter(char *bytes, uint32_t length, struct plan *plan) {
  uint32_t head[2];
  if (plan->filter.length != 0 || length <= sizeof head || length % INSTRUCTION_SIZE != 0 ||
      length > sizeof head + INSTRUCTION_SIZE * PLAN_MAX_FILTER)
    return malformed();
  memcpy(head, bytes, sizeof head);
  plan->filter = (struct plan_filter){.flags = head[0],
                                      .length = (uint16_t)((length - sizeof head) / INSTRUCTION_SIZE),
                                      .instructions = bytes + sizeof head};
  return 0;
}

static int read_record(struct plan *plan, enum plan_tag tag, char *bytes, uint32_t length) {
  switch (tag) {
  case PLAN_LAUNCH_ID:
    return get_string(bytes, length, &plan->launch_id);
  case PLAN_EMULATOR:
    return get_string(bytes, length, &plan->emulator);
  case PLAN_ARG:
    return add_argument(bytes, length, plan->argv, &plan->argc);
  case PLAN_ENV:
    return add_argument(bytes, length, plan->envp, &plan->envc);
  case PLAN_CWD:
    return get_string(bytes, length, &plan->cwd);
  case PLAN_UID:
    return get_u32(bytes, length, &plan->uid);
  case PLAN_GID:
    return get_u32(bytes, length, &plan->gid);
  case PLAN_GROUP:
    return add_group(bytes, length, plan);
  case PLAN_UMASK:
    return get_u32(bytes, length, &plan->umask);
  case PLAN_RLIMIT:
    return add_rlimit(bytes, length, plan);
  case PLAN_OOM_SCORE_ADJ:
    if (length != sizeof plan->oom_score_adj)
      return malformed();
    memcpy(&plan->oom_score_adj, bytes, sizeof plan->oom_score_adj);
    return 0;
  case PLAN_AFFINITY:
    plan->affinity = bytes;
    plan->affinity_size = length;
    return 0;
  case PLAN_NAMESPACE:
    return add_namespace(bytes, length, plan);
  case PLAN_CGROUP:
    return add_string(bytes, length, plan->cgroups, &plan->cgroup_count, PLAN_MAX_CGROUPS);
  case PLAN_CGROUP_TEXT:
    plan->cgroup_text = bytes;
    plan->cgroup_text_length = length;
    return 0;
  case PLAN_PROJECT:
    return add_project(bytes, length, plan);
  case PLAN_FD_COUNT:
    return get_u32(bytes, length, &plan->fd_count);
  case PLAN_STUB_GONE_GRACE:
    return get_u32(bytes, length, &plan->stub_gone_grace);
  case PLAN_POD_GONE_GRACE:
    return get_u32(bytes, length, &plan->pod_gone_grace);
  case PLAN_SHIM_CGROUP:
    return add_string(bytes, length, plan->shim_cgroups, &plan->shim_cgroup_count, PLAN_MAX_CGROUPS);
  case PLAN_HOST_MNT:
    return get_string(bytes, length, &plan->host_mnt);
  case PLAN_DEADLINE:
    return get_u32(bytes, length, &plan->deadline);
  case PLAN_MONITOR:
    return get_u32(bytes, length, &plan->monitor);
  case PLAN_SECCOMP:
    return get_filter(bytes, length, plan);
  case PLAN_ID:
    return add_id(bytes, length, plan);
  default:
    return malformed();
  }
}

/* QEMU's ids are the pod's, and then its files are to be the pod's too: in libvirt's mount namespace it would be nobody. */
static int is_user_namespace_complete(const struct plan *plan) {
  int users = plan_namespace_inode(plan, CLONE_NEWUSER) != 0;
  return users == (plan->id_count > 0) && (!users || plan_namespace_inode(plan, CLONE_NEWNS) != 0);
}

int plan_read(int memfd, struct plan *plan) {
  struct stat info;
  memset(plan, 0, sizeof *plan);
  plan->uid = plan->gid = NOBODY;
  plan->monitor = PLAN_NO_MONITOR;
  if (fstat(memfd, &info) < 0)
    return -1;
  size_t size = (size_t)info.st_size;
  if (size < sizeof(struct record))
    return malformed();
  char *bytes = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, memfd, 0);
  if (bytes == MAP_FAILED)
    return -1;

  /* A record takes at least nine bytes: room for every pointer and the two NULLs. */
  size_t slots = size / (sizeof(struct record) + 1) + 2;
  plan->argv = calloc(slots, sizeof *plan->argv);
  plan->envp = calloc(slots, sizeof *plan->envp);
  if (plan->argv == NULL || plan->envp == NULL)
    return -1;

  for (size_t at = 0; at < size;) {
    struct record record;
    if (size - at < sizeof record)
      return malformed();
    memcpy(&record, bytes + at, sizeof record);
    at += sizeof record;
    if (record.length > size - at || (record.length == 0 && record.tag == PLAN_ARG))
      return malformed();
    if (read_record(plan, (enum plan_tag)record.tag, bytes + at, record.length) < 0)
      return -1;
    at += record.length;
  }
  /* setresuid() takes -1 as "as it is", which would be root. */
  if (plan->uid == NOBODY || plan->gid == NOBODY)
    return malformed();
  if (plan->launch_id == NULL || plan->emulator == NULL || plan->cwd == NULL || plan->argc == 0 ||
      plan->cgroup_count == 0 || plan->deadline == 0 || !is_user_namespace_complete(plan))
    return malformed();
  return 0;
}

uint64_t plan_namespace_inode(const struct plan *plan, uint32_t flag) {
  for (size_t i = 0; i < plan->namespace_count; i++)
    if (plan->namespaces[i].flag == flag)
      return plan->namespaces[i].inode;
  return 0;
}
