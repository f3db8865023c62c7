/* What a program in the place of `glean lease hold` may say. Workers are not connected to. */
#include <sys/socket.h>

#include "../../hold.c"
#include "fuzz.h"

bool connection_open(struct connection *connection, gleaner_transport transport, uint32_t ring_bytes)
{
	(void)transport;
	(void)ring_bytes;
	connection->fd = -1;
	return false;
}

bool connection_dial(struct connection *connection, gleaner_transport transport)
{
	return connection_open(connection, transport, 0);
}

enum dialling connection_goes_on(struct connection *connection, gleaner_transport transport, uint32_t ring_bytes)
{
	(void)connection_open(connection, transport, ring_bytes);
	return DIAL_FAILED;
}

bool connection_hears(int fd, void *data, size_t bytes, long until)
{
	(void)fd;
	(void)data;
	(void)bytes;
	(void)until;
	return false;
}

bool connection_say(struct connection *connection, uint8_t type, struct fields *fields)
{
	(void)connection;
	(void)type;
	free(fields->data);
	return false;
}

size_t connection_hear(struct connection *connection, uint8_t type, char fields[MAX_HANDSHAKE_BYTES])
{
	(void)connection;
	(void)type;
	(void)fields;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct hold hold;
	struct steps steps = { data, size };
	const gleaner_options options = { 0 };
	uint8_t frame[MAX_STEP_BYTES];
	int pair[2];
	gleaner_lease *lease = lease_make(&options);
	if (lease == NULL || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0)
		return 0;
	memset(&hold, 0, sizeof hold);
	hold.line.fd = pair[0];
	hold.line.is_hold = true;
	lease->hold = &hold;
	/* A call that it may answer. */
	uint8_t output[8];
	gleaner_call *call = gleaner_submit(lease, "1", 1, output, sizeof output);
	(void)connection_add(&hold.line, call);
	lease->first = lease->last = NULL;
	bool goes_on = true;
	while (goes_on && steps.left > 0) {
		send_to(pair[1], frame, next_frame(&steps, frame));
		goes_on = hold_read(lease, &hold, 0);
	}
	lease->hold = NULL;
	lease_give_up(lease, &hold.line);
	close(pair[1]);
	gleaner_lease_close(lease);
	gleaner_call_free(call);
	return 0;
}
