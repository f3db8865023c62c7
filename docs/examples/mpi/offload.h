/* A loop of which leased workers compute one half and this rank the other. */
#ifndef OFFLOAD_H
#define OFFLOAD_H

#include <gleaner.h>

#include "kernel.h"

struct offloaded {
	/* How many tasks workers computed, and how many came back to this rank. */
	size_t remote, returned;
};

/* Computes `tasks` outputs from as many inputs; without a lease, all of them here. False if there
 * is no memory, or if the function failed, which it says on standard error. */
bool offload(gleaner_lease *lease, const void *inputs, void *outputs, size_t tasks, struct offloaded *offloaded);

#endif
