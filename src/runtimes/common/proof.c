/* The proofs of the direct path's handshake. */
#include "proof.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>

bool nonce_make(char nonce[SHA256_HEX])
{
	uint8_t bytes[SHA256_BYTES];
	if (getrandom(bytes, sizeof bytes, 0) != (ssize_t)sizeof bytes)
		return false;
	hex_of(nonce, bytes, sizeof bytes);
	return true;
}

bool nonce_is_valid(const char *text)
{
	uint8_t bytes[SHA256_BYTES];
	return text != NULL && hex_read(bytes, sizeof bytes, text);
}

void proof_make(char proof[SHA256_HEX], const char *side, const uint8_t key[SHA256_BYTES],
		const struct challenge *challenge)
{
	char text[sizeof *challenge + 64];
	uint8_t digest[SHA256_BYTES];
	int length = snprintf(text, sizeof text, "gleaner-direct-1|%s|%s|%s|%s", side, challenge->worker,
			      challenge->client_nonce, challenge->worker_nonce);
	hmac_sha256(digest, key, SHA256_BYTES, text, (size_t)length);
	hex_of(proof, digest, sizeof digest);
}

bool proof_holds(const char *given, const char *side, const uint8_t key[SHA256_BYTES],
		 const struct challenge *challenge)
{
	char expected[SHA256_HEX];
	proof_make(expected, side, key, challenge);
	return given != NULL && strlen(given) == SHA256_HEX - 1 &&
	       equal_in_constant_time(given, expected, SHA256_HEX - 1);
}
