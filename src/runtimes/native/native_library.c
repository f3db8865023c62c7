/* Loads a function from a shared library of a bundle. */
#include "native_library.h"

#include <dirent.h>
#include <dlfcn.h>
#include <elf.h>
#include <limits.h>
#include <link.h>
#include <stdio.h>
#include <stdbool.h>
#include <string.h>
#include <sys/utsname.h>

#define USUAL_SYMBOL "handler"

static int ends_with(const char *text, const char *end)
{
	size_t length = strlen(text), end_length = strlen(end);
	return length >= end_length && strcmp(text + length - end_length, end) == 0;
}

/* The name of the only library; returns how many there are. */
static int find_library(const char *directory, char *name, size_t size)
{
	DIR *folder = opendir(directory);
	if (folder == NULL)
		return 0;
	int count = 0;
	for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
		if (ends_with(entry->d_name, ".so") && count++ == 0)
			snprintf(name, size, "%s", entry->d_name);
	closedir(folder);
	return count;
}

/* What the file says of itself; false if it cannot be read or is no ELF file. */
static bool read_identity(const char *path, ElfW(Ehdr) *identity)
{
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	bool is_read = fread(identity, sizeof *identity, 1, file) == 1 &&
		       memcmp(identity->e_ident, ELFMAG, SELFMAG) == 0;
	fclose(file);
	return is_read;
}

/* dlopen says of some of these that they do not exist. */
static bool is_foreign(const char *path)
{
	ElfW(Ehdr) library, own;
	return read_identity(path, &library) && read_identity("/proc/self/exe", &own) &&
	       (library.e_ident[EI_CLASS] != own.e_ident[EI_CLASS] ||
		library.e_ident[EI_DATA] != own.e_ident[EI_DATA] || library.e_machine != own.e_machine);
}

/* dlopen's words, with what to do where they are the usual ones. */
static void explain_dlopen(const char *folder, const char *path, char *problem, size_t size)
{
	static const struct {
		const char *words, *advice;
	} known[] = {
		{ "undefined symbol: ", ": link the library that defines it, such as -lm" },
		{ "position-independent executable", ": compile it with -shared -fPIC, since it is a program" },
		{ "file too short", ": it is no shared library" },
		{ "invalid ELF header", ": it is no shared library" },
	};
	const char *reason = dlerror(), *advice = "";
	size_t prefix = strlen(folder) + 1;
	struct utsname node;
	if (is_foreign(path)) {
		snprintf(problem, size, "%s is for another architecture than this node's (%s): compile it for that",
			 path + prefix, uname(&node) == 0 ? node.machine : "unknown");
		return;
	}
	if (reason == NULL)
		reason = "dlopen failed";
	for (size_t at = 0; at < sizeof known / sizeof *known; at++)
		if (strstr(reason, known[at].words) != NULL)
			advice = known[at].advice;
	if (strncmp(reason, path, strlen(path)) == 0)
		reason += prefix;
	snprintf(problem, size, "%s%s", reason, advice);
}

native_function *native_load(const char *directory, const char *handler, char *problem, size_t size)
{
	char file[NAME_MAX + 1] = "", path[PATH_MAX];
	const char *symbol = USUAL_SYMBOL;
	const char *colon = handler == NULL ? NULL : strrchr(handler, ':');
	if (colon != NULL && colon[1] != '\0')
		symbol = colon + 1;
	size_t file_length = handler == NULL ? 0 : colon == NULL ? strlen(handler) : (size_t)(colon - handler);
	if (file_length == 0) {
		int count = find_library(directory, file, sizeof file);
		if (count != 1) {
			snprintf(problem, size,
				 "the function's folder has %d libraries (.so): name the handler as FILE.so:SYMBOL",
				 count);
			return NULL;
		}
		snprintf(path, sizeof path, "%s/%s", directory, file);
	} else
		snprintf(path, sizeof path, "%s/%.*s", directory, (int)file_length, handler);
	/* All of its symbols now: a missing one fails the deploy and no call. */
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		explain_dlopen(directory, path, problem, size);
		return NULL;
	}
	void *found = dlsym(library, symbol);
	if (found == NULL) {
		snprintf(problem, size,
			 "%s has no symbol %s: name yours with --handler %s:SYMBOL (C++ needs extern \"C\")",
			 path + strlen(directory) + 1, symbol, path + strlen(directory) + 1);
		return NULL;
	}
	native_function *function;
	memcpy(&function, &found, sizeof function);
	return function;
}
