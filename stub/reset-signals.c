/* SPDX-License-Identifier: Apache-2.0 */
#include "reset-signals.h"

#include <signal.h>
#include <stddef.h>

void reset_signals(void) {
  struct sigaction plain = {.sa_handler = SIG_DFL};
  sigset_t none;
  for (int number = 1; number < NSIG; number++)
    sigaction(number, &plain, NULL);
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}
