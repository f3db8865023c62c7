/* Calls of a leased function that returns its input, through libgleaner. Usage: lease
 * tcp|unix|shm|inPlace|ofi; LEASE_WORKER and the variables beside it say where the worker
 * serves. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gleaner.h"
#include "plan.h"

#define MOST_AT_ONCE 256u

struct caller {
	gleaner_lease *lease;
	char *input, *output;
	int calls;
};

static const char *told(const char *variable)
{
	const char *text = getenv(variable);
	if (text == NULL)
		plan_fail("no worker is leased: the environment does not name it");
	return text;
}

static void expect(const struct caller *caller, bool holds)
{
	if (!holds)
		plan_fail(gleaner_lease_message(caller->lease));
}

static void open_lease(struct caller *caller, const char *transport)
{
	const gleaner_endpoint endpoint = {
		.worker = told("LEASE_WORKER"),
		.host = told("LEASE_HOST"),
		.port = (uint16_t)strtoul(told("LEASE_PORT"), NULL, 10),
		.socket = told("LEASE_SOCKET"),
		.host_id = told("LEASE_HOSTID"),
		.key = told("LEASE_KEY"),
	};
	const gleaner_options options = {
		.transport = strcmp(transport, "tcp") == 0    ? GLEANER_TRANSPORT_TCP
			     : strcmp(transport, "unix") == 0 ? GLEANER_TRANSPORT_UNIX
			     : strcmp(transport, "ofi") == 0  ? GLEANER_TRANSPORT_OFI
							      : GLEANER_TRANSPORT_SHM,
	};
	gleaner_error error = gleaner_connect_endpoint(&endpoint, 1, &options, &caller->lease);
	if (error != GLEANER_OK)
		plan_fail(gleaner_error_message(error));
}

static void call(size_t bytes, void *context)
{
	const struct caller *caller = context;
	size_t got = 0;
	expect(caller, gleaner_invoke(caller->lease, caller->input, bytes, caller->output, bytes, &got) == GLEANER_OK);
	expect(caller, got == bytes && caller->output[bytes - 1] == caller->input[bytes - 1]);
}

static bool are_all(const unsigned char *data, size_t bytes, unsigned char value)
{
	return bytes == 0 || (data[0] == value && memcmp(data, data + 1, bytes - 1) == 0);
}

/* Writes all of the input, calls, and reads all of the output. */
static void call_in_place(size_t bytes, void *context)
{
	struct caller *caller = context;
	const unsigned char value = (unsigned char)++caller->calls;
	void *input;
	gleaner_call *one = gleaner_prepare(caller->lease, bytes, &input);
	expect(caller, one != NULL);
	memset(input, value, bytes);
	expect(caller, gleaner_wait(one) == GLEANER_OK && gleaner_call_output_bytes(one) == bytes);
	expect(caller, are_all(gleaner_call_output(one), bytes, value));
	gleaner_call_free(one);
}

/* Many at once, of one byte each. */
static double burst(struct caller *caller, size_t at_once, size_t calls)
{
	gleaner_call *running[MOST_AT_ONCE] = { NULL };
	char outputs[MOST_AT_ONCE];
	const double began = plan_now_us();
	for (size_t at = 0; at < calls + at_once; at++) {
		const size_t slot = at % at_once;
		if (running[slot] != NULL)
			expect(caller, gleaner_wait(running[slot]) == GLEANER_OK && outputs[slot] == *caller->input);
		gleaner_call_free(running[slot]);
		running[slot] = NULL;
		if (at >= calls)
			continue;
		running[slot] = gleaner_submit(caller->lease, caller->input, 1, &outputs[slot], 1);
		expect(caller, running[slot] != NULL);
	}
	return plan_now_us() - began;
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	const bool is_in_place = strcmp(argv[1], "inPlace") == 0;
	const size_t largest = plan_largest();
	size_t at_once, calls;
	struct caller caller = { .input = malloc(largest), .output = calloc(1, largest) };
	if (caller.input == NULL || caller.output == NULL)
		plan_fail("there is no memory for the inputs");
	memset(caller.input, 'x', largest);
	open_lease(&caller, argv[1]);
	plan_measure(is_in_place ? call_in_place : call, &caller);
	plan_burst(&at_once, &calls);
	if (!is_in_place && at_once > 0 && at_once <= MOST_AT_ONCE) {
		burst(&caller, at_once, calls / 4);
		plan_say_burst(at_once, calls, burst(&caller, at_once, calls));
	}
	gleaner_lease_close(caller.lease);
	free(caller.input);
	free(caller.output);
	return 0;
}
