/* client.h - sluicectl's side of the API.
 *
 * In:     where sluiced answers, a path and its arguments.
 * Out:    the reply, as JSON or text.
 * Owns:   its connection.
 * Runs:   sluicectl's one thread.
 * Limits: CLIENT_WAIT_S for an answer, unless the caller waits for what takes its time.
 */
#ifndef SL_CTL_CLIENT_H
#define SL_CTL_CLIENT_H

#include <jansson.h>
#include <stdbool.h>

#include "dataplane/base/err.h"

#define CLIENT_WAIT_S 10

struct client_conf {
	const char *socket; /* path of the Unix socket */
	const char *url;    /* in place of it: http://host:port or https://host:port */
	const char *token;  /* for url */
	const char *ca;     /* PEM file that signs the server's certificate; NULL: the system's */
};

struct client;

int client_open(const struct client_conf *conf, struct client **ret_c, struct err *e);
void client_close(struct client *c); /* accepts NULL */

/* From now on an answer may take as long as it takes, but a connection CLIENT_WAIT_S. */
void client_wait_for_ever(struct client *c);

/* @path: "/metrics". The text is the caller's, for free(). 0, or -errno with a text; -EREMOTEIO
 * when the server refused: the text is the server's.
 */
int client_get(struct client *c, const char *path, char **ret_text, struct err *e);

/* A command with its arguments: @n pairs of name and value. */
int client_run(struct client *c, const char *command, bool changes, const char *const *pairs,
	       unsigned n, json_t **ret_reply, struct err *e);

/* The same of a command that streams: @line gets each line, without its end, as it comes. False:
 * that is enough. 0 also when @stop was set, which is looked at every second, and by signals.
 */
int client_stream(struct client *c, const char *command, bool changes, const char *const *pairs,
		  unsigned n, bool (*line)(void *arg, const char *text, size_t len), void *arg,
		  const volatile bool *stop, struct err *e);

#endif
