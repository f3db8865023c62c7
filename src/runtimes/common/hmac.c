/* HMAC-SHA256, without a library: a node may have none. */
#include "hmac.h"

#include <string.h>

#define BLOCK_BYTES 64
#define LENGTH_AT 56

static const uint32_t rounds[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t word, int bits)
{
	return word >> bits | word << (32 - bits);
}

static uint32_t word_at(const uint8_t *data)
{
	return (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
}

static void add_block(uint32_t state[8], const uint8_t *block)
{
	uint32_t words[64], work[8];
	for (int at = 0; at < 16; at++)
		words[at] = word_at(block + 4 * at);
	for (int at = 16; at < 64; at++) {
		uint32_t far = words[at - 15], near = words[at - 2];
		words[at] = words[at - 16] + words[at - 7] + (rotate(far, 7) ^ rotate(far, 18) ^ far >> 3) +
			    (rotate(near, 17) ^ rotate(near, 19) ^ near >> 10);
	}
	memcpy(work, state, sizeof work);
	for (int at = 0; at < 64; at++) {
		uint32_t a = work[0], e = work[4];
		uint32_t choice = (e & work[5]) ^ (~e & work[6]);
		uint32_t majority = (a & work[1]) ^ (a & work[2]) ^ (work[1] & work[2]);
		uint32_t first = work[7] + (rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25)) + choice + rounds[at] + words[at];
		uint32_t second = (rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22)) + majority;
		memmove(work + 1, work, 7 * sizeof *work);
		work[4] += first;
		work[0] = first + second;
	}
	for (int at = 0; at < 8; at++)
		state[at] += work[at];
}

void sha256_begin(struct sha256 *hash)
{
	static const uint32_t initial[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
					     0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };
	memcpy(hash->state, initial, sizeof initial);
	hash->length = 0;
}

void sha256_add(struct sha256 *hash, const void *data, size_t length)
{
	const uint8_t *from = data;
	while (length > 0) {
		size_t filled = hash->length % BLOCK_BYTES;
		size_t taken = length < BLOCK_BYTES - filled ? length : BLOCK_BYTES - filled;
		memcpy(hash->block + filled, from, taken);
		hash->length += taken;
		from += taken;
		length -= taken;
		if (filled + taken == BLOCK_BYTES)
			add_block(hash->state, hash->block);
	}
}

void sha256_end(struct sha256 *hash, uint8_t digest[SHA256_BYTES])
{
	static const uint8_t padding[BLOCK_BYTES] = { 0x80 };
	uint64_t bits = hash->length * 8;
	uint8_t length[8];
	for (int at = 0; at < 8; at++)
		length[at] = (uint8_t)(bits >> (56 - 8 * at));
	size_t filled = hash->length % BLOCK_BYTES;
	sha256_add(hash, padding, (filled < LENGTH_AT ? LENGTH_AT : LENGTH_AT + BLOCK_BYTES) - filled);
	sha256_add(hash, length, sizeof length);
	for (int at = 0; at < SHA256_BYTES; at++)
		digest[at] = (uint8_t)(hash->state[at / 4] >> (24 - 8 * (at % 4)));
}

void hmac_sha256(uint8_t digest[SHA256_BYTES], const void *key, size_t key_length, const void *data, size_t length)
{
	struct sha256 hash;
	uint8_t inner[BLOCK_BYTES] = { 0 }, outer[BLOCK_BYTES];
	if (key_length > BLOCK_BYTES) {
		sha256_begin(&hash);
		sha256_add(&hash, key, key_length);
		sha256_end(&hash, inner);
	} else
		memcpy(inner, key, key_length);
	for (int at = 0; at < BLOCK_BYTES; at++) {
		outer[at] = inner[at] ^ 0x5c;
		inner[at] ^= 0x36;
	}
	sha256_begin(&hash);
	sha256_add(&hash, inner, sizeof inner);
	sha256_add(&hash, data, length);
	sha256_end(&hash, digest);
	sha256_begin(&hash);
	sha256_add(&hash, outer, sizeof outer);
	sha256_add(&hash, digest, SHA256_BYTES);
	sha256_end(&hash, digest);
}

void hex_of(char *text, const uint8_t *data, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	for (size_t at = 0; at < length; at++) {
		text[2 * at] = digits[data[at] >> 4];
		text[2 * at + 1] = digits[data[at] & 15];
	}
	text[2 * length] = '\0';
}

static int digit_of(char letter)
{
	if (letter >= '0' && letter <= '9')
		return letter - '0';
	return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : -1;
}

bool hex_read(uint8_t *data, size_t length, const char *text)
{
	if (strlen(text) != 2 * length)
		return false;
	for (size_t at = 0; at < length; at++) {
		int high = digit_of(text[2 * at]), low = digit_of(text[2 * at + 1]);
		if (high < 0 || low < 0)
			return false;
		data[at] = (uint8_t)(high << 4 | low);
	}
	return true;
}

bool equal_in_constant_time(const void *one, const void *other, size_t length)
{
	const volatile uint8_t *left = one, *right = other;
	uint8_t difference = 0;
	for (size_t at = 0; at < length; at++)
		difference |= left[at] ^ right[at];
	return difference == 0;
}
