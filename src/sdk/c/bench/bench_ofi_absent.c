/* In place of bench_ofi.c where this was built without libfabric. */
#include "bench.h"
#include "ofi.h"

#include <stdio.h>

struct bare *bare_open(const char *provider, int fd, char *problem)
{
	(void)provider;
	(void)fd;
	snprintf(problem, OFI_MAX_PROBLEM_BYTES, "%s", ofi_missing());
	return NULL;
}

void bare_echo(struct bare *bare, int fd, uint8_t *buffer)
{
	(void)bare;
	(void)fd;
	(void)buffer;
}

bool bare_ping(struct bare *bare, uint8_t *buffer, size_t bytes)
{
	(void)bare;
	(void)buffer;
	(void)bytes;
	return false;
}

void bare_close(struct bare *bare)
{
	(void)bare;
}
