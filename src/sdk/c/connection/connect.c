/* Connects to a worker, and the client's half of the handshake. */
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "internal.h"
#include "sockets.h"

#define CONNECT_MS 2000
#define HANDSHAKE_MS 5000
/* Whoever has answered the hello is awake. */
#define AWAKE_MS 250
/* Deadlines and the lease are looked after as often. */
#define RECEIVE_MS 200
#define MOST_IN_FLIGHT 256u

static bool is_here(const struct endpoint *endpoint)
{
	char boot_id[64] = "";
	int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? 0 : read(file, boot_id, sizeof boot_id - 1);
	if (file >= 0)
		close(file);
	boot_id[length > 0 ? strcspn(boot_id, "\n") : 0] = '\0';
	return boot_id[0] != '\0' && strcmp(boot_id, endpoint->host_id) == 0;
}

static int connect_here(const struct endpoint *endpoint, int flags)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(endpoint->socket);
	if (length == 0 || length > sizeof address.sun_path - 1 || !is_here(endpoint))
		return -1;
	memcpy(address.sun_path + 1, endpoint->socket, length);
	const socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + length);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, bytes) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool is_connected(int fd)
{
	int problem = 0;
	socklen_t size = sizeof problem;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) == 0 && problem == 0;
}

/* False once the time is over. */
static bool waits_for(int fd, short events, long until)
{
	struct pollfd ready = { fd, events, 0 };
	int found;
	do {
		const long left = until - now_ms();
		found = poll(&ready, 1, left > 0 ? (int)left : 0);
	} while (found < 0 && errno == EINTR);
	return found == 1;
}

/* To its first address that can be tried. If `until` is 0, it waits for nothing, so not for the
 * resolver: `glean lease hold` looks names up. */
static int connect_there(const struct endpoint *endpoint, long until)
{
	char port[8];
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
					.ai_flags = AI_NUMERICSERV | (until == 0 ? AI_NUMERICHOST : 0) };
	struct addrinfo *found;
	snprintf(port, sizeof port, "%u", endpoint->port);
	if (endpoint->port == 0 || endpoint->host[0] == '\0' ||
	    getaddrinfo(endpoint->host, port, &hints, &found) != 0)
		return -1;
	int connected = -1;
	for (struct addrinfo *each = found; each != NULL && connected < 0; each = each->ai_next) {
		int fd = socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			continue;
		const bool is_begun = connect(fd, each->ai_addr, each->ai_addrlen) == 0 || errno == EINPROGRESS;
		if (is_begun && (until == 0 || (waits_for(fd, POLLOUT, until) && is_connected(fd))))
			connected = fd;
		else
			close(fd);
	}
	freeaddrinfo(found);
	if (connected >= 0)
		socket_tune(connected);
	return connected;
}

bool connection_say(struct connection *connection, uint8_t type, struct fields *fields)
{
	uint8_t frame[FRAME_HEADER_BYTES + MAX_HANDSHAKE_BYTES];
	struct frame_header header = { type, 0, (uint32_t)fields->length, 0 };
	bool fits = fields->data != NULL && fields->length <= MAX_HANDSHAKE_BYTES;
	if (fits) {
		frame_encode(frame, &header);
		memcpy(frame + FRAME_HEADER_BYTES, fields->data, fields->length);
	}
	ssize_t bytes = (ssize_t)(FRAME_HEADER_BYTES + fields->length);
	free(fields->data);
	return fits && send(connection->fd, frame, (size_t)bytes, MSG_NOSIGNAL) == bytes;
}

bool connection_hears(int fd, void *data, size_t bytes, long until)
{
	for (size_t heard = 0; heard < bytes;) {
		if (!waits_for(fd, POLLIN, until))
			return false;
		ssize_t got = recv(fd, (char *)data + heard, bytes - heard, MSG_DONTWAIT);
		if (got == 0 || (got < 0 && errno != EINTR && errno != EAGAIN))
			return false;
		heard += got > 0 ? (size_t)got : 0;
	}
	return true;
}

