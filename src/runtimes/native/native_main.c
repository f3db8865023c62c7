/* The runtime for functions in shared libraries: a worker that calls
 * `uint32_t f(const void *in, uint32_t size, void *out)` once for each call. */
#include <gnu/libc-version.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "channel.h"
#include "native_library.h"
#include "native_output.h"
#include "serve.h"

#define DEFAULT_OUTPUT_BYTES (1u << 20)
#define BROKEN 1

/* Results without a type are bytes. */
static const char bytes_type[] = "application/octet-stream";

static struct {
	native_function *function;
	const char *output_type;
	struct output *output;
	/* The call that runs, or that serves; 0 if none does. */
	uint64_t running;
} worker;

static bool load(const struct frame *frame)
{
	const char *fields = (const char *)frame->payload;
	size_t length = frame->header.payload_bytes;
	const char *directory = fields_are_valid(fields, length) ? fields_find(fields, length, "directory") : NULL;
	if (directory == NULL)
		return false;
	unsigned long bytes = fields_number(fields, length, "outputLimitBytes", DEFAULT_OUTPUT_BYTES);
	char problem[MAX_MESSAGE_BYTES];
	const char *type = fields_find(fields, length, "outputType");
	worker.output_type = strdup(type == NULL ? bytes_type : type);
	worker.function = native_load(directory, fields_find(fields, length, "handler"), problem, sizeof problem);
	if (worker.function == NULL)
		return !channel_error(FRAME_LOAD_FAILED, 0, "exception", "LibraryNotLoaded", problem);
	worker.output = output_make(bytes > MAX_PAYLOAD_BYTES ? MAX_PAYLOAD_BYTES : (uint32_t)bytes);
	if (worker.output_type == NULL || worker.output == NULL)
		return !channel_error(FRAME_LOAD_FAILED, 0, "exception", "OutOfMemory",
				      "there is no memory for the output");
	return channel_loaded();
}

static bool call(const struct frame *frame)
{
	const struct frame_header *header = &frame->header;
	worker.running = header->id;
	uint32_t used = worker.function(frame->payload, header->payload_bytes, worker.output->data);
	worker.running = 0;
	fflush(stdout);
	if (used > worker.output->bytes) {
		char message[128];
		snprintf(message, sizeof message, "the function returned %u bytes; the limit is %u", used,
			 worker.output->bytes);
		return channel_error(FRAME_ERROR, header->id, "output", "OutputTooLarge", message);
	}
	bool is_sent = channel_send(FRAME_RESULT, header->id, worker.output_type, strlen(worker.output_type),
				    worker.output->data, used);
	output_shrink(worker.output, used);
	return is_sent;
}

static bool serve_clients(struct channel *channel, const struct frame *frame)
{
	struct served served = { worker.function, worker.output_type, worker.output->bytes };
	worker.running = frame->header.id;
	bool goes_on = serve(channel, frame, &served);
	worker.running = 0;
	fflush(stdout);
	return goes_on;
}

/* The function called exit. */
static void at_exit(void)
{
	static const char message[] = "the function called exit";
	if (worker.running == 0)
		return;
	channel_error(FRAME_ERROR, worker.running, "exit", "ProcessExit", message);
	channel_bye(message);
}

/* A process that the function forked must not answer. */
static void in_child(void)
{
	close(EXECUTOR_DESCRIPTOR);
}

int main(void)
{
	if (!channel_open() || !channel_hello("native", gnu_get_libc_version()))
		return BROKEN;
	/* So that lines are not lost with a crash. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	pthread_atfork(NULL, NULL, in_child);
	atexit(at_exit);
	struct channel channel = { .filled = 0 };
	struct frame frame;
	bool goes_on = true;
	while (goes_on && channel_read(&channel, true, &frame) == READ_FRAME) {
		/* A cancel is read only after the call that it means. */
		if (frame.header.type == FRAME_LOAD)
			goes_on = load(&frame);
		else if (frame.header.type == FRAME_CALL && worker.function != NULL)
			goes_on = call(&frame);
		else if (frame.header.type == FRAME_SERVE && worker.function != NULL)
			goes_on = serve_clients(&channel, &frame);
		else if (frame.header.type == FRAME_BYE)
			return 0;
		free(frame.payload);
	}
	return goes_on ? 0 : BROKEN;
}
