/* What the parts of libgleaner have in common. */
#ifndef GLEANER_INTERNAL_H
#define GLEANER_INTERNAL_H

#include "gleaner.h"
#include "ofi.h"
#include "proof.h"
#include "ring.h"

#define HIDDEN __attribute__((visibility("hidden")))
#define READ_BYTES (64u << 10)
#define OUT_BYTES (64u << 10)
/* Longer inputs are sent from where they lie. */
#define COPIED_INPUT_BYTES (16u << 10)
#define BUCKETS 256u
/* The head of a call without a content type or a name. */
#define CALL_HEAD_BYTES 8u
/* What is shorter is copied: that costs less than to keep track of where it lies. */
#define LEAST_IN_PLACE_BYTES 4096u
#define MAX_TEXT 256
#define MAX_MESSAGE 512

struct gleaner_call {
	gleaner_lease *lease;
	/* In the lease's queue, in a bucket of its connection, or with those whose outputs are
	 * kept. */
	gleaner_call *next;
	uint64_t id;
	const void *input;
	size_t input_bytes;
	void *output;
	size_t output_capacity, output_bytes;
	long deadline_ms;
	uint16_t attempt, lost;
	gleaner_error error;
	gleaner_callback *callback;
	void *argument;

	/* In place: its input and output lie in rings, or in memory of its own. */
	bool is_in_place, is_unsent;
	void *own_input, *own_output;
	struct memory *input_memory, *output_memory;
	/* Where their frames are. */
	uint32_t input_start, output_start;
};

/* The rings of a connection. They stay until the last call is freed whose input or output lies in
 * them. */
struct memory {
	struct rings rings;
	/* NULL once it is closed. */
	struct connection *connection;
	unsigned users;
	/* The call whose input is being written: no other frame is put before it. */
	gleaner_call *prepared;
	/* Up to where inputs were written so. */
	uint32_t reserved_end;
	/* Calls whose outputs lie here, oldest first. */
	gleaner_call *kept;
	/* Once there was a call whose output may stay. */
	bool may_keep;
};

struct endpoint {
	char worker[WORKER_NAME_BYTES];
	char host[MAX_TEXT];
	uint16_t port;
	char socket[108], host_id[64];
	uint8_t key[SHA256_BYTES];
};

struct connection {
	struct endpoint endpoint;
	/* -1 if it is not open. */
	int fd;
	/* While it is made without waiting: its descriptor. */
	bool is_dialled, has_said_hello, is_local;
	int dialled;
	/* Until when the worker may take for its answer. */
	long until_ms;
	struct challenge challenge;
	/* What did not work is not tried again: the unix socket; rings or libfabric. */
	bool has_no_socket, is_plain;
	/* It leads to `glean lease hold`, which makes calls through gleanerd. */
	bool is_hold;
	/* Its worker is still one of the lease: it is connected again if it breaks. */
	bool is_leased;
	long connect_at_ms, connect_pause_ms;
	bool is_terminating, is_hot;
	uint64_t last_id;
	unsigned in_flight, max_in_flight;
	/* How many calls the worker runs at once, and how many it has not answered for which nobody
	 * waits any more. */
	unsigned concurrency, abandoned;
	gleaner_call *buckets[BUCKETS];

	uint8_t out[OUT_BYTES];
	size_t out_start, out_end;
	/* The input that follows what is in `out`, from where it lies. */
	const uint8_t *lent;
	size_t lent_bytes;

	uint8_t in[READ_BYTES];
	size_t in_start, in_end;
	/* An answer whose payload is read to where it belongs. */
	struct frame_header header;
	gleaner_call *receiving;
	size_t payload_left, payload_at;
	/* A failure's fields, which are kept to be read whole. */
	uint8_t *failure;
	bool reads_payload, was_large;

	/* Unless its calls go over the socket: through shared memory, or over libfabric. */
	struct memory *memory;
	struct ofi *ofi;
	unsigned empty_looks;
	/* The worker always spins, so that this side does; over libfabric, it must be woken. */
	bool spins, is_woken;
	/* What the worker's site uses, empty if nothing. */
	char ofi_provider[OFI_MAX_PROVIDER_BYTES];
	/* Why it could not be opened as it was to be, if that is known. */
	char problem[OFI_MAX_PROBLEM_BYTES];

	/* When it got its last call. */
	long used_at_ms;
	/* A busy worker is left alone until then. */
	long rests_until_ms, rest_ms;
};

struct hold;

