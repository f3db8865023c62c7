/* Work for a command that has ended: a process does it as the command's user, and the supervisor
 * waits for it. */
#include "spawn_after.h"

#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "util.h"

/* The attempt is not over until then. */
#define WORK_MS 20000

bool spawn_after_become(uid_t uid, gid_t gid, pid_t parent)
{
	if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0))
		return false;
	/* after the change of user, which clears it */
	return prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && getppid() == parent;
}

bool spawn_after_has_server(const struct task *task)
{
	struct signalfd_siginfo info;
	while (read(task->signals, &info, sizeof info) == (ssize_t)sizeof info)
		;
	return getppid() == task->server;
}

void spawn_after_wait(pid_t pid, const struct task *task)
{
	uint64_t deadline = clock_ns() + WORK_MS * NS_PER_MS;
	struct pollfd watched = {.fd = task->signals, .events = POLLIN};
	for (;;) {
		/* First, as it takes the signals: one that comes after it ends the poll. */
		bool has_server = spawn_after_has_server(task);
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return;
		int left = ms_until(deadline);
		if (left > 0 && has_server) {
			(void)poll(&watched, 1, left);
			continue;
		}
		(void)kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return;
	}
}
