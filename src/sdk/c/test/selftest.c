/* Calls a worker that serves a function which returns its input, over one transport: selftest
 * TRANSPORT < ENDPOINTS, six lines each (worker, host, port, socket, host id, key). The input
 * "fail" makes the function return too much, "wide" 20,000 bytes, "die" ends its process. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "endpoints.h"

#define LARGEST (5u << 20)
#define MANY 600
#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "line %d: %s (%s)\n", __LINE__, #condition, gleaner_lease_message(lease)); \
			exit(1); \
		} \
	} while (0)

/* Another connection to the same workers. */
static gleaner_lease *connected_again(const char *why, const gleaner_endpoint *endpoints, size_t count,
				      const gleaner_options *options)
{
	gleaner_lease *lease = NULL;
	struct timespec began, ended;
	clock_gettime(CLOCK_MONOTONIC, &began);
	gleaner_error error = gleaner_connect_endpoint(endpoints, count, options, &lease);
	clock_gettime(CLOCK_MONOTONIC, &ended);
	if (error == GLEANER_OK)
		return lease;
	double took_s = (double)(ended.tv_sec - began.tv_sec) + 1e-9 * (double)(ended.tv_nsec - began.tv_nsec);
	fprintf(stderr, "no connection for %s: error %d after %.3f s\n", why, error, took_s);
	exit(1);
}

static void check_sizes(gleaner_lease *lease)
{
	static const size_t sizes[] = { 0, 1, 63, 1024, 16384, 16385, 65536, 102400, 1 << 20, LARGEST };
	char *input = calloc(1, LARGEST), *output = calloc(1, LARGEST);
	CHECK(input != NULL && output != NULL);
	for (size_t at = 0; at < LARGEST; at++)
		input[at] = (char)(at * 31 + (at >> 13));
	for (size_t at = 0; at < 2 * sizeof sizes / sizeof *sizes; at++) {
		size_t size = sizes[at % (sizeof sizes / sizeof *sizes)], got = 1;
		memset(output, 0, LARGEST);
		CHECK(gleaner_invoke(lease, input, size, output, LARGEST, &got) == GLEANER_OK);
		CHECK(got == size && memcmp(input, output, size) == 0);
	}
	/* A buffer that is too small, and the next call is as it was. */
	size_t got = 0;
	CHECK(gleaner_invoke(lease, input, 100000, output, 10, &got) == GLEANER_OUTPUT_TOO_LARGE && got == 100000);
	CHECK(gleaner_invoke(lease, input, 100, output, 100, &got) == GLEANER_OK && got == 100);
	CHECK(gleaner_invoke(lease, "fail", 4, output, 100, &got) == GLEANER_FUNCTION_FAILED);
	CHECK(strstr(gleaner_lease_message(lease), "OutputTooLarge") != NULL);
	free(input);
	free(output);
}

static void check_many(gleaner_lease *lease, size_t size)
{
	char *inputs = calloc(MANY, size), *outputs = calloc(MANY, size);
	size_t got[MANY];
	CHECK(inputs != NULL && outputs != NULL);
	for (size_t at = 0; at < MANY * size; at++)
		inputs[at] = (char)(at * 7 + at / size);
	CHECK(gleaner_map(lease, MANY, inputs, size, outputs, size, got) == GLEANER_OK);
	CHECK(memcmp(inputs, outputs, MANY * size) == 0 && got[MANY - 1] == size);
	free(inputs);
	free(outputs);
}

static void count_end(gleaner_call *call, gleaner_error error, size_t bytes, void *argument)
{
	*(size_t *)argument += error == GLEANER_OK ? bytes : 1000;
	gleaner_call_free(call);
}

static void check_callbacks(gleaner_lease *lease)
{
	char outputs[8][4];
	size_t ended = 0;
	for (int at = 0; at < 8; at++)
		CHECK(gleaner_submit_callback(lease, "abcd", 4, outputs[at], 4, count_end, &ended) != NULL);
	while (ended < 32)
		gleaner_flush(lease);
	CHECK(ended == 32 && memcmp(outputs[7], "abcd", 4) == 0);
}

static void call_another(gleaner_call *call, gleaner_error error, size_t bytes, void *argument)
{
	gleaner_lease *lease = argument;
	char output[4];
	(void)bytes;
	CHECK(error == GLEANER_FUNCTION_FAILED);
	gleaner_call_free(call);
	CHECK(gleaner_invoke(lease, "abcd", 4, output, 4, NULL) == GLEANER_OK && memcmp(output, "abcd", 4) == 0);
}

/* A callback waits for other calls, while its own frame is being handled. */
static void check_nested(gleaner_lease *lease)
{
	char output[4];
	CHECK(gleaner_submit_callback(lease, "fail", 4, NULL, 0, call_another, lease) != NULL);
	CHECK(gleaner_invoke(lease, "efgh", 4, output, 4, NULL) == GLEANER_OK && memcmp(output, "efgh", 4) == 0);
}

/* Short inputs with long outputs: the worker reads both at once, and sends one after the other. */
static void check_wide(gleaner_lease *lease)
{
	static char outputs[2][20000];
	gleaner_call *calls[2];
	for (int at = 0; at < 2; at++)
		calls[at] = gleaner_submit(lease, "wide", 4, outputs[at], sizeof outputs[at]);
	for (int at = 0; at < 2; at++) {
		CHECK(gleaner_wait(calls[at]) == GLEANER_OK && gleaner_call_output_bytes(calls[at]) == 20000);
		gleaner_call_free(calls[at]);
	}
}

