/* Finds a node's place in a Slurm host list such as n[1-3,7],gpu[01-04], without storing the list.
 */
#ifndef GLEAN_HOSTLIST_H
#define GLEAN_HOSTLIST_H

#include <stdint.h>

#define HOSTLIST_MAX_HOSTS 65536 /* more than any Slurm cluster has nodes */
#define HOSTLIST_MAX_NAME 64	 /* Slurm's own limit on a node name */

/* The place of `node`, from 0; -1 if it is not in the list, the list is malformed or too long, or
 * the deadline passed. */
long hostlist_index(const char *list, const char *node, uint64_t deadline_ns);

#endif
