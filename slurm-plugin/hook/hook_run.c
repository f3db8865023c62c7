/* Runs the hook in a process of its own, which may end at any moment: its last resorts, and the
 * begin or end of one job. */
#include "hook_run.h"

#include <signal.h>
#include <sys/time.h>
#include <syslog.h>
#include <unistd.h>

#include "hook_env.h"
#include "hook_folder.h"
#include "urgency.h"
#include "util.h"

static volatile sig_atomic_t emergency_status = 0;

static void leave(int signal)
{
	if (signal == SIGALRM)
		hook_folder_note_expected();
	_exit(emergency_status);
}

/* Sanitizers keep their own crash handlers, so that tests notice a crash. */
void hook_run_guard(int status)
{
	static char stack[16384];
	const stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
	struct sigaction action = {.sa_handler = leave, .sa_flags = SA_ONSTACK};
	static const int endings[] = {SIGALRM, SIGTERM, SIGINT, SIGHUP};
	emergency_status = status;
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

void hook_run_arm(uint64_t start_ns, int deadline_ms)
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

void hook_run_first(void)
{
	urgency_take();
	urgency_stay_in_memory();
}

void hook_run_job(bool begins, const struct hook_settings *settings, struct hook_input *input)
{
	if (!hook_env_node(input) || !hook_env_job(input, hook_deadline(settings, input))) {
		syslog(LOG_ERR, "SLURMD_NODENAME or SLURM_JOB_ID is missing or malformed: nothing was done");
		return;
	}
	if (begins)
		hook_begin(settings, input);
	else
		hook_end(settings, input);
}
