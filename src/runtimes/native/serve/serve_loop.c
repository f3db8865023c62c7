/* The loop of a worker that serves: sockets and rings, time, and the end. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "serve_state.h"

#define MAX_EVENTS 64
#define LOOKS_PER_POLL 256
#define DEFAULT_MAX_CLIENTS 64
#define TURN_NS 5000000u

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

bool serve_turn_is_over(const struct server *server)
{
	return !server->is_over && now_ns() - server->turn_ns > TURN_NS;
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
	server->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	server->output = output_make(server->served.output_bytes);
	void *input = NULL;
	if (posix_memalign(&input, 64, READ_BYTES) != 0)
		return false;
	server->input = input;
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = &executor };
	struct epoll_event tick = { .events = EPOLLIN, .data.ptr = &server->timer };
	return server->epoll >= 0 && server->timer >= 0 && server->output != NULL &&
	       epoll_ctl(server->epoll, EPOLL_CTL_ADD, server->timer, &tick) == 0 && serve_listen(server, ports == NULL ? "0" : ports) &&
	       epoll_ctl(server->epoll, EPOLL_CTL_ADD, EXECUTOR_DESCRIPTOR, &event) == 0;
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

static void read_timer(struct server *server)
{
	uint64_t expired;
	server->is_ticking = false;
	if (read(server->timer, &expired, sizeof expired) < 0 && errno != EAGAIN)
		server->is_broken = true;
}

static void handle(struct server *server, const struct epoll_event *event)
{
	void *what = event->data.ptr;
	if (what == &server->tcp || what == &server->local)
		serve_accept(server, *(int *)what);
	else if (what == &executor)
		executor_speaks(server);
	else if (what == &server->timer)
		read_timer(server);
	else
		client_ready(server, what, event->events);
}

static bool look_at_polled(struct server *server, int looks)
{
	bool found = false;
	for (int look = 0; look < looks; look++) {
		bool found_now = false;
		for (struct client *each = server->clients; each != NULL; each = each->next)
			if (each->has_rings)
				found_now |= client_looks_into_rings(server, each);
			else if (each->ofi != NULL)
				found_now |= client_looks_into_ofi(server, each);
		if (found_now && serve_turn_is_over(server))
			return true;
		found |= found_now;
		spin_pause();
	}
	return found;
}

/* Runs what the last turn has left of a client's frames, and what has come since. */
static void resume(struct server *server, struct client *client)
{
	if (client->is_interrupted)
		server->interrupted--;
	client->is_interrupted = false;
	client_ready(server, client, EPOLLIN | EPOLLOUT);
}

static void resume_all(struct server *server)
{
	for (struct client *each = server->clients; each != NULL; each = each->next)
		if (each->is_interrupted)
			resume(server, each);
}

/* Whether something is due when time passes. */
static bool needs_tick(const struct server *server)
{
	if (server->unproven > 0 || server->is_full_of_files || server->calls != server->told_calls)
		return true;
	for (struct client *each = server->clients; each != NULL; each = each->next)
		if (each->state != PROVEN || each->unread_ms != 0)
			return true;
	return false;
}

/* Sets a timer rather than a limit to each wait, for which the kernel would set one each time. */
static void set_tick(struct server *server)
{
	const struct itimerspec once = { .it_value = { TICK_MS / 1000, TICK_MS % 1000 * 1000000 } };
	if (server->is_ticking || !needs_tick(server))
		return;
	server->is_ticking = true;
	if (timerfd_settime(server->timer, 0, &once, NULL) != 0)
		server->is_broken = true;
}

/* How long epoll may wait, once clients that are polled know that they must wake this worker. */
static int wait_ms(struct server *server)
{
	for (struct client *each = server->clients; each != NULL; each = each->next) {
		if (each->has_rings && !each->waits_for_room && !ring_sleeps_empty(&each->rings.in))
			return 0;
		if (each->ofi != NULL && !ofi_may_sleep(each->ofi))
			return 0;
	}
	set_tick(server);
	return -1;
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
	server->turn_ns = before;
	bool found = server->polled > 0 && look_at_polled(server, is_hot ? LOOKS_PER_POLL : 1);
	int timeout = found || is_hot || server->interrupted > 0 ? 0 : wait_ms(server);
	int count = epoll_wait(server->epoll, events, MAX_EVENTS, timeout);
	if (server->polled > 0 && timeout != 0)
		wake_up(server);
	const uint64_t began = server->turn_ns = timeout == 0 ? before : now_ns();
	if (server->interrupted > 0)
		resume_all(server);
	for (int at = 0; at < count; at++)
		handle(server, &events[at]);
	const uint64_t now = server->now_ns = now_ns();
	if (server->calls != calls) {
		server->busy_ns += now - began;
		server->hot_until_ns = server->hot_ms > 0 ? now + (uint64_t)server->hot_ms * 1000000 : 0;
	} else if (is_hot)
		server->spin_ns += now - began;
	look_after_clients(server, (long)(now / 1000000));
	executor_hears_usage(server, (long)(now / 1000000));
}

/* Answers what was sent until now, and closes the connections. */
static void end(struct server *server)
{
	const long until = now_ms() + TICK_MS;
	serve_leave_listeners(server);
	for (struct client *each = server->clients; each != NULL; each = each->next) {
		resume(server, each);
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
	if (server->timer >= 0)
		close(server->timer);
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
				 .epoll = -1, .timer = -1, .tcp = -1, .local = -1 };
	if (!begin(&server, frame)) {
		release(&server);
		return channel_error(FRAME_ERROR, server.id, "exit", "NotServing",
				     "the worker cannot serve: there is no port that it may listen on, or no memory");
	}
	executor_hears_serving(&server);
	server.now_ns = now_ns();
	while (!server.is_over && !server.is_broken)
		serve_once(&server);
	end(&server);
	executor_hears_usage(&server, now_ms() + TICK_MS);
	release(&server);
	return !server.is_broken && channel_send(FRAME_RESULT, server.id, "", 0, NULL, 0);
}
