/* The program on the node behind `glean run` and `glean shell`: connects back to the client, starts
 * the user's command once or several times, and carries input, output, signals and ends. It runs as
 * the user, in the attempt's limits. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "attach_connect.h"
#include "attach_order.h"
#include "attach_stream.h"
#include "attach_task.h"
#include "frames.h"

/* Exit statuses that are no task's; the client explains them. */
#define BAD_ORDER 120
#define NO_CLIENT 121
#define CLIENT_GONE 122
/* From the hang-up to SIGKILL. */
#define HANG_UP_MS 2000

static struct {
	struct order order;
	struct session session;
	struct stream stream;
	struct input input;
	struct task tasks[ORDER_MAX_TASKS];
	int signals;
	/* All ends were told. */
	bool is_over;
} run;

static void each_signal(unsigned task, int number)
{
	for (unsigned at = 0; at < run.order.tasks; at++)
		if (task == STREAM_ALL_TASKS || task == at)
			task_signal(&run.tasks[at], number);
}

static void reap(void)
{
	int status;
	pid_t pid;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (unsigned at = 0; at < run.order.tasks; at++)
			if (run.tasks[at].pid == pid)
				task_ended(&run.tasks[at], status);
}

/* SIGTERM comes to the tasks, too: they decide what follows. */
static void take_signals(void)
{
	struct signalfd_siginfo info;
	while (read(run.signals, &info, sizeof info) == (ssize_t)sizeof info) {
		if (info.ssi_signo == SIGCHLD)
			reap();
		else if ((int)info.ssi_signo == run.order.notice_signal) {
			stream_add(&run.stream, STREAM_NOTICE, 0, "", 0);
			for (unsigned at = 0; at < run.order.tasks; at++)
				task_notify(&run.tasks[at], run.order.notice_signal, run.order.notice_main_only);
		}
	}
}

static bool take_input(const struct stream_frame *frame)
{
	struct input *input = &run.input;
	if (frame->length == 0)
		input->is_over = true;
	if (input->is_over && frame->length > 0)
		return false;
	/* The client promised to send no more ahead. */
	if (frame->length > sizeof input->data - input->length)
		return false;
	memcpy(input->data + input->length, frame->payload, frame->length);
	input->length += frame->length;
	return true;
}

static bool take_frame(const struct stream_frame *frame)
{
	const char *data = (const char *)frame->payload;
	if (frame->type == STREAM_INPUT)
		return take_input(frame);
	if (!fields_are_valid(data, frame->length))
		return false;
	if (frame->type == STREAM_SIGNAL) {
		unsigned long number = fields_number(data, frame->length, "signal", 0);
		if (number >= 1 && number <= 64)
			each_signal(frame->task, (int)number);
		return true;
	}
	if (frame->type != STREAM_WINDOW)
		return false;
	task_resize(&run.tasks[0], (unsigned)fields_number(data, frame->length, "rows", 0),
		    (unsigned)fields_number(data, frame->length, "columns", 0));
	return true;
}

/* False once the client is gone. */
static bool take_frames(void)
{
	struct stream_frame frame;
	enum stream_end end;
	while ((end = stream_read(&run.stream, &frame)) == STREAM_FRAME)
		if (!take_frame(&frame))
			return false;
	return end == STREAM_LATER;
}

/* Forgets the input that every task has taken, and lets the client send as much again. */
static void release_input(void)
{
	/* What it may send, but was not told while much output waits for it. */
	static size_t owed;
	struct fields told = { NULL, 0 };
	size_t taken = run.input.length;
	for (unsigned at = 0; at < run.order.tasks; at++)
		if (task_wants(&run.tasks[at]) && run.tasks[at].taken < taken)
			taken = run.tasks[at].taken;
	run.input.length -= taken;
	owed += taken;
	memmove(run.input.data, run.input.data + taken, run.input.length);
	for (unsigned at = 0; at < run.order.tasks; at++)
		run.tasks[at].taken -= run.tasks[at].taken < taken ? run.tasks[at].taken : taken;
	if (owed == 0 || stream_room(&run.stream) == 0)
		return;
	fields_add_number(&told, "bytes", owed);
	owed = 0;
	stream_add(&run.stream, STREAM_TAKEN, 0, told.data, told.length);
	free(told.data);
}

static int highest_status(void)
{
	int highest = 0;
	for (unsigned at = 0; at < run.order.tasks; at++)
		if (task_exit_status(&run.tasks[at]) > highest)
			highest = task_exit_status(&run.tasks[at]);
	return highest;
}

