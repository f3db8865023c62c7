/* Calls workers with each of its arguments in turn, and prints how each call ended: calls
 * DEADLINE_MS INPUT... < ENDPOINTS. */
#include "endpoints.h"

int main(int argc, char **argv)
{
	gleaner_endpoint endpoints[4];
	gleaner_lease *lease;
	char output[64];
	size_t count = read_endpoints(endpoints, 4), got;
	if (argc < 3)
		return 2;
	const gleaner_options options = { .deadline_ms = (uint32_t)atoi(argv[1]) };
	if (gleaner_connect_endpoint(endpoints, count, &options, &lease) != GLEANER_OK)
		return 3;
	for (int at = 2; at < argc; at++)
		printf("%d\n", gleaner_invoke(lease, argv[at], strlen(argv[at]), output, sizeof output, &got));
	gleaner_lease_close(lease);
	return 0;
}
