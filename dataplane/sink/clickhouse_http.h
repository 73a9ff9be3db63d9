/* clickhouse_http.h - queries to ClickHouse over HTTP, several at a time, none of them waited for.
 *
 * In:     queries, with a body or without.
 * Out:    the answer's text, and what kind of failure it was.
 * Owns:   the connections. Text and body of a call are the caller's, and stay where they are until
 *         the call is done.
 * Runs:   main (open), then the sink's thread.
 * Limits: 8 connections; of an answer, what fits into the call's text. To connect 3 s.
 */
#ifndef SL_SINK_CLICKHOUSE_HTTP_H
#define SL_SINK_CLICKHOUSE_HTTP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/err.h"
#include "dataplane/base/option.h"

struct ch_http_conf {
	const char *url, *user, *password, *ca;
	uint64_t timeout_ns;
};

/* What became of a call. */
enum ch_verdict {
	CH_GOOD,
	CH_AGAIN,     /* nobody there, or a state that passes */
	CH_REFUSED,   /* user or password */
	CH_TABLE,     /* the table is not there, or must not be written to */
	CH_RECORD,    /* something in the body; `row` says where, if it was said */
	CH_TOO_LARGE, /* the body */
	CH_UNKNOWN,
};

struct ch_call {
	CURL *easy;
	struct curl_slist *headers;
	bool out; /* begun, and not done */
	char *text;
	size_t text_cap, text_len; /* a zero stands behind it */
	/* When it is done: */
	enum ch_verdict verdict;
	unsigned code; /* ClickHouse's number of the error; 0: there is none */
	uint32_t row;  /* of a body, from 1; 0: not said */
	struct err why;
};

struct ch_http {
	const struct ch_http_conf *conf;
	CURLM *multi;
};

/* 0, or -EINVAL or -ENOMEM with a text. @conf is borrowed. */
int ch_http_init(struct ch_http *h, const struct ch_http_conf *conf, struct err *e);
void ch_http_fini(struct ch_http *h);

/* @text of @cap bytes takes the answers. 0 or -ENOMEM. */
int ch_call_init(struct ch_call *c, char *text, size_t cap);
void ch_call_fini(struct ch_http *h, struct ch_call *c);

/* Begins a call: @query as it is; @params: what stands in the URL behind it, encoded, or "".
 * @encoding: of the body, or NULL. 0, or -errno with a text.
 */
int ch_http_begin(struct ch_http *h, struct ch_call *c, const char *query, const char *params,
		  const void *body, size_t len, const char *encoding, struct err *e);

/* Gives a call up. */
void ch_http_end(struct ch_http *h, struct ch_call *c);

/* Goes on with all calls; those that are done are no longer `out`. */
void ch_http_turn(struct ch_http *h);

/* Waits until something can be done, at most so long. */
void ch_http_wait(struct ch_http *h, int ms);

/* What an answer is: @status of HTTP, @text of ClickHouse ("Code: 27, ..."). */
enum ch_verdict ch_http_judge(long status, const char *text, unsigned *ret_code, uint32_t *ret_row);

#endif
