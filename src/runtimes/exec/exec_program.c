/* One run of a bundle's program. */
#include "exec_program.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

#define ADDED_VARIABLES 4

static char *variable(const char *name, const char *value)
{
	char *text = NULL;
	return asprintf(&text, "%s=%s", name, value) < 0 ? NULL : text;
}

static char *number_variable(const char *name, unsigned long value)
{
	char text[24];
	snprintf(text, sizeof text, "%lu", value);
	return variable(name, text);
}

static bool is_added(const char *entry)
{
	static const char *const names[] = { "GLEANER_INVOCATION_ID=", "GLEANER_ATTEMPT=",
					     "GLEANER_CONTENT_TYPE=", "GLEANER_DEADLINE_MS=" };
	for (size_t at = 0; at < sizeof names / sizeof *names; at++)
		if (strncmp(entry, names[at], strlen(names[at])) == 0)
			return true;
	return false;
}

/* The worker's environment and the call; the first ADDED_VARIABLES are to be freed. */
static char **environment_of(const struct call_head *head)
{
	size_t count = 0;
	while (environ[count] != NULL)
		count++;
	char **made = calloc(count + ADDED_VARIABLES + 1, sizeof *made);
	if (made == NULL)
		return NULL;
	made[0] = variable("GLEANER_INVOCATION_ID", head->name);
	made[1] = number_variable("GLEANER_ATTEMPT", head->attempt);
	made[2] = variable("GLEANER_CONTENT_TYPE", head->content_type);
	made[3] = number_variable("GLEANER_DEADLINE_MS", head->deadline_ms);
	size_t next = ADDED_VARIABLES;
	for (size_t at = 0; at < count; at++)
		if (!is_added(environ[at]))
			made[next++] = environ[at];
	return made;
}

static void free_environment(char **made)
{
	for (size_t at = 0; at < ADDED_VARIABLES; at++)
		free(made[at]);
	free(made);
}

/* Spawns with the given ends as descriptors 0, 1 and 2. */
static int spawn(pid_t *pid, const char *path, const int ends[3], char **environment)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t none, defaults;
	posix_spawn_file_actions_init(&actions);
	posix_spawnattr_init(&attributes);
	sigemptyset(&none);
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	for (int number = 0; number < 3; number++)
		posix_spawn_file_actions_adddup2(&actions, ends[number], number);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawnattr_setpgroup(&attributes, 0);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	char *arguments[] = { (char *)path, NULL };
	int problem = posix_spawn(pid, path, &actions, &attributes, arguments, environment);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return problem;
}

int program_start(struct program *program, const char *path, const struct call_head *head)
{
	int input[2] = { -1, -1 }, output[2] = { -1, -1 }, errors[2] = { -1, -1 };
	char **environment = environment_of(head);
	int problem = 0;
	if (environment == NULL || pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0 ||
	    pipe2(errors, O_CLOEXEC) != 0)
		problem = errno;
	*program = (struct program){ 0, input[1], output[0], errors[0] };
	const int ours[] = { input[1], output[0], errors[0] }, theirs[] = { input[0], output[1], errors[1] };
	/* Our ends alone: the program's must wait as pipes do. */
	for (int number = 0; number < 3 && problem == 0; number++)
		if (fcntl(ours[number], F_SETFL, O_NONBLOCK) != 0)
			problem = errno;
	if (problem == 0)
		problem = spawn(&program->pid, path, theirs, environment);
	for (int number = 0; number < 3; number++)
		if (theirs[number] >= 0)
			close(theirs[number]);
	if (problem != 0) {
		program_close(&program->input);
		program_close(&program->output);
		program_close(&program->errors);
	}
	if (environment != NULL)
		free_environment(environment);
	return problem;
}

bool program_has_ended(const struct program *program)
{
	siginfo_t info = { .si_pid = 0 };
	return waitid(P_PID, (id_t)program->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

int program_finish(struct program *program)
{
	int status = 0;
	/* While the process is not waited for, no other group can have its id. */
	kill(-program->pid, SIGKILL);
	while (waitpid(program->pid, &status, 0) < 0 && errno == EINTR)
		;
	program_close(&program->input);
	program_close(&program->output);
	program_close(&program->errors);
	return status;
}

void program_close(int *descriptor)
{
	if (*descriptor >= 0)
		close(*descriptor);
	*descriptor = -1;
}
