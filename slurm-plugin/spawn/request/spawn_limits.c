/* The soft resource limits of the submitter's shell, which the command gets as in a batch job. */
#include "spawn_limits.h"

#include <errno.h>
#include <string.h>

#include "util.h"

/* As sbatch propagates them, except core: functions write no core files. */
static const struct {
	const char *name;
	int resource;
} known[] = {
    {"cpu", RLIMIT_CPU},     {"fsize", RLIMIT_FSIZE},     {"data", RLIMIT_DATA},
    {"stack", RLIMIT_STACK}, {"rss", RLIMIT_RSS},         {"nproc", RLIMIT_NPROC},
    {"nofile", RLIMIT_NOFILE}, {"memlock", RLIMIT_MEMLOCK}, {"as", RLIMIT_AS},
};

bool spawn_limits_take(struct spawn_request *request, char *value)
{
	uint64_t soft = RLIM_INFINITY;
	char *colon = strchr(value, ':');
	if (colon == NULL || request->limit_count == REQUEST_MAX_LIMITS)
		return false;
	*colon = '\0';
	if (strcmp(colon + 1, "unlimited") != 0 && !parse_number(colon + 1, 0, UINT64_MAX, &soft))
		return false;
	for (size_t at = 0; at < sizeof known / sizeof known[0]; at++) {
		if (strcmp(known[at].name, value) != 0)
			continue;
		request->limits[request->limit_count].resource = known[at].resource;
		request->limits[request->limit_count++].soft = (rlim_t)soft;
		return true;
	}
	return false;
}

bool spawn_limits_apply(const struct spawn_request *request, struct failure *failure)
{
	for (size_t at = 0; at < request->limit_count; at++) {
		struct rlimit limit;
		int resource = request->limits[at].resource;
		if (getrlimit(resource, &limit) == 0) {
			rlim_t soft = request->limits[at].soft;
			limit.rlim_cur = soft > limit.rlim_max ? limit.rlim_max : soft;
			if (setrlimit(resource, &limit) == 0)
				continue;
		}
		return fail(failure, STAGE_START, errno, "a resource limit cannot be set: %s", strerror(errno));
	}
	return true;
}
