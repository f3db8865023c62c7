/* Moves a task's input and output, and tells its end. */
#include "attach_task.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "attach_start.h"
#include "frames.h"

/* More than a pipe holds. */
#define LAST_BYTES (2u << 20)
/* The character that ends the input of a terminal. */
#define END_OF_INPUT 4

static void close_end(int *end)
{
	if (*end >= 0)
		close(*end);
	*end = -1;
}

void task_start(struct task *task, unsigned number, char **argv, const struct session *session, struct stream *stream)
{
	const bool gets_input = session->input_task == STREAM_ALL_TASKS || session->input_task == (long)number;
	const char *node = getenv("GLEANER_NODE");
	struct fields told = { NULL, 0 };
	memset(task, 0, sizeof *task);
	task->number = number;
	task->input = task->output = task->errors = -1;
	task->last_bytes = LAST_BYTES;
	task->is_terminal = session->has_terminal && number == 0;
	int problem = start_process(task, argv, session, gets_input && !(session->has_terminal && number > 0));
	fields_add(&told, "node", node == NULL ? "" : node, ORDER_TEXT);
	if (problem != 0) {
		fields_add(&told, "program", argv[0], ORDER_TEXT);
		fields_add(&told, "problem", strerror(problem), ORDER_TEXT);
		stream_add(stream, STREAM_FAILED, number, told.data, told.length);
		close_end(&task->input);
		close_end(&task->output);
		close_end(&task->errors);
		/* As a shell reports it. */
		task_ended(task, (problem == ENOENT ? 127 : 126) << 8);
	} else {
		fields_add_number(&told, "pid", (unsigned long)task->pid);
		stream_add(stream, STREAM_STARTED, number, told.data, told.length);
	}
	free(told.data);
}

bool task_wants(const struct task *task)
{
	return task->input >= 0 || (task->is_terminal && task->output >= 0);
}

static bool has_input(const struct task *task, const struct input *input)
{
	return task_wants(task) && !task->has_ended &&
	       (task->taken < input->length || (input->is_over && !task->has_all_input));
}

size_t task_polls(const struct task *task, const struct input *input, const struct stream *stream, struct pollfd *polls)
{
	size_t count = 0;
	short reads = stream_room(stream) > 0 ? POLLIN : 0;
	short writes = has_input(task, input) ? POLLOUT : 0;
	if (task->is_terminal && task->output >= 0 && (reads | writes) != 0)
		polls[count++] = (struct pollfd){ task->output, reads | writes, 0 };
	else if (task->output >= 0 && reads != 0)
		polls[count++] = (struct pollfd){ task->output, reads, 0 };
	if (task->errors >= 0 && reads != 0)
		polls[count++] = (struct pollfd){ task->errors, reads, 0 };
	if (task->input >= 0 && writes != 0)
		polls[count++] = (struct pollfd){ task->input, writes, 0 };
	return count;
}

static void move_input(struct task *task, const struct input *input)
{
	const int to = task->is_terminal ? task->output : task->input;
	if (!has_input(task, input))
		return;
	if (task->taken < input->length) {
		ssize_t written = write(to, input->data + task->taken, input->length - task->taken);
		if (written > 0)
			task->taken += (size_t)written;
		else if (written < 0 && errno != EAGAIN && errno != EINTR)
			/* It reads no more, which is no error. */
			close_end(&task->input);
	}
	if (task->taken == input->length && input->is_over) {
		const char end = END_OF_INPUT;
		if (task->is_terminal && write(to, &end, 1) < 0 && errno == EAGAIN)
			return;
		task->has_all_input = true;
		close_end(&task->input);
	}
}

/* Takes what there is, as far as there is room. */
static void move_output(struct task *task, int *from, enum stream_type type, struct stream *stream)
{
	size_t room = stream_room(stream);
	if (*from < 0 || room == 0)
		return;
	ssize_t got = read(*from, stream_reserve(stream), room);
	if (got > 0) {
		stream_commit(stream, type, task->number, (size_t)got);
		if (task->has_ended)
			task->last_bytes -= (size_t)got < task->last_bytes ? (size_t)got : task->last_bytes;
	}
	const bool may_come = got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
	/* A terminal has an error in place of an end. */
	if (!may_come || (task->has_ended && (got <= 0 || task->last_bytes == 0)))
		close_end(from);
}

static void tell_end(struct task *task, struct stream *stream)
{
	struct fields told = { NULL, 0 };
	if (WIFSIGNALED(task->status))
		fields_add_number(&told, "signal", (unsigned long)WTERMSIG(task->status));
	else
		fields_add_number(&told, "code", (unsigned long)WEXITSTATUS(task->status));
	stream_add(stream, STREAM_EXITED, task->number, told.data, told.length);
	free(told.data);
	close_end(&task->input);
	task->is_told = true;
}

void task_move(struct task *task, const struct input *input, struct stream *stream)
{
	move_input(task, input);
	move_output(task, &task->output, STREAM_OUTPUT, stream);
	move_output(task, &task->errors, STREAM_ERRORS, stream);
	if (task->has_ended && !task->is_told && task->output < 0 && task->errors < 0)
		tell_end(task, stream);
}

void task_ended(struct task *task, int status)
{
	task->has_ended = true;
	task->status = status;
}

void task_signal(const struct task *task, int number)
{
	if (task->has_ended)
		return;
	/* The job in the foreground of a shell has a group of its own. */
	pid_t foreground = task->is_terminal && task->output >= 0 ? tcgetpgrp(task->output) : -1;
	if (foreground > 1 && foreground != task->pid)
		(void)kill(-foreground, number);
	(void)kill(-task->pid, number);
}

void task_notify(const struct task *task, int number, bool main_only)
{
	if (!main_only)
		task_signal(task, number);
	else if (!task->has_ended)
		(void)kill(task->pid, number);
}

void task_resize(const struct task *task, unsigned rows, unsigned columns)
{
	const struct winsize size = { .ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns };
	if (task->is_terminal && task->output >= 0)
		(void)ioctl(task->output, TIOCSWINSZ, &size);
}

int task_exit_status(const struct task *task)
{
	return WIFSIGNALED(task->status) ? 128 + WTERMSIG(task->status) : WEXITSTATUS(task->status);
}
