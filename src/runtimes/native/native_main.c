/* The runtime for functions in shared libraries: a worker that calls
 * `uint32_t f(const void *in, uint32_t size, void *out)` once for each call. */
#include <gnu/libc-version.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "channel.h"
#include "native_library.h"

#define DEFAULT_OUTPUT_BYTES (1u << 20)
/* What a large output has touched is given back. */
#define KEPT_OUTPUT_BYTES (1u << 20)
#define BROKEN 1

/* Results without a type are bytes. */
static const char bytes_type[] = "application/octet-stream";

static struct {
	native_function *function;
	const char *output_type;
	uint8_t *output;
	uint32_t output_bytes;
	/* The call that runs; 0 if none does. */
	uint64_t running;
} worker;

/* In front of a page that cannot be written: a function that writes beyond its output crashes there
 * instead of changing what the worker needs. */
static bool make_output(uint32_t bytes)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), alignment = 64;
	size_t aligned = (bytes + alignment - 1) / alignment * alignment;
	size_t room = (aligned + page - 1) / page * page;
	uint8_t *base = mmap(NULL, room + page, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED || mprotect(base + room, page, PROT_NONE) != 0)
		return false;
	worker.output = base + room - aligned;
	worker.output_bytes = bytes;
	return true;
}

static void give_back(uint32_t used_bytes)
{
	if (used_bytes <= KEPT_OUTPUT_BYTES)
		return;
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *first = worker.output - (uintptr_t)worker.output % page + page;
	if (worker.output + used_bytes > first)
		madvise(first, (size_t)(worker.output + used_bytes - first), MADV_DONTNEED);
}

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
	if (worker.output_type == NULL || !make_output(bytes > MAX_PAYLOAD_BYTES ? MAX_PAYLOAD_BYTES : (uint32_t)bytes))
		return !channel_error(FRAME_LOAD_FAILED, 0, "exception", "OutOfMemory",
				      "there is no memory for the output");
	return channel_loaded();
}

static bool call(const struct frame *frame)
{
	const struct frame_header *header = &frame->header;
	worker.running = header->id;
	uint32_t used = worker.function(frame->payload, header->payload_bytes, worker.output);
	worker.running = 0;
	fflush(stdout);
	if (used > worker.output_bytes) {
		char message[128];
		snprintf(message, sizeof message, "the function returned %u bytes; the limit is %u", used,
			 worker.output_bytes);
		return channel_error(FRAME_ERROR, header->id, "output", "OutputTooLarge", message);
	}
	bool is_sent = channel_send(FRAME_RESULT, header->id, worker.output_type, strlen(worker.output_type),
				    worker.output, used);
	give_back(used);
	return is_sent;
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
		else if (frame.header.type == FRAME_BYE)
			return 0;
		free(frame.payload);
	}
	return goes_on ? 0 : BROKEN;
}
