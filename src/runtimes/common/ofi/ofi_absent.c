/* In place of the others where this was built without libfabric. */
#include "ofi.h"

#include <stdio.h>

const char *ofi_missing(void)
{
	return "Gleaner was built without libfabric: build it where libfabric-dev is installed";
}

struct ofi *ofi_open(const char *provider, int connection, char problem[OFI_MAX_PROBLEM_BYTES])
{
	(void)provider;
	(void)connection;
	snprintf(problem, OFI_MAX_PROBLEM_BYTES, "%s", ofi_missing());
	return NULL;
}

/* Nobody has an endpoint to call the others with. */
void ofi_address(const struct ofi *ofi, char address[OFI_ADDRESS_HEX])
{
	(void)ofi;
	address[0] = '\0';
}

bool ofi_begin(struct ofi *ofi, bool is_worker, const char *peer, const uint8_t key[SHA256_BYTES], const char *token)
{
	(void)ofi;
	(void)is_worker;
	(void)peer;
	(void)key;
	(void)token;
	return false;
}

bool ofi_is_proven(const struct ofi *ofi)
{
	(void)ofi;
	return false;
}

void ofi_close(struct ofi *ofi)
{
	(void)ofi;
}

void ofi_go_on(struct ofi *ofi)
{
	(void)ofi;
}

bool ofi_has_room(const struct ofi *ofi)
{
	(void)ofi;
	return false;
}

bool ofi_is_large(const struct frame_header *header)
{
	(void)header;
	return false;
}

bool ofi_put(struct ofi *ofi, const struct frame_header *header, const void *metadata, const void *payload)
{
	(void)ofi;
	(void)header;
	(void)metadata;
	(void)payload;
	return false;
}

bool ofi_sends_from(const struct ofi *ofi, const void *start, size_t bytes)
{
	(void)ofi;
	(void)start;
	(void)bytes;
	return false;
}

bool ofi_has_sent(const struct ofi *ofi)
{
	(void)ofi;
	return true;
}

enum ofi_look ofi_look(struct ofi *ofi, struct ofi_frame *frame)
{
	(void)ofi;
	(void)frame;
	return OFI_BROKEN;
}

bool ofi_has_next(const struct ofi *ofi)
{
	(void)ofi;
	return false;
}

bool ofi_receive(struct ofi *ofi, void *where)
{
	(void)ofi;
	(void)where;
	return false;
}

bool ofi_take(struct ofi *ofi)
{
	(void)ofi;
	return false;
}

int ofi_descriptor(const struct ofi *ofi)
{
	(void)ofi;
	return -1;
}

bool ofi_may_sleep(struct ofi *ofi)
{
	(void)ofi;
	return true;
}

void ofi_was_woken(struct ofi *ofi, size_t bytes)
{
	(void)ofi;
	(void)bytes;
}
