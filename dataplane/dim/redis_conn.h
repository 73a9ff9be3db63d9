/* redis_conn.h - a connection to Redis by its URL: name and password given, database chosen.
 *
 * In:     redis://[USER@]HOST[:PORT][/DB] or unix://[USER@]/PATH[?db=DB]; a password.
 * Out:    hiredis' context, blocking, with time limits.
 * Owns:   what redis_url_parse was given stays the caller's.
 * Runs:   main, or the thread that keeps a dimension.
 * Limits: REDIS_CONNECT_S to connect, REDIS_ANSWER_S for an answer.
 */
#ifndef SL_DIM_REDIS_CONN_H
#define SL_DIM_REDIS_CONN_H

#include <hiredis/hiredis.h>

#include "dataplane/base/err.h"

#define REDIS_CONNECT_S 3
#define REDIS_ANSWER_S  20

struct redis_url {
	char host[256]; /* a path, of a socket in the file system */
	char user[128]; /* "": the default one */
	int port;       /* 0: host is a path */
	int db;
};

/* 0, or -EINVAL with a text that says what was expected. */
int redis_url_parse(const char *text, struct redis_url *ret_u, struct err *e);

/* @password: NULL for none. 0; -EACCES: Redis refused user or password; another -errno: it could
 * not be reached. With a text.
 */
int redis_open(const struct redis_url *u, const char *password, redisContext **ret_c,
	       struct err *e);

/* The next answer; the caller gives it to freeReplyObject. An answer that is an error comes as one.
 * -EIO with a text: the connection is broken.
 */
int redis_answer(redisContext *c, redisReply **ret_r, struct err *e);

/* Sends @argc words, and reads the answer, which must be no error. */
int redis_ask(redisContext *c, int argc, const char **argv, redisReply **ret_r, struct err *e);

#endif
