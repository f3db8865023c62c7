/* Processes of functions that SIGKILL does not end, since they hang in the kernel: noted once, so that nobody waits for them again.
 *
 * unkillable/<pid>.<startTicks> in the node's folder. The executor removes those that are gone, and counts what they hold. */
#ifndef GLEAN_UNKILLABLE_H
#define GLEAN_UNKILLABLE_H

#include <stdbool.h>

#include "proc_tree.h"

#define UNKILLABLE_FOLDER "unkillable"

/* The notes of the node's folder; none when there is no such folder. */
void unkillable_read(struct proc_list *list, int node_folder);

/* Notes those of `left` that sleep in the kernel; how many others there are, which only take long to die. */
size_t unkillable_note(const struct proc_list *left, int node_folder);

bool unkillable_has(const struct proc_list *list, const struct proc *proc);

#endif