size_t connection_hear(struct connection *connection, uint8_t type, char fields[MAX_HANDSHAKE_BYTES])
{
	const int fd = connection->fd;
	const long until = connection->until_ms;
	uint8_t head[FRAME_HEADER_BYTES];
	struct frame_header header;
	if (!connection_hears(fd, head, sizeof head, until) || !frame_decode_direct(head, &header) ||
	    (header.type != type && header.type != DIRECT_REFUSED) || header.payload_bytes > MAX_HANDSHAKE_BYTES ||
	    !connection_hears(fd, fields, header.payload_bytes, until) ||
	    !fields_are_valid(fields, header.payload_bytes))
		return 0;
	if (header.type == type)
		return header.payload_bytes;
	const char *reason = fields_find(fields, header.payload_bytes, "reason");
	snprintf(connection->problem, sizeof connection->problem, "%s", reason == NULL ? "" : reason);
	return 0;
}

static bool say_hello(struct connection *connection)
{
	struct challenge *challenge = &connection->challenge;
	struct fields hello = { NULL, 0 };
	memcpy(challenge->worker, connection->endpoint.worker, sizeof challenge->worker);
	if (!nonce_make(challenge->client_nonce))
		return false;
	fields_add_number(&hello, "version", PROTOCOL_VERSION);
	fields_add(&hello, "worker", challenge->worker, WORKER_NAME_BYTES);
	fields_add(&hello, "nonce", challenge->client_nonce, SHA256_HEX);
	return connection_say(connection, DIRECT_CLIENT_HELLO, &hello);
}

static bool proves_itself(struct connection *connection)
{
	const uint8_t *key = connection->endpoint.key;
	struct challenge *challenge = &connection->challenge;
	char fields[MAX_HANDSHAKE_BYTES], proof[SHA256_HEX];
	struct fields proven = { NULL, 0 };
	size_t length = connection_hear(connection, DIRECT_WORKER_HELLO, fields);
	const char *nonce = fields_find(fields, length, "nonce");
	if (!nonce_is_valid(nonce))
		return false;
	snprintf(challenge->worker_nonce, sizeof challenge->worker_nonce, "%s", nonce);
	if (!proof_holds(fields_find(fields, length, "proof"), "worker", key, challenge))
		return false;
	proof_make(proof, "client", key, challenge);
	fields_add(&proven, "proof", proof, SHA256_HEX);
	if (!connection_say(connection, DIRECT_CLIENT_PROOF, &proven))
		return false;
	length = connection_hear(connection, DIRECT_ACCEPTED, fields);
	const char *hot = fields_find(fields, length, "hotMs");
	unsigned long most = fields_number(fields, length, "maxInFlight", 0);
	unsigned long concurrency = fields_number(fields, length, "concurrency", 1);
	const char *provider = fields_find(fields, length, "ofiProvider");
	snprintf(connection->ofi_provider, sizeof connection->ofi_provider, "%s", provider == NULL ? "" : provider);
	connection->spins = hot != NULL && strcmp(hot, "-1") == 0;
	connection->is_hot = hot != NULL && strcmp(hot, "0") != 0;
	connection->max_in_flight = most > MOST_IN_FLIGHT ? MOST_IN_FLIGHT : (unsigned)most;
	connection->concurrency = concurrency == 0 ? 1 : (unsigned)concurrency;
	return most > 0;
}

bool connection_shakes_hands(struct connection *connection)
{
	return say_hello(connection) && proves_itself(connection);
}

static bool set_timeout(int fd, long ms)
{
	struct timeval timeout = { ms / 1000, ms % 1000 * 1000 };
	return fcntl(fd, F_SETFL, 0) == 0 && setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout) == 0 &&
	       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout) == 0;
}

static bool begin(struct connection *connection, int fd)
{
	connection->fd = fd;
	connection->until_ms = now_ms() + HANDSHAKE_MS;
	if (fd >= 0 && set_timeout(fd, RECEIVE_MS) && connection_shakes_hands(connection))
		return true;
	connection_close(connection);
	return false;
}

static int connected_there(const struct connection *connection)
{
	return connect_there(&connection->endpoint, now_ms() + CONNECT_MS);
}

