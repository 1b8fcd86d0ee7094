/* SPDX-License-Identifier: Apache-2.0 */
/* Of linux/keyctl.h, which musl comes without. */
#ifndef KEYRING_H
#define KEYRING_H

#define KEYCTL_JOIN_SESSION_KEYRING 1
#define KEYCTL_SETPERM 5
#define KEYCTL_READ 11
#define SESSION_KEYRING (-3)

#endif
