/* The options of the sockets between clients and leased workers, the same on both sides. */
#ifndef GLEANER_SOCKETS_H
#define GLEANER_SOCKETS_H

/* Small frames leave at once, and a peer whose host is gone is noticed within seconds. */
void socket_tune(int fd);

#endif
