/* What a client may do to a worker: in the handshake, over the socket, and in the rings. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fuzz.h"
#include "serve_state.h"

#define OUTPUT_BYTES (32u << 10)

/* Returns its input, or too much, or more than the socket takes at once. */
static uint32_t function(const void *in, uint32_t size, void *out)
{
	if (size == 3)
		return OUTPUT_BYTES + 1;
	if (size == 4)
		return OUTPUT_BYTES;
	uint32_t bytes = size < OUTPUT_BYTES ? size : OUTPUT_BYTES;
	memcpy(out, in, bytes);
	return bytes;
}

static void begin(struct server *server)
{
	void *input = NULL;
	*server = (struct server){
		.served = { function, "bytes", OUTPUT_BYTES },
		.worker = "1.1", .key = { 1, 2, 3 }, .max_clients = 4, .timer = -1, .tcp = -1, .local = -1,
		.output = output_make(OUTPUT_BYTES),
	};
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->output == NULL || posix_memalign(&input, 64, READ_BYTES) != 0 || !serve_listen(server, "0"))
		abort();
	server->input = input;
}

static int arrive(struct server *server)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(server->socket);
	memcpy(address.sun_path + 1, server->socket, length);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&address, (socklen_t)(sizeof address.sun_family + 1 + length)) != 0)
		abort();
	serve_accept(server, server->local);
	return fd;
}

static void send_frame(int fd, uint8_t type, const struct fields *fields, int descriptor)
{
	uint8_t frame[FRAME_HEADER_BYTES + MAX_HANDSHAKE_BYTES];
	struct frame_header header = { type, 0, (uint32_t)fields->length, 0 };
	frame_encode(frame, &header);
	memcpy(frame + FRAME_HEADER_BYTES, fields->data, fields->length);
	union {
		char data[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} control = { .data = { 0 } };
	struct iovec part = { frame, FRAME_HEADER_BYTES + fields->length };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	if (descriptor >= 0) {
		message.msg_control = control.data;
		message.msg_controllen = sizeof control.data;
		struct cmsghdr *first = CMSG_FIRSTHDR(&message);
		first->cmsg_level = SOL_SOCKET;
		first->cmsg_type = SCM_RIGHTS;
		first->cmsg_len = CMSG_LEN(sizeof descriptor);
		memcpy(CMSG_DATA(first), &descriptor, sizeof descriptor);
	}
	(void)sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void prove(const struct server *server, const struct client *client, int fd)
{
	char proof[SHA256_HEX];
	struct fields fields = { NULL, 0 };
	proof_make(proof, "client", server->key, &client->challenge);
	fields_add(&fields, "proof", proof, SHA256_HEX);
	send_frame(fd, DIRECT_CLIENT_PROOF, &fields, -1);
	free(fields.data);
}

/* A right or wrong request for rings; `peer` is the client's end of right ones. */
static void ask_for_rings(struct steps *steps, uint8_t kind, int fd, struct rings *peer)
{
	struct fields fields = { NULL, 0 };
	int memfd = kind & 1 ? STDERR_FILENO : rings_create(kind & 2 ? 2 * MIN_RING_BYTES : MIN_RING_BYTES);
	fields_add_number(&fields, "ringBytes", kind & 4 ? next_word(steps) : MIN_RING_BYTES);
	fields_add_number(&fields, "layout", kind & 8 ? next_byte(steps) : RING_LAYOUT);
	if (peer->mapping == NULL && (kind & 15) == 0 && !rings_map(peer, memfd, MIN_RING_BYTES, false))
		abort();
	send_frame(fd, DIRECT_SHM_OPEN, &fields, memfd);
	free(fields.data);
	if (memfd > STDERR_FILENO)
		close(memfd);
}

static void attack(struct steps *steps, struct server *server, int fd, struct rings *rings)
{
	struct client *client = server->clients;
	struct scribbler scribbler = { .is_there = false };
	uint8_t frame[MAX_STEP_BYTES];
	const uint8_t way = next_byte(steps);
	if (way & 1) {
		client->state = PROVEN;
		server->unproven--;
		server->proven++;
	}
	if (way & 2) {
		ask_for_rings(steps, 0, fd, rings);
		client_ready(server, client, EPOLLIN);
	}
	if (way & 4 && rings->mapping != NULL)
		scribbler_start(&scribbler, rings, FRAME_CALL, next_word(steps));
	while (steps->left > 0 && client->state != GONE) {
		const uint8_t step = next_byte(steps) % 8;
		if (step == 0)
			prove(server, client, fd);
		else if (step == 1)
			ask_for_rings(steps, next_byte(steps), fd, rings);
		else if (step == 2)
			drop_what_came(fd);
		else if (step > 4 && rings->mapping != NULL)
			write_into_rings(steps, rings);
		else
			send_to(fd, frame, next_frame(steps, frame));
		client_ready(server, client, step == 2 ? EPOLLIN | EPOLLOUT : EPOLLIN);
		for (int look = 0; client->has_rings && look < (scribbler.is_there ? LOOKS_BESIDE_SCRIBBLER : 1); look++)
			client_looks_into_rings(server, client);
	}
	scribbler_stop(&scribbler);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct server server;
	struct steps steps = { data, size };
	struct rings rings = { .mapping = NULL };
	if (server.epoll == 0)
		begin(&server);
	int fd = arrive(&server);
	struct client *client = server.clients;
	attack(&steps, &server, fd, &rings);
	client_close(&server, client);
	if (server.unproven != 0 || server.proven != 0 || server.polled != 0)
		abort();
	server.clients = NULL;
	client_free(client);
	rings_unmap(&rings);
	close(fd);
	return 0;
}
