/* Processes of functions that SIGKILL does not end because they hang in the kernel: noted once, so
 * that nobody waits for them again.
 *
 * The notes are unkillable/<pid>.<startTicks> in the node's folder. The executor removes those of
 * processes that are gone, and counts what the others hold. */
#ifndef GLEAN_UNKILLABLE_H
#define GLEAN_UNKILLABLE_H

#include <stdbool.h>

#include "proc_tree.h"

#define UNKILLABLE_FOLDER "unkillable"

/* Reads the notes in the node's folder; none if there is no such folder. */
void unkillable_read(struct proc_list *list, int node_folder);

/* Notes those of `left` that sleep in the kernel; returns the number of others, which only take
 * long to die. */
size_t unkillable_note(const struct proc_list *left, int node_folder);

bool unkillable_has(const struct proc_list *list, const struct proc *proc);

#endif
