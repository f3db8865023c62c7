/* A bare ping-pong over libfabric: one message there and one back, and nothing of Gleaner's frames.
 * Both sides spin. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "bench.h"
#include "ofi_state.h"

#define TAG 1
#define SPINS_PER_LOOK 4096

struct bare {
	struct ofi *ofi;
	int fd;
	fi_addr_t peer;
	struct fi_context2 sending, receiving;
	bool is_sending;
};

struct bare *bare_open(const char *provider, int fd, char *problem)
{
	uint8_t own[OFI_ADDRESS_BYTES] = { 0 }, other[OFI_ADDRESS_BYTES];
	size_t length = sizeof own;
	struct bare *bare = calloc(1, sizeof *bare);
	if (bare == NULL)
		return NULL;
	bare->fd = fd;
	bare->ofi = ofi_open(provider, fd, problem);
	if (bare->ofi != NULL && fi_getname(&bare->ofi->endpoint->fid, own, &length) == 0 &&
	    write_all(fd, own, sizeof own) && read_all(fd, other, sizeof other) &&
	    fi_av_insert(bare->ofi->addresses, other, 1, &bare->peer, 0, NULL) == 1)
		return bare;
	bare_close(bare);
	return NULL;
}

/* Whether the peer is still there. */
static bool is_there(const struct bare *bare)
{
	char byte;
	ssize_t got = recv(bare->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
	return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

/* Until the operation is done; a send may be left under way. */
static bool wait_for(struct bare *bare, const struct fi_context2 *operation)
{
	struct fi_cq_tagged_entry entry;
	for (unsigned spins = 1;; spins++) {
		ssize_t count = fi_cq_read(bare->ofi->queue, &entry, 1);
		if (count == -FI_EAGAIN && (spins % SPINS_PER_LOOK != 0 || is_there(bare)))
			continue;
		if (count != 1)
			return false;
		if (entry.op_context == &bare->sending)
			bare->is_sending = false;
		if (entry.op_context == operation)
			return true;
	}
}

static bool post_receive(struct bare *bare, uint8_t *buffer, size_t bytes)
{
	ssize_t result;
	do
		result = fi_trecv(bare->ofi->endpoint, buffer, bytes, NULL, FI_ADDR_UNSPEC, TAG, 0, &bare->receiving);
	while (result == -FI_EAGAIN && (fi_cq_read(bare->ofi->queue, NULL, 0), is_there(bare)));
	return result == 0;
}

static bool send_message(struct bare *bare, const uint8_t *buffer, size_t bytes)
{
	ssize_t result;
	if (bare->is_sending && !wait_for(bare, &bare->sending))
		return false;
	const bool is_tiny = bytes <= bare->ofi->info->tx_attr->inject_size;
	do
		result = is_tiny ? fi_tinject(bare->ofi->endpoint, buffer, bytes, bare->peer, TAG)
				 : fi_tsend(bare->ofi->endpoint, buffer, bytes, NULL, bare->peer, TAG, &bare->sending);
	while (result == -FI_EAGAIN && (fi_cq_read(bare->ofi->queue, NULL, 0), is_there(bare)));
	bare->is_sending = result == 0 && !is_tiny;
	return result == 0;
}

/* The answer has a place of its own: it may come before the library is done with the message. */
bool bare_ping(struct bare *bare, uint8_t *buffer, size_t bytes)
{
	return post_receive(bare, buffer + LARGEST, bytes) && send_message(bare, buffer, bytes) &&
	       wait_for(bare, &bare->receiving);
}

void bare_echo(struct bare *bare, int fd, uint8_t *buffer)
{
	struct round round;
	while (read_all(fd, &round, sizeof round) && round.bytes <= LARGEST)
		for (uint32_t at = 0; at < round.count; at++) {
			uint8_t *message = buffer + at % 2 * LARGEST;
			if (!post_receive(bare, message, round.bytes) || !wait_for(bare, &bare->receiving) ||
			    !send_message(bare, message, round.bytes))
				return;
			/* The last one must leave before the socket is read. */
			if (at + 1 == round.count && bare->is_sending && !wait_for(bare, &bare->sending))
				return;
		}
}

void bare_close(struct bare *bare)
{
	if (bare->ofi != NULL)
		ofi_close(bare->ofi);
	free(bare);
}
