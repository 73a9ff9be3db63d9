/* api.h - the commands over HTTP with JSON: a Unix socket, and a TCP port where one is configured.
 *
 * In:     GET (POST of what changes something) /v1/<command>?<argument>=<value>, /metrics,
 *         /v1/openapi.json.
 * Out:    the reply as JSON, or {"error": text} with 400, 401, 403, 404, 405, 413, 500, 503.
 * Owns:   its listening sockets and a thread for each; those of api_wait.h and api_answers.h.
 * Runs:   start, stop: main. Answers: the API's threads; none waits for a worker or a sink.
 * Limits: API_CLIENTS_MAX clients; a request of at most API_REQUEST_MAX bytes; a client that is
 *         silent for API_IDLE_S is cut off, and one that is slow as api_clients.h says.
 *
 * Who may ask is told by the socket's peer credentials (unix(7)): root, the user that sluiced runs
 * as, and members of `admin_group` may change things; members of `group` may look. Over TCP the
 * token may do both.
 */
#ifndef SL_CTL_API_H
#define SL_CTL_API_H

#include <sys/types.h>

#include "ctl/control.h"

#define API_CLIENTS_MAX 1200
#define API_REQUEST_MAX (16u << 10)
#define API_IDLE_S      10
#define API_TOKEN_MIN   16

struct api;

/* Is there a socket or a port that it is to serve? */
bool api_is_wanted(const struct api_conf *conf);

/* 0, or -errno with a text: -EADDRINUSE when another process serves the socket. A text of success
 * is a notice. @conf and @c are borrowed until stop.
 */
int api_start(const struct api_conf *conf, struct control *c, struct api **ret_api, struct err *e);
void api_stop(struct api *api); /* accepts NULL */

/* ---- api_peer.c ---- */

enum api_access { API_NOTHING, API_LOOK, API_CHANGE };

/* What the process at the other end of Unix socket @fd may do. */
enum api_access api_peer_access(int fd, const struct api_conf *conf);

/* @header: "Bearer <token>". In constant time for all tokens of one length. */
bool api_token_is(const char *header, const char *token);

/* A listening socket at @path, in place of one that nobody serves any more. fd or -errno. */
int api_listen_unix(const char *path, struct err *e);
int api_listen_tcp(const char *address, struct err *e);

#endif
