/* The runtime for programs: a worker that runs the bundle's program once for each call, with the
 * input on its standard input and its standard output as the result. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel.h"
#include "exec_find.h"
#include "exec_output.h"
#include "exec_program.h"

#define DEFAULT_OUTPUT_BYTES MAX_PAYLOAD_BYTES
#define DEFAULT_LOG_BYTES (1u << 20)
#define BROKEN 1

/* A call that waits for the one that runs. */
struct waiting {
	struct frame frame;
	struct waiting *next;
};

static struct {
	struct channel channel;
	struct waiting *first;
	char path[PATH_MAX];
	char output_type[MAX_CONTENT_TYPE_BYTES + 1];
	unsigned long output_limit, log_limit;
	/* Readable when a child has ended. */
	int child_ends;
} worker;

/* The call that runs. */
struct run {
	const struct frame *call;
	struct program program;
	struct output output;
	struct call_log log;
	size_t sent_bytes;
	bool is_cancelled;
};

static bool load(const struct frame *frame)
{
	const char *fields = (const char *)frame->payload;
	size_t length = frame->header.payload_bytes;
	const char *directory = fields_are_valid(fields, length) ? fields_find(fields, length, "directory") : NULL;
	if (directory == NULL)
		return false;
	const char *handler = fields_find(fields, length, "handler");
	const char *type = fields_find(fields, length, "outputType");
	worker.output_limit = fields_number(fields, length, "outputLimitBytes", DEFAULT_OUTPUT_BYTES);
	worker.log_limit = fields_number(fields, length, "logLimitBytes", DEFAULT_LOG_BYTES);
	snprintf(worker.output_type, sizeof worker.output_type, "%s", type == NULL ? "application/octet-stream" : type);
	char message[PATH_MAX + 128];
	if (find_program(directory, handler, worker.path, sizeof worker.path, message, sizeof message))
		return channel_loaded();
	return channel_error(FRAME_LOAD_FAILED, 0, "exception", "HandlerNotFound", message);
}

/* Takes a call that waits out of the list. */
static struct waiting *take(uint64_t id)
{
	for (struct waiting **at = &worker.first; *at != NULL; at = &(*at)->next)
		if (id == 0 || (*at)->frame.header.id == id) {
			struct waiting *taken = *at;
			*at = taken->next;
			return taken;
		}
	return NULL;
}

static void release(struct waiting *call)
{
	free(call->frame.payload);
	free(call);
}

static bool append(const struct frame *frame)
{
	struct waiting **end = &worker.first;
	while (*end != NULL)
		end = &(*end)->next;
	*end = malloc(sizeof **end);
	if (*end == NULL)
		return false;
	**end = (struct waiting){ *frame, NULL };
	return true;
}

static bool cancel(uint64_t id, struct run *run)
{
	if (run != NULL && run->call->header.id == id) {
		run->is_cancelled = true;
		kill(-run->program.pid, SIGTERM);
		return true;
	}
	struct waiting *call = take(id);
	if (call == NULL)
		return true;
	release(call);
	return channel_error(FRAME_ERROR, id, "cancelled", "Cancelled",
			     "the call was cancelled before its program was started");
}

/* Handles frames that have arrived; false once the worker must end. */
static bool read_frames(bool may_wait, struct run *run)
{
	struct frame frame;
	for (;;) {
		enum read_end end = channel_read(&worker.channel, may_wait, &frame);
		if (end != READ_FRAME)
			return end == READ_LATER;
		bool goes_on = true;
		switch (frame.header.type) {
		case FRAME_CALL:
			/* Its payload is freed with it. */
			goes_on = append(&frame);
			frame.payload = NULL;
			break;
		case FRAME_LOAD:
			goes_on = load(&frame);
			break;
		case FRAME_CANCEL:
			goes_on = cancel(frame.header.id, run);
			break;
		default:
			goes_on = false;
		}
		free(frame.payload);
		if (!goes_on || may_wait)
			return goes_on;
	}
}

