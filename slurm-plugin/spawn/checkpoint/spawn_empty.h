/* Empties a folder by its descriptor, with the rights of this process. */
#ifndef GLEAN_SPAWN_EMPTY_H
#define GLEAN_SPAWN_EMPTY_H

/* Removes everything in the folder except `kept`, a name in the folder itself or NULL. 0, or the
 * first error; what could be removed is gone then, too. */
int spawn_empty(int folder, const char *kept);

#endif
