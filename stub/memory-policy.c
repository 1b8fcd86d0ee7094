/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which NUMA nodes QEMU's memory comes from: libvirt sets it for the process that it believes to be QEMU
 * (<numatune><memory>), and the kernel tells it of another process only as the policy of its mappings. The stub has none
 * of its own for any mapping, so the first one tells. Read in the shim, whose alarm ends it should that hang.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

#define MODE_FLAG_STATIC (1 << 15)
#define MODE_FLAG_RELATIVE (1 << 14)

static const struct {
  const char *name;
  int mode;
} modes[] = {
    /* As numa_maps writes them; a name that begins with another one comes first. */
    {"default", 0}, {"prefer (many)", 5}, {"prefer", 1}, {"bind", 2}, {"interleave", 3}, {"local", 4},
    {"weighted interleave", 6},
};

static int malformed(struct failure *failure, const char *text) {
  return fail(failure, FAIL_MEMORY_POLICY, EPROTO, "\"%.60s\"", text);
}

static int parse_number(const char **text, unsigned long *number) {
  char *end;
  if (**text < '0' || **text > '9')
    return -1;
  *number = strtoul(*text, &end, 10);
  *text = end;
  return *number < MEMORY_POLICY_NODES ? 0 : -1;
}

/* E.g. "0-1,3". */
static int parse_nodes(const char *text, struct memory_policy *policy) {
  const size_t bits = 8 * sizeof policy->nodes[0];
  for (;;) {
    unsigned long first, last;
    if (parse_number(&text, &first) < 0)
      return -1;
    last = first;
    if (*text == '-' && (text++, parse_number(&text, &last) < 0))
      return -1;
    for (unsigned long node = first; node <= last; node++)
      policy->nodes[node / bits] |= 1UL << (node % bits);
    if (*text == '\0')
      return 0;
    if (*text++ != ',')
      return -1;
  }
}

/* E.g. "default", "bind:0-1", "interleave=static:0,2". */
static int parse_policy(const char *text, struct memory_policy *policy, struct failure *failure) {
  const char *rest = text;
  size_t i = 0;
  while (i < sizeof modes / sizeof modes[0] && strncmp(text, modes[i].name, strlen(modes[i].name)) != 0)
    i++;
  if (i == sizeof modes / sizeof modes[0])
    return malformed(failure, text);
  policy->mode = modes[i].mode;
  rest += strlen(modes[i].name);
  if (*rest == '=') {
    static const char fixed[] = "=static", relative[] = "=relative";
    if (strncmp(rest, fixed, sizeof fixed - 1) == 0) {
      policy->mode |= MODE_FLAG_STATIC;
      rest += sizeof fixed - 1;
    } else if (strncmp(rest, relative, sizeof relative - 1) == 0) {
      policy->mode |= MODE_FLAG_RELATIVE;
      rest += sizeof relative - 1;
    }
  }
  if (*rest == '\0')
    return 0;
  return *rest == ':' && parse_nodes(rest + 1, policy) == 0 ? 0 : malformed(failure, text);
}

int memory_policy_read(int stub_proc, struct memory_policy *policy, struct failure *failure) {
  char text[1024];
  memset(policy, 0, sizeof *policy);
  int file = openat(stub_proc, "numa_maps", O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return errno == ENOENT ? 0 : fail(failure, FAIL_MEMORY_POLICY, errno, "numa_maps"); /* a kernel without NUMA */
  ssize_t length = read(file, text, sizeof text - 1);
  int error = errno;
  close(file);
  if (length < 0)
    return fail(failure, FAIL_MEMORY_POLICY, error, "numa_maps");
  text[length] = '\0';
  /* "<address> <policy> <what it maps>"; two of the policies have a space in their names. */
  char *start = strchr(text, ' '), *end;
  if (start == NULL)
    return 0; /* the stub has ended, which is seen elsewhere */
  start++;
  size_t name = strncmp(start, "prefer (many)", 13) == 0 ? 13 : strncmp(start, "weighted ", 9) == 0 ? 9 : 0;
  end = start + name + strcspn(start + name, " \n");
  *end = '\0';
  return parse_policy(start, policy, failure);
}

int memory_policy_take(const struct memory_policy *policy, struct failure *failure) {
  if (policy->mode == 0)
    return 0;
  /* In the pod's cgroups by now: nodes that its cpuset lacks are left out, and one that has none of them is EINVAL. */
  if (syscall(SYS_set_mempolicy, policy->mode, policy->nodes, MEMORY_POLICY_NODES + 1) < 0)
    return fail(failure, FAIL_MEMORY_POLICY, errno, "mode %d", policy->mode & 0xff);
  return 0;
}
