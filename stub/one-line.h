/* SPDX-License-Identifier: Apache-2.0 */
/* Text that may hold what a pod or a domain's author has chosen. */
#ifndef ONE_LINE_H
#define ONE_LINE_H

/* Makes it one line that prints, in place: a "?" for each byte of a control or formatting character, of a separator of
 * lines, and of what is no UTF-8. As the daemon's `oneLine`. */
void make_one_line(char *text);

#endif
