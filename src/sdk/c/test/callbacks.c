/* Whether the library is safe against what programs do in callbacks, and against a worker that
 * answers what it has not read, or is gone after it has: callbacks CASE. The peer is the other end
 * of a socket. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "internal.h"

#define LARGE_BYTES (1u << 20)
/* A socket takes it at once. */
#define OUTPUT_BYTES 60000
#define WORKERS 2
/* A call that is lost is waited for without an end. */
#define HANG_S 60
#define CHECK(condition) \
	do { \
		if (!(condition)) { \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition); \
			exit(1); \
		} \
	} while (0)

static int peers[WORKERS];
static char large[LARGE_BYTES];

static gleaner_lease *make_lease(size_t workers, uint32_t deadline_ms)
{
	const gleaner_options options = { .deadline_ms = deadline_ms };
	const struct endpoint endpoint = { .worker = "1.1" };
	gleaner_lease *lease = lease_make(&options);
	for (size_t at = 0; at < workers; at++) {
		int pair[2];
		struct connection *made = lease_know_endpoint(lease, &endpoint);
		CHECK(made != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
		made->fd = pair[0];
		made->max_in_flight = made->concurrency = 1;
		peers[at] = pair[1];
	}
	return lease;
}

static void answer(uint8_t type, uint64_t id, size_t payload_bytes, size_t sent_bytes)
{
	uint8_t head[FRAME_HEADER_BYTES];
	const struct frame_header header = { type, 0, (uint32_t)payload_bytes, id };
	frame_encode(head, &header);
	CHECK(send(peers[0], head, sizeof head, 0) == (ssize_t)sizeof head);
	CHECK(send(peers[0], large, sent_bytes, 0) == (ssize_t)sent_bytes);
}

static size_t drop_what_came(void)
{
	static char dropped[LARGE_BYTES];
	size_t all = 0;
	ssize_t got;
	while ((got = recv(peers[0], dropped, sizeof dropped, MSG_DONTWAIT)) > 0)
		all += (size_t)got;
	return all;
}

struct again {
	gleaner_lease *lease;
	gleaner_call *call;
	int ended;
};

/* As programs do that want a result in any case. */
static void submit_again(gleaner_call *call, gleaner_error error, size_t bytes, void *argument)
{
	struct again *again = argument;
	(void)bytes;
	gleaner_call_free(call);
	CHECK(error == GLEANER_DEADLINE || error == GLEANER_LEASE_LOST);
	again->ended++;
	again->call = again->ended > WORKERS ? NULL
						 : gleaner_submit_callback(again->lease, "b", 1, NULL, 0,
									   error == GLEANER_DEADLINE ? NULL : submit_again,
									   again);
	gleaner_flush(again->lease);
	CHECK(gleaner_lease_workers(again->lease) <= WORKERS);
}

/* A call that no worker took is made again, while it is taken out of the queue. */
static void check_late(void)
{
	gleaner_lease *lease = make_lease(1, 20);
	struct again again = { .lease = lease };
	gleaner_call *first = gleaner_submit(lease, "a", 1, NULL, 0);
	CHECK(gleaner_submit_callback(lease, "b", 1, NULL, 0, submit_again, &again) != NULL);
	CHECK(gleaner_wait(first) == GLEANER_DEADLINE);
	while (again.ended == 0)
		gleaner_flush(lease);
	CHECK(again.call != NULL && gleaner_wait(again.call) == GLEANER_DEADLINE);
	gleaner_call_free(first);
	gleaner_call_free(again.call);
	gleaner_lease_close(lease);
}

/* No call begins while the lease ends; its connections are there as long as callbacks run. */
static void check_closing(void)
{
	gleaner_lease *lease = make_lease(2, 20000);
	struct again again = { .lease = lease };
	for (int at = 0; at < WORKERS; at++)
		CHECK(gleaner_submit_callback(lease, "a", 1, NULL, 0, submit_again, &again) != NULL);
	gleaner_flush(lease);
	CHECK(lease->connections[0]->in_flight == 1 && lease->connections[1]->in_flight == 1);
	gleaner_lease_close(lease);
	CHECK(again.ended == WORKERS && again.call == NULL);
}

static void flush(gleaner_call *call, gleaner_error error, size_t bytes, void *argument)
{
	(void)call;
	CHECK(error == GLEANER_OK && bytes == OUTPUT_BYTES);
	gleaner_flush(argument);
}

/* What comes while the library looks whether the connection lives ends a call, whose callback sends
 * the one for which it looked. */
static void check_nested(void)
{
	static char output[OUTPUT_BYTES];
	gleaner_lease *lease = make_lease(1, 20000);
	gleaner_call *one = gleaner_submit_callback(lease, "a", 1, output, sizeof output, flush, lease);
	gleaner_flush(lease);
	answer(FRAME_RESULT, 1, OUTPUT_BYTES, 100);
	gleaner_flush(lease);
	CHECK(lease->connections[0]->receiving == one);
	gleaner_call *two = gleaner_submit(lease, "b", 1, NULL, 0);
	/* It was idle for long. */
	lease->connections[0]->used_at_ms = 0;
	CHECK(send(peers[0], large, OUTPUT_BYTES - 100, 0) == OUTPUT_BYTES - 100);
	gleaner_flush(lease);
	CHECK(gleaner_poll(one) == GLEANER_OK);
	answer(FRAME_RESULT, 2, 0, 0);
	CHECK(gleaner_wait(two) == GLEANER_OK);
	gleaner_call_free(one);
	gleaner_call_free(two);
	gleaner_lease_close(lease);
}

/* The input is the caller's again once the call has ended, also for one that sends busy first. */
static void check_early(void)
{
	gleaner_lease *lease = make_lease(1, 20000);
	char *input = calloc(1, LARGE_BYTES);
	size_t read = 0;
	gleaner_call *call = gleaner_submit(lease, input, LARGE_BYTES, NULL, 0);
	gleaner_flush(lease);
	answer(DIRECT_BUSY, 1, 0, 0);
	CHECK(gleaner_poll(call) == GLEANER_RUNNING && call->id == 1 && lease->first == NULL);
	while (gleaner_poll(call) == GLEANER_RUNNING && call->id == 1)
		read += drop_what_came();
	answer(FRAME_RESULT, 2, 0, 0);
	CHECK(gleaner_poll(call) == GLEANER_RUNNING && lease->connections[0]->lent != NULL);
	while (gleaner_poll(call) == GLEANER_RUNNING)
		read += drop_what_came();
	CHECK(gleaner_poll(call) == GLEANER_OK);
	free(input);
	gleaner_call_free(call);
	gleaner_flush(lease);
	CHECK(read + drop_what_came() == 2 * (FRAME_HEADER_BYTES + CALL_HEAD_BYTES + (size_t)LARGE_BYTES));
	gleaner_lease_close(lease);
}

/* More than there is room for comes before the worker has read its call: that is not its end. */
static void check_full(void)
{
	static char output[2 * READ_BYTES];
	gleaner_lease *lease = make_lease(1, 20000);
	char *input = calloc(1, LARGE_BYTES);
	gleaner_call *call = gleaner_submit(lease, input, LARGE_BYTES, output, sizeof output);
	gleaner_flush(lease);
	answer(FRAME_RESULT, 1, sizeof output, sizeof output);
	for (int turn = 0; turn < 10; turn++)
		CHECK(gleaner_poll(call) == GLEANER_RUNNING);
	CHECK(lease->connections[0]->in_end == READ_BYTES);
	while (gleaner_poll(call) == GLEANER_RUNNING)
		(void)drop_what_came();
	CHECK(gleaner_poll(call) == GLEANER_OK && call->output_bytes == sizeof output);
	free(input);
	gleaner_call_free(call);
	gleaner_lease_close(lease);
}

static struct rings open_rings(struct connection *connection)
{
	struct memory *memory = calloc(1, sizeof *memory);
	struct rings worker;
	int memfd = rings_create(MIN_RING_BYTES);
	CHECK(memory != NULL && rings_map(&memory->rings, memfd, MIN_RING_BYTES, false) &&
	      rings_map(&worker, memfd, MIN_RING_BYTES, true));
	close(memfd);
	memory->users = 1;
	memory->connection = connection;
	connection->memory = memory;
	connection->max_in_flight = 2;
	return worker;
}

static gleaner_call *prepare(gleaner_lease *lease, size_t bytes, int filling)
{
	void *input;
	gleaner_call *call = gleaner_prepare(lease, bytes, &input);
	CHECK(call != NULL && call->input_memory != NULL);
	memset(input, filling, bytes);
	return call;
}

/* A worker gives the room of an input back and is gone without an answer, while the next input is
 * written there: the first one cannot be sent to another worker. */
static void check_overwritten(void)
{
	gleaner_lease *lease = make_lease(1, 20000);
	struct rings worker = open_rings(lease->connections[0]);
	struct ring_frame frame;
	gleaner_call *one = prepare(lease, MIN_RING_BYTES / 2, 'a');
	gleaner_send(one);
	CHECK(ring_look(&worker.in, &frame) == RING_FRAME);
	(void)ring_take(&worker.in, &frame);
	gleaner_call *unsent = prepare(lease, MIN_RING_BYTES / 4 * 3, 'b');
	gleaner_call_free(unsent);
	gleaner_call *two = prepare(lease, LEAST_IN_PLACE_BYTES, 'b');
	lease_give_up(lease, lease->connections[0]);
	CHECK(one->error == GLEANER_LEASE_LOST);
	gleaner_send(two);
	CHECK(two->error == GLEANER_RUNNING && ((const char *)two->input)[0] == 'b');
	gleaner_lease_close(lease);
	gleaner_call_free(one);
	gleaner_call_free(two);
	rings_unmap(&worker);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*check)(void);
	} cases[] = {
		{ "late", check_late }, { "closing", check_closing }, { "nested", check_nested }, { "early", check_early },
		{ "full", check_full },
		{ "overwritten", check_overwritten },
	};
	alarm(HANG_S);
	for (size_t at = 0; at < sizeof cases / sizeof *cases; at++)
		if (argc == 2 && strcmp(argv[1], cases[at].name) == 0) {
			cases[at].check();
			for (int peer = 0; peer < WORKERS; peer++)
				if (peers[peer] > 0)
					close(peers[peer]);
			return puts("ok") == EOF;
		}
	return 2;
}
