/* Frames of the direct path over libfabric: an endpoint of type FI_EP_RDM for one peer, with tagged
 * messages. The peers have proven a key to each other over a TCP connection, and exchanged their
 * endpoints' addresses and a token there. Tags are made of key and token, so that nobody else's
 * messages are received.
 *
 * A frame is one message, or two if its payload is large: that is sent from where it lies, and
 * received where it belongs. */
#ifndef GLEANER_OFI_H
#define GLEANER_OFI_H

#include "frames.h"
#include "hmac.h"

/* Providers send messages to about this size at once, and longer ones from where they lie. */
#define OFI_SMALL_BYTES (16u << 10)
#define OFI_ADDRESS_BYTES 256
/* With the NUL that ends it. */
#define OFI_ADDRESS_HEX (2 * OFI_ADDRESS_BYTES + 1)
#define OFI_MAX_PROVIDER_BYTES 64
#define OFI_MAX_PROBLEM_BYTES 256

struct ofi;

/* Why this program cannot use libfabric, in a sentence; NULL if it can. */
const char *ofi_missing(void);

/* An endpoint of a provider, at the address of a TCP connection's own end if the provider has such
 * addresses. NULL, and a sentence, if there is none. */
struct ofi *ofi_open(const char *provider, int connection, char problem[OFI_MAX_PROBLEM_BYTES]);
void ofi_address(const struct ofi *ofi, char address[OFI_ADDRESS_HEX]);
/* Receives from the peer from now on, and proves the key to it: the client at once, the worker once
 * the client has, so that whoever is proven to has been reached both ways. `token` is hex of 32
 * bytes. */
bool ofi_begin(struct ofi *ofi, bool is_worker, const char *peer, const uint8_t key[SHA256_BYTES], const char *token);
/* Whether the peer has proven the key; ofi_look goes on with that. */
bool ofi_is_proven(const struct ofi *ofi);
/* No buffer of the caller is used any more. */
void ofi_close(struct ofi *ofi);

/* Goes on with all that is under way; ofi_look does as well. */
void ofi_go_on(struct ofi *ofi);
/* Whether one more frame can be put. */
bool ofi_has_room(const struct ofi *ofi);
/* What is longer is not copied. */
bool ofi_is_large(const struct frame_header *header);
/* Sends a frame. A large payload must stay until ofi_sends_from says that it is sent. False if the
 * endpoint is broken. */
bool ofi_put(struct ofi *ofi, const struct frame_header *header, const void *metadata, const void *payload);
/* Whether a large payload within these bytes is still being sent; from NULL on: whether any is. */
bool ofi_sends_from(const struct ofi *ofi, const void *start, size_t bytes);
/* Whether all frames are sent. */
bool ofi_has_sent(const struct ofi *ofi);

struct ofi_frame {
	struct frame_header header;
	const uint8_t *metadata;
	/* Until ofi_take; NULL if it is large: ofi_receive says where it belongs. */
	const uint8_t *payload;
};

enum ofi_look {
	OFI_EMPTY,
	OFI_FRAME,
	/* What ofi_receive asked for has come. */
	OFI_PAYLOAD,
	OFI_BROKEN,
};

/* Goes on with all that is under way, and looks at the next frame without taking it. */
enum ofi_look ofi_look(struct ofi *ofi, struct ofi_frame *frame);
/* Whether a next frame has come already: without asking libfabric, which takes its time. */
bool ofi_has_next(const struct ofi *ofi);
/* Receives the large payload of the next frame, which is taken then. */
bool ofi_receive(struct ofi *ofi, void *where);
/* Takes the next frame: its buffer is used again. False if the endpoint is broken. */
bool ofi_take(struct ofi *ofi);

/* Readable once there is something to do, if ofi_may_sleep said that there was nothing. -1 if the
 * provider has none: then each side sends a byte over the connection after each frame, unless the
 * other one spins, and says how many bytes it got. */
int ofi_descriptor(const struct ofi *ofi);
bool ofi_may_sleep(struct ofi *ofi);
void ofi_was_woken(struct ofi *ofi, size_t bytes);

#endif
