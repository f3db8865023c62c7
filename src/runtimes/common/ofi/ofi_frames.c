/* Sends and receives frames, in their order. */
#include <stdlib.h>
#include <string.h>

#include "ofi_state.h"

#define COMPLETIONS 16

bool ofi_post_receive(struct ofi *ofi, struct ofi_receive *receive)
{
	receive->operation.kind = OFI_RECEIVES_MESSAGE;
	return fi_trecv(ofi->endpoint, receive->message, sizeof receive->message, NULL, FI_ADDR_UNSPEC, ofi->receive_tag, 0,
			&receive->operation.context) == 0;
}

static void free_send(struct ofi *ofi, struct ofi_send *send)
{
	ofi->payloads_sent -= send->payload != NULL;
	send->payload = NULL;
	send->next = ofi->free_sends;
	ofi->free_sends = send;
	ofi->free_count++;
}

/* Hands it to libfabric; false if that does not take it now, or is broken. */
static bool post_send(struct ofi *ofi, struct ofi_send *send)
{
	const void *data = send->payload == NULL ? send->message : send->payload;
	const uint64_t tag = ofi->send_tag + (send->payload != NULL);
	bool is_tiny = send->payload == NULL && send->bytes <= ofi->info->tx_attr->inject_size;
	send->operation.kind = OFI_SENDS_MESSAGE;
	ssize_t result = is_tiny ? fi_tinject(ofi->endpoint, data, send->bytes, ofi->peer, tag)
				 : fi_tsend(ofi->endpoint, data, send->bytes, NULL, ofi->peer, tag, &send->operation.context);
	if (result != 0) {
		ofi->is_broken |= result != -FI_EAGAIN;
		return false;
	}
	if (is_tiny)
		free_send(ofi, send);
	return true;
}

static void send_waiting(struct ofi *ofi)
{
	while (ofi->first_unsent != NULL) {
		struct ofi_send *send = ofi->first_unsent, *next = send->next;
		if (!post_send(ofi, send))
			return;
		ofi->first_unsent = next;
	}
	ofi->last_unsent = NULL;
}

static bool send_message(struct ofi *ofi, struct ofi_send *send)
{
	if (ofi->first_unsent == NULL && post_send(ofi, send))
		return true;
	send->next = NULL;
	if (ofi->first_unsent == NULL)
		ofi->first_unsent = send;
	else
		ofi->last_unsent->next = send;
	ofi->last_unsent = send;
	return !ofi->is_broken;
}

bool ofi_has_room(const struct ofi *ofi)
{
	return ofi->free_count >= 2;
}

bool ofi_is_large(const struct frame_header *header)
{
	return header->payload_bytes > OFI_SMALL_BYTES;
}

static struct ofi_send *take_send(struct ofi *ofi)
{
	struct ofi_send *send = ofi->free_sends;
	ofi->free_sends = send->next;
	ofi->free_count--;
	return send;
}

bool ofi_send_proof(struct ofi *ofi)
{
	struct ofi_send *send = take_send(ofi);
	memcpy(send->message, ofi->own_proof, SHA256_BYTES);
	send->bytes = SHA256_BYTES;
	return send_message(ofi, send);
}

bool ofi_put(struct ofi *ofi, const struct frame_header *header, const void *metadata, const void *payload)
{
	struct ofi_send *head = take_send(ofi);
	bool is_large = ofi_is_large(header);
	uint8_t *end = head->message + FRAME_HEADER_BYTES + header->metadata_bytes;
	frame_encode(head->message, header);
	if (header->metadata_bytes > 0)
		memcpy(head->message + FRAME_HEADER_BYTES, metadata, header->metadata_bytes);
	if (!is_large && header->payload_bytes > 0)
		memcpy(end, payload, header->payload_bytes);
	head->bytes = FRAME_HEADER_BYTES + header->metadata_bytes + (is_large ? 0 : header->payload_bytes);
	if (!send_message(ofi, head))
		return false;
	if (!is_large)
		return true;
	struct ofi_send *rest = take_send(ofi);
	rest->payload = payload;
	rest->bytes = header->payload_bytes;
	ofi->payloads_sent++;
	return send_message(ofi, rest);
}

bool ofi_sends_from(const struct ofi *ofi, const void *start, size_t bytes)
{
	const uint8_t *first = start;
	if (ofi->payloads_sent == 0 || first == NULL)
		return ofi->payloads_sent > 0;
	for (size_t at = 0; at < OFI_SENDS; at++) {
		const uint8_t *payload = ofi->sends[at].payload;
		if (payload != NULL && payload >= first && payload < first + bytes)
			return true;
	}
	return false;
}

