/* Supervises one attempt, in a process of its own: from its request to its report. */
#ifndef GLEAN_SPAWN_SUPERVISE_H
#define GLEAN_SPAWN_SUPERVISE_H

#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What the server sends to a supervisor in place of an executor's control message. */
#define SIGNAL_TERMINATE SIGUSR1
#define SIGNAL_TIME_LIMIT SIGXCPU
#define SIGNAL_REQUEUE SIGXFSZ
#define SIGNAL_NOTICE SIGUSR2
#define SIGNAL_KILL SIGTERM
/* Queued with what spawn_signal_pack made. */
#define SIGNAL_PASS_ON SIGRTMIN
/* What the kernel sends to it when the server is gone. */
#define SIGNAL_ORPHANED SIGHUP

struct task {
	uint32_t id;
	uint8_t *request; /* records, see spawn_request.h; changed here */
	size_t length;
	pid_t server;
	int signals; /* a signalfd for the signals above and SIGCHLD, all of which are blocked */
};

/* Reports to SPAWN_SOCKET_FD and exits with 0. */
_Noreturn void spawn_supervise(const struct task *task);

#endif
