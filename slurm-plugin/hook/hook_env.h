/* Reads the hook's input from Slurm's environment and checks all of it. */
#ifndef GLEAN_HOOK_ENV_H
#define GLEAN_HOOK_ENV_H

#include "hook_core.h"

/* The node's name from SLURMD_NODENAME: [A-Za-z0-9._-]{1,64}, no leading dot. False otherwise. */
bool hook_env_node(struct hook_input *input);

/* The job: id, CPUs and GPUs on this node, cluster. False if there is no usable job id. Requires
 * hook_env_node first. */
bool hook_env_job(struct hook_input *input, uint64_t deadline_ns);

/* The `index`th entry of a list like "5,1" or "4(x2),3"; its largest if the index is negative or
 * too high. Returns 0 if the job may have the whole node: the list is missing or malformed, the job
 * leaves cores to the system (then the node is its own), or it has more tasks than CPUs
 * (--overcommit: then its CPUs say nothing about its memory). */
uint32_t hook_env_cpus(const char *list, long index, const char *tasks, const char *spared_cores);

/* "0,1" or "0-3" as ascending indices; "-" for none, "*" if unreadable. */
void hook_env_gpus(const char *list, char *out, size_t size);

#endif
