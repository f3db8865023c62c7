/* Calls one worker, which may break the direct path, twice within this time each, and prints how
 * the calls ended: peers DEADLINE_MS < ENDPOINT. */
#include "endpoints.h"

static const char *call(gleaner_lease *lease)
{
	static char output[1u << 20];
	size_t got;
	switch (gleaner_invoke(lease, "1", 1, output, sizeof output, &got)) {
	case GLEANER_OK:
	case GLEANER_OUTPUT_TOO_LARGE:
		return "result";
	case GLEANER_LEASE_LOST:
		return "lost";
	case GLEANER_DEADLINE:
		return "late";
	case GLEANER_NO_WORKER:
		return "unreached";
	default:
		return gleaner_lease_message(lease);
	}
}

int main(int argc, char **argv)
{
	gleaner_endpoint endpoint;
	gleaner_lease *lease;
	if (argc != 2 || read_endpoints(&endpoint, 1) != 1)
		return 2;
	const gleaner_options options = { .deadline_ms = (uint32_t)atoi(argv[1]), .retry = GLEANER_RETRY_NEVER };
	const gleaner_error error = gleaner_connect_endpoint(&endpoint, 1, &options, &lease);
	if (error != GLEANER_OK)
		return puts(error == GLEANER_NO_WORKER ? "unreached" : gleaner_error_message(error)) == EOF;
	puts(call(lease));
	puts(call(lease));
	gleaner_lease_close(lease);
	return 0;
}
