/* The variables of a worker that the system knows of its user: nobody submitted it from a shell. */
#include "spawn_home.h"

#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "util.h"

#define ENTRY_BUFFER 16384
#define VARIABLE_MAX 4200 /* a path and its name */

static bool has(const struct spawn_request *request, const char *name)
{
	size_t length = strlen(name);
	for (size_t at = 0; at < request->env_count; at++)
		if (strncmp(request->env[at], name, length) == 0 && request->env[at][length] == '=')
			return true;
	return false;
}

void spawn_home_tell(struct spawn_request *request)
{
	static char buffer[ENTRY_BUFFER], texts[4][VARIABLE_MAX];
	struct passwd entry, *found = NULL;
	/* A user whom the system does not know has none of these, as in a batch job. */
	if (request->worker_socket == NULL ||
	    getpwuid_r(request->uid, &entry, buffer, sizeof buffer, &found) != 0 || found == NULL)
		return;
	const char *const known[][2] = {
	    {"HOME", found->pw_dir}, {"USER", found->pw_name}, {"LOGNAME", found->pw_name}, {"SHELL", found->pw_shell}};
	for (size_t at = 0; at < sizeof known / sizeof known[0]; at++) {
		const char *name = known[at][0], *value = known[at][1];
		if (value == NULL || value[0] == '\0' || has(request, name) || request->env_count == REQUEST_MAX_STRINGS)
			continue;
		if (format(texts[at], sizeof texts[at], "%s=%s", name, value))
			request->env[request->env_count++] = texts[at];
	}
}
