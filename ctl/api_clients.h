/* api_clients.h - who is connected to the API, and for how long without having asked.
 *
 * In:     connections that begin and end, heads of requests that are whole, answers that are sent.
 * Out:    connections of those that are cut off, shut down: their server sees the end.
 * Owns:   a place for each connection; not its file descriptor.
 * Runs:   the thread of one daemon of libmicrohttpd.
 * Limits: API_CLIENTS_MAX at once, of them API_STRANGERS_MAX that may not even look. Beyond it a
 *         newcomer is cut off, once those are gone that took API_HEAD_S to say what they want.
 *
 * The library cuts off who is silent. Who sends a byte now and then is not, and could hold all
 * places for a day; anybody on the host can connect to the socket.
 */
#ifndef SL_CTL_API_CLIENTS_H
#define SL_CTL_API_CLIENTS_H

#include <stdbool.h>
#include <stdint.h>

#define API_STRANGERS_MAX 64
#define API_HEAD_S        10

struct api_clients;
struct api_client; /* of one connection, until it has ended */

struct api_clients *api_clients_create(unsigned n_max); /* NULL: no memory */
void api_clients_destroy(struct api_clients *c);        /* accepts NULL */

/* NULL: there is no room, and @fd is shut down. */
struct api_client *api_clients_begin(struct api_clients *c, int fd, bool is_stranger,
				     uint64_t now_ns);
/* @one may be NULL here, of a connection that found no room. */
void api_client_asked(struct api_client *one);
void api_client_answered(struct api_client *one, uint64_t now_ns);
void api_clients_end(struct api_clients *c, struct api_client *one);

#endif
