/* glean-prolog and glean-epilog: Slurm's node Prolog and Epilog, which never fail, and `glean-prolog --probe`.
 *
 * As Prolog or Epilog the exit status is 0 whatever happens, because Slurm drains a node whose prolog fails. What can go wrong is
 * caught in three layers: every result is checked, a timer ends the process at the deadline, and a crash ends it with 0 too.
 * `--probe` exits 0 and prints `here <executorId>` when the executor of $SLURMD_NODENAME answers, else 1 with one sentence. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/time.h>
#include <syslog.h>
#include <unistd.h>

#include "hook_conf.h"
#include "hook_core.h"
#include "hook_env.h"
#include "util.h"

enum mode { MODE_NONE, MODE_PROLOG, MODE_EPILOG, MODE_PROBE, MODE_VERSION };

static volatile sig_atomic_t emergency_status = 0;

static void leave(int signal)
{
	(void)signal;
	_exit(emergency_status);
}

/* A crash or a signal of slurmd's ends the program with 0. Sanitizers keep their own handlers, so that tests see a crash. */
static void install_handlers(void)
{
	static char stack[16384];
	const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction action = {.sa_handler = leave, .sa_flags = SA_ONSTACK};
	static const int endings[] = {SIGALRM, SIGTERM, SIGINT, SIGHUP};
	(void)signal(SIGPIPE, SIG_IGN);
	for (size_t at = 0; at < sizeof endings / sizeof endings[0]; at++)
		(void)sigaction(endings[at], &action, NULL);
#ifndef __SANITIZE_ADDRESS__
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGSYS};
	(void)sigaltstack(&other, NULL);
	for (size_t at = 0; at < sizeof crashes / sizeof crashes[0]; at++)
		(void)sigaction(crashes[at], &action, NULL);
#else
	(void)other;
#endif
}

/* SIGALRM at `deadline_ms` after the start, even in the midst of a system call that hangs. */
static void arm_timer(uint64_t start_ns, int deadline_ms)
{
	int left = ms_until(start_ns + (uint64_t)deadline_ms * NS_PER_MS);
	if (left < 1)
		left = 1;
	const struct itimerval timer = {.it_value = {.tv_sec = left / 1000, .tv_usec = left % 1000 * 1000}};
	sigset_t alarm_only;
	(void)sigemptyset(&alarm_only);
	(void)sigaddset(&alarm_only, SIGALRM);
	(void)sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
	(void)setitimer(ITIMER_REAL, &timer, NULL);
}

static bool ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);
	return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

static enum mode choose_mode(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return MODE_VERSION;
	if (argc == 2 && strcmp(argv[1], "--probe") == 0)
		return MODE_PROBE;
	const char *context = getenv("SLURM_SCRIPT_CONTEXT");
	if (context != NULL) {
		if (strcmp(context, "prolog_slurmd") == 0)
			return MODE_PROLOG;
		return strcmp(context, "epilog_slurmd") == 0 ? MODE_EPILOG : MODE_NONE;
	}
	if (argc > 0 && ends_with(argv[0], "prolog"))
		return MODE_PROLOG;
	return argc > 0 && ends_with(argv[0], "epilog") ? MODE_EPILOG : MODE_NONE;
}

static int probe(const struct hook_settings *settings, struct hook_input *input)
{
	char answer[HOOK_LINE_MAX];
	if (!hook_env_node(input)) {
		(void)fprintf(stderr, "glean-prolog: set SLURMD_NODENAME to the name of this node to probe its "
				      "executor.\n");
		return 1;
	}
	if (!hook_probe(settings, input, answer)) {
		(void)fprintf(stderr,
			      "glean-prolog: no executor answers at %s/%s/hook.sock; see whether one is started "
			      "there.\n",
			      settings->run_dir, input->node);
		return 1;
	}
	return printf("%s\n", answer) < 0 || fflush(stdout) != 0 ? 1 : 0;
}

static void run_hook(enum mode mode, const struct hook_settings *settings, struct hook_input *input)
{
	if (!hook_env_node(input) || !hook_env_job(input, hook_deadline(settings, input))) {
		syslog(LOG_ERR, "SLURMD_NODENAME or SLURM_JOB_ID is missing or malformed: nothing was done");
		return;
	}
	if (mode == MODE_PROLOG)
		hook_begin(settings, input);
	else
		hook_end(settings, input);
}

int main(int argc, char **argv)
{
	struct hook_settings settings;
	struct hook_input input = {.start_ns = clock_ns()};
	enum mode mode = choose_mode(argc, argv);
	emergency_status = mode == MODE_PROBE ? 1 : 0;
	install_handlers();
	arm_timer(input.start_ns, HOOK_DEFAULT_DEADLINE_MS);
	if (mode == MODE_VERSION)
		return printf("glean-hook %s\n", GLEAN_VERSION) < 0 ? 1 : 0;
	if (mode == MODE_NONE)
		return 0;
	openlog("glean-hook", LOG_PID, LOG_DAEMON);
	hook_conf_load(&settings);
	arm_timer(input.start_ns, settings.deadline_ms);
	if (mode == MODE_PROBE)
		return probe(&settings, &input);
	run_hook(mode, &settings, &input);
	return 0;
}
