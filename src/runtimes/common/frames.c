/* Frames of the worker protocol and of the direct path, whatever the order of bytes of this machine
 * is. */
#include "frames.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The length of 2^53 - 1, which no number in fields exceeds. */
#define MAX_DIGITS 16
#define MAX_ID ((UINT64_C(1) << 53) - 1)

static uint64_t get(const uint8_t *data, size_t bytes)
{
	uint64_t value = 0;
	memcpy(&value, data, bytes);
	return le64toh(value);
}

static void put(uint8_t *data, uint64_t value, size_t bytes)
{
	value = htole64(value);
	memcpy(data, &value, bytes);
}

enum id_rule { NO_ID = 1, SOME_ID, EITHER_ID };

/* What the frames of a type may have; a type without an id rule is none. */
struct rule {
	enum id_rule id;
	uint32_t metadata_bytes, payload_bytes;
};

#define OF_FIELDS(id) { id, 0, MAX_FIELDS_BYTES }
#define OF_HANDSHAKE(id) { id, 0, MAX_HANDSHAKE_BYTES }
#define OF_CALL { SOME_ID, MAX_METADATA_BYTES, MAX_PAYLOAD_BYTES }
#define BARE { SOME_ID, 0, 0 }

static const struct rule worker_rules[] = {
	[FRAME_HELLO] = OF_FIELDS(NO_ID),
	[FRAME_LOAD] = OF_FIELDS(NO_ID),
	[FRAME_LOADED] = OF_FIELDS(NO_ID),
	[FRAME_LOAD_FAILED] = OF_FIELDS(NO_ID),
	[FRAME_CALL] = OF_CALL,
	[FRAME_CANCEL] = BARE,
	[FRAME_RESULT] = OF_CALL,
	[FRAME_ERROR] = OF_FIELDS(SOME_ID),
	[FRAME_LOG] = { EITHER_ID, 1, MAX_LOG_PIECE_BYTES },
	[FRAME_BYE] = OF_FIELDS(NO_ID),
	[FRAME_FORK... FRAME_TERMINATING] = OF_FIELDS(SOME_ID),
};

static const struct rule direct_rules[] = {
	[FRAME_CALL] = OF_CALL,
	[FRAME_CANCEL] = BARE,
	[FRAME_RESULT] = OF_CALL,
	[FRAME_ERROR] = OF_FIELDS(SOME_ID),
	[FRAME_BYE] = OF_HANDSHAKE(NO_ID),
	[DIRECT_CLIENT_HELLO... DIRECT_REFUSED] = OF_HANDSHAKE(NO_ID),
	[DIRECT_BUSY] = BARE,
	[DIRECT_TERMINATING] = OF_HANDSHAKE(NO_ID),
	[DIRECT_ENDED] = OF_HANDSHAKE(EITHER_ID),
	[DIRECT_SHM_OPEN... DIRECT_OFI_ACCEPTED] = OF_HANDSHAKE(NO_ID),
};

static const struct rule hold_rules[] = {
	[FRAME_RESULT] = OF_CALL,
	[FRAME_ERROR] = OF_FIELDS(SOME_ID),
	[FRAME_BYE] = OF_FIELDS(NO_ID),
	[DIRECT_ENDED] = OF_FIELDS(SOME_ID),
	[HOLD_LEASE... HOLD_ENDPOINT] = OF_FIELDS(NO_ID),
};

static bool decode(const uint8_t *data, struct frame_header *header, const struct rule *rules, size_t count)
{
	uint32_t body = (uint32_t)get(data, 4);
	uint8_t type = data[4];
	uint16_t metadata = (uint16_t)get(data + 6, 2);
	uint64_t id = get(data + 8, 8);
	if (type >= count || rules[type].id == 0 || data[5] != 0 || metadata > body)
		return false;
	const struct rule *rule = &rules[type];
	if (metadata > rule->metadata_bytes || body - metadata > rule->payload_bytes)
		return false;
	if (id > MAX_ID || (rule->id != EITHER_ID && (rule->id == SOME_ID) != (id != 0)))
		return false;
	*header = (struct frame_header){ type, metadata, body - metadata, id };
	return true;
}

