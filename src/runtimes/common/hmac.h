/* HMAC-SHA256 (FIPS 180-4, RFC 2104), with which two ends of a connection prove to each other that
 * they know a key. */
#ifndef GLEANER_HMAC_H
#define GLEANER_HMAC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHA256_BYTES 32
/* With the NUL that ends it. */
#define SHA256_HEX (2 * SHA256_BYTES + 1)

struct sha256 {
	uint32_t state[8];
	uint64_t length;
	uint8_t block[64];
};

void sha256_begin(struct sha256 *hash);
void sha256_add(struct sha256 *hash, const void *data, size_t length);
void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES]);

void hmac_sha256(uint8_t digest[SHA256_BYTES], const void *key, size_t key_length, const void *data, size_t length);

/* In lower case, ended by a NUL. */
void hex_of(char *text, const uint8_t *data, size_t length);
/* False unless the text is exactly `length` bytes in hex. */
bool hex_read(uint8_t *data, size_t length, const char *text);

/* Takes as long for equal bytes as for others. */
bool equal_in_constant_time(const void *one, const void *other, size_t length);

#endif
