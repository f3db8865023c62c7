/* Prints the HMAC of standard input under a key of hex digits: compared with another
 * implementation. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hmac.h"

int main(int argc, char **argv)
{
	static uint8_t data[1 << 16];
	uint8_t key[256], digest[SHA256_BYTES];
	char text[SHA256_HEX];
	size_t key_length = argc == 2 ? strlen(argv[1]) / 2 : sizeof key + 1;
	if (key_length > sizeof key || !hex_read(key, key_length, argv[1]))
		return 2;
	size_t length = fread(data, 1, sizeof data, stdin);
	hmac_sha256(digest, key, key_length, data, length);
	hex_of(text, digest, sizeof digest);
	puts(text);
	return equal_in_constant_time(digest, digest, sizeof digest) ? EXIT_SUCCESS : EXIT_FAILURE;
}
