/* http1_known.h - heads whose lines are those of a head before, but for some values.
 *
 * In:     a whole head, from its first byte.
 * Out:    what http1_head_read makes of it, or no answer.
 * Owns:   the lines of HTTP1_KNOWN_MAX heads, for all sessions of a worker and source.
 * Runs:   worker.
 * Limits: HTTP1_KNOWN_LINES header lines, HTTP1_LINE_BYTES of each; what is folded, repeated or
 * written in an unusual way is not known.
 *
 *     POST /v5/x HTTP/1.1 CRLF              read, each time
 *     Accept: text/html CRLF                LINE_NAME: the name is the same, the value is of no use
 *     Host: msg.example.com CRLF            LINE_SPAN: the name is the same, this is the value
 *     Content-Type: application/json CRLF   LINE_SAME: all of it is the same, and what it says too
 *     Content-Length: 485 CRLF              LINE_LENGTH: the name is the same, and it is a number
 *     CRLF
 *
 * One program sends the same names in the same order, so that a line takes a comparison in place of
 * being searched for a name. Which heads are known changes nothing but how long it takes.
 */
#ifndef SL_PARSERS_HTTP1_KNOWN_H
#define SL_PARSERS_HTTP1_KNOWN_H

#include "parsers/http1.h"

#define HTTP1_KNOWN_MAX   32
#define HTTP1_KNOWN_LINES 24
#define HTTP1_LINE_BYTES  64

enum http1_line_kind { LINE_NAME, LINE_SPAN, LINE_SAME, LINE_LENGTH };

struct http1_known_line {
	uint8_t text[HTTP1_LINE_BYTES];
	uint64_t bits; /* a bit for each byte of text that is compared */
	uint8_t len;   /* of them */
	uint8_t kind;  /* enum http1_line_kind */
	uint8_t span;  /* enum http1_span */
};

struct http1_known_head {
	struct http1_known_line lines[HTTP1_KNOWN_LINES];
	uint64_t hash;
	unsigned n_lines; /* 0: none is known here */
	/* What the lines say that are the same. */
	uint16_t flags;
	uint8_t type;
	struct http1_codings codings;
};

/* All zero at first: struct parser's memo. */
struct http1_known {
	struct http1_known_head heads[HTTP1_KNOWN_MAX];
	uint8_t last[2]; /* the one learnt last of requests, of answers; from 1, like all of these
			  */
	uint8_t next[HTTP1_KNOWN_MAX + 1]; /* the one learnt behind each: a session has a few */
	unsigned wait; /* unknown heads to let pass before one is learnt; a known one is several */
};

/* All of the head that @bytes, one at least, begin with, which has the lines of @h, into @m, in
 * which nothing but its start is set. False: it is another one, or not all here, and @m holds
 * anything. The three do the same, each with what its processor has.
 */
typedef bool http1_known_run(const struct http1_known_head *h, struct http1_msg *m,
			     struct slice bytes, bool answer);
http1_known_run http1_known_sse, http1_known_avx2, http1_known_avx512;

/* The same as http1_head_read, and as fast as may be: @k, or NULL, is asked, and learns. *io_at is
 * what the session keeps, 0 at first: which of the known ones its head before was.
 */
enum http1_step http1_head_next(struct http1_known *k, uint8_t *io_at, struct http1_msg *m,
				struct slice bytes, bool answer, uint64_t bytes_max,
				const char **ret_why);

#endif
