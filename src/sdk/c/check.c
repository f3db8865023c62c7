/* Checks what programs pass, so that a mistake is one sentence and no crash. */
#include <stdarg.h>
#include <stdio.h>

#include "internal.h"

#define MOST_WORKERS 65536u
/* Renewals that are more frequent would only load gleanerd. */
#define LEAST_TTL_MS 100u
#define DAY_MS 86400000
#define MOST_MEMORY_MB 2147483647u

/* What was invalid last in this thread: there may be no lease that could tell. */
static _Thread_local char problem[MAX_MESSAGE];

gleaner_error invalid(const char *format, ...)
{
	va_list values;
	va_start(values, format);
	vsnprintf(problem, sizeof problem, format, values);
	va_end(values);
	return GLEANER_INVALID;
}

const char *invalid_message(void)
{
	return problem[0] != '\0' ? problem : "an argument is invalid: see gleaner.h";
}

static gleaner_error check_number(const char *name, uint32_t value, uint32_t least, uint32_t most)
{
	/* 0 is the default. */
	if (value == 0 || (value >= least && value <= most))
		return GLEANER_OK;
	return invalid("invalid %s %u: expected a number from %u to %u, or 0 for the default", name, value, least, most);
}

gleaner_error check_connect(const gleaner_options *options)
{
	if (options->retry != GLEANER_RETRY_EVICTED && options->retry != GLEANER_RETRY_NEVER)
		return invalid("invalid retry %d: expected GLEANER_RETRY_EVICTED or GLEANER_RETRY_NEVER", (int)options->retry);
	if ((unsigned)options->transport > GLEANER_TRANSPORT_OFI)
		return invalid("invalid transport %d: expected one of gleaner_transport", (int)options->transport);
	if (options->ring_bytes != 0 && !ring_bytes_are_valid(options->ring_bytes))
		return invalid("invalid ring_bytes %u: expected a power of two from 64 KiB to 256 MiB", options->ring_bytes);
	return GLEANER_OK;
}

gleaner_error check_open(const gleaner_options *options)
{
	if (options == NULL)
		return invalid("the options are NULL: expected at least the name of a function");
	/* `glean` would take it for an option. */
	if (options->function == NULL || options->function[0] == '\0' || options->function[0] == '-')
		return invalid("invalid function \"%.100s\": expected the name of a function",
			       options->function == NULL ? "" : options->function);
	if (options->hot_ms < -1 || options->hot_ms > DAY_MS)
		return invalid("invalid hot_ms %d: expected a number from -1 to %d", options->hot_ms, DAY_MS);
	gleaner_error error = check_number("workers", options->workers, 1, MOST_WORKERS);
	if (error == GLEANER_OK)
		error = check_number("at_least", options->at_least, 1, MOST_WORKERS);
	if (error == GLEANER_OK)
		error = check_number("cores", options->cores, 1, MOST_WORKERS);
	if (error == GLEANER_OK)
		error = check_number("memory_mb", options->memory_mb, 1, MOST_MEMORY_MB);
	if (error == GLEANER_OK)
		error = check_number("ttl_ms", options->ttl_ms, LEAST_TTL_MS, DAY_MS);
	return error == GLEANER_OK ? check_connect(options) : error;
}

gleaner_error check_call(const gleaner_lease *lease, const void *input, size_t input_bytes, const void *output,
			 size_t output_capacity)
{
	if (lease == NULL)
		return invalid("the lease is NULL: open one first");
	if (lease->is_closing)
		return invalid("the lease is being closed: its callbacks begin no call");
	if (input == NULL && input_bytes > 0)
		return invalid("the input is NULL, and has %zu bytes", input_bytes);
	if (output == NULL && output_capacity > 0)
		return invalid("the output is NULL, and has room for %zu bytes", output_capacity);
	if (input_bytes > MAX_PAYLOAD_BYTES)
		return invalid("the input has %zu bytes and the limit is %u: put the data into a file, and name it in the input",
			       input_bytes, (unsigned)MAX_PAYLOAD_BYTES);
	return GLEANER_OK;
}

gleaner_error check_made(const gleaner_call *call)
{
	return call != NULL ? GLEANER_OK
			    : invalid("the call is NULL: it was not made, since its arguments are invalid or there was no memory");
}
