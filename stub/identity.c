/* SPDX-License-Identifier: Apache-2.0 */
/* Who the process is that enters: root of the pod's user namespace for a while, then libvirt's user for good. */
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "capabilities.h"
#include "entry.h"

#ifdef TRACEABLE /* a test shows what becomes of it */
#define DUMPABLE 1
#else
#define DUMPABLE 0
#endif

int hide_process(struct failure *failure) {
  return prctl(PR_SET_DUMPABLE, DUMPABLE, 0, 0, 0) < 0 ? fail(failure, FAIL_IDENTITY, errno, "not to be dumpable") : 0;
}

/* From here on this process may do on the node what nobody may, and in the pod what its root may. It must be that root:
 * who has no id in a user namespace can make no file in it. */
int become_root_of(int user_namespace, struct failure *failure) {
  if (setns(user_namespace, CLONE_NEWUSER) < 0)
    return fail(failure, FAIL_NAMESPACE, errno, "user");
  /* New capabilities and new ids set it as fs.suid_dumpable says. */
  if (hide_process(failure) < 0)
    return -1;
  if (setgroups(0, NULL) < 0 || setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
    return fail(failure, FAIL_IDENTITY, errno, "root of its user namespace");
  return hide_process(failure);
}

/* Groups before gid before uid: each step takes away the right to the one before. */
int become_caller(const struct plan *plan, struct failure *failure) {
  gid_t groups[PLAN_MAX_GROUPS];
  for (size_t i = 0; i < plan->group_count; i++)
    groups[i] = plan->groups[i];
  for (int capability = 0; prctl(PR_CAPBSET_READ, capability, 0, 0, 0) >= 0; capability++)
    if (prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) < 0)
      return fail(failure, FAIL_IDENTITY, errno, "the capability bounding set");
  if (setgroups(plan->group_count, groups) < 0 || setresgid(plan->gid, plan->gid, plan->gid) < 0 ||
      setresuid(plan->uid, plan->uid, plan->uid) < 0)
    return fail(failure, FAIL_IDENTITY, errno, "uid %u, gid %u", plan->uid, plan->gid);
  if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0 || drop_capabilities() < 0)
    return fail(failure, FAIL_IDENTITY, errno, "no capabilities");
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
    return fail(failure, FAIL_IDENTITY, errno, "no new privileges");
  /* A change of ids sets it as fs.suid_dumpable says. */
  return hide_process(failure);
}
