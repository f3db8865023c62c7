/* The server, its clients, and what its parts do for each other. */
#ifndef GLEANER_SERVE_STATE_H
#define GLEANER_SERVE_STATE_H

#include <sys/epoll.h>
#include <sys/types.h>

#include "ofi.h"
#include "proof.h"
#include "ring.h"
#include "serve.h"

#define MAX_UNPROVEN 256u
#define MAX_IN_FLIGHT 256u
#define HANDSHAKE_MS 5000
#define UNREAD_MS 30000
/* Answers that are longer are sent from where the function wrote them. */
#define COPIED_OUTPUT_BYTES (16u << 10)
#define MAX_UNSENT_BYTES (1u << 20)
#define READ_BYTES (64u << 10)
/* That of an abstract unix socket, with a zero at its end in place of the one at its beginning. */
#define SOCKET_NAME_BYTES 108
/* Edge-triggered, which spares the kernel a second look: who is told reads all that there is. */
#define AWAITS_INPUT ((uint32_t)(EPOLLIN | EPOLLET))

enum client_state { AWAITS_HELLO, AWAITS_PROOF, PROVEN, LEAVING, GONE };

struct client {
	struct client *next;
	int fd;
	/* Over the unix socket a descriptor may come, until the first call. */
	bool may_pass;
	enum client_state state;
	struct challenge challenge;
	/* For the worker that it named; random for any other. */
	uint8_t key[SHA256_BYTES];
	/* Where it comes from, for the share of each host. */
	uint64_t origin;
	long came_ms;
	/* Since when it has not read what waits for it; 0 if nothing does. */
	long unread_ms;
	uint32_t events;

	/* Bytes that were read and not yet used. */
	uint8_t *in;
	size_t in_start, in_end;
	/* A frame that is longer, which is read to where the function finds it. */
	uint8_t *large;
	size_t large_capacity, large_filled;
	struct frame_header large_header;
	bool reads_large, was_large;
	/* A descriptor that came with a frame; -1 if none did. */
	int passed;

	/* Frames to send, and after them an output that is sent from where it lies. */
	uint8_t *out;
	size_t out_start, out_end, out_capacity;
	struct output *lent;
	size_t lent_at, lent_bytes;
	/* With rings, the call that it answers, which waits for room. */
	uint64_t lent_id;
	bool must_tell_terminating, is_woken;
	/* Frames that were read wait for the next turn. */
	bool is_interrupted;

	struct rings rings;
	/* Room in the rings is waited for: there is none for the next answer. */
	bool has_rings, waits_for_room;
	/* NULL unless its calls go over libfabric. */
	struct ofi *ofi;
};

struct server {
	struct served served;
	struct channel *channel;
	uint64_t id;
	char worker[WORKER_NAME_BYTES];
	uint8_t key[SHA256_BYTES];
	long hot_ms;
	unsigned max_clients;
	/* The provider of libfabric; empty if the site uses none. */
	char ofi_provider[OFI_MAX_PROVIDER_BYTES];

	int epoll, timer, tcp, local;
	/* The timer is set. */
	bool is_ticking;
	uint16_t port;
	char socket[SOCKET_NAME_BYTES];
	/* They stay for the next lease. */
	bool keeps_listeners;
	bool is_full_of_files;

	struct client *clients;
	/* Those whose frames do not go over the socket are polled. */
	unsigned proven, unproven, polled;
	struct output *output, *spare_output;
	/* A small input, where its payload is aligned. */
	uint8_t *input;

	bool terminates, is_over, is_broken;
	unsigned long terminating_ms;
	char terminating_reason[512];

	uint64_t calls, told_calls, busy_ns, spin_ns;
	unsigned told_clients;
	long told_ms;
	uint64_t hot_until_ns;
	/* When the loop last read the clock, and when its turn began. */
	uint64_t now_ns, turn_ns;
	unsigned interrupted;
};

#define TICK_MS 1000

uint64_t now_ns(void);
long now_ms(void);

/* serve_executor.c */
void executor_hears_serving(struct server *server);
/* At once when the first client comes or the last one leaves, else once a second. */
void executor_hears_usage(struct server *server, long now);
/* Handles all frames that have come from it. */
void executor_speaks(struct server *server);

/* serve_listen.c */
bool serve_listen(struct server *server, const char *ports);
void serve_accept(struct server *server, int listener);
/* Takes no connection while there is no file for one. */
void serve_pause(struct server *server, bool is_full);
void serve_close_listeners(struct server *server);
/* Accepts no more clients. Listeners on any port stay: clients of the next lease find them before
 * this worker is told to serve. */
void serve_leave_listeners(struct server *server);

/* serve_client.c */
void client_ready(struct server *server, struct client *client, uint32_t events);
void client_close(struct server *server, struct client *client);
void client_free(struct client *client);
/* Handles a frame whose payload is aligned if it is a call; false once it must not go on. */
bool client_takes_frame(struct server *server, struct client *client, const struct frame_header *header,
			const uint8_t *payload);
/* Room for a payload that is longer than what is read at once, of which `there` bytes have come. */
bool client_begins_large(struct client *client, const struct frame_header *header, const uint8_t *payload,
			 size_t there);
static inline bool client_is_polled(const struct client *client)
{
	return client->has_rings || client->ofi != NULL;
}
/* Whether it must read before more is done for it. */
bool client_is_blocked(const struct client *client);

/* serve_send.c */
void client_add(struct client *client, uint8_t type, uint64_t id, const void *metadata, size_t metadata_bytes,
		const void *payload, size_t payload_bytes);
void client_add_fields(struct client *client, uint8_t type, uint64_t id, struct fields *fields);
void client_refuse(struct server *server, struct client *client, const char *code, const char *reason);
/* Its output is sent. */
void client_gives_back_output(struct server *server, struct client *client);
void client_tell_terminating(const struct server *server, struct client *client);
/* Has epoll tell again what it has told. */
void client_asks_again(struct server *server, struct client *client);
/* Sends what the socket takes, and waits for it with epoll if that is not all. */
void client_flush(struct server *server, struct client *client);

/* serve_handshake.c */
bool client_shakes_hands(struct server *server, struct client *client, const struct frame_header *header,
			 const char *fields);

/* serve_loop.c: long calls run in turns, between which their answers are sent, and the executor and
 * other clients are heard. */
bool serve_turn_is_over(const struct server *server);

/* serve_calls.c: a payload is aligned, and may be written beyond its end. */
void serve_call(struct server *server, struct client *client, const struct frame_header *header,
		const uint8_t *payload);

/* serve_shm.c */
bool client_opens_rings(struct server *server, struct client *client, const char *fields, size_t length);
/* Runs what lies in the rings; false if there was nothing. */
bool client_looks_into_rings(struct server *server, struct client *client);
void client_wakes(const struct client *client);

/* serve_ofi.c */
bool client_opens_ofi(struct server *server, struct client *client, const char *fields, size_t length);
/* Runs what has come over libfabric; false if there was nothing. */
bool client_looks_into_ofi(struct server *server, struct client *client);
void client_puts_into_ofi(struct client *client, const struct frame_header *header, const void *metadata,
			  const void *payload);
/* Waits until it has been sent what it is to be sent. */
void client_drains_ofi(struct client *client, long until_ms);

#endif
