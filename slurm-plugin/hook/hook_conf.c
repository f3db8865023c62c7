/* Reads hook.conf: `key=value` lines with the keys runDir, answerMs, deadlineMs and wake. */
#include "hook_conf.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include "util.h"

#define CONF_MAX 16384

void hook_conf_defaults(struct hook_settings *settings)
{
	*settings = (struct hook_settings){
	    .answer_ms = HOOK_DEFAULT_ANSWER_MS,
	    .deadline_ms = HOOK_DEFAULT_DEADLINE_MS,
	};
	(void)format(settings->run_dir, sizeof settings->run_dir, "%s", HOOK_DEFAULT_RUN_DIR);
}

/* `127.0.0.1:6820` or `[::1]:6820`. Names are not resolved: a hanging name service must not delay a
 * job. */
static bool set_wake(struct hook_settings *settings, const char *value)
{
	char host[INET6_ADDRSTRLEN];
	uint64_t port;
	const char *colon = strrchr(value, ':');
	if (colon == NULL || !parse_number(colon + 1, 1, 65535, &port))
		return false;
	bool six = value[0] == '[';
	const char *first = six ? value + 1 : value;
	const char *last = six ? colon - 1 : colon;
	if (last < first || (six && *last != ']') ||
	    !format(host, sizeof host, "%.*s", (int)(last - first), first))
		return false;
	struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
	struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
	if (inet_pton(six ? AF_INET6 : AF_INET, host,
		      six ? (void *)&v6.sin6_addr : (void *)&v4.sin_addr) != 1)
		return false;
	settings->wake_length = six ? sizeof v6 : sizeof v4;
	memcpy(&settings->wake, six ? (void *)&v6 : (void *)&v4, settings->wake_length);
	return true;
}

bool hook_conf_set(struct hook_settings *settings, const char *key, const char *value)
{
	uint64_t number;
	if (strcmp(key, "runDir") == 0)
		return value[0] == '/' && strlen(value) > 1 && strlen(value) < sizeof settings->run_dir &&
		       format(settings->run_dir, sizeof settings->run_dir, "%s", value);
	if (strcmp(key, "answerMs") == 0 && parse_number(value, 1, 60000, &number)) {
		settings->answer_ms = (int)number;
		return true;
	}
	if (strcmp(key, "deadlineMs") == 0 && parse_number(value, 10, 60000, &number)) {
		settings->deadline_ms = (int)number;
		return true;
	}
	if (strcmp(key, "wake") == 0)
		return set_wake(settings, value);
	return false;
}

/* Removes spaces at both ends, in place. */
static char *trim(char *text)
{
	text += strspn(text, " \t\r");
	size_t length = strlen(text);
	while (length > 0 && strchr(" \t\r", text[length - 1]) != NULL)
		text[--length] = '\0';
	return text;
}

void hook_conf_parse(struct hook_settings *settings, char *text, const char *path)
{
	char *save = NULL;
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		line = trim(line);
		if (line[0] == '\0' || line[0] == '#')
			continue;
		char *equals = strchr(line, '=');
		if (equals != NULL)
			*equals = '\0';
		if (equals == NULL || !hook_conf_set(settings, trim(line), trim(equals + 1)))
			syslog(LOG_WARNING, "%s: %.64s is not a key of hook.conf or has an invalid value; ignored",
			       path, line);
	}
}

/* False if there is no such file or it is untrusted. */
static bool load_file(struct hook_settings *settings, const char *path)
{
	char text[CONF_MAX];
	struct stat status;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0) {
		if (errno != ENOENT)
			syslog(LOG_WARNING, "%s cannot be opened: %s", path, strerror(errno));
		return false;
	}
	bool trusted = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 022) == 0 &&
		       (status.st_uid == 0 || status.st_uid == geteuid());
	ssize_t got = trusted ? read(fd, text, sizeof text) : -1;
	(void)close(fd);
	if (got < 0 || (size_t)got == sizeof text) {
		syslog(LOG_WARNING, "%s is ignored: it must be a file of root's below 16 KiB that nobody else can write to",
		       path);
		return false;
	}
	text[got] = '\0';
	hook_conf_parse(settings, text, path);
	return true;
}

void hook_conf_load(struct hook_settings *settings, const char *program)
{
	char path[PATH_MAX];
	const char *name = strrchr(program, '/');
	hook_conf_defaults(settings);
	if (name != NULL && format(path, sizeof path, "%.*s/hook.conf", (int)(name - program), program) &&
	    load_file(settings, path))
		return;
	(void)load_file(settings, "/etc/gleaner/hook.conf");
}

void hook_conf_load_plugin(struct hook_settings *settings, const char *plugin, int count, char **arguments)
{
	static const char named[] = "conf=";
	for (int at = 0; at < count; at++) {
		if (strncmp(arguments[at], named, sizeof named - 1) == 0) {
			hook_conf_defaults(settings);
			(void)load_file(settings, arguments[at] + sizeof named - 1);
			return;
		}
	}
	hook_conf_load(settings, plugin);
}
