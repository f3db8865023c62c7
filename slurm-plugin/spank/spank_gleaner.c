/* gleaner.so: the node hook as a SPANK plugin, for sites that do not want to change Prolog= and
 * Epilog=.
 *
 * slurmd runs it in a process of its own, `slurmstepd spank prolog`, as root and with the
 * environment of a Prolog; the plugin leaves nothing behind in that process. The hook runs in a
 * child of it, which may crash, be killed and have its own timers and signal handlers. It always
 * returns success, because Slurm drains a node whose prolog fails. slurm_spank_slurmd_exit exists
 * so that slurmd keeps the plugin mapped, which shows an executor that slurmd has loaded it. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

/* Everything else is hidden: slurmd has functions with the same names as some of ours. */
#pragma GCC visibility push(default)
#include <slurm/spank.h>
SPANK_PLUGIN(gleaner, 1)
#pragma GCC visibility pop

#include "hook_conf.h"
#include "hook_core.h"
#include "hook_run.h"
#include "util.h"

/* the time that the child has to end after its deadline, and again after SIGKILL */
#define REAP_MS 50

static void load_settings(struct hook_settings *settings, int count, char **arguments)
{
	Dl_info self;
	bool found = dladdr(plugin_name, &self) != 0;
	hook_conf_load_plugin(settings, found ? self.dli_fname : "", count, arguments);
}

/* The child: reports its deadline as soon as it knows it, then does the same as the program. */
__attribute__((noreturn)) static void run_child(bool begins, struct hook_input *input, int count, char **arguments,
						 int pipe_end)
{
	struct hook_settings settings;
	sigset_t none;
	(void)sigemptyset(&none);
	if (begins)
		hook_run_first();
	hook_run_guard(1);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	hook_run_arm(input->start_ns, HOOK_DEFAULT_DEADLINE_MS);
	openlog("glean-hook", LOG_PID, LOG_DAEMON);
	load_settings(&settings, count, arguments);
	hook_run_arm(input->start_ns, settings.deadline_ms);
	/* If lost, the parent keeps the default deadline. */
	bool told = write(pipe_end, &settings.deadline_ms, sizeof settings.deadline_ms) > 0;
	hook_run_job(begins, &settings, input);
	_exit(told ? 0 : 1);
}

/* Reads the child's deadline, then waits for the end of file at the child's end; false if the
 * deadline came first. */
static bool wait_for_end(int pipe_end, uint64_t start_ns)
{
	int deadline_ms = HOOK_DEFAULT_DEADLINE_MS;
	for (;;) {
		struct pollfd entry = {.fd = pipe_end, .events = POLLIN};
		int left = ms_until(start_ns + (uint64_t)(deadline_ms + REAP_MS) * NS_PER_MS);
		int ready = poll(&entry, 1, left);
		if (ready == 0 && left == 0)
			return false;
		if (ready <= 0)
			continue;
		int told;
		ssize_t got = read(pipe_end, &told, sizeof told);
		if (got == 0)
			return true;
		if (got == (ssize_t)sizeof told)
			deadline_ms = told;
	}
}

/* True with the child's status; false if it hangs in the kernel, or if the host has reaped it
 * itself. */
static bool reap(pid_t child, int *status)
{
	uint64_t end_ns = clock_ns() + REAP_MS * NS_PER_MS;
	for (;;) {
		pid_t got = waitpid(child, status, WNOHANG);
		if (got == child)
			return true;
		if ((got < 0 && errno != EINTR) || clock_ns() >= end_ns)
			return false;
		const struct timespec pause = {.tv_nsec = 200000};
		(void)nanosleep(&pause, NULL);
	}
}

static void watch_child(pid_t child, int pipe_end, const struct hook_input *input)
{
	int status = 0;
	bool ended = wait_for_end(pipe_end, input->start_ns);
	if (!ended)
		(void)kill(child, SIGKILL);
	bool reaped = reap(child, &status);
	if (!ended || (reaped && status != 0))
		slurm_error("gleaner: the hook did not end well (%s, status 0x%x); the job starts", ended ? "ended" : "late",
			    (unsigned)status);
}

static int run_hook(bool begins, int count, char **arguments)
{
	struct hook_input input = {.start_ns = clock_ns()};
	int ends[2];
	pid_t child = -1;
	if (pipe2(ends, O_CLOEXEC) == 0) {
		child = fork();
		if (child == 0)
			run_child(begins, &input, count, arguments, ends[1]);
		(void)close(ends[1]);
		if (child > 0)
			watch_child(child, ends[0], &input);
		(void)close(ends[0]);
	}
	if (child < 0) { /* no process available: then here, with only the deadlines of the core */
		struct hook_settings settings;
		load_settings(&settings, count, arguments);
		hook_run_job(begins, &settings, &input);
	}
	return ESPANK_SUCCESS;
}

int slurm_spank_job_prolog(spank_t spank, int count, char *arguments[])
{
	(void)spank;
	return run_hook(true, count, arguments);
}

int slurm_spank_job_epilog(spank_t spank, int count, char *arguments[])
{
	(void)spank;
	return run_hook(false, count, arguments);
}

int slurm_spank_slurmd_exit(spank_t spank, int count, char *arguments[])
{
	(void)spank;
	(void)count;
	(void)arguments;
	return ESPANK_SUCCESS;
}
