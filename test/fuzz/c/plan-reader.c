/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan that the daemon hands to shim and broker. What is accepted must be whole: written anew from what was read, it
 * reads the same.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "plan.h"

static uint8_t *written;
static size_t written_length, written_room;

static void put(uint16_t tag, const void *head, size_t head_length, const void *data, size_t length) {
  struct {
    uint16_t tag, zero;
    uint32_t length;
  } record = {tag, 0, (uint32_t)(head_length + length)};
  size_t wanted = written_length + sizeof record + head_length + length;
  if (wanted > written_room) {
    written_room = 2 * wanted;
    written = realloc(written, written_room);
    EXPECT(written != NULL);
  }
  memcpy(written + written_length, &record, sizeof record);
  if (head_length > 0)
    memcpy(written + written_length + sizeof record, head, head_length);
  if (length > 0)
    memcpy(written + written_length + sizeof record + head_length, data, length);
  written_length = wanted;
}

static void put_text(uint16_t tag, const char *text) {
  if (text != NULL)
    put(tag, NULL, 0, text, strlen(text) + 1);
}

static void put_number(uint16_t tag, uint32_t number) { put(tag, &number, sizeof number, NULL, 0); }

static void put_lists(const struct plan *plan) {
  for (size_t i = 0; i < plan->argc; i++)
    put_text(PLAN_ARG, plan->argv[i]);
  for (size_t i = 0; i < plan->envc; i++)
    put_text(PLAN_ENV, plan->envp[i]);
  for (size_t i = 0; i < plan->group_count; i++)
    put_number(PLAN_GROUP, plan->groups[i]);
  for (size_t i = 0; i < plan->cgroup_count; i++)
    put_text(PLAN_CGROUP, plan->cgroups[i]);
  for (size_t i = 0; i < plan->shim_cgroup_count; i++)
    put_text(PLAN_SHIM_CGROUP, plan->shim_cgroups[i]);
  for (size_t i = 0; i < plan->rlimit_count; i++) {
    struct {
      uint32_t resource, zero;
      uint64_t soft, hard;
    } value = {plan->rlimits[i].resource, 0, plan->rlimits[i].soft, plan->rlimits[i].hard};
    put(PLAN_RLIMIT, &value, sizeof value, NULL, 0);
  }
  for (size_t i = 0; i < plan->namespace_count; i++) {
    struct {
      uint32_t flag, zero;
      uint64_t inode;
    } value = {plan->namespaces[i].flag, 0, plan->namespaces[i].inode};
    put(PLAN_NAMESPACE, &value, sizeof value, NULL, 0);
    size_t first = 0;
    while (plan->namespaces[first].flag != value.flag)
      first++;
    EXPECT(plan_namespace_inode(plan, value.flag) == plan->namespaces[first].inode);
  }
  for (size_t i = 0; i < plan->id_count; i++)
    put(PLAN_ID, &plan->ids[i], sizeof plan->ids[i], NULL, 0);
  EXPECT(plan_namespace_inode(plan, 0xdeadbeef) == 0 || plan->namespace_count > 0);
  for (size_t i = 0; i < plan->project_count; i++)
    put(PLAN_PROJECT, &plan->projects[i].flags, sizeof(uint32_t), plan->projects[i].path,
        strlen(plan->projects[i].path) + 1);
}

static void write_plan(const struct plan *plan) {
  written_length = 0;
  put_text(PLAN_LAUNCH_ID, plan->launch_id);
  put_text(PLAN_EMULATOR, plan->emulator);
  put_text(PLAN_CWD, plan->cwd);
  put_text(PLAN_HOST_MNT, plan->host_mnt);
  put_number(PLAN_UID, plan->uid);
  put_number(PLAN_GID, plan->gid);
  put_number(PLAN_UMASK, plan->umask);
  put_number(PLAN_FD_COUNT, plan->fd_count);
  put_number(PLAN_STUB_GONE_GRACE, plan->stub_gone_grace);
  put_number(PLAN_POD_GONE_GRACE, plan->pod_gone_grace);
  put_number(PLAN_DEADLINE, plan->deadline);
  put_number(PLAN_MONITOR, plan->monitor);
  put(PLAN_OOM_SCORE_ADJ, &plan->oom_score_adj, sizeof plan->oom_score_adj, NULL, 0);
  put(PLAN_AFFINITY, NULL, 0, plan->affinity, plan->affinity_size);
  put(PLAN_CGROUP_TEXT, NULL, 0, plan->cgroup_text, plan->cgroup_text_length);
  if (plan->filter.length > 0) {
    uint32_t head[2] = {plan->filter.flags, 0};
    put(PLAN_SECCOMP, head, sizeof head, plan->filter.instructions, 8U * plan->filter.length);
  }
  put_lists(plan);
}

static void check(const struct plan *plan) {
  EXPECT(plan->launch_id != NULL && plan->emulator != NULL && plan->cwd != NULL && plan->deadline != 0);
  EXPECT(plan->uid != UINT32_MAX && plan->gid != UINT32_MAX);
  EXPECT(plan->argc > 0 && plan->argv[plan->argc] == NULL && plan->envp[plan->envc] == NULL);
  EXPECT(plan->cgroup_count > 0 && plan->cgroup_count <= PLAN_MAX_CGROUPS);
  EXPECT(plan->shim_cgroup_count <= PLAN_MAX_CGROUPS && plan->project_count <= PLAN_MAX_PROJECTS);
  EXPECT(plan->id_count <= PLAN_MAX_IDS);
  for (size_t i = 0; i < plan->id_count; i++)
    EXPECT(plan->ids[i].kind == PLAN_ID_USER || plan->ids[i].kind == PLAN_ID_GROUP);
  EXPECT(plan->group_count <= PLAN_MAX_GROUPS && plan->rlimit_count <= PLAN_MAX_RLIMITS);
  EXPECT(plan->namespace_count <= PLAN_MAX_NAMESPACES && plan->filter.length <= PLAN_MAX_FILTER);
}

/* The plan's lists stay where they are: the programs end without giving them back. */
static int read_plan(const uint8_t *data, size_t size, struct plan *plan) {
  fuzz_file = data;
  fuzz_file_length = size;
  errno = 0;
  int result = plan_read(4, plan);
  EXPECT(result == 0 || (result == -1 && (errno == EPROTO || (errno == ENOMEM && fuzz_map_fails))));
  return result;
}

static void forget(struct plan *plan) {
  free(plan->argv);
  free(plan->envp);
  fuzz_end();
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv) {
  (void)argc, (void)argv;
  fuzz_open();
  return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct plan first, second;
  static const struct input none;
  fuzz_begin(none);
  fuzz_map_fails = size == 9;
  if (read_plan(data, size, &first) < 0) {
    forget(&first);
    return 0;
  }
  check(&first);
  write_plan(&first);
  forget(&first);
  uint8_t *once = malloc(written_length);
  size_t length = written_length;
  EXPECT(once != NULL);
  memcpy(once, written, length);
  fuzz_begin(none);
  EXPECT(read_plan(once, length, &second) == 0);
  write_plan(&second);
  EXPECT(written_length == length && memcmp(written, once, length) == 0);
  forget(&second);
  free(once);
  return 0;
}