struct gleaner_lease {
	gleaner_retry retry;
	gleaner_transport transport;
	uint32_t deadline_ms, ring_bytes;
	struct connection **connections;
	size_t count;
	/* Calls that wait for a worker. */
	gleaner_call *first, *last;
	size_t unended;
	/* When the clock was last read. */
	long now_ms;
	struct hold *hold;
	/* What a new lease is asked for with; without a function if workers are not replaced. */
	gleaner_options asked;
	long hold_at_ms, hold_pause_ms;
	long no_worker_since_ms, next_check_ms;
	/* Callbacks begin no call any more. */
	bool is_closing;
	/* How many lease_pump are under way: callbacks may begin another one. */
	unsigned pumps;
	char message[MAX_MESSAGE];
};

HIDDEN long now_ms(void);

/* connection/connect.c: connects and shakes hands; false if the worker cannot be reached or does
 * not prove itself. */
HIDDEN bool connection_open(struct connection *connection, gleaner_transport transport, uint32_t ring_bytes);
/* Begins the same without waiting, and goes on with it; whoever has answered is waited for a
 * moment. After DIAL_FAILED it begins again. */
enum dialling { DIAL_WAITS, DIAL_OPEN, DIAL_FAILED };
HIDDEN bool connection_dial(struct connection *connection, gleaner_transport transport);
HIDDEN enum dialling connection_goes_on(struct connection *connection, gleaner_transport transport,
					uint32_t ring_bytes);
/* The client's half of the handshake. */
HIDDEN bool connection_shakes_hands(struct connection *connection);
/* Exactly that many bytes, whatever signals come; false if they have not come by then. */
HIDDEN bool connection_hears(int fd, void *data, size_t bytes, long until);
/* The next frame of a handshake. */
HIDDEN bool connection_say(struct connection *connection, uint8_t type, struct fields *fields);
/* Its fields; 0 bytes if it is another one, or none comes. */
HIDDEN size_t connection_hear(struct connection *connection, uint8_t type, char fields[MAX_HANDSHAKE_BYTES]);
/* connection/connection.c */
HIDDEN void connection_close(struct connection *connection);
HIDDEN bool connection_takes(const struct connection *connection, long now);
/* The worker runs nothing but calls for which nobody waits any more. */
HIDDEN bool connection_is_stuck(const struct connection *connection);
/* Queues a call's frame; false if there is no room now. */
HIDDEN bool connection_add(struct connection *connection, gleaner_call *call);
/* Nobody waits for a call any more: asks for its end, if there is room to. */
HIDDEN void connection_abandon(struct connection *connection, uint64_t id);
/* Whether the input of a call is still to be read from where it lies. */
HIDDEN bool connection_sends_from(const struct connection *connection, const gleaner_call *call);
/* Whether an answer comes too early: then it waits, since the input is its caller's again once the
 * call has ended. */
HIDDEN bool connection_is_early(const struct connection *connection, const struct frame_header *header);
/* Sends what it can, or waits for as long as the socket may; false if the connection is broken. */
HIDDEN bool connection_send(struct connection *connection, bool may_wait);
HIDDEN bool connection_has_unsent(const struct connection *connection);
/* False if one that was idle has turned out to be broken. */
HIDDEN bool connection_lives(gleaner_lease *lease, struct connection *connection);
/* Whether a frame belongs to no call that was never sent. */
HIDDEN bool connection_knows(const struct connection *connection, const struct frame_header *header);
/* connection/receive.c: handles what has come; may wait for the socket's receive timeout. False if
 * the connection is broken. */
HIDDEN bool connection_receive(gleaner_lease *lease, struct connection *connection, bool may_wait);
/* The call whose output comes; NULL if it is to be dropped. */
HIDDEN gleaner_call *connection_begin_output(struct connection *connection, const struct frame_header *header);
/* connection/ofi.c: as those above. */
HIDDEN bool ofi_connect(struct connection *connection);
HIDDEN bool ofi_add(struct connection *connection, const gleaner_call *call, const struct frame_header *header,
		    const uint8_t *metadata);
HIDDEN void ofi_cancel(struct connection *connection, uint64_t id);
HIDDEN bool ofi_connection_receive(gleaner_lease *lease, struct connection *connection, bool may_wait);
/* connection/shm.c */
HIDDEN bool shm_open_rings(struct connection *connection, uint32_t ring_bytes);
HIDDEN bool shm_add(struct connection *connection, gleaner_call *call, const struct frame_header *header,
		    const uint8_t *metadata);
/* Takes the bytes that only wake; false if the worker is gone. */
HIDDEN bool shm_lives(struct connection *connection);
HIDDEN bool shm_receive(gleaner_lease *lease, struct connection *connection, bool may_wait);
HIDDEN void shm_cancel(struct connection *connection, uint64_t id);
HIDDEN void shm_wake(struct connection *connection);
/* Gives the room of all frames back, except that of outputs which are kept. */
HIDDEN void shm_give_back(struct memory *memory);

