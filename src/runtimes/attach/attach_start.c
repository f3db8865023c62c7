/* Makes a task's pipes or terminal, forks, and becomes the user's command. */
#include "attach_start.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* Both ends of what becomes a descriptor of the task. */
struct ends {
	int ours, theirs;
};

static int open_pipe(struct ends *ends, bool is_input)
{
	int made[2];
	if (pipe2(made, O_CLOEXEC) != 0)
		return errno;
	*ends = (struct ends){ made[is_input ? 1 : 0], made[is_input ? 0 : 1] };
	return 0;
}

/* A new terminal; one that only carries output changes no byte of it. */
static int open_terminal(struct ends *ends, const struct session *session, bool only_output)
{
	char name[64];
	struct termios settings;
	const struct winsize size = { .ws_row = (unsigned short)session->rows,
				      .ws_col = (unsigned short)session->columns };
	ends->ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (ends->ours < 0 || grantpt(ends->ours) != 0 || unlockpt(ends->ours) != 0)
		return errno;
	int problem = ptsname_r(ends->ours, name, sizeof name);
	if (problem != 0)
		return problem;
	ends->theirs = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (ends->theirs < 0 || tcgetattr(ends->theirs, &settings) != 0)
		return errno;
	if (only_output)
		cfmakeraw(&settings);
	else
		settings.c_iflag |= IUTF8;
	if (tcsetattr(ends->theirs, TCSANOW, &settings) != 0 || ioctl(ends->theirs, TIOCSWINSZ, &size) != 0)
		return errno;
	return 0;
}

static int open_nothing(struct ends *ends)
{
	ends->theirs = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return ends->theirs < 0 ? errno : 0;
}

static void set_number(const char *name, unsigned value)
{
	char text[16];
	snprintf(text, sizeof text, "%u", value);
	(void)setenv(name, text, 1);
}

static void enter_environment(const struct task *task, const struct session *session)
{
	set_number("SLURM_PROCID", task->number);
	set_number("SLURM_LOCALID", task->number);
	set_number("GLEANER_PROCID", task->number);
	set_number("SLURM_TASK_PID", (unsigned)getpid());
	if (task->is_terminal && session->terminal_type[0] != '\0')
		(void)setenv("TERM", session->terminal_type, 1);
}

/* A folder of PATH that may not be searched is no program that may not be executed, as shells have
 * it. Takes errno of execvp. */
static int why_not_executed(const char *name)
{
	char file[PATH_MAX];
	const char *folder = getenv("PATH");
	if (errno != EACCES || strchr(name, '/') != NULL || folder == NULL)
		return errno;
	for (;; folder++) {
		const size_t length = strcspn(folder, ":");
		const int wanted = snprintf(file, sizeof file, "%.*s%s%s", (int)length, folder, length == 0 ? "./" : "/", name);
		if (wanted > 0 && (size_t)wanted < sizeof file && access(file, F_OK) == 0)
			return EACCES;
		folder += length;
		if (*folder == '\0')
			return ENOENT;
	}
}

/* The child: becomes the command, or reports why it cannot. */
static void become(const struct task *task, char **argv, const struct session *session, const struct ends ends[3],
		   int report)
{
	sigset_t none;
	for (int number = 1; number < NSIG; number++)
		/* Some cannot be changed, as is right. */
		(void)signal(number, SIG_DFL);
	(void)sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (task->is_terminal)
		(void)setsid();
	else
		(void)setpgid(0, 0);
	bool is_ready = true;
	for (int number = 0; number < 3; number++)
		is_ready = is_ready && dup2(ends[number].theirs, number) == number;
	if (is_ready && task->is_terminal)
		is_ready = ioctl(STDIN_FILENO, TIOCSCTTY, 0) == 0;
	enter_environment(task, session);
	if (is_ready)
		(void)execvp(argv[0], argv);
	int problem = is_ready ? why_not_executed(argv[0]) : errno;
	ssize_t told = write(report, &problem, sizeof problem);
	_exit(told == (ssize_t)sizeof problem ? 126 : 125);
}

/* Waits for the exec, which closes the pipe. */
static int fork_into(struct task *task, char **argv, const struct session *session, const struct ends ends[3])
{
	int report[2], problem = 0;
	ssize_t got;
	if (pipe2(report, O_CLOEXEC) != 0)
		return errno;
	task->pid = fork();
	if (task->pid == 0)
		become(task, argv, session, ends, report[1]);
	int failed = task->pid < 0 ? errno : 0;
	close(report[1]);
	do
		got = failed != 0 ? 0 : read(report[0], &problem, sizeof problem);
	while (got < 0 && errno == EINTR);
	close(report[0]);
	if (failed == 0 && got == 0)
		return 0;
	if (failed == 0)
		while (waitpid(task->pid, NULL, 0) < 0 && errno == EINTR)
			;
	task->pid = 0;
	return failed != 0 ? failed : problem;
}

static int open_ends(const struct task *task, const struct session *session, bool gets_input, struct ends ends[3])
{
	if (task->is_terminal) {
		int problem = open_terminal(&ends[1], session, false);
		ends[0].theirs = ends[2].theirs = ends[1].theirs;
		return problem;
	}
	int problem = gets_input ? open_pipe(&ends[0], true) : open_nothing(&ends[0]);
	if (problem == 0)
		problem = session->unbuffered ? open_terminal(&ends[1], session, true) : open_pipe(&ends[1], false);
	return problem != 0 ? problem : open_pipe(&ends[2], false);
}

int start_process(struct task *task, char **argv, const struct session *session, bool gets_input)
{
	struct ends ends[3] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int problem = open_ends(task, session, gets_input, ends);
	task->input = ends[0].ours;
	task->output = ends[1].ours;
	task->errors = ends[2].ours;
	if (problem == 0)
		problem = fork_into(task, argv, session, ends);
	for (int number = 0; number < 3; number++) {
		const int ours = ends[number].ours;
		/* Ours alone: the task's ends must wait as pipes do. */
		if (ours >= 0 && fcntl(ours, F_SETFL, O_NONBLOCK) != 0 && problem == 0)
			problem = errno;
		if (ends[number].theirs >= 0 && (number == 1 || ends[number].theirs != ends[1].theirs))
			close(ends[number].theirs);
	}
	return problem;
}
