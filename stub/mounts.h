/* SPDX-License-Identifier: Apache-2.0 */
/* The mount API of Linux 5.2, which musl does not have. */
#ifndef MOUNTS_H
#define MOUNTS_H

/* A detached clone of what is at `path`. `flags`: those of open_tree(), AT_RECURSIVE_TREE with all mounts below it. */
int clone_mount(int directory, const char *path, unsigned flags);

#define AT_RECURSIVE_TREE 0x8000U

/* A clone of a shared mount would be its peer: what is mounted on it here would appear on the node as well. */
int make_slave(int tree);

/* Shows the files of a detached mount with other ids, those of a user namespace's map. */
int translate_ids(int tree, int id_map);

/* Puts a detached mount into place: at `name` in the directory, or on the directory itself where it is empty. */
int attach_mount(int tree, int directory, const char *name);

/* A small detached tmpfs. */
int new_tmpfs(void);

#endif
