/* Serves one executor: forks a supervisor for each of its requests and passes control messages
 * on. */
#ifndef GLEAN_SPAWN_SERVE_H
#define GLEAN_SPAWN_SERVE_H

/* Runs until the executor closes its end of SPAWN_SOCKET_FD or dies; returns the exit status. When
 * this process ends, in whatever way, its supervisors kill what they supervise. */
int spawn_serve(void);

#endif
