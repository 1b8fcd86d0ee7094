/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The label of a Linux security module, AppArmor or SELinux, that QEMU gets: the launcher's, as a container runtime
 * would give it to a process of that container. Set for the next exec, while this process still has the credentials and
 * the /proc of the host's side. A label that can't be given is a refusal: QEMU would be less confined than the pod is.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "entry.h"

/* Returns the length without what ends the label; 0 where no security module answers. */
static ssize_t read_label(int target_proc, const char *name, char *text, size_t size) {
  int file = openat(target_proc, name, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return errno == ENOENT ? 0 : -1;
  ssize_t length = read(file, text, size - 1);
  int error = errno;
  close(file);
  if (length < 0) {
    errno = error;
    return error == EINVAL || error == EOPNOTSUPP ? 0 : -1;
  }
  text[length] = '\0';
  return (ssize_t)strcspn(text, "\n");
}

/* AppArmor writes its mode behind the name of a profile: "cri-containerd (enforce)". */
static void cut_mode(char *label) {
  char *mode = strrchr(label, '(');
  if (mode != NULL && mode > label && mode[-1] == ' ')
    mode[-1] = '\0';
}

int security_label_read(int target_proc, struct security_label *label, struct failure *failure) {
  label->file = NULL;
  ssize_t length = read_label(target_proc, "attr/apparmor/current", label->text, sizeof label->text);
  const char *file = "/proc/self/attr/apparmor/exec", *prefix = "exec ";
  if (length == 0) {
    length = read_label(target_proc, "attr/current", label->text, sizeof label->text);
    file = "/proc/self/attr/exec";
    prefix = "";
  }
  if (length < 0)
    return fail(failure, FAIL_LABEL, errno, "of the launcher");
  label->text[length] = '\0';
  if (*prefix != '\0')
    cut_mode(label->text);
  if (length == 0 || strcmp(label->text, "unconfined") == 0)
    return 0;
  /* A context of SELinux; whatever else has labels is not known here. */
  if (*prefix == '\0' && strchr(label->text, ':') == NULL)
    return fail(failure, FAIL_LABEL, EOPNOTSUPP, "%.300s", label->text);
  label->file = file;
  label->prefix = prefix;
  return 0;
}

int security_label_take(const struct security_label *label, struct failure *failure) {
  char text[sizeof label->text + 8];
  if (label->file == NULL)
    return 0;
  int length = snprintf(text, sizeof text, "%s%s", label->prefix, label->text);
  int file = open_own_proc(label->file);
  if (file < 0 && errno == EXDEV)
    return fail(failure, FAIL_PROC, EXDEV, "the security label");
  if (file < 0 || write(file, text, (size_t)length) != length)
    return fail(failure, FAIL_LABEL, errno, "%.300s", label->text);
  close(file);
  return 0;
}
