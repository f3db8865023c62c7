/* Reads the hook's input from Slurm's environment and checks all of it. */
#include "hook_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util.h"

static bool copy_name(char *out, const char *name)
{
	static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
	if (name == NULL || name[0] == '.')
		return false;
	size_t length = strnlen(name, HOSTLIST_MAX_NAME + 1);
	if (length < 1 || length > HOSTLIST_MAX_NAME || strspn(name, allowed) != length)
		return false;
	memcpy(out, name, length + 1);
	return true;
}

/* Reads digits at `*at` and moves it behind them; returns 0 if there are none or the number exceeds
 * `max`. */
static uint32_t take_number(const char **at, uint32_t max)
{
	uint64_t value = 0;
	for (; **at >= '0' && **at <= '9'; (*at)++) {
		value = value * 10 + (uint64_t)(**at - '0');
		if (value > max)
			return 0;
	}
	return (uint32_t)value;
}

/* Reads the CPUs of one node from a list like "5,1" or "4(x2),3", and of all its nodes; false if it
 * is malformed. */
static bool read_cpus(const char *list, long index, uint32_t *here, uint64_t *all)
{
	uint32_t largest = 0, found = 0;
	long first = 0; /* the index of the first node that the entry covers */
	*all = 0;
	for (const char *at = list;; at++) {
		uint32_t times = 1;
		uint32_t cpus = take_number(&at, HOOK_MAX_CPUS);
		if (strncmp(at, "(x", 2) == 0) {
			at += 2;
			times = take_number(&at, HOSTLIST_MAX_HOSTS);
			if (*at++ != ')')
				return false;
		}
		if (cpus == 0 || times == 0 || (*at != ',' && *at != '\0') || first > HOSTLIST_MAX_HOSTS)
			return false;
		if (index >= first && index < first + (long)times)
			found = cpus;
		first += (long)times;
		*all += (uint64_t)cpus * times;
		if (cpus > largest)
			largest = cpus;
		if (*at == '\0') {
			*here = found != 0 ? found : largest;
			return true;
		}
	}
}

uint32_t hook_env_cpus(const char *list, long index, const char *tasks, const char *spared_cores)
{
	uint32_t here;
	uint64_t all, task_count;
	if (list == NULL || !read_cpus(list, index, &here, &all))
		return 0;
	if (spared_cores != NULL && strcmp(spared_cores, "0") != 0)
		return 0;
	if (tasks != NULL && (!parse_number(tasks, 0, UINT32_MAX, &task_count) || task_count > all))
		return 0;
	return here;
}

/* Sets the bits of "0,1" or "0-3"; false if it is malformed. */
static bool read_gpu_bits(const char *list, uint64_t *bits)
{
	*bits = 0;
	for (const char *at = list;; at++) {
		uint32_t low, high;
		if (*at < '0' || *at > '9')
			return false;
		high = low = take_number(&at, UINT16_MAX);
		if (*at == '-') {
			at++;
			if (*at < '0' || *at > '9')
				return false;
			high = take_number(&at, UINT16_MAX);
		}
		if (low > high || high >= HOOK_MAX_GPUS || (*at != ',' && *at != '\0'))
			return false;
		for (uint32_t gpu = low; gpu <= high; gpu++)
			*bits |= 1ull << gpu;
		if (*at == '\0')
			return true;
	}
}

void hook_env_gpus(const char *list, char *out, size_t size)
{
	uint64_t bits;
	size_t used = 0;
	if (list == NULL || list[0] == '\0') {
		(void)format(out, size, "-");
		return;
	}
	if (!read_gpu_bits(list, &bits)) {
		(void)format(out, size, "*");
		return;
	}
	for (int gpu = 0; gpu < HOOK_MAX_GPUS; gpu++) {
		if ((bits >> gpu & 1) == 0)
			continue;
		if (!format(out + used, size - used, "%s%d", used > 0 ? "," : "", gpu)) {
			(void)format(out, size, "*"); /* all 64 indices fit */
			return;
		}
		used += strlen(out + used);
	}
}

bool hook_env_node(struct hook_input *input)
{
	return copy_name(input->node, getenv("SLURMD_NODENAME"));
}

bool hook_env_job(struct hook_input *input, uint64_t deadline_ns)
{
	uint64_t job_id;
	const char *id = getenv("SLURM_JOB_ID");
	if (id == NULL || !parse_number(id, 1, UINT32_MAX, &job_id))
		return false;
	input->job_id = (uint32_t)job_id;
	if (!copy_name(input->cluster, getenv("SLURM_CLUSTER_NAME")))
		(void)format(input->cluster, sizeof input->cluster, "-");
	const char *nodes = getenv("SLURM_JOB_NODELIST");
	if (nodes == NULL)
		nodes = getenv("SLURM_NODELIST");
	long index = nodes == NULL ? -1 : hostlist_index(nodes, input->node, deadline_ns);
	input->cpus = hook_env_cpus(getenv("SLURM_JOB_CPUS_PER_NODE"), index, getenv("SLURM_JOB_NTASKS"),
				    getenv("SLURM_JOB_CORE_SPEC_COUNT"));
	hook_env_gpus(getenv("SLURM_JOB_GPUS"), input->gpus, sizeof input->gpus);
	return true;
}
