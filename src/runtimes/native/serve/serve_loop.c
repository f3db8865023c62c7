/* The loop of a worker that serves: sockets and rings, the executor's frames, what is said of the
 * usage, and the end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "serve_state.h"

#define MAX_EVENTS 64
#define TICK_MS 1000
#define LOOKS_PER_POLL 256
#define DEFAULT_MAX_CLIENTS 64

/* Stands for the executor among the events. */
static int executor;

uint64_t now_ns(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

long now_ms(void)
{
	return (long)(now_ns() / 1000000);
}

static bool begin(struct server *server, const struct frame *frame)
{
	const char *data = (const char *)frame->payload;
	const size_t length = frame->header.payload_bytes;
	const char *worker = fields_are_valid(data, length) ? fields_find(data, length, "worker") : NULL;
	const char *key = worker == NULL ? NULL : fields_find(data, length, "key");
	const char *hot = worker == NULL ? NULL : fields_find(data, length, "hotMs");
	const char *ports = worker == NULL ? NULL : fields_find(data, length, "ports");
	if (key == NULL || !hex_read(server->key, sizeof server->key, key) || strlen(worker) >= sizeof server->worker)
		return false;
	snprintf(server->worker, sizeof server->worker, "%s", worker);
	const char *provider = fields_find(data, length, "ofiProvider");
	snprintf(server->ofi_provider, sizeof server->ofi_provider, "%s", provider == NULL ? "" : provider);
	bool is_always_hot = hot != NULL && strcmp(hot, "-1") == 0;
	server->hot_ms = is_always_hot ? -1 : (long)fields_number(data, length, "hotMs", 0);
	server->max_clients = (unsigned)fields_number(data, length, "maxClients", DEFAULT_MAX_CLIENTS);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	server->output = output_make(server->served.output_bytes);
	void *input = NULL;
	if (posix_memalign(&input, 64, READ_BYTES) != 0)
		return false;
	server->input = input;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &executor };
	return server->epoll >= 0 && server->output != NULL && serve_listen(server, ports == NULL ? "0" : ports) &&
	       epoll_ctl(server->epoll, EPOLL_CTL_ADD, EXECUTOR_DESCRIPTOR, &event) == 0;
}

static bool send_fields(struct server *server, enum frame_type type, struct fields *fields)
{
	bool is_sent = channel_send(type, server->id, NULL, 0, fields->data, fields->length);
	free(fields->data);
	server->is_broken |= !is_sent;
	return is_sent;
}

static bool tell_serving(struct server *server)
{
	struct fields fields = { NULL, 0 };
	fields_add_number(&fields, "port", server->port);
	fields_add(&fields, "socket", server->socket, sizeof server->socket);
	return send_fields(server, FRAME_SERVING, &fields);
}

/* At once when the first client comes or the last one leaves, else once a second. */
static void tell_usage(struct server *server, long now)
{
	bool is_first_or_last = (server->proven == 0) != (server->told_clients == 0);
	bool is_new = server->calls != server->told_calls || server->proven != server->told_clients;
	if (!is_first_or_last && (!is_new || now - server->told_ms < TICK_MS))
		return;
	struct fields fields = { NULL, 0 };
	fields_add_number(&fields, "clients", server->proven);
	fields_add_number(&fields, "calls", server->calls);
	fields_add_number(&fields, "busyMs", server->busy_ns / 1000000);
	fields_add_number(&fields, "spinMs", server->spin_ns / 1000000);
	server->told_clients = server->proven;
	server->told_calls = server->calls;
	server->told_ms = now;
	send_fields(server, FRAME_USAGE, &fields);
}

static void terminate(struct server *server, const struct frame *frame)
{
	const char *data = (const char *)frame->payload;
	const size_t length = frame->header.payload_bytes;
	if (!fields_are_valid(data, length))
		return;
	const char *reason = fields_find(data, length, "reason");
	server->terminates = true;
	server->terminating_ms = fields_number(data, length, "inMs", 0);
	snprintf(server->terminating_reason, sizeof server->terminating_reason, "%s", reason == NULL ? "" : reason);
	for (struct client *each = server->clients; each != NULL; each = each->next) {
		if (each->state != PROVEN)
			continue;
		client_tell_terminating(server, each);
		if (!client_is_polled(each))
			client_flush(server, each);
	}
}

static void read_executor(struct server *server)
{
	struct frame frame;
	enum read_end end;
	while ((end = channel_read(server->channel, false, &frame)) == READ_FRAME) {
		if (frame.header.type == FRAME_TERMINATING && frame.header.id == server->id)
			terminate(server, &frame);
		else if (frame.header.type == FRAME_CANCEL && frame.header.id == server->id)
			server->is_over = true;
		else
			server->is_broken = true;
		free(frame.payload);
	}
	if (end == READ_GONE)
		server->is_broken = true;
}

/* Closes those that are too slow, and forgets those that are gone. */
static void look_after_clients(struct server *server, long now)
{
	for (struct client **at = &server->clients; *at != NULL;) {
		struct client *client = *at;
		bool is_slow = client->state < PROVEN && now - client->came_ms > HANDSHAKE_MS;
		if (is_slow || (client->unread_ms != 0 && now - client->unread_ms > UNREAD_MS))
			client_close(server, client);
		if (client->state == GONE) {
			*at = client->next;
			client_free(client);
		} else
			at = &client->next;
	}
	if (server->is_full_of_files)
		serve_pause(server, false);
}

