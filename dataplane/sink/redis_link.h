/* redis_link.h - one connection to Redis that never blocks: made, greeted, lost, made again.
 *
 * In:     where Redis is; commands, put one behind the other; the time.
 * Out:    answers, in the order of the commands.
 * Owns:   the connection, the bytes that are not sent yet.
 * Runs:   main (open), then the sink's thread.
 * Limits: REDIS_LINK_OUT_MAX bytes not sent. A name that has to be looked up blocks as long as the
 *         resolver does. Between tries 100 ms, doubled up to 5 s, a part of it by chance.
 */
#ifndef SL_SINK_REDIS_LINK_H
#define SL_SINK_REDIS_LINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/base/slice.h"
#include "dataplane/dim/redis_conn.h"

#define REDIS_LINK_OUT_MAX (96u << 20)

enum redis_link_state {
	REDIS_LINK_DOWN,
	REDIS_LINK_CONNECTING,
	REDIS_LINK_GREETING, /* user, password, database */
	REDIS_LINK_UP,
};

struct redis_link {
	struct redis_url url;
	const char *password; /* as the option has it; NULL: none */
	uint64_t timeout_ns;  /* for an answer */

	enum redis_link_state state;
	redisContext *c;
	unsigned n_greetings;   /* answers to come before it is UP */
	uint64_t heard_ns;      /* the last answer, or when one was begun to be waited for */
	uint64_t again_ns;      /* DOWN: not before */
	uint64_t wait_ns;       /* between tries */
	bool refused;           /* by Redis: user, password, database */
	struct err why;         /* of the last failure; empty: there was none since it was UP */
	uint8_t *out;           /* REDIS_LINK_OUT_MAX, touched where it is used */
	size_t out_len, out_at; /* sent up to out_at */
};

/* 0, or -ENOMEM. url and password are set by the caller, and the rest is zero. */
int redis_link_init(struct redis_link *l);
void redis_link_fini(struct redis_link *l);

/* Goes on as far as it can without waiting. @waiting: answers to commands are owed. True once,
 * when it has come UP: nothing is owed any more.
 */
bool redis_link_step(struct redis_link *l, uint64_t now_ns, bool waiting);

/* Waits until something can be done, at most so long. */
void redis_link_wait(const struct redis_link *l, int ms);

/* The next answer, or NULL; the caller frees it. A connection that breaks is DOWN. */
redisReply *redis_link_answer(struct redis_link *l, uint64_t now_ns);

/* Gives the connection up; it is made again after a while. */
void redis_link_fail(struct redis_link *l, uint64_t now_ns, const char *why);

/* Commands: how many words follow, then each. */
void redis_link_words(struct redis_link *l, unsigned n);
void redis_link_word(struct redis_link *l, struct slice word);

#endif
