/* SPDX-License-Identifier: Apache-2.0 */
/* Why a launch failed once the daemon had allowed it: in the shim, or in the stub of exec mode. */
#ifndef FAILURE_H
#define FAILURE_H

#include <stddef.h>

/* `step` is one of enum fail_step, `error` an errno, `detail` what it was about. */
struct failure {
  int step, error;
  char detail[512];
};

enum fail_step {
  FAIL_PLAN,
  FAIL_STUB,
  FAIL_FD_KIND,
  FAIL_TARGET,
  FAIL_CGROUP,
  FAIL_NAMESPACE,
  FAIL_PROJECT_SOURCE,
  FAIL_PROJECT_OWNER,
  FAIL_PROJECT_PLACE,
  FAIL_PROJECT_SYMLINK,
  FAIL_PROJECT_CROWDED,
  FAIL_IDENTITY,
  FAIL_LABEL,
  FAIL_MEMORY_POLICY,
  FAIL_FDS,
  FAIL_CWD,
  FAIL_EXEC,
  FAIL_TIMEOUT,
  FAIL_POD_GONE,
  FAIL_STUB_GONE,
  FAIL_STATE,
  FAIL_PID_NAMESPACE,
  FAIL_MONITOR,
  FAIL_SECCOMP,
  FAIL_PROC,
  FAIL_USER_NAMESPACE,
  FAIL_ID_MAP,
  FAIL_PROJECT_IDS,
  FAIL_KEYRING,
  FAIL_FORK,
  FAIL_ENDED,
};

/* Returns 0, or -1 with *failure filled in from errno and the printf-like detail. */
__attribute__((format(printf, 4, 5))) int fail(struct failure *failure, enum fail_step step, int error,
                                               const char *format, ...);

/* One line for libvirt's error message: what could not be done, about what, why; what to do. `actor` is the program
 * whose privileges and limits count: "the node driver" or "libvirt". `launch_id` comes last, or NULL where it is not
 * known. Returns the length. */
size_t describe_failure(const struct failure *failure, const char *actor, const char *launch_id, char *text, size_t size);

#endif
