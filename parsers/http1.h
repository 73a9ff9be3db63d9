/* http1.h - the parts of the HTTP/1 parser (RFC 9110, RFC 9112), for each other.
 *
 * In:     bytes of one direction, from the beginning of a message.
 * Out:    heads, body bytes without their codings, pieces of bodies.
 * Owns:   nothing; results point into the bytes or into scratch.
 * Runs:   worker.
 * Limits: named at each function.
 *
 *     POST /v5/x?a=1 HTTP/1.1 CRLF        start line      http1_head.c
 *     Host: msg.example.com CRLF          header lines    http1_known.c
 *     Content-Encoding: gzip CRLF
 *     Transfer-Encoding: chunked CRLF
 *     CRLF
 *     1f4 CRLF 500 bytes CRLF             chunks          http1_chunk.c
 *     0 CRLF CRLF
 *       gzip > [{...},{...}]              codings         http1_body.c
 *               {...} {...}               events          http1_split.c, http1_event.c
 *
 * http_parser, which could have read the heads, takes 600 ns for one of 260 bytes; the budget of a
 * whole request is 333. It is the referee of the tests instead: both must agree.
 */
#ifndef SL_PARSERS_HTTP1_H
#define SL_PARSERS_HTTP1_H

#include "dataplane/base/slice.h"
#include "dataplane/frame/parser.h"

#define HTTP1_CODINGS_MAX 4
#define HTTP1_METHOD_MAX  32

struct http1_conf {
	struct opt_strings host, path, methods;
	uint64_t answer_wait_ns;
	uint64_t body_bytes_max, header_bytes_max;
	int64_t events_max;
	bool bare, trust_forwarded;
	int text; /* enum http1_text */
};

enum http1_text { HTTP1_TEXT_BODY, HTTP1_TEXT_LINES };

enum http1_span { SPAN_TARGET, SPAN_HOST, SPAN_AGENT, SPAN_REFERER, SPAN_FORWARDED, HTTP1_N_SPANS };

enum http1_coding { CODING_GZIP, CODING_DEFLATE, CODING_ZSTD, CODING_BROTLI, CODING_OTHER };

/* What a Content-Type says of the body. */
enum http1_type {
	HTTP1_TYPE_MISSING,
	HTTP1_TYPE_JSON,
	HTTP1_TYPE_LINES, /* a JSON value a line */
	HTTP1_TYPE_FORM,
	HTTP1_TYPE_TEXT,
	HTTP1_TYPE_OPAQUE, /* of no use for events, so it need not be kept */
};

enum http1_flag {
	HEAD_LENGTH = 1 << 0,       /* Content-Length, a number */
	HEAD_BAD_LENGTH = 1 << 1,   /* not a number, or two that differ */
	HEAD_CHUNKED = 1 << 2,      /* chunked is the last transfer coding */
	HEAD_BAD_TRANSFER = 1 << 3, /* where the body ends cannot be known */
	HEAD_UPGRADE = 1 << 4,      /* Upgrade: is there */
	HEAD_UPGRADE_CONN = 1 << 5, /* Connection: upgrade */
	HEAD_MANY_CODINGS = 1 << 6, /* more than HTTP1_CODINGS_MAX */
	HEAD_EXPECT = 1 << 7,       /* Expect: 100-continue */
	HEAD_FOLDED = 1 << 8,       /* some header goes on in the next line */
};

/* Where a message stands while it is read. All zero is the state before the first byte. */
enum http1_phase {
	PHASE_BEGIN,  /* between messages */
	PHASE_HEAD,   /* from the start line to the empty line */
	PHASE_LENGTH, /* body_left bytes of body follow */
	PHASE_CHUNKS,
	PHASE_CLOSE, /* an answer that ends with the connection */
	PHASE_SEARCH /* after a hole or after nonsense: where does the next message begin? */
};

enum http1_chunk_phase {
	CHUNK_SIZE,
	CHUNK_BYTES,
	CHUNK_CRLF,
	CHUNK_TRAILER,
	CHUNK_DONE,
	CHUNK_BAD
};

struct http1_chunks {
	uint64_t left;
	uint32_t trailer_bytes;
	uint8_t phase;
};

struct http1_part {
	uint32_t off, len; /* from the message's first byte */
};

/* In the order in which the sender has put them on. */
struct http1_codings {
	uint8_t n_transfer, n_content;
	uint8_t transfer[HTTP1_CODINGS_MAX], content[HTTP1_CODINGS_MAX];
};

struct http1_msg {
	uint64_t start; /* stream offset of the first byte */
	uint64_t at;    /* stream offset up to which it was read */
	uint64_t length;
	uint64_t body_left;
	uint32_t line; /* where the line at hand begins, from the start */
	uint32_t scan; /* searched for the line's end up to here */
	uint32_t head_len;
	struct http1_part span[HTTP1_N_SPANS];
	struct http1_chunks chunks;
	uint16_t flags; /* enum http1_flag */
	uint16_t status;
	uint8_t phase; /* enum http1_phase */
	uint8_t type;  /* enum http1_type */
	uint8_t method_len;
	struct http1_codings codings;
	bool skipping;    /* its event is out: the rest is consumed as it comes */
	bool wanted;      /* skipping: an event would have needed these bytes, they are a loss */
	bool passed_over; /* skipping: filtered */
	bool unsure;      /* an answer to who knows what: HEAD has a length and no body */
};

static_assert(sizeof(struct http1_msg) == 128, "cleared by http1_msg_begin");

/* A head begins at stream offset @at. Cleared by parts: as a whole it is done by an instruction
 * that takes as long as a head of three lines.
 */