static void complete(struct ofi *ofi, const struct fi_cq_tagged_entry *entry)
{
	struct ofi_operation *operation = entry->op_context;
	if (operation->kind == OFI_SENDS_MESSAGE) {
		free_send(ofi, (struct ofi_send *)operation);
		return;
	}
	if (operation->kind == OFI_RECEIVES_PAYLOAD) {
		ofi->is_broken |= entry->len != ofi->payload_bytes;
		ofi->awaits_payload = false;
		ofi->has_payload = true;
		return;
	}
	struct ofi_receive *receive = (struct ofi_receive *)operation;
	receive->bytes = entry->len;
	receive->next = NULL;
	if (ofi->first_come == NULL)
		ofi->first_come = receive;
	else
		ofi->last_come->next = receive;
	ofi->last_come = receive;
}

bool ofi_has_sent(const struct ofi *ofi)
{
	return ofi->free_count == OFI_SENDS;
}

void ofi_go_on(struct ofi *ofi)
{
	struct fi_cq_tagged_entry entries[COMPLETIONS];
	ssize_t count = fi_cq_read(ofi->queue, entries, COMPLETIONS);
	for (ssize_t at = 0; at < count; at++)
		complete(ofi, &entries[at]);
	/* Whatever failed, a frame is lost. */
	if (count < 0 && count != -FI_EAGAIN)
		ofi->is_broken = true;
	if (ofi->first_unsent != NULL)
		send_waiting(ofi);
}

static bool use_again(struct ofi *ofi)
{
	struct ofi_receive *first = ofi->first_come;
	ofi->first_come = first->next;
	return ofi_post_receive(ofi, first);
}

static enum ofi_look read_first(struct ofi *ofi, struct ofi_frame *frame)
{
	struct ofi_receive *first = ofi->first_come;
	if (first->bytes < FRAME_HEADER_BYTES || !frame_decode_direct(first->message, &frame->header))
		return OFI_BROKEN;
	const size_t head = FRAME_HEADER_BYTES + frame->header.metadata_bytes;
	bool is_large = ofi_is_large(&frame->header);
	if (first->bytes != head + (is_large ? 0 : frame->header.payload_bytes))
		return OFI_BROKEN;
	frame->metadata = first->message + FRAME_HEADER_BYTES;
	frame->payload = is_large ? NULL : first->message + head;
	return OFI_FRAME;
}

static bool take_proof(struct ofi *ofi)
{
	const struct ofi_receive *first = ofi->first_come;
	ofi->is_proven = first->bytes == SHA256_BYTES &&
			 equal_in_constant_time(first->message, ofi->expected_proof, SHA256_BYTES);
	if (ofi->is_proven)
		ofi_forget_name(ofi);
	/* The client wakes the worker for its proof, and waits for the other. */
	ofi->messages += ofi->is_worker;
	return ofi->is_proven && use_again(ofi) && (!ofi->is_worker || ofi_send_proof(ofi));
}

enum ofi_look ofi_look(struct ofi *ofi, struct ofi_frame *frame)
{
	if (!ofi->has_payload && (ofi->first_come == NULL || ofi->awaits_payload || ofi->first_unsent != NULL))
		ofi_go_on(ofi);
	if (ofi->is_broken)
		return OFI_BROKEN;
	if (ofi->has_payload) {
		ofi->has_payload = false;
		return OFI_PAYLOAD;
	}
	if (ofi->awaits_payload || ofi->first_come == NULL)
		return OFI_EMPTY;
	if (ofi->is_proven)
		return read_first(ofi, frame);
	return take_proof(ofi) ? OFI_EMPTY : OFI_BROKEN;
}

bool ofi_take(struct ofi *ofi)
{
	ofi->messages++;
	return use_again(ofi);
}

bool ofi_has_next(const struct ofi *ofi)
{
	return ofi->first_come != NULL && !ofi->awaits_payload;
}

bool ofi_receive(struct ofi *ofi, void *where)
{
	struct ofi_frame frame;
	if (read_first(ofi, &frame) != OFI_FRAME || frame.payload != NULL)
		return false;
	ofi->payload_bytes = frame.header.payload_bytes;
	ofi->awaits_payload = true;
	return ofi_take(ofi) && fi_trecv(ofi->endpoint, where, ofi->payload_bytes, NULL, FI_ADDR_UNSPEC,
					 ofi->receive_tag + 1, 0, &ofi->payload.context) == 0;
}

bool ofi_is_proven(const struct ofi *ofi)
{
	return ofi->is_proven;
}

int ofi_descriptor(const struct ofi *ofi)
{
	return ofi->descriptor;
}

bool ofi_may_sleep(struct ofi *ofi)
{
	struct fid *queue = &ofi->queue->fid;
	if (ofi->first_come != NULL || ofi->has_payload || ofi->first_unsent != NULL)
		return false;
	if (ofi->descriptor >= 0)
		return fi_trywait(ofi->fabric, &queue, 1) == 0;
	/* Nobody wakes for what goes to and fro below a message, or for one that is on its way. */
	return ofi->free_count == OFI_SENDS && !ofi->awaits_payload && ofi->wakes <= ofi->messages;
}

void ofi_was_woken(struct ofi *ofi, size_t bytes)
{
	ofi->wakes += bytes;
}
