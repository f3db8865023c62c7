/* Gives the program that clears a node priority over all other work there, so that no load decides
 * when a job can start. */
#include "urgency.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

/* Below the kernel's own threads (50 and more), above everything that is not real-time. */
#define PRIORITY 10
/* The hook works for a few milliseconds and sleeps between its checks. */
#define URGENCY_CPU_MS 300
#define BEST_NICE (-20)

static void lose_priority(int signal)
{
	(void)signal;
	urgency_drop();
}

/* The kernel measures how long a real-time process runs without a system call that sleeps, and
 * sends SIGXCPU. */
static void limit_time(void)
{
	const struct sigaction action = {.sa_handler = lose_priority, .sa_flags = SA_RESTART};
	const struct rlimit limit = {.rlim_cur = URGENCY_CPU_MS * 1000, .rlim_max = RLIM_INFINITY};
	if (sigaction(SIGXCPU, &action, NULL) == 0)
		(void)setrlimit(RLIMIT_RTTIME, &limit); /* the hook's own deadline limits it, too */
}

void urgency_take(void)
{
	const struct sched_param first = {.sched_priority = PRIORITY};
	limit_time();
	if (sched_setscheduler(0, SCHED_RR, &first) != 0)
		(void)setpriority(PRIO_PROCESS, 0, BEST_NICE);
}

void urgency_drop(void)
{
	const struct sched_param usual = {.sched_priority = 0};
	(void)sched_setscheduler(0, SCHED_OTHER, &usual);
}

void urgency_stay_in_memory(void)
{
	/* Locks pages once they have been used: reading all of them at once takes longer than
	 * everything else. If refused, nothing is lost as long as there is memory. */
	(void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
}

bool urgency_lend(pid_t pid)
{
	const struct sched_param first = {.sched_priority = PRIORITY};
	return sched_setscheduler(pid, SCHED_RR | SCHED_RESET_ON_FORK, &first) == 0;
}

void urgency_take_back(pid_t pid)
{
	const struct sched_param usual = {.sched_priority = 0};
	/* Without CAP_SYS_NICE the mark stays, but never the priority. */
	if (sched_setscheduler(pid, SCHED_OTHER, &usual) != 0)
		(void)sched_setscheduler(pid, SCHED_OTHER | SCHED_RESET_ON_FORK, &usual);
}