static inline void http1_msg_begin(struct http1_msg *m, uint64_t at)
{
	for (unsigned i = 0; i < sizeof(*m); i += 32) {
		memset((uint8_t *)m + i, 0, 32);
		__asm__("" : "+r"(m) : : "memory"); /* the compiler would join them again */
	}
	m->phase = PHASE_HEAD;
	m->start = m->at = at;
}

enum http1_step { HTTP1_MORE, HTTP1_DONE, HTTP1_BROKEN };

/* --- http1_head.c ------------------------------------------------------------------------------*/

/* Reads on in the head of @m; @bytes begin at the message's first byte. DONE: head_len is set.
 * Never looks at a byte twice, but for the last one of the call before. BROKEN with *ret_why.
 */
enum http1_step http1_head_read(struct http1_msg *m, struct slice bytes, bool answer,
				uint64_t bytes_max, const char **ret_why);

/* Reads the first line of a head, its @len bytes up to the line feed. False: it is none. */
bool http1_start_line(struct http1_msg *m, const uint8_t *p, uint32_t len, bool answer);

/* Could a request (an answer) begin here? DONE: its first token is whole and fits. */
enum http1_step http1_request_begins(struct slice bytes);
enum http1_step http1_answer_begins(struct slice bytes);

/* Is the method one of the IANA registry, or of WebDAV, Icecast, UPnP, Subversion? */
bool http1_method_known(struct slice method);

/* Searches for the next request line (status line) from @from on. True: *ret_at is where it begins.
 * False: it cannot begin before *ret_at, and the search goes on from *ret_scan with more bytes.
 * @behind_hole: bytes are missing right before the first one.
 */
bool http1_request_find(struct slice bytes, size_t from, bool behind_hole, size_t *ret_at,
			size_t *ret_scan);
bool http1_answer_find(struct slice bytes, size_t *ret_at);

static inline struct slice http1_span_of(const struct http1_msg *m, struct slice bytes,
					 enum http1_span i)
{
	return slice_of(bytes.ptr + m->span[i].off, m->span[i].len);
}

/* --- http1_chunk.c ---------------------------------------------------------------------------- */

/* One step through a chunked body. Returns the bytes taken, 0 when more are needed or the phase is
 * CHUNK_DONE or CHUNK_BAD; *ret_data is the part of them that is body.
 */
size_t http1_chunks_next(struct http1_chunks *k, struct slice in, uint64_t trailer_max,
			 struct slice *ret_data);

/* --- http1_body.c ----------------------------------------------------------------------------- */

/* Scratch of one call of parse, taken once and reused from request to request. */
struct http1_work {
	uint8_t *base;
	size_t cap, used;
};

void *http1_work_take(struct http1_work *w,
		      size_t len); /* aligned to 16; NULL when it is used up */

/* The body of a whole message without chunks and codings. Returns NULL, or a static text that says
 * what is wrong with it.
 */
const char *http1_body_decode(const struct http1_msg *m, struct slice message, uint64_t bytes_max,
			      struct http1_work *w, struct slice *ret_body);

/* --- http1_split.c ---------------------------------------------------------------------------- */

enum http1_shape {
	SHAPE_NONE,  /* nothing in it that an event could be made of */
	SHAPE_ONE,   /* one JSON value */
	SHAPE_ARRAY, /* a JSON array: an event an element */
	SHAPE_LINES, /* a JSON value a line */
	SHAPE_FORM,
	SHAPE_TEXT,
	SHAPE_TEXT_LINES,
};

enum http1_type http1_type_of(struct slice content_type);

/* What the body is, by its type and its first bytes. */
enum http1_shape http1_shape_of(enum http1_type type, struct slice body, bool text_lines);

/* The next element (line) from *io_off on. False: there is none. An element that does not end is
 * everything up to the end of the body.
 */
bool http1_array_next(struct slice body, size_t *io_off, struct slice *ret_element);
bool http1_line_next(struct slice body, size_t *io_off, struct slice *ret_line);

/* --- http1_event.c ---------------------------------------------------------------------------- */

/* What is let pass around a value, and in front of a colon. */
static inline bool http1_is_blank(uint8_t c)
{
	return c <= ' ' && (c == ' ' || c == '\t' || c == '\r' || c == '\n');
}

/* One request, whole or cut, on its way out. */
struct http1_request {
	const struct http1_msg *msg;
	struct slice bytes; /* from its first byte to its last */
	uint64_t time_ns;
	uint16_t status;     /* 0: not known */
	const char *why;     /* not NULL: its body is of no use */
	bool cut;            /* its body has a hole or is not over */
	struct slice client; /* of http1_address_put, HTTP1_ADDRESS_MAX readable bytes */
};

/* How far the events of a request are out; all zero before the first. */
struct http1_progress {
	uint32_t idx;
	uint32_t off;
};

/* Bytes of a call that no frame has. */
struct http1_tally {
	size_t lost, passed_over;
	const char *why; /* of lost */
};

/* Host and path as filters and events see them. */
struct http1_place {
	struct slice method, host, path, query;
};

/* Writes an address of 16 bytes as text with its quotes. Returns its length. */
#define HTTP1_ADDRESS_MAX 48
size_t http1_address_put(const uint8_t *addr, uint8_t *out);

struct http1_place http1_place_of(const struct http1_msg *m, struct slice bytes);
bool http1_wanted(const struct http1_conf *conf, const struct http1_place *place);

/* False when the burst is full: call again with the same progress. */
bool http1_events_put(const struct http1_conf *conf, const struct http1_request *r,
		      struct http1_work *w, struct http1_progress *io_progress,
		      struct frame_out *out, struct http1_tally *io_tally);

#endif
