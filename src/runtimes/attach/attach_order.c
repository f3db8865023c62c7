/* Reads the order. */
#include "attach_order.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "frames.h"

#define MAX_ORDER_BYTES 8192u

static bool copy(char *to, size_t size, const char *data, size_t length, const char *name)
{
	const char *value = fields_find(data, length, name);
	return value != NULL && (size_t)snprintf(to, size, "%s", value) < size;
}

static bool parse(struct order *order, const char *data, size_t length)
{
	const char *key = fields_find(data, length, "key");
	order->tasks = (unsigned)fields_number(data, length, "tasks", 0);
	order->notice_signal = (int)fields_number(data, length, "notice", 0);
	order->notice_main_only = fields_number(data, length, "noticeMain", 0) == 1;
	return key != NULL && hex_read(order->key, sizeof order->key, key) && order->tasks >= 1 &&
	       order->tasks <= ORDER_MAX_TASKS && order->notice_signal <= 64 &&
	       copy(order->attempt, sizeof order->attempt, data, length, "attempt") &&
	       copy(order->hosts, sizeof order->hosts, data, length, "hosts") &&
	       copy(order->port, sizeof order->port, data, length, "port") &&
	       copy(order->socket, sizeof order->socket, data, length, "socket") &&
	       copy(order->boot_id, sizeof order->boot_id, data, length, "bootId");
}

/* Tasks must not read the key from it. */
static bool replace_input(void)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
	bool replaced = nothing >= 0 && dup2(nothing, STDIN_FILENO) == STDIN_FILENO;
	if (nothing > STDIN_FILENO)
		close(nothing);
	return replaced;
}

bool order_read(struct order *order)
{
	char data[MAX_ORDER_BYTES];
	size_t length = 0;
	ssize_t got;
	while ((got = read(STDIN_FILENO, data + length, sizeof data - length)) != 0) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return false;
		length += (size_t)got;
	}
	bool is_order = length < sizeof data && fields_are_valid(data, length) && parse(order, data, length);
	explicit_bzero(data, sizeof data);
	return is_order && replace_input();
}