static void handle(struct server *server, const struct epoll_event *event)
{
	void *what = event->data.ptr;
	if (what == &server->tcp || what == &server->local)
		serve_accept(server, *(int *)what);
	else if (what == &executor)
		read_executor(server);
	else
		client_ready(server, what, event->events);
}

static bool look_at_polled(struct server *server, int looks)
{
	bool found = false;
	for (int look = 0; look < looks; look++) {
		for (struct client *each = server->clients; each != NULL; each = each->next)
			if (each->has_rings)
				found |= client_looks_into_rings(server, each);
			else if (each->ofi != NULL)
				found |= client_looks_into_ofi(server, each);
		spin_pause();
	}
	return found;
}

/* How long epoll may wait, once clients that are polled know that they must wake this worker. */
static int wait_ms(const struct server *server)
{
	bool ticks = server->unproven > 0 || server->is_full_of_files || server->calls != server->told_calls;
	for (struct client *each = server->clients; each != NULL; each = each->next) {
		ticks |= each->state != PROVEN || each->out_end > each->out_start || each->unread_ms != 0;
		if (each->has_rings && each->lent == NULL && !ring_sleeps_empty(&each->rings.in))
			return 0;
		if (each->ofi != NULL && !ofi_may_sleep(each->ofi))
			return 0;
	}
	return ticks ? TICK_MS : -1;
}

static void wake_up(struct server *server)
{
	for (struct client *each = server->clients; each != NULL; each = each->next)
		if (each->has_rings)
			ring_is_awake(&each->rings);
}

static void serve_once(struct server *server)
{
	struct epoll_event events[MAX_EVENTS];
	const uint64_t before = server->now_ns, calls = server->calls;
	const bool is_hot = server->hot_ms < 0 || before < server->hot_until_ns;
	bool found = server->polled > 0 && look_at_polled(server, is_hot ? LOOKS_PER_POLL : 1);
	int timeout = found || is_hot ? 0 : wait_ms(server);
	int count = epoll_wait(server->epoll, events, MAX_EVENTS, timeout);
	if (server->polled > 0 && timeout != 0)
		wake_up(server);
	const uint64_t began = timeout == 0 ? before : now_ns();
	for (int at = 0; at < count; at++)
		handle(server, &events[at]);
	const uint64_t now = server->now_ns = now_ns();
	if (server->calls != calls) {
		server->busy_ns += now - began;
		server->hot_until_ns = server->hot_ms > 0 ? now + (uint64_t)server->hot_ms * 1000000 : 0;
	} else if (is_hot)
		server->spin_ns += now - began;
	look_after_clients(server, (long)(now / 1000000));
	tell_usage(server, (long)(now / 1000000));
}

/* Answers what was sent until now, and closes the connections. */
static void end(struct server *server)
{
	const long until = now_ms() + TICK_MS;
	serve_close_listeners(server);
	for (struct client *each = server->clients; each != NULL; each = each->next) {
		client_ready(server, each, EPOLLIN);
		if (each->state == PROVEN) {
			client_add(each, DIRECT_ENDED, 0, NULL, 0, NULL, 0);
			server->proven--;
		}
		if (each->state < PROVEN)
			server->unproven--;
		if (each->state == GONE)
			continue;
		each->state = LEAVING;
		if (each->ofi != NULL)
			client_drains_ofi(each, until);
		if (client_is_polled(each))
			client_close(server, each);
		else
			client_flush(server, each);
	}
	for (long now; server->clients != NULL && !server->is_broken && (now = now_ms()) < until;) {
		struct epoll_event events[MAX_EVENTS];
		look_after_clients(server, now);
		int count = server->clients == NULL ? 0 : epoll_wait(server->epoll, events, MAX_EVENTS, (int)(until - now));
		for (int at = 0; at < count; at++)
			handle(server, &events[at]);
	}
}

static void release(struct server *server)
{
	serve_close_listeners(server);
	while (server->clients != NULL) {
		struct client *first = server->clients;
		server->clients = first->next;
		client_close(server, first);
		client_free(first);
	}
	if (server->epoll >= 0)
		close(server->epoll);
	if (server->output != NULL)
		output_free(server->output);
	if (server->spare_output != NULL)
		output_free(server->spare_output);
	free(server->input);
	explicit_bzero(server->key, sizeof server->key);
}

bool serve(struct channel *channel, const struct frame *frame, const struct served *served)
{
	struct server server = { .served = *served, .channel = channel, .id = frame->header.id,
				 .epoll = -1, .tcp = -1, .local = -1 };
	if (!begin(&server, frame)) {
		release(&server);
		return channel_error(FRAME_ERROR, server.id, "exit", "NotServing",
				     "the worker cannot serve: there is no port that it may listen on, or no memory");
	}
	tell_serving(&server);
	server.now_ns = now_ns();
	while (!server.is_over && !server.is_broken)
		serve_once(&server);
	end(&server);
	tell_usage(&server, now_ms() + TICK_MS);
	release(&server);
	return !server.is_broken && channel_send(FRAME_RESULT, server.id, "", 0, NULL, 0);
}