/* Over libfabric from here on, if that is wanted, or there. */
static bool moves_to_fabric(struct connection *connection, gleaner_transport transport)
{
	bool has_ofi = connection->ofi_provider[0] != '\0' && ofi_missing() == NULL;
	if (transport == GLEANER_TRANSPORT_TCP || (transport == GLEANER_TRANSPORT_BEST && !has_ofi))
		return true;
	return ofi_connect(connection);
}

/* Through shared memory from here on, if that is wanted. */
static bool moves_to_rings(struct connection *connection, gleaner_transport transport, uint32_t ring_bytes)
{
	bool wants_rings = transport == GLEANER_TRANSPORT_BEST || transport == GLEANER_TRANSPORT_SHM;
	return !wants_rings || shm_open_rings(connection, ring_bytes);
}

static bool open_there(struct connection *connection, gleaner_transport transport)
{
	if (!begin(connection, connected_there(connection)))
		return false;
	if (moves_to_fabric(connection, transport))
		return true;
	/* A worker that has none ends the connection. */
	connection_close(connection);
	return transport == GLEANER_TRANSPORT_BEST && begin(connection, connected_there(connection));
}

bool connection_open(struct connection *connection, gleaner_transport transport, uint32_t ring_bytes)
{
	connection->fd = -1;
	if (transport == GLEANER_TRANSPORT_TCP || transport == GLEANER_TRANSPORT_OFI)
		return open_there(connection, transport);
	if (begin(connection, connect_here(&connection->endpoint, 0))) {
		if (moves_to_rings(connection, transport, ring_bytes))
			return true;
		/* A worker that has none ends the connection. */
		connection_close(connection);
		if (transport == GLEANER_TRANSPORT_BEST && begin(connection, connect_here(&connection->endpoint, 0)))
			return true;
	}
	return transport == GLEANER_TRANSPORT_BEST && open_there(connection, transport);
}

bool connection_dial(struct connection *connection, gleaner_transport transport)
{
	const bool is_remote = transport == GLEANER_TRANSPORT_TCP || transport == GLEANER_TRANSPORT_OFI;
	const bool may_be_remote = is_remote || transport == GLEANER_TRANSPORT_BEST;
	int fd = is_remote || connection->has_no_socket ? -1 : connect_here(&connection->endpoint, SOCK_NONBLOCK);
	connection->is_local = fd >= 0;
	if (fd < 0 && may_be_remote)
		fd = connect_there(&connection->endpoint, 0);
	connection->dialled = fd;
	connection->is_dialled = fd >= 0;
	connection->has_said_hello = false;
	connection->until_ms = now_ms() + CONNECT_MS;
	return fd >= 0;
}

/* The rest of the handshake, and what follows it. */
static bool finishes(struct connection *connection, gleaner_transport transport, uint32_t ring_bytes)
{
	connection->until_ms = now_ms() + AWAKE_MS;
	if (!set_timeout(connection->fd, RECEIVE_MS) || !proves_itself(connection)) {
		connection->has_no_socket = connection->has_no_socket || connection->is_local;
		return false;
	}
	if (connection->is_plain || (connection->is_local ? moves_to_rings(connection, transport, ring_bytes)
							   : moves_to_fabric(connection, transport)))
		return true;
	connection->is_plain = transport == GLEANER_TRANSPORT_BEST;
	return false;
}

enum dialling connection_goes_on(struct connection *connection, gleaner_transport transport, uint32_t ring_bytes)
{
	const int fd = connection->dialled;
	struct pollfd ready = { fd, connection->has_said_hello ? POLLIN : POLLOUT, 0 };
	const bool is_ready = poll(&ready, 1, 0) == 1;
	if (!is_ready && now_ms() < connection->until_ms)
		return DIAL_WAITS;
	connection->fd = fd;
	if (is_ready && !connection->has_said_hello && is_connected(fd) && say_hello(connection)) {
		connection->fd = -1;
		connection->has_said_hello = true;
		connection->until_ms = now_ms() + HANDSHAKE_MS;
		return DIAL_WAITS;
	}
	connection->is_dialled = false;
	if (is_ready && connection->has_said_hello && finishes(connection, transport, ring_bytes))
		return DIAL_OPEN;
	connection_close(connection);
	return DIAL_FAILED;
}
