/* Loads the libraries of the system's name service (NSS) before they are needed. */
#ifndef GLEAN_SPAWN_NAMES_H
#define GLEAN_SPAWN_NAMES_H

/* For the server: each command looks up its user, and would otherwise load them again, which takes
 * longer than the lookup. Looks up nothing, which could hang. */
void spawn_names_load(void);

#endif
