/* SPDX-License-Identifier: Apache-2.0 */
#ifndef RESET_SIGNALS_H
#define RESET_SIGNALS_H

/* As a process begins: none is ignored, handled or blocked. */
void reset_signals(void);

#endif
