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
	/* A message may be under way in one while the next comes to the other. */
	uint8_t *buffers[2];
	unsigned turn;
};

struct bare *bare_open(const char *provider, int fd, size_t largest, char *problem)
{
	uint8_t own[OFI_ADDRESS_BYTES] = { 0 }, other[OFI_ADDRESS_BYTES];
	size_t length = sizeof own;
	struct bare *bare = calloc(1, sizeof *bare);
	if (bare == NULL)
		return NULL;
	bare->fd = fd;
	bare->buffers[0] = calloc(1, largest);
	bare->buffers[1] = calloc(1, largest);
	bare->ofi = ofi_open(provider, fd, problem);
	if (bare->ofi != NULL && bare->buffers[0] != NULL && bare->buffers[1] != NULL && fi_getname(&bare->ofi->endpoint->fid, own, &length) == 0 &&
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

bool bare_ping(struct bare *bare, size_t bytes)
{
	return post_receive(bare, bare->buffers[1], bytes) && send_message(bare, bare->buffers[0], bytes) &&
	       wait_for(bare, &bare->receiving);
}

bool bare_pong(struct bare *bare, size_t bytes)
{
	uint8_t *message = bare->buffers[bare->turn++ % 2];
	return post_receive(bare, message, bytes) && wait_for(bare, &bare->receiving) &&
	       send_message(bare, message, bytes);
}

bool bare_flush(struct bare *bare)
{
	return !bare->is_sending || wait_for(bare, &bare->sending);
}

void bare_echo(struct bare *bare, int fd)
{
	struct round round;
	while (read_all(fd, &round, sizeof round) && round.bytes <= LARGEST)
		/* The last one must leave before the socket is read. */
		for (uint32_t at = 0; at < round.count; at++)
			if (!bare_pong(bare, round.bytes) || (at + 1 == round.count && !bare_flush(bare)))
				return;
}

void bare_close(struct bare *bare)
{
	if (bare->ofi != NULL)
		ofi_close(bare->ofi);
	free(bare->buffers[0]);
	free(bare->buffers[1]);
	free(bare);
}
