/* Calls workers with each of its arguments in turn, and prints how each call ended: calls
 * DEADLINE_MS INPUT... < ENDPOINTS. With `mistakes` as the only input it makes those instead, and
 * after `all` it makes the calls at once. With `deaf` it calls over small rings, stops itself at
 * the first answer, and reads the others once it is continued. */
#include "endpoints.h"

#include <signal.h>

/* Mistakes are sentences, with a lease and without one. */
static void make_mistakes(gleaner_lease *lease)
{
	const gleaner_options mistakes[] = {
		{ .function = "" },
		{ .function = "--help" },
		{ .function = "f", .workers = 70000 },
		{ .function = "f", .ttl_ms = 1 },
		{ .function = "f", .hot_ms = -2 },
		{ .function = "f", .retry = (gleaner_retry)7 },
		{ .function = "f", .transport = (gleaner_transport)7 },
		{ .function = "f", .ring_bytes = 3 },
	};
	gleaner_lease *none;
	void *place;
	char output[8];
	size_t got;
	for (size_t at = 0; at < sizeof mistakes / sizeof *mistakes; at++)
		puts(gleaner_error_message(gleaner_lease_open(&mistakes[at], &none)));
	puts(gleaner_error_message(gleaner_lease_open(NULL, &none)));
	puts(gleaner_error_message(gleaner_lease_open(&mistakes[0], NULL)));
	puts(gleaner_error_message(gleaner_invoke(NULL, "a", 1, output, sizeof output, &got)));
	puts(gleaner_error_message(gleaner_invoke(lease, NULL, 1, output, sizeof output, &got)));
	puts(gleaner_error_message(gleaner_invoke(lease, "a", 1, NULL, 8, &got)));
	puts(gleaner_error_message(gleaner_map(lease, 2, output, (size_t)65 << 20, output, 4, NULL)));
	puts(gleaner_error_message(gleaner_wait(gleaner_submit(lease, output, (size_t)65 << 20, output, 4))));
	puts(gleaner_error_message(gleaner_poll(gleaner_prepare(lease, (size_t)65 << 20, &place))));
	gleaner_flush(NULL);
	gleaner_send(NULL);
	gleaner_call_free(NULL);
	gleaner_lease_close(NULL);
	printf("%zu %zu %d %s\n", gleaner_lease_workers(NULL), gleaner_call_output_bytes(NULL),
	       gleaner_call_output(NULL) == NULL, gleaner_lease_message(NULL));
}

static void make_all(gleaner_lease *lease, int count, char **inputs)
{
	char outputs[32][64];
	gleaner_call *made[32];
	for (int at = 0; at < count && at < 32; at++)
		made[at] = gleaner_submit(lease, inputs[at], strlen(inputs[at]), outputs[at], sizeof outputs[at]);
	for (int at = 0; at < count && at < 32; at++) {
		printf("%d\n", gleaner_wait(made[at]));
		gleaner_call_free(made[at]);
	}
}

static int answers;

static void stop_at_first(gleaner_call *call, gleaner_error error, size_t bytes, void *argument)
{
	(void)error;
	(void)argument;
	gleaner_call_free(call);
	if (bytes == 1024 && answers++ == 0)
		raise(SIGSTOP);
}

/* More answers than the rings hold. */
static void be_deaf(gleaner_lease *lease)
{
	static char outputs[200][1024];
	for (int at = 0; at < 200; at++)
		gleaner_submit_callback(lease, "kilo", 4, outputs[at], sizeof outputs[at], stop_at_first, NULL);
	while (answers < 200)
		gleaner_flush(lease);
	printf("%d\n", answers);
}

int main(int argc, char **argv)
{
	gleaner_endpoint endpoints[4];
	gleaner_lease *lease;
	char output[64];
	size_t count = read_endpoints(endpoints, 4), got;
	if (argc < 3)
		return 2;
	const int is_deaf = strcmp(argv[2], "deaf") == 0;
	const gleaner_options options = { .deadline_ms = (uint32_t)atoi(argv[1]),
					  .ring_bytes = is_deaf ? 64u << 10 : 0 };
	if (gleaner_connect_endpoint(endpoints, count, &options, &lease) != GLEANER_OK)
		return 3;
	const int makes_mistakes = strcmp(argv[2], "mistakes") == 0;
	if (makes_mistakes)
		make_mistakes(lease);
	const int makes_all = strcmp(argv[2], "all") == 0;
	if (makes_all)
		make_all(lease, argc - 3, argv + 3);
	if (is_deaf)
		be_deaf(lease);
	for (int at = 2; at < argc && !makes_mistakes && !makes_all && !is_deaf; at++)
		printf("%d\n", gleaner_invoke(lease, argv[at], strlen(argv[at]), output, sizeof output, &got));
	gleaner_lease_close(lease);
	return 0;
}
