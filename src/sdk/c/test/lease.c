/* Leases one worker of a function, calls it with each line of its standard input, and prints how
 * each call ended, the longest wait in ms that it asked the kernel for, and its output:
 * lease GLEAN FUNCTION never|evicted DEADLINE_MS [poll]. With the line "fork", a forked process
 * closes the lease first. It is sent a signal each ms, unless it polls. Its resolver never
 * answers. */
#include <dlfcn.h>
#include <gleaner.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* In the place of the C library's. */
int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **found)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	struct addrinfo numeric = *hints;
	numeric.ai_flags |= AI_NUMERICHOST;
	const int problem = real(host, port, &numeric, found);
	while (problem == EAI_NONAME && (hints->ai_flags & AI_NUMERICHOST) == 0)
		pause();
	return problem;
}

static int longest_ms;

/* In the place of the C library's: how long a wait takes depends on the machine, too. */
int poll(struct pollfd *polled, nfds_t count, int timeout_ms)
{
	const struct timespec limit = { timeout_ms / 1000, timeout_ms % 1000 * 1000000L };
	const int asked_ms = timeout_ms < 0 ? INT_MAX : timeout_ms;
	if (asked_ms > longest_ms)
		longest_ms = asked_ms;
	return ppoll(polled, count, timeout_ms < 0 ? NULL : &limit, NULL);
}

static void ignore(int signal)
{
	(void)signal;
}

static void start_signals(void)
{
	const struct sigaction action = { .sa_handler = ignore, .sa_flags = SA_RESTART };
	const struct itimerval each_ms = { { 0, 1000 }, { 0, 1000 } };
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &each_ms, NULL);
}

/* Without waiting in the library. */
static gleaner_error poll_for(gleaner_call *call)
{
	gleaner_error ended;
	while ((ended = gleaner_poll(call)) == GLEANER_RUNNING)
		(void)poll(NULL, 0, 1);
	return ended;
}

static void close_in_a_fork(gleaner_lease *lease)
{
	const pid_t child = fork();
	if (child == 0) {
		gleaner_lease_close(lease);
		_exit(0);
	}
	waitpid(child, NULL, 0);
}

int main(int argc, char **argv)
{
	static char line[256], output[256];
	gleaner_lease *lease;
	if (argc != 5 && argc != 6)
		return 2;
	if (argc == 5)
		start_signals();
	const gleaner_options options = {
		.glean = argv[1],
		.function = argv[2],
		.retry = strcmp(argv[3], "never") == 0 ? GLEANER_RETRY_NEVER : GLEANER_RETRY_EVICTED,
		.deadline_ms = (uint32_t)atoi(argv[4]),
	};
	gleaner_error error = gleaner_lease_open(&options, &lease);
	printf("%d open\n", error);
	fflush(stdout);
	while (error == GLEANER_OK && fgets(line, sizeof line, stdin) != NULL) {
		if (strcmp(line, "fork\n") == 0)
			close_in_a_fork(lease);
		longest_ms = 0;
		gleaner_call *call = gleaner_submit(lease, line, strcspn(line, "\n"), output, sizeof output);
		const gleaner_error ended = argc == 6 ? poll_for(call) : gleaner_wait(call);
		const char *said = ended == GLEANER_OK ? output : gleaner_lease_message(lease);
		const int bytes = ended == GLEANER_OK ? (int)gleaner_call_output_bytes(call) : 255;
		printf("%d %d %.*s\n", ended, longest_ms, bytes, said);
		gleaner_call_free(call);
		fflush(stdout);
	}
	gleaner_lease_close(lease);
	return 0;
}