static bool is_all_told(void)
{
	for (unsigned at = 0; at < run.order.tasks; at++)
		if (!run.tasks[at].is_told)
			return false;
	return true;
}

static void move_all(void)
{
	/* Each in turn begins, so that none takes all the room. */
	static unsigned first;
	for (unsigned at = 0; at < run.order.tasks; at++)
		task_move(&run.tasks[(first + at) % run.order.tasks], &run.input, &run.stream);
	first = (first + 1) % run.order.tasks;
	release_input();
	if (!run.is_over && is_all_told()) {
		stream_add(&run.stream, STREAM_OVER, 0, "", 0);
		run.is_over = true;
	}
}

/* Waits until something can be moved. What an ended task printed is taken without waiting. */
static bool wait_for_work(void)
{
	static struct pollfd polls[2 + 3 * ORDER_MAX_TASKS];
	size_t count = 0;
	bool has_last = false;
	polls[count++] = (struct pollfd){ run.stream.fd, POLLIN, 0 };
	if (stream_has_output(&run.stream))
		polls[0].events |= POLLOUT;
	polls[count++] = (struct pollfd){ run.signals, POLLIN, 0 };
	for (unsigned at = 0; at < run.order.tasks; at++) {
		count += task_polls(&run.tasks[at], &run.input, &run.stream, polls + count);
		has_last = has_last || (run.tasks[at].has_ended && !run.tasks[at].is_told);
	}
	bool goes_on = has_last && stream_room(&run.stream) > 0;
	return poll(polls, count, goes_on ? 0 : -1) >= 0 || errno == EINTR;
}

/* Until all is told and sent; false if the client went before. */
static bool serve(void)
{
	bool is_shut = false;
	for (;;) {
		if (!wait_for_work())
			return false;
		take_signals();
		bool is_there = take_frames();
		if (!is_there)
			return run.is_over && !stream_has_output(&run.stream);
		move_all();
		if (!stream_flush(&run.stream))
			return false;
		/* The client closes once it has read all. */
		if (run.is_over && !stream_has_output(&run.stream) && !is_shut)
			is_shut = shutdown(run.stream.fd, SHUT_WR) == 0;
	}
}

static long left_ms(const struct timespec *since, long limit_ms)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return limit_ms - (now.tv_sec - since->tv_sec) * 1000 - (now.tv_nsec - since->tv_nsec) / 1000000;
}

/* As a terminal that is closed: the tasks get SIGHUP and SIGTERM, and soon SIGKILL. glean-spawn
 * ends what they started. */
static void hang_up(void)
{
	struct timespec since;
	clock_gettime(CLOCK_MONOTONIC, &since);
	close(run.stream.fd);
	for (unsigned at = 0; at < run.order.tasks; at++) {
		struct task *task = &run.tasks[at];
		task_signal(task, SIGHUP);
		task_signal(task, SIGTERM);
		task_signal(task, SIGCONT);
		close(task->output);
		close(task->errors);
		close(task->input);
	}
	for (long left = HANG_UP_MS; left > 0; left = left_ms(&since, HANG_UP_MS)) {
		struct pollfd ready = { run.signals, POLLIN, 0 };
		bool has_running = false;
		for (unsigned at = 0; at < run.order.tasks; at++)
			has_running = has_running || !run.tasks[at].has_ended;
		if (!has_running)
			return;
		if (poll(&ready, 1, (int)left) > 0)
			take_signals();
	}
	each_signal(STREAM_ALL_TASKS, SIGKILL);
}

static bool block_signals(void)
{
	sigset_t blocked;
	sigemptyset(&blocked);
	sigaddset(&blocked, SIGCHLD);
	sigaddset(&blocked, SIGTERM);
	sigaddset(&blocked, SIGHUP);
	sigaddset(&blocked, SIGINT);
	sigaddset(&blocked, SIGCONT);
	if (run.order.notice_signal > 0)
		sigaddset(&blocked, run.order.notice_signal);
	signal(SIGPIPE, SIG_IGN);
	run.signals = sigprocmask(SIG_BLOCK, &blocked, NULL) == 0 ? signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK)
								   : -1;
	return run.signals >= 0;
}

int main(int argc, char **argv)
{
	if (argc < 2 || !order_read(&run.order) || !block_signals())
		return BAD_ORDER;
	if (!connect_to_client(&run.order, &run.stream, &run.session))
		return NO_CLIENT;
	for (unsigned at = 0; at < run.order.tasks; at++)
		task_start(&run.tasks[at], at, argv + 1, &run.session, &run.stream);
	if (serve())
		return highest_status();
	hang_up();
	return CLIENT_GONE;
}
