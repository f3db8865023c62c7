/* Connects to the client, and the handshake with it. */
#include "attach_connect.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "frames.h"

#define MAX_ADDRESSES 32
#define CONNECT_MS 5000
/* The client may have to wait for gleanerd's answer before it knows the key. */
#define HANDSHAKE_MS 15000

static long now_ms(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool next_frame(struct stream *stream, struct stream_frame *frame, enum stream_type type, long until_ms)
{
	enum stream_end end;
	while ((end = stream_read(stream, frame)) == STREAM_LATER) {
		struct pollfd ready = { stream->fd, POLLIN, 0 };
		long left = until_ms - now_ms();
		if (left <= 0 || (poll(&ready, 1, (int)left) < 0 && errno != EINTR))
			return false;
	}
	return end == STREAM_FRAME && frame->type == type && fields_are_valid((const char *)frame->payload, frame->length);
}

static void proof_of(char proof[SHA256_HEX], const struct order *order, const char *side, const char *node_nonce,
		     const char *client_nonce)
{
	char text[ORDER_TEXT + 2 * SHA256_HEX + 64];
	uint8_t digest[SHA256_BYTES];
	int length = snprintf(text, sizeof text, "gleaner-run-1|%s|%s|%s|%s", side, order->attempt, node_nonce,
			      client_nonce);
	hmac_sha256(digest, order->key, sizeof order->key, text, (size_t)length);
	hex_of(proof, digest, sizeof digest);
}

static void send_fields(struct stream *stream, enum stream_type type, struct fields *fields)
{
	stream_add(stream, type, 0, fields->data, fields->length);
	free(fields->data);
}

static void read_session(const struct stream_frame *accepted, struct session *session)
{
	const char *data = (const char *)accepted->payload;
	const size_t length = accepted->length;
	const char *type = fields_find(data, length, "term"), *input = fields_find(data, length, "input");
	session->has_terminal = fields_number(data, length, "pty", 0) == 1;
	session->unbuffered = fields_number(data, length, "unbuffered", 0) == 1;
	session->rows = (unsigned)fields_number(data, length, "rows", 0);
	session->columns = (unsigned)fields_number(data, length, "columns", 0);
	snprintf(session->terminal_type, sizeof session->terminal_type, "%s", type == NULL ? "" : type);
	if (input != NULL && strcmp(input, "all") == 0)
		session->input_task = STREAM_ALL_TASKS;
	else
		session->input_task = input == NULL || strcmp(input, "none") == 0
					      ? -1
					      : (long)fields_number(data, length, "input", 0);
}

static bool shake_hands(const struct order *order, struct stream *stream, struct session *session)
{
	const long until_ms = now_ms() + HANDSHAKE_MS;
	uint8_t nonce[SHA256_BYTES], checked[SHA256_BYTES];
	char node_nonce[SHA256_HEX], client_nonce[SHA256_HEX], expected[SHA256_HEX];
	struct stream_frame frame;
	struct fields hello = { NULL, 0 }, proof = { NULL, 0 };
	if (getrandom(nonce, sizeof nonce, 0) != (ssize_t)sizeof nonce)
		return false;
	hex_of(node_nonce, nonce, sizeof nonce);
	fields_add(&hello, "version", "1", 1);
	fields_add(&hello, "attempt", order->attempt, ORDER_TEXT);
	fields_add(&hello, "nonce", node_nonce, SHA256_HEX);
	send_fields(stream, STREAM_HELLO, &hello);
	if (!stream_flush(stream) || !next_frame(stream, &frame, STREAM_CLIENT_PROOF, until_ms))
		return false;
	const char *data = (const char *)frame.payload;
	const char *given = fields_find(data, frame.length, "nonce"), *proven = fields_find(data, frame.length, "proof");
	if (given == NULL || proven == NULL || !hex_read(checked, sizeof checked, given) ||
	    strlen(proven) != SHA256_HEX - 1)
		return false;
	snprintf(client_nonce, sizeof client_nonce, "%s", given);
	proof_of(expected, order, "client", node_nonce, client_nonce);
	if (!equal_in_constant_time(expected, proven, SHA256_HEX - 1))
		return false;
	proof_of(expected, order, "node", node_nonce, client_nonce);
	fields_add(&proof, "proof", expected, SHA256_HEX);
	send_fields(stream, STREAM_NODE_PROOF, &proof);
	if (!stream_flush(stream) || !next_frame(stream, &frame, STREAM_ACCEPTED, until_ms))
		return false;
	read_session(&frame, session);
	return true;
}

/* Whether the client's machine is this one. */
static bool is_here(const struct order *order)
{
	char boot_id[ORDER_TEXT] = "";
	int file = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t length = file < 0 ? 0 : read(file, boot_id, sizeof boot_id - 1);
	if (file >= 0)
		close(file);
	boot_id[length > 0 ? strcspn(boot_id, "\n") : 0] = '\0';
	return boot_id[0] != '\0' && strcmp(boot_id, order->boot_id) == 0;
}

static int connect_here(const struct order *order)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(order->socket);
	if (length == 0 || length > sizeof address.sun_path - 1 || !is_here(order))
		return -1;
	memcpy(address.sun_path + 1, order->socket, length);
	/* Node may have bound the name with all the zeros after it, which are part of it then. */
	const size_t sizes[] = { sizeof address, offsetof(struct sockaddr_un, sun_path) + 1 + length };
	for (size_t at = 0; at < sizeof sizes / sizeof *sizes; at++) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, (struct sockaddr *)&address, (socklen_t)sizes[at]) == 0 &&
		    fcntl(fd, F_SETFL, O_NONBLOCK) == 0)
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -1;
}

