/* parser_run.h - drives one parser over a session, as frame.c would, and watches the contract.
 *
 * In:     bytes of either direction in any slices, datagrams, gaps, the end.
 * Out:    copies of all frames, in order; the first broken promise, as text.
 * Owns:   everything it hands out, until parser_run_fini.
 * Runs:   tests. Every slice ends at an unreadable page, so a read beyond it ends the test.
 * Limits: RUN_UNREAD_MAX unread bytes a direction.
 */
#ifndef SL_TESTS_PARSER_RUN_H
#define SL_TESTS_PARSER_RUN_H

#include "ctl/memlist.h"
#include "dataplane/frame/frame_out.h"
#include "dataplane/sink/encode.h"

#define RUN_UNREAD_MAX (4u << 20)

struct run_frame {
	uint64_t stream_off, time_ns;
	uint8_t *bytes;
	size_t len, body_off, body_len;
	uint32_t idx;
	uint8_t body_kind, dir;
	bool cut;
	const char *unparsed;
	char *meta;        /* or NULL */
	const char *error; /* what extract said; NULL without BODY_PARSER */
	char *record;      /* its JSON text, with keep_records and BODY_PARSER; or NULL */
	uint64_t identity; /* of the frame's origin, where it is not the session; or 0 */
	uint8_t *ground;   /* with keep_ground: what its letter would keep; or NULL */
	size_t ground_len;
};

struct run_direction {
	uint8_t *unread;
	size_t len, needed;
	uint64_t off;    /* of the first unread byte */
	uint64_t due_ns; /* what the last call said */
	bool after_gap, seen, wake, left;
};

struct parser_run {
	const struct parser *parser;
	void *conf, *state, *pool;
	void *memo;         /* stays from session to session; NULL: none */
	struct memlist mem; /* texts and lists of conf */
	uint64_t time_ns;
	unsigned burst;    /* frames a burst */
	unsigned n_calls;  /* of parse, on a stream */
	bool keep_records; /* the text of each record too, from the value `_id` on */
	bool keep_ground;
	bool left_open; /* parser_run_end: no side has closed */
	bool bad;       /* the parser gave up a direction */
	size_t consumed, skipped, passed_over, left_over;
	const char *why;  /* the last one */
	char broken[256]; /* the first broken promise, or "" */
	struct run_frame *frames;
	size_t n_frames, cap_frames;
	uint16_t port[2];

	/* inside */
	struct run_direction dirs[2];
	struct frame_out out;
	struct batch batch;
	struct frame burst_frames[BATCH_RECS_MAX];
	struct rec_builder *rb;
	struct schema schema;
	struct names *names;
	struct encode_ctx encode;
	uint8_t *guard; /* RUN_UNREAD_MAX bytes, then an unreadable page */
};

/* Options at their defaults; change run->conf and run->burst before the first byte. Ends the
 * process when memory is short.
 */
void parser_run_init(struct parser_run *run, const struct parser *parser);
void parser_run_fini(struct parser_run *run);

/* A new session with the same options: frames and counts are forgotten. */
void parser_run_reset(struct parser_run *run);

void parser_run_data(struct parser_run *run, unsigned dir, const void *bytes, size_t len);
void parser_run_datagram(struct parser_run *run, unsigned dir, const void *bytes, size_t len);
void parser_run_gap(struct parser_run *run, unsigned dir, size_t len);
/* There is no memory for what is unread; what stays so is left over. */
void parser_run_no_room(struct parser_run *run, unsigned dir);
void parser_run_end(struct parser_run *run);

/* @k becomes a letter with @ground, which this run reads again. */
void parser_run_again(struct parser_run *run, const struct run_frame *k, struct slice ground);

/* TCP acknowledges the first @n bytes of a direction. */
void parser_run_ack(struct parser_run *run, unsigned dir, uint64_t n);

/* The same bytes, places, kinds and texts. */
bool run_frame_same(const struct run_frame *a, const struct run_frame *b);

/* The parser's answer to these first bytes of a direction. */
enum probe parser_run_probe(struct parser_run *run, unsigned dir, bool datagram, const void *bytes,
			    size_t len);

#endif
