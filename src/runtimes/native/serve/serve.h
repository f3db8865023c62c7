/* Serves the clients of a lease: connections over TCP and a unix socket, whose calls run one after
 * another in this thread. */
#ifndef GLEANER_SERVE_H
#define GLEANER_SERVE_H

#include "channel.h"
#include "native_library.h"
#include "native_output.h"

struct served {
	native_function *function;
	const char *output_type;
	uint32_t output_bytes;
};

/* Serves as the frame says until the executor cancels it; false once the executor is gone, or says
 * what it must not. */
bool serve(struct channel *channel, const struct frame *frame, const struct served *served);

#endif
