/* SPDX-License-Identifier: Apache-2.0 */
#include "reset-signals.h"

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

void reset_signals(void) {
  static const uint64_t plain[4]; /* the kernel's struct sigaction: SIG_DFL is 0 */
  sigset_t none;
  /* Not sigaction(): musl keeps three signals to itself and refuses them, and QEMU may have use for its SIGRTMIN. */
  for (int number = 1; number < NSIG; number++)
    syscall(SYS_rt_sigaction, number, plain, NULL, sizeof(uint64_t));
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}
