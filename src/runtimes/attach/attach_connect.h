/* Finds the client: connects to where it may be, and believes whoever proves to know the key. */
#ifndef GLEANER_ATTACH_CONNECT_H
#define GLEANER_ATTACH_CONNECT_H

#include <stdbool.h>

#include "attach_order.h"
#include "attach_stream.h"

/* How the client wants the tasks to be started. */
struct session {
	/* The first task gets a terminal of this size; the others get no input. */
	bool has_terminal;
	unsigned rows, columns;
	/* For TERM; empty to leave that as it is. */
	char terminal_type[ORDER_TEXT];
	/* Standard output of each task is a terminal, so that programs do not hold it back. */
	bool unbuffered;
	/* The task that gets the client's input, STREAM_ALL_TASKS, or -1 for none. */
	long input_task;
};

/* False if no client proved itself; forgets the key in either case. */
bool connect_to_client(struct order *order, struct stream *stream, struct session *session);

#endif
