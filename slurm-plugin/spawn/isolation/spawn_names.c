/* Loads the libraries of the system's name service (NSS) before they are needed. */
#include "spawn_names.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>

#include "util.h"

#define CONFIGURATION "/etc/nsswitch.conf"

/* The library of a service such as `sss`. Some are part of libc, some are not installed. */
static void load(const char *service)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz0123456789_";
	char name[64];
	if (strspn(service, allowed) == strlen(service) && format(name, sizeof name, "libnss_%s.so.2", service))
		/* stays loaded until our exit */
		(void)dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

/* `group: files [NOTFOUND=continue] sss`: what is in brackets has other characters. */
static void load_all(char *line)
{
	static const char *const databases[] = {"passwd", "group", "initgroups"};
	char *save = NULL;
	const char *word = strtok_r(line, " \t:", &save);
	bool is_ours = false;
	for (size_t at = 0; word != NULL && at < sizeof databases / sizeof databases[0]; at++)
		is_ours = is_ours || strcmp(word, databases[at]) == 0;
	while (is_ours && (word = strtok_r(NULL, " \t:", &save)) != NULL)
		load(word);
}

void spawn_names_load(void)
{
	char text[16384], *save = NULL;
	if (!read_text(AT_FDCWD, CONFIGURATION, text, sizeof text))
		return; /* they are loaded when they are needed */
	for (char *line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save))
		load_all(line);
	/* The first look-up reads the configuration and looks for nscd: processes that are forked
	 * later have both. Root is in local files, so no server is asked. */
	(void)getpwuid(0);
	(void)getgrgid(0);
}