static gleaner_call *prepared(gleaner_lease *lease, size_t size, int seed)
{
	void *input;
	gleaner_call *call = gleaner_prepare(lease, size, &input);
	CHECK(call != NULL && (uintptr_t)input % 64 == 0);
	memset(input, seed, size);
	return call;
}

static void check_prepared(gleaner_lease *lease, gleaner_call *call, size_t size, int seed)
{
	CHECK(gleaner_wait(call) == GLEANER_OK && gleaner_call_output_bytes(call) == size);
	const unsigned char *output = gleaner_call_output(call);
	CHECK((uintptr_t)output % 64 == 0);
	for (size_t at = 0; at < size; at++)
		CHECK(output[at] == (unsigned char)seed);
}

/* More than the rings hold: outputs are kept while others come, and freed in another order. */
static void check_in_place(gleaner_lease *lease)
{
	static const size_t sizes[] = { 0, 1, 40, 4095, 4096, 100000, 1 << 20 };
	gleaner_call *kept[7];
	for (int round = 0; round < 12; round++) {
		for (int at = 0; at < 7; at++) {
			kept[at] = prepared(lease, sizes[at], round + at);
			gleaner_send(kept[at]);
		}
		for (int at = 0; at < 7; at++)
			check_prepared(lease, kept[at], sizes[at], round + at);
		for (int at = 0; at < 7; at++)
			gleaner_call_free(kept[(at * 3 + round) % 7]);
	}
	/* What is kept leaves the rest of the rings to others, wherever it lies. */
	for (int round = 0; round < 8; round++) {
		gleaner_call *small = prepared(lease, 4096, round);
		check_prepared(lease, small, 4096, round);
		gleaner_call *large = prepared(lease, 1 << 20, round + 1);
		check_prepared(lease, large, 1 << 20, round + 1);
		gleaner_call_free(large);
		gleaner_call_free(small);
	}
	/* Two at once, of which one is never sent, and another call between. */
	gleaner_call *one = prepared(lease, 100000, 1), *other = prepared(lease, 100000, 2);
	char output[8];
	size_t got = 0;
	gleaner_call_free(other);
	CHECK(gleaner_wait(one) == GLEANER_OK);
	CHECK(gleaner_invoke(lease, "between", 7, output, sizeof output, &got) == GLEANER_OK && got == 7);
	check_prepared(lease, one, 100000, 1);
	gleaner_call_free(one);
	one = prepared(lease, 4, 0);
	gleaner_call_free(one);
}

/* An output stays after its connection, and an input that was not sent goes elsewhere. */
static void check_in_place_after_loss(const gleaner_endpoint *endpoints, size_t count, gleaner_options options)
{
	options.retry = GLEANER_RETRY_EVICTED;
	gleaner_lease *lease = connected_again("outputs that stay", endpoints, count, &options);
	gleaner_call *kept = prepared(lease, 50000, 5);
	CHECK(gleaner_wait(kept) == GLEANER_OK);
	gleaner_call *waits = prepared(lease, 50000, 6);
	gleaner_lease_close(lease);
	const unsigned char *output = gleaner_call_output(kept);
	for (size_t at = 0; at < 50000; at++)
		CHECK(output[at] == 5);
	gleaner_call_free(kept);
	gleaner_call_free(waits);
}

/* The worker dies under it. */
static void check_loss(const gleaner_endpoint *endpoints, size_t count, gleaner_options options)
{
	char output[8];
	size_t got;
	options.retry = GLEANER_RETRY_NEVER;
	gleaner_lease *lease = connected_again("the loss of a worker", endpoints, count, &options);
	CHECK(gleaner_invoke(lease, "die", 3, output, sizeof output, &got) == GLEANER_LEASE_LOST);
	gleaner_error after = gleaner_invoke(lease, "ok", 2, output, sizeof output, &got);
	CHECK(after == (count > 1 ? GLEANER_OK : GLEANER_NO_WORKER));
	gleaner_lease_close(lease);
}

int main(int argc, char **argv)
{
	gleaner_endpoint endpoints[4];
	gleaner_lease *lease = NULL;
	size_t count = read_endpoints(endpoints, 4);
	if (argc != 2 || count == 0)
		return 2;
	gleaner_options options = { .ring_bytes = 8u << 20, .deadline_ms = 20000 };
	options.transport = strcmp(argv[1], "tcp") == 0	   ? GLEANER_TRANSPORT_TCP
			    : strcmp(argv[1], "unix") == 0 ? GLEANER_TRANSPORT_UNIX
			    : strcmp(argv[1], "shm") == 0  ? GLEANER_TRANSPORT_SHM
			    : strcmp(argv[1], "ofi") == 0  ? GLEANER_TRANSPORT_OFI
							   : GLEANER_TRANSPORT_BEST;
	gleaner_endpoint stranger = endpoints[0];
	stranger.key = "0000000000000000000000000000000000000000000000000000000000000000";
	if (gleaner_connect_endpoint(&stranger, 1, &options, &lease) != GLEANER_NO_WORKER || lease != NULL)
		return 3;
	if (gleaner_connect_endpoint(endpoints, count, &options, &lease) != GLEANER_OK)
		return 4;
	CHECK(gleaner_lease_workers(lease) == count);
	if (count == 1)
		check_sizes(lease);
	check_many(lease, 100);
	check_many(lease, 30000);
	check_callbacks(lease);
	check_nested(lease);
	check_wide(lease);
	check_in_place(lease);
	gleaner_lease_close(lease);
	check_in_place_after_loss(endpoints, count, options);
	check_loss(endpoints, count, options);
	puts("ok");
	return 0;
}
