/* One process of the user's command, with its pipes or its terminal. */
#ifndef GLEANER_ATTACH_TASK_H
#define GLEANER_ATTACH_TASK_H

#include <poll.h>
#include <stdbool.h>
#include <sys/types.h>

#include "attach_connect.h"
#include "attach_stream.h"

/* Input of the client that tasks have not taken; the client sends no more than this ahead. */
struct input {
	uint8_t data[STREAM_MAX_PAYLOAD];
	size_t length;
	bool is_over;
};

struct task {
	unsigned number;
	pid_t pid;
	/* Our ends, or -1; with a terminal, `output` is also where input is written. */
	int input, output, errors;
	bool is_terminal;
	/* It has ended with this status, and what it printed last is being read. */
	bool has_ended;
	int status;
	/* The output still read after its end: others may hold the pipe and write forever. */
	size_t last_bytes;
	/* Its end was told. */
	bool is_told;
	/* How much of the input it has taken, and whether it knows that no more comes. */
	size_t taken;
	bool has_all_input;
};

/* Starts it; what fails is told to the client, and counts as its end. */
void task_start(struct task *task, unsigned number, char **argv, const struct session *session, struct stream *stream);
/* Writes the descriptors to wait for; returns how many. */
size_t task_polls(const struct task *task, const struct input *input, const struct stream *stream, struct pollfd *polls);
/* Moves what can be moved without waiting. */
void task_move(struct task *task, const struct input *input, struct stream *stream);
/* Whether it still needs input before `length`. */
bool task_wants(const struct task *task);
void task_ended(struct task *task, int status);
void task_signal(const struct task *task, int number);
/* `main_only`: to the command's own process, not to those that it started. */
void task_notify(const struct task *task, int number, bool main_only);
void task_resize(const struct task *task, unsigned rows, unsigned columns);
/* 128 and the signal that ended it, or its exit status. */
int task_exit_status(const struct task *task);

#endif
