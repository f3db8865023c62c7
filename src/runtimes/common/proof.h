/* How a client and a leased worker prove to each other that they know the lease's key: an HMAC over
 * the worker's name and both nonces, each side with its own word. */
#ifndef GLEANER_PROOF_H
#define GLEANER_PROOF_H

#include "hmac.h"

/* With the NUL: INVOCATION.ATTEMPT. */
#define WORKER_NAME_BYTES 32

struct challenge {
	char worker[WORKER_NAME_BYTES];
	char client_nonce[SHA256_HEX], worker_nonce[SHA256_HEX];
};

/* False if the system has no randomness. */
bool nonce_make(char nonce[SHA256_HEX]);
bool nonce_is_valid(const char *text);

/* `side`: "client" or "worker". */
void proof_make(char proof[SHA256_HEX], const char *side, const uint8_t key[SHA256_BYTES],
		const struct challenge *challenge);
/* In constant time; `given` is what a peer sent. */
bool proof_holds(const char *given, const char *side, const uint8_t key[SHA256_BYTES],
		 const struct challenge *challenge);

#endif
