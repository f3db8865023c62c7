/* What the executor wrote to standard input: where the client listens, the key, and how to start.
 */
#ifndef GLEANER_ATTACH_ORDER_H
#define GLEANER_ATTACH_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "hmac.h"

#define ORDER_MAX_TASKS 256
#define ORDER_TEXT 256

struct order {
	/* INVOCATION.ATTEMPT */
	char attempt[ORDER_TEXT];
	uint8_t key[SHA256_BYTES];
	unsigned tasks;
	/* Separated by commas; the port is the same for all. */
	char hosts[8 * ORDER_TEXT];
	char port[8];
	/* An abstract unix socket, for a client on the machine with this boot id. */
	char socket[ORDER_TEXT], boot_id[ORDER_TEXT];
	/* Announces that the hole will close; passed on to the tasks. */
	int notice_signal;
	bool notice_main_only;
};

/* Reads standard input to its end and replaces it with /dev/null; false if it is no order. */
bool order_read(struct order *order);

#endif