/* check.c: GLEANER_OK, or GLEANER_INVALID with a sentence that gleaner_error_message then has. */
HIDDEN __attribute__((format(printf, 1, 2))) gleaner_error invalid(const char *format, ...);
HIDDEN const char *invalid_message(void);
HIDDEN gleaner_error check_open(const gleaner_options *options);
HIDDEN gleaner_error check_connect(const gleaner_options *options);
HIDDEN gleaner_error check_call(const gleaner_lease *lease, const void *input, size_t input_bytes,
				const void *output, size_t output_capacity);
HIDDEN gleaner_error check_made(const gleaner_call *call);

/* in_place.c */
HIDDEN void *memory_of_its_own(size_t bytes);
HIDDEN void memory_leave(struct memory *memory);
/* Moves an input out of a ring in which it may be written over; false if it was, or there is no
 * memory. */
HIDDEN bool call_moves_input(gleaner_call *call);
/* Gives back all that it uses. */
HIDDEN void call_release(gleaner_call *call);

/* keep.c: connects to workers, and starts `glean lease hold` again if calls wait for one. */
HIDDEN void lease_keep(gleaner_lease *lease, long now);

/* pump.c: sends and receives what can be for all calls of a lease; may wait until there is
 * something. */
HIDDEN void lease_pump(gleaner_lease *lease, bool may_wait);
/* Takes it out of those that wait; there must be one. */
HIDDEN gleaner_call *lease_take_first(gleaner_lease *lease);
HIDDEN struct connection *lease_least_busy(const gleaner_lease *lease);
/* calls.c: begins a call, which stays the caller's until it is queued. */
HIDDEN gleaner_call *call_make(gleaner_lease *lease, size_t input_bytes);
HIDDEN void call_queue(gleaner_call *call);

/* lease.c */
HIDDEN gleaner_call *connection_take_call(struct connection *connection, uint64_t id);
HIDDEN void call_end(gleaner_call *call, gleaner_error error);
HIDDEN void call_failed(gleaner_call *call, const char *fields, size_t length);
HIDDEN void call_again(gleaner_call *call);
/* Handles a frame without a payload that belongs to a call's output. */
HIDDEN bool connection_takes_frame(gleaner_lease *lease, struct connection *connection,
				   const struct frame_header *header, const uint8_t *payload);
HIDDEN gleaner_lease *lease_make(const gleaner_options *options);
HIDDEN bool lease_connect(gleaner_lease *lease, struct connection *connection);
/* Says why. */
HIDDEN void lease_not_connected(gleaner_lease *lease, const struct connection *connection);
/* Not connected; NULL if there is no memory. */
HIDDEN struct connection *lease_know_endpoint(gleaner_lease *lease, const struct endpoint *endpoint);
HIDDEN bool lease_add_endpoint(gleaner_lease *lease, const struct endpoint *endpoint);
/* NULL if it is not known. */
HIDDEN struct connection *lease_find(const gleaner_lease *lease, const char *worker);
/* It must be closed. */
HIDDEN void connection_free(struct connection *connection);
HIDDEN bool endpoint_make(struct endpoint *made, const gleaner_endpoint *from);
/* Ends a connection: what it ran goes elsewhere, or ends. */
HIDDEN void lease_give_up(gleaner_lease *lease, struct connection *connection);
HIDDEN void lease_say(gleaner_lease *lease, const char *message);

/* hold.c */
HIDDEN struct hold *hold_start(const gleaner_options *options);
/* Reads what `glean lease hold` has said, and waits up to `wait_ms` if there is nothing; false
 * once it is gone. */
HIDDEN bool hold_read(gleaner_lease *lease, struct hold *hold, int wait_ms);
HIDDEN bool hold_is_active(const struct hold *hold);
/* Its lease has ended: it asks for another one with the next call. */
HIDDEN bool hold_is_over(const struct hold *hold);
/* It has a lease, or had one. */
HIDDEN bool hold_was_granted(const struct hold *hold);
/* Calls are made through gleanerd, or their outputs still come. */
HIDDEN bool hold_has_calls(const struct hold *hold);
/* Where its calls go. */
HIDDEN struct connection *hold_line(struct hold *hold);
/* An input that was sent in part is read no further. */
HIDDEN void hold_breaks_off(struct hold *hold);
/* Handles a frame that is no output; false if it is gone. */
HIDDEN bool hold_takes_frame(gleaner_lease *lease, const struct frame_header *header, const char *payload);
/* Ends it, and with it the lease; calls that it has go elsewhere. It is killed if it does not exit
 * in time. */
HIDDEN void lease_end_hold(gleaner_lease *lease, long patience_ms);

#endif