#define COUNT(table) (sizeof(table) / sizeof *(table))

bool frame_decode(const uint8_t data[FRAME_HEADER_BYTES], struct frame_header *header)
{
	return decode(data, header, worker_rules, COUNT(worker_rules));
}

bool frame_decode_direct(const uint8_t data[FRAME_HEADER_BYTES], struct frame_header *header)
{
	return decode(data, header, direct_rules, COUNT(direct_rules));
}

bool frame_decode_hold(const uint8_t data[FRAME_HEADER_BYTES], struct frame_header *header)
{
	return decode(data, header, hold_rules, COUNT(hold_rules));
}

void frame_encode(uint8_t data[FRAME_HEADER_BYTES], const struct frame_header *header)
{
	put(data, (uint64_t)header->metadata_bytes + header->payload_bytes, 4);
	data[4] = header->type;
	data[5] = 0;
	put(data + 6, header->metadata_bytes, 2);
	put(data + 8, header->id, 8);
}

/* How much of a text fits into `limit` bytes and ends between characters. */
static size_t cut(const char *text, size_t limit)
{
	size_t length = strnlen(text, limit + 1);
	if (length <= limit)
		return length;
	for (length = limit; length > 0 && ((uint8_t)text[length] & 0xc0) == 0x80;)
		length--;
	return length;
}

void fields_add(struct fields *fields, const char *name, const char *value, size_t limit)
{
	size_t name_length = strlen(name), value_length = cut(value, limit);
	size_t needed = name_length + 1 + value_length + 1;
	char *grown = realloc(fields->data, fields->length + needed);
	if (grown == NULL)
		return;
	fields->data = grown;
	char *end = grown + fields->length;
	memcpy(end, name, name_length);
	end[name_length] = '=';
	memcpy(end + name_length + 1, value, value_length);
	end[needed - 1] = '\0';
	fields->length += needed;
}

void fields_add_number(struct fields *fields, const char *name, unsigned long value)
{
	char text[24];
	snprintf(text, sizeof text, "%lu", value);
	fields_add(fields, name, text, sizeof text);
}

bool fields_are_valid(const char *data, size_t length)
{
	if (length > 0 && data[length - 1] != '\0')
		return false;
	for (size_t at = 0; at < length; at += strlen(data + at) + 1) {
		const char *equals = strchr(data + at, '=');
		if (equals == NULL || equals == data + at)
			return false;
	}
	return true;
}

const char *fields_find(const char *data, size_t length, const char *name)
{
	size_t name_length = strlen(name);
	for (size_t at = 0; at < length; at += strlen(data + at) + 1)
		if (strncmp(data + at, name, name_length) == 0 && data[at + name_length] == '=')
			return data + at + name_length + 1;
	return NULL;
}

unsigned long fields_number(const char *data, size_t length, const char *name, unsigned long otherwise)
{
	const char *value = fields_find(data, length, name);
	if (value == NULL)
		return otherwise;
	size_t digits = strspn(value, "0123456789");
	bool is_number = digits > 0 && digits <= MAX_DIGITS && value[digits] == '\0';
	return is_number ? strtoul(value, NULL, 10) : otherwise;
}

bool call_head_decode(const uint8_t *metadata, size_t length, struct call_head *head)
{
	const size_t fixed = 8;
	if (length < fixed || length > MAX_METADATA_BYTES)
		return false;
	size_t type_length = get(metadata + 6, 2);
	if (type_length > length - fixed)
		return false;
	size_t name_length = length - fixed - type_length;
	head->deadline_ms = (uint32_t)get(metadata, 4);
	head->attempt = (uint16_t)get(metadata + 4, 2);
	memcpy(head->content_type, metadata + fixed, type_length);
	head->content_type[type_length] = '\0';
	memcpy(head->name, metadata + fixed + type_length, name_length);
	head->name[name_length] = '\0';
	return true;
}
