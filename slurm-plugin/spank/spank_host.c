/* A stand-in for `slurmstepd spank prolog` in tests: loads a plugin, calls it, and checks whether
 * it left something behind.
 *
 * spank_host PLUGIN prolog|epilog TIMES [ARGUMENT...] prints the microseconds of each call; exits
 * with 1 and a sentence if the plugin did not return success, or changed signals, timers,
 * descriptors or children of this process. A thread runs beside it. spank_host PROGRAM program
 * TIMES prints the microseconds from fork to wait of the hook as a program, as for slurmd.
 * spank_host PROGRAM left GROUP does the same once and prints how many processes of functions it
 * left in GROUP, a cgroup as /proc/PID/cgroup names it. It counts at real-time priority, so that
 * load does not give them more time. */
#include <ctype.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <slurm/spank.h>

#include "proc_tree.h"
#include "util.h"

typedef int callback(spank_t, int, char **);

/* The functions that slurmstepd offers to a plugin. */
void slurm_error(const char *text, ...)
{
	va_list values;
	va_start(values, text);
	(void)fputs("error: ", stderr);
	(void)vfprintf(stderr, text, values);
	(void)fputc('\n', stderr);
	va_end(values);
}

/* Replaces libc's, for the plugin too: fails for lack of processes if SPANK_HOST_NO_FORK is set. */
pid_t fork(void)
{
	pid_t (*real)(void) = (pid_t (*)(void))dlsym(RTLD_NEXT, "fork");
	if (getenv("SPANK_HOST_NO_FORK") == NULL && real != NULL)
		return real();
	errno = EAGAIN;
	return -1;
}

struct state {
	void (*handlers[NSIG])(int);
	sigset_t mask;
	struct itimerval timer;
	int next_descriptor;
};

static void look(struct state *state)
{
	memset(state, 0, sizeof *state);
	for (int number = 1; number < 32; number++) {
		struct sigaction action;
		if (sigaction(number, NULL, &action) == 0)
			state->handlers[number] = action.sa_handler;
	}
	(void)pthread_sigmask(SIG_SETMASK, NULL, &state->mask);
	(void)getitimer(ITIMER_REAL, &state->timer);
	state->next_descriptor = dup(STDIN_FILENO);
	(void)close(state->next_descriptor);
}

static void *idle(void *nothing)
{
	(void)pause();
	return nothing;
}

static int fail(const char *what)
{
	(void)fprintf(stderr, "spank_host: %s\n", what);
	return 1;
}

static bool run_program(char *path)
{
	int status;
	char *const arguments[] = {path, NULL};
	pid_t child = fork();
	if (child == 0) {
		(void)execv(path, arguments);
		_exit(127);
	}
	return child > 0 && waitpid(child, &status, 0) == child && status == 0;
}

static int time_program(char *path, uint64_t times)
{
	for (uint64_t at = 0; at < times; at++) {
		uint64_t start_ns = clock_ns();
		if (!run_program(path))
			return fail("the program did not end with 0");
		(void)printf("%llu\n", (unsigned long long)((clock_ns() - start_ns) / 1000));
	}
	return 0;
}

/* Whether a process that is not yet dead is in a cgroup below `prefix`. */
static bool is_left(const char *pid, const char *prefix)
{
	char path[64], text[4096];
	struct proc_info info;
	if (!format(path, sizeof path, "/proc/%.20s/cgroup", pid) || !read_text(AT_FDCWD, path, text, sizeof text) ||
	    strstr(text, prefix) == NULL)
		return false;
	if (!format(path, sizeof path, "/proc/%.20s/stat", pid) || !read_text(AT_FDCWD, path, text, sizeof text))
		return false;
	return proc_parse(text, &info) && !proc_has_ended(&info);
}

static int count_left(const char *group)
{
	char prefix[600];
	int left = 0;
	DIR *all = opendir("/proc");
	if (all == NULL || !format(prefix, sizeof prefix, "0::%s/work/", group))
		return -1;
	const struct dirent *entry;
	while ((entry = readdir(all)) != NULL)
		left += isdigit((unsigned char)entry->d_name[0]) && is_left(entry->d_name, prefix);
	(void)closedir(all);
	return left;
}

static int look_after_program(char *path, const char *group)
{
	const struct sched_param first = {.sched_priority = 1};
	if (sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &first) != 0)
		return fail("no real-time priority available");
	uint64_t start_ns = clock_ns();
	if (!run_program(path))
		return fail("the program did not end with 0");
	uint64_t took_us = (clock_ns() - start_ns) / 1000;
	(void)printf("%llu %d\n", (unsigned long long)took_us, count_left(group));
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t times;
	struct state before, after;
	pthread_t thread;
	if (argc == 4 && strcmp(argv[2], "left") == 0)
		return look_after_program(argv[1], argv[3]);
	if (argc < 4 || !parse_number(argv[3], 1, 100000, &times))
		return fail("takes PLUGIN prolog|epilog TIMES [ARGUMENT...], PROGRAM program TIMES, or PROGRAM left GROUP");
	if (strcmp(argv[2], "program") == 0)
		return time_program(argv[1], times);
	void *plugin = dlopen(argv[1], RTLD_LAZY);
	if (plugin == NULL)
		return fail(dlerror());
	callback *call = (callback *)dlsym(plugin, strcmp(argv[2], "prolog") == 0 ? "slurm_spank_job_prolog"
										  : "slurm_spank_job_epilog");
	if (call == NULL || dlsym(plugin, "plugin_version") == NULL || dlsym(plugin, "parse_number") != NULL)
		return fail("the plugin exports too little or too much");
	if (pthread_create(&thread, NULL, idle, NULL) != 0)
		return fail("no thread available");
	look(&before);
	for (uint64_t at = 0; at < times; at++) {
		uint64_t start_ns = clock_ns();
		if (call(NULL, argc - 4, argv + 4) != ESPANK_SUCCESS)
			return fail("the plugin did not return success");
		(void)printf("%llu\n", (unsigned long long)((clock_ns() - start_ns) / 1000));
	}
	look(&after);
	if (memcmp(&before, &after, sizeof before) != 0)
		return fail("the plugin changed signals, timers or descriptors");
	if (waitpid(-1, NULL, WNOHANG) != -1 || errno != ECHILD)
		return fail("the plugin left a child");
	return 0;
}
