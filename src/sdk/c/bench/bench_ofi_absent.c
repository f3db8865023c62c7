/* In place of bench_ofi.c where this was built without libfabric. */
#include "bench.h"
#include "ofi.h"

#include <stdio.h>

struct bare *bare_open(const char *provider, int fd, size_t largest, char *problem)
{
	(void)provider;
	(void)fd;
	(void)largest;
	snprintf(problem, OFI_MAX_PROBLEM_BYTES, "%s", ofi_missing());
	return NULL;
}

void bare_echo(struct bare *bare, int fd)
{
	(void)bare;
	(void)fd;
}

bool bare_ping(struct bare *bare, size_t bytes)
{
	(void)bare;
	(void)bytes;
	return false;
}

bool bare_pong(struct bare *bare, size_t bytes)
{
	(void)bare;
	(void)bytes;
	return false;
}

bool bare_flush(struct bare *bare)
{
	(void)bare;
	return false;
}

void bare_close(struct bare *bare)
{
	(void)bare;
}
