/* Finds libfabric where the program runs: one that was built with it runs without as well. */
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

#include "ofi_state.h"

static bool find(void *library, const char *name, void *function)
{
	void *found = dlsym(library, name);
	memcpy(function, &found, sizeof found);
	return found != NULL;
}

/* It stays loaded, as providers keep state of the process. */
const struct ofi_library *ofi_library(void)
{
	static struct ofi_library found;
	static bool has_looked, is_there;
	if (has_looked)
		return is_there ? &found : NULL;
	has_looked = true;
	void *library = dlopen("libfabric.so.1", RTLD_NOW | RTLD_LOCAL);
	is_there = library != NULL && find(library, "fi_getinfo", &found.getinfo) &&
		   find(library, "fi_freeinfo", &found.freeinfo) && find(library, "fi_dupinfo", &found.dupinfo) &&
		   find(library, "fi_fabric", &found.fabric) && find(library, "fi_strerror", &found.strerror);
	return is_there ? &found : NULL;
}

const char *ofi_missing(void)
{
	return ofi_library() == NULL ? "libfabric.so.1 is not on this machine: install libfabric1" : NULL;
}