static void tune(int fd)
{
	const struct { int level, name, value; } options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },	{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 5 },	{ IPPROTO_TCP, TCP_KEEPINTVL, 2 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 5 },
	};
	for (size_t at = 0; at < sizeof options / sizeof *options; at++)
		/* The connection works without, only slower. */
		(void)setsockopt(fd, options[at].level, options[at].name, &options[at].value, sizeof options[at].value);
}

/* Begins to connect to all addresses of a host; returns how many connections there are then. */
static size_t begin_to(const char *host, const struct order *order, int flags, struct pollfd *begun, size_t count)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV | flags };
	struct addrinfo *found;
	if (getaddrinfo(host, order->port, &hints, &found) != 0)
		return count;
	for (struct addrinfo *each = found; each != NULL && count < MAX_ADDRESSES; each = each->ai_next) {
		int fd = socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd < 0)
			continue;
		if (connect(fd, each->ai_addr, each->ai_addrlen) != 0 && errno != EINPROGRESS)
			close(fd);
		else
			begun[count++] = (struct pollfd){ fd, POLLOUT, 0 };
	}
	freeaddrinfo(found);
	return count;
}

/* The first connection that comes about and whose peer proves itself. */
static bool take_first(const struct order *order, struct pollfd *begun, size_t count, struct stream *stream,
		       struct session *session)
{
	const long until_ms = now_ms() + CONNECT_MS;
	bool is_proven = false;
	while (count > 0 && !is_proven) {
		long left = until_ms - now_ms();
		int ready = left <= 0 ? 0 : poll(begun, count, (int)left);
		if (ready == 0 || (ready < 0 && errno != EINTR))
			break;
		for (size_t at = count; at-- > 0 && !is_proven && ready > 0;) {
			if (begun[at].revents == 0)
				continue;
			int fd = begun[at].fd, problem = 0;
			socklen_t size = sizeof problem;
			begun[at] = begun[--count];
			if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size) == 0 && problem == 0) {
				tune(fd);
				stream_open(stream, fd);
				is_proven = shake_hands(order, stream, session);
			}
			if (!is_proven)
				close(fd);
		}
	}
	for (size_t at = 0; at < count; at++)
		close(begun[at].fd);
	return is_proven;
}

/* Addresses first: a name may take the resolver seconds. */
static bool connect_there(const struct order *order, int flags, struct stream *stream, struct session *session)
{
	char hosts[sizeof order->hosts], *rest = NULL;
	struct pollfd begun[MAX_ADDRESSES];
	size_t count = 0;
	memcpy(hosts, order->hosts, sizeof hosts);
	for (char *host = strtok_r(hosts, ",", &rest); host != NULL; host = strtok_r(NULL, ",", &rest))
		count = begin_to(host, order, flags, begun, count);
	return take_first(order, begun, count, stream, session);
}

bool connect_to_client(struct order *order, struct stream *stream, struct session *session)
{
	int here = connect_here(order);
	bool is_proven = false;
	if (here >= 0) {
		stream_open(stream, here);
		is_proven = shake_hands(order, stream, session);
		if (!is_proven)
			close(here);
	}
	is_proven = is_proven || connect_there(order, AI_NUMERICHOST, stream, session) ||
		    connect_there(order, 0, stream, session);
	explicit_bzero(order->key, sizeof order->key);
	return is_proven;
}
