/* The worker's half of the handshake with a client. */
#include <string.h>
#include <sys/random.h>
#include <stdio.h>

#include "serve_state.h"

static bool answer_hello(struct server *server, struct client *client, const char *data, size_t length)
{
	struct challenge *challenge = &client->challenge;
	const char *worker = fields_find(data, length, "worker"), *nonce = fields_find(data, length, "nonce");
	if (fields_number(data, length, "version", 0) != PROTOCOL_VERSION || worker == NULL ||
	    strlen(worker) >= sizeof challenge->worker || !nonce_is_valid(nonce)) {
		client_refuse(server, client, "PROTOCOL", "the client's hello is not that of this version: install the same release on both sides");
		return false;
	}
	/* A stranger does not learn from the answer which worker this is. */
	if (strcmp(worker, server->worker) == 0)
		memcpy(client->key, server->key, sizeof client->key);
	else if (getrandom(client->key, sizeof client->key, 0) != (ssize_t)sizeof client->key)
		return false;
	snprintf(challenge->worker, sizeof challenge->worker, "%s", worker);
	snprintf(challenge->client_nonce, sizeof challenge->client_nonce, "%s", nonce);
	char proof[SHA256_HEX];
	if (!nonce_make(challenge->worker_nonce))
		return false;
	proof_make(proof, "worker", client->key, challenge);
	struct fields hello = { NULL, 0 };
	fields_add_number(&hello, "version", PROTOCOL_VERSION);
	fields_add(&hello, "nonce", challenge->worker_nonce, SHA256_HEX);
	fields_add(&hello, "proof", proof, SHA256_HEX);
	client_add_fields(client, DIRECT_WORKER_HELLO, 0, &hello);
	client->state = AWAITS_PROOF;
	return true;
}

static bool check_proof(struct server *server, struct client *client, const char *data, size_t length)
{
	bool holds = proof_holds(fields_find(data, length, "proof"), "client", client->key, &client->challenge);
	explicit_bzero(client->key, sizeof client->key);
	if (!holds) {
		client_refuse(server, client, "NOT_PROVEN", "the client did not prove the lease's key");
		return false;
	}
	if (server->is_over || server->terminates) {
		client_refuse(server, client, "ENDED", "the worker takes no new connection: its lease ends");
		return false;
	}
	if (server->proven >= server->max_clients) {
		client_refuse(server, client, "FULL", "the worker has as many clients as it may have: end connections that are not used");
		return false;
	}
	char hot[24];
	struct fields accepted = { NULL, 0 };
	snprintf(hot, sizeof hot, "%ld", server->hot_ms);
	fields_add_number(&accepted, "concurrency", 1);
	fields_add_number(&accepted, "maxInFlight", MAX_IN_FLIGHT);
	fields_add(&accepted, "hotMs", hot, sizeof hot);
	fields_add(&accepted, "runtime", "native", sizeof hot);
	if (server->ofi_provider[0] != '\0')
		fields_add(&accepted, "ofiProvider", server->ofi_provider, sizeof server->ofi_provider);
	client_add_fields(client, DIRECT_ACCEPTED, 0, &accepted);
	client->state = PROVEN;
	server->unproven--;
	server->proven++;
	return true;
}

bool client_shakes_hands(struct server *server, struct client *client, const struct frame_header *header,
			 const char *fields)
{
	const size_t length = header->payload_bytes;
	if (fields_are_valid(fields, length)) {
		if (client->state == AWAITS_HELLO && header->type == DIRECT_CLIENT_HELLO)
			return answer_hello(server, client, fields, length);
		if (client->state == AWAITS_PROOF && header->type == DIRECT_CLIENT_PROOF)
			return check_proof(server, client, fields, length);
	}
	client_refuse(server, client, "PROTOCOL", "the client sent what is no part of the handshake");
	return false;
}