static void write_input(struct run *run)
{
	const struct frame *call = run->call;
	while (run->sent_bytes < call->header.payload_bytes) {
		ssize_t sent = write(run->program.input, call->payload + run->sent_bytes,
				     call->header.payload_bytes - run->sent_bytes);
		if (sent < 0 && errno == EAGAIN)
			return;
		/* A program need not read all of its input. */
		if (sent < 0 && errno != EINTR)
			break;
		if (sent > 0)
			run->sent_bytes += (size_t)sent;
	}
	program_close(&run->program.input);
}

/* One turn: waits until something can be done, and does it. */
static bool step(struct run *run)
{
	struct program *program = &run->program;
	struct pollfd ready[] = {
		{ EXECUTOR_DESCRIPTOR, POLLIN, 0 }, { worker.child_ends, POLLIN, 0 },
		{ program->input, POLLOUT, 0 },	    { program->output, POLLIN, 0 },
		{ program->errors, POLLIN, 0 },
	};
	if (poll(ready, sizeof ready / sizeof *ready, -1) < 0)
		return errno == EINTR;
	if (ready[0].revents != 0 && !read_frames(false, run))
		return false;
	if (ready[1].revents != 0) {
		struct signalfd_siginfo ignored;
		if (read(worker.child_ends, &ignored, sizeof ignored) < 0 && errno != EAGAIN)
			return false;
	}
	if (ready[2].revents != 0)
		write_input(run);
	if (ready[3].revents != 0)
		output_read(&run->output, &program->output);
	if (run->output.is_over) {
		program_close(&program->output);
		kill(-program->pid, SIGKILL);
	}
	return ready[4].revents == 0 || log_read(&run->log, &program->errors);
}

static bool answer(const struct run *run, int status)
{
	uint64_t id = run->call->header.id;
	const char *kind = run->is_cancelled ? "cancelled" : "exit";
	char message[256];
	if (run->output.is_over) {
		snprintf(message, sizeof message, "the program wrote more than %zu bytes of output", run->output.limit);
		return channel_error(FRAME_ERROR, id, "output", "OutputTooLarge", message);
	}
	if (WIFSIGNALED(status)) {
		int signal = WTERMSIG(status);
		snprintf(message, sizeof message, "the program was killed by signal %d (%s)", signal, strsignal(signal));
		return channel_error(FRAME_ERROR, id, kind, "Signal", message);
	}
	if (WEXITSTATUS(status) != 0) {
		snprintf(message, sizeof message, "the program exited with status %d", WEXITSTATUS(status));
		return channel_error(FRAME_ERROR, id, kind, "ExitStatus", message);
	}
	return channel_send(FRAME_RESULT, id, worker.output_type, strlen(worker.output_type), run->output.data,
			    run->output.length);
}

static bool run_call(const struct frame *call)
{
	struct call_head head;
	if (!call_head_decode(call->metadata, call->header.metadata_bytes, &head))
		return false;
	struct run run = {
		.call = call,
		.output = { .limit = worker.output_limit },
		.log = { call->header.id, (long)worker.log_limit },
	};
	int problem = program_start(&run.program, worker.path, &head);
	if (problem != 0) {
		char message[PATH_MAX + 128];
		snprintf(message, sizeof message, "%s cannot be executed: %s%s", worker.path, strerror(problem),
			 problem == ENOEXEC ? " (begin a script with #! and its interpreter)" : "");
		return channel_error(FRAME_ERROR, call->header.id, "exception", "CannotExecute", message);
	}
	bool goes_on = true;
	while (goes_on && !program_has_ended(&run.program))
		goes_on = step(&run);
	/* What it wrote last. Others that hold the pipe may write forever: do not wait for them. */
	output_read(&run.output, &run.program.output);
	goes_on = log_read(&run.log, &run.program.errors) && goes_on;
	int status = program_finish(&run.program);
	goes_on = goes_on && answer(&run, status);
	output_free(&run.output);
	return goes_on;
}

int main(void)
{
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	signal(SIGPIPE, SIG_IGN);
	sigprocmask(SIG_BLOCK, &child, NULL);
	worker.child_ends = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
	if (worker.child_ends < 0 || !channel_open() || !channel_hello("exec", "1"))
		return BROKEN;
	for (bool goes_on = true; goes_on;) {
		struct waiting *call = take(0);
		if (call == NULL)
			goes_on = read_frames(true, NULL);
		else {
			goes_on = run_call(&call->frame);
			release(call);
		}
	}
	return 0;
}
