/* The values of a request that are ids or lists: groups and CPUs. */
#include "spawn_lists.h"

#include <string.h>

#include "util.h"

#define ID_MAX 4294967294u /* (uid_t)-1 means "leave as it is" to setresuid */

bool spawn_id_take(const char *value, uint32_t *id)
{
	uint64_t number;
	if (!parse_number(value, 0, ID_MAX, &number))
		return false;
	*id = (uint32_t)number;
	return true;
}

bool spawn_groups_take(struct spawn_request *request, char *value)
{
	char *save = NULL;
	for (char *one = strtok_r(value, ",", &save); one != NULL; one = strtok_r(NULL, ",", &save)) {
		if (request->group_count == REQUEST_MAX_GROUPS ||
		    !spawn_id_take(one, &request->groups[request->group_count]))
			return false;
		request->group_count++;
	}
	return true;
}

bool spawn_cpus_take(struct spawn_request *request, char *value)
{
	char *save = NULL;
	request->has_cpus = true;
	CPU_ZERO_S(sizeof request->cpus, request->cpus);
	for (char *one = strtok_r(value, ",", &save); one != NULL; one = strtok_r(NULL, ",", &save)) {
		uint64_t low, high;
		char *dash = strchr(one, '-');
		if (dash != NULL)
			*dash++ = '\0';
		if (!parse_number(one, 0, REQUEST_CPU_SETS * CPU_SETSIZE - 1, &low) ||
		    !parse_number(dash != NULL ? dash : one, low, REQUEST_CPU_SETS * CPU_SETSIZE - 1, &high))
			return false;
		for (; low <= high; low++)
			CPU_SET_S(low, sizeof request->cpus, request->cpus);
	}
	return CPU_COUNT_S(sizeof request->cpus, request->cpus) > 0;
}
