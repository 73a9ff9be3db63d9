/* parser.h - the interface of parsers/: slices of a session in, frames out.
 *
 * In:     the unread bytes of one direction, contiguous; gaps.
 * Out:    frames, through frame_put(); records of frames, through extract().
 * Owns:   nothing but state_size plain bytes per session, which frame zeroes before the first call.
 * Runs:   worker. A parser allocates nothing, logs nothing, never blocks.
 * Limits: frame.bytes_max unread bytes a direction; beyond it frame declares the frame too long.
 */
#ifndef SL_FRAME_PARSER_H
#define SL_FRAME_PARSER_H

#include "dataplane/base/err.h"
#include "dataplane/base/ledger.h"
#include "dataplane/base/line_ends.h"
#include "dataplane/base/option.h"
#include "dataplane/base/slice.h"
#include "dataplane/rec/rec.h"

enum parser_transport { PARSER_TCP = 1, PARSER_UDP = 2 };

enum probe { PROBE_NO, PROBE_MORE, PROBE_MAYBE, PROBE_YES };

/* OK: `consumed` bytes are done with; call again with what follows them (also when frame_put said
 * full). MORE: the same, and call again when `needed` bytes follow the consumed ones, so that
 * consumed + needed > len (needed may be a guess from below). BAD: not this protocol, or beyond
 * repair: this direction is left alone from here on, a counted loss. DONE: the session goes on as
 * something else (TLS, an upgrade): left alone too, and no loss.
 */
enum parse_status { PARSE_OK, PARSE_MORE, PARSE_BAD, PARSE_DONE };

struct parse_result {
	enum parse_status status;
	size_t consumed;
	size_t needed;
	size_t skipped; /* of the consumed: bytes that belong to no frame and are a loss (resync) */
	size_t passed_over; /* of the consumed: left out on purpose, by an option of the source */
	/* Static text for skipped, BAD and DONE, told in the ledger: "octet count is not a number",
	 * PARSER_TLS.
	 */
	const char *why;
	/* Packet time from which a call is wanted although no byte comes; 0: none. It may come
	 * later, so that what it brings must not depend on when.
	 */
	uint64_t due_ns;
	bool wake; /* call the other direction again: an answer has arrived that it waits for */
};

/* A record of TLS's handshake, which a stream may turn to wherever a frame begins. */
#define PARSER_TLS     "TLS"
#define PARSER_ANSWERS "what the server says is not read" /* of protocols that are one-way */

static inline bool parser_sees_tls(struct slice s)
{
	return s.len >= 3 && s.ptr[0] == 0x16 && s.ptr[1] == 3 && s.ptr[2] <= 4;
}

struct parse_in {
	struct slice data;   /* everything of this direction that was not consumed */
	uint64_t stream_off; /* of data.ptr[0] */
	uint64_t time_ns;    /* packet time of the newest byte */
	uint8_t dir;         /* 0: from the client */
	bool datagram;       /* data is one whole datagram: what is not consumed is lost */
	bool after_gap;      /* bytes are missing right before data: find the next frame's start.
			      * Stays set until the parser has consumed a byte */
	bool before_gap; /* bytes are missing right behind data: emit what is complete and waits,
			  * the rest is dropped */
	bool no_room;    /* with before_gap: nothing is missing; no more can be kept unread. What is
			  * not consumed now is dropped, and a hole */
	bool end;        /* nothing follows in this direction: emit what is complete */
	bool closed;     /* with end: its sender has ended it. Else what ends only there is cut */
	bool one_sided;  /* nothing of the other direction has been seen */
	void *pool;      /* of pool_create; NULL without one, and for probe */
	void *memo;      /* of memo_size bytes; NULL: do without */
	uint16_t port[2];       /* of client and server */
	uint8_t addr[2][16];    /* the same form as struct flow_session */
	struct line_ends *ends; /* of data, where it was laid down (struct parser); else NULL */
};

/* What a frame's body is, so that extract knows how to read it. */
enum frame_body {
	BODY_NONE,   /* the fields that the parser sets are all there is */
	BODY_TEXT,   /* a line: formats apply; else field `message` */
	BODY_JSON,   /* one JSON value */
	BODY_AUTO,   /* JSON when it begins with '{', else text */
	BODY_FORM,   /* application/x-www-form-urlencoded, or a query string */
	BODY_PARSER, /* the parser's own extract() reads it */
	BODY_RECORD, /* the fields of a record that sluice wrote, as a JSON object */
};

/* One frame, described by the parser. `bytes` is copied into the batch by frame_put; body must be a
 * part of bytes, or all of it.
 */
struct frame_desc {
	struct slice bytes;    /* the frame as it is kept: borrowed until frame_put returns */
	struct slice body;     /* part of bytes */
	uint64_t stream_off;   /* where the frame begins in its direction */
	uint32_t idx;          /* index of the record in the frame */
	uint8_t body_kind;     /* enum frame_body */
	struct slice meta;     /* one JSON object text (http1's `_http`), or empty */
	const char *meta_name; /* "_http" */
	uint64_t time_ns;      /* 0: the time of the call */
	const char *unparsed;  /* not NULL: the frame goes out as text with this as `_error` */
	bool cut;              /* bytes of the frame are missing (snap length, gap) */
	const void *aux;       /* the parser's own, for extract; see struct parser */
	/* Not 0: where the frame comes from, when that is not the session (a row change is of a log
	 * file, whoever reads it): then this, stream_off and idx are the record's _id.
	 */
	uint64_t identity;
};

struct frame_out; /* frame.c */

/* Adds a frame to the burst. False: the burst is full; return PARSE_OK with what was consumed
 * before this frame, and expect the same bytes again.
 */
bool frame_put(struct frame_out *out, const struct frame_desc *d);

/* The same for a frame of BODY_PARSER that is all body and has nothing else to say. */
bool frame_put_whole(struct frame_out *out, struct slice bytes, uint64_t stream_off, bool cut);

/* Scratch bytes for decoded bodies (gzip, chunks): @len bytes, padded by SL_PAD, valid until parse
 * returns. NULL beyond frame.bytes_max.
 */
uint8_t *frame_scratch(struct frame_out *out, size_t len);

/* How far scratch can grow: a decompressed body beyond it is the drop that parse names in `why`. */
size_t frame_scratch_max(const struct frame_out *out);

/* The most bytes that a direction may leave unread: frame.bytes_max. */
size_t frame_bytes_max(const struct frame_out *out);

/* A frame inside the batch, as extract() sees it. */
struct frame {
	/* What its records have of it, as they have it (REC_ID_BYTES). */
	uint64_t time_ns, session_id, stream_off;
	uint32_t idx;
	uint32_t origin_off; /* "_src"/"_dst" text in the arena: see struct rec */

	struct slice bytes, body; /* in the arena of the batch */
	struct val meta;          /* VAL_JSON or VAL_ABSENT */
	const char *meta_name;
	const char *unparsed;
	const void *aux;
	uint32_t session; /* index in flow */
	uint16_t origin_len;
	uint16_t source;
	uint8_t body_kind, dir;
	bool cut;
};

static_assert(offsetof(struct frame, session_id) == offsetof(struct rec, session_id) &&
		      offsetof(struct frame, stream_off) == offsetof(struct rec, stream_off) &&
		      offsetof(struct frame, idx) == offsetof(struct rec, idx) &&
		      offsetof(struct frame, origin_off) == offsetof(struct rec, origin_off),
	      "a record begins as its frame does");

/* Frames that are alike in all but their bytes, which are all body, idx and aux, and which stand
 * side by side. A run is held by who puts them, in registers, and given back by frame_run_end; in
 * between no other frame can be put.
 */
struct frame_run {
	struct frame *next, *end;
	const struct frame *like;
};

/* What @d has of bytes, body, meta, idx and aux counts for nothing. */
struct frame_run frame_run_begin(struct frame_out *out, const struct frame_desc *d);

/* @next: of the run. @full: a frame was refused, by frame_run_put or frame_block. */
void frame_run_end(struct frame_out *out, const struct frame *next, bool full);

/* One of @bytes, which are of a frame_block. False: the burst is full. */
static inline bool frame_run_put(struct frame_run *run, struct slice bytes, uint32_t idx,
				 const void *aux)
{
	struct frame *f = run->next;
	if (f == run->end)
		return false;
	*f = *run->like;
	/* Word by word: as a whole it would be read where its halves were just stored. */
	f->bytes.ptr = f->body.ptr = bytes.ptr;
	f->bytes.len = f->body.len = bytes.len;
	f->aux = aux;
	f->idx = idx;
	run->next = f + 1;
	return true;
}

/* The same of a stream that was laid down: frames of the kind that the parser names, of parts of
 * parse_in.data. A call of parse may begin several, one behind the other.
 */
struct frame_run frame_lines_begin(const struct frame_out *out);

static inline bool frame_line_put(struct frame_run *run, struct slice bytes, uint64_t stream_off)
{
	struct frame *f = run->next;
	if (!frame_run_put(run, bytes, 0, NULL))
		return false;
	f->stream_off = stream_off;
	return true;
}

/* Bytes of frames that are alike, in the arena of the batch:
 *
 *     head | frame | frame | frame | a part of one
 */
struct frame_block {
	const uint8_t *from; /* what was copied */
	const uint8_t *at;   /* where to */
	size_t len;
	uint32_t head_off; /* in the arena */
};

/* Copies @head, which no frame has, and of @bytes some FRAME_BLOCK_BYTES or all, @least at least.
 * @next: of the run. False: the burst is full.
 */
#define FRAME_BLOCK_BYTES 8192
bool frame_block(struct frame_out *out, const struct frame *next, struct slice head,
		 struct slice bytes, size_t least, struct frame_block *ret_b);

typedef const char *parser_extract(const void *conf, const struct frame *f, struct rec_builder *rb);

struct parser {
	const char *name;
	const char *summary;
	unsigned transports; /* PARSER_TCP | PARSER_UDP */
	const struct field_def
		*fields;        /* closed by .name = NULL; the fixed fields of its records */
	const struct opt *opts; /* source options of this parser, closed by OPT_END; or NULL */
	size_t conf_size, state_size;
	/* Bytes for each worker and source, all zero at first, in which a parser notes what comes
	 * again and again. What it holds may change how long a call takes, and nothing else.
	 */
	size_t memo_size;
	/* The longest frame of this protocol, where it must be longer than frame.bytes_max; or 0.
	 */
	size_t bytes_max;
	/* Its frames are nearly all bytes of a stream: these are laid into the batch, side by side,
	 * before parse is called, and are not copied again for each frame.
	 */
	enum frame_body lays_down; /* what they are; BODY_NONE: its bytes are left where they are */
	bool changes;              /* its records are of a database's log: rec/change.h */
	bool together; /* what is learnt in one session of a server is needed in others */
	const char *default_ports; /* for a replay without configuration: "udp:514 tcp:514,601" */

	/* What the table of options cannot say of @conf; main. Returns 0, or -EINVAL with a text
	 * about option *ret_opt and, where that is a list, its item *ret_item. May be NULL.
	 */
	int (*check)(const void *conf, const char **ret_opt, size_t *ret_item, struct err *e);
	/* Is this the start of a session of ours? @first: the first bytes of that direction. */
	enum probe (*probe)(const void *conf, const struct parse_in *first);
	struct parse_result (*parse)(void *state, const void *conf, const struct parse_in *in,
				     struct frame_out *out);
	/* For protocols in which a datagram is one frame and says nothing of the next: the part of
	 * @data that is the frame, empty where it holds none, to be read by extract(). It is what
	 * parse makes of a datagram, which then need not be called for them. May be NULL.
	 */
	struct slice (*datagram)(struct slice data);
	/* The other side has all bytes of direction in->dir before in->stream_off, TCP says: at
	 * in->time_ns, in order with the calls of parse, and with nothing in in->data. They may be
	 * bytes that were never seen. Only in sessions on the source's ports. May be NULL.
	 */
	void (*acked)(void *state, const struct parse_in *in);
	/* Fills the fixed fields and pairs of @rb from frame->body. Returns NULL, or a static text
	 * that says why the frame is not what it should be: then what was set so far is thrown away
	 * and extract makes a record with `message` = body and `_error`. Only with BODY_PARSER.
	 */
	parser_extract *extract;
	bool sets_all; /* extract sets each fixed field of what it does not refuse */
	/* The way of extract that this processor is best at, asked once a source. May be NULL. */
	parser_extract *(*extract_here)(void);

	/* Fills what is left to say of a frame that is unparsed, or that extract has refused (what
	 * that one had set is gone): in place of `message` = body. May be NULL.
	 */
	void (*dead)(const struct frame *f, struct rec_builder *rb);

	/* For dead letters. ground: what is needed to read @f again in another run, beside its
	 * bytes and its place, is put to @out; its length, or 0: that cannot be had, or not in
	 * @cap bytes. again: puts all frames that come of @f, whose bytes and place are those of
	 * a letter, and its @ground, neither of which may be what it was; one of them at least
	 * says so then (`unparsed`). When @out is full it is called again, with *io_done, which is
	 * 0 at first. Both or none; without them the bytes of a frame say all.
	 */
	size_t (*ground)(const void *pool, const struct frame *f, uint8_t *out, size_t cap);
	void (*again)(void *pool, const struct frame *f, struct slice ground, uint32_t *io_done,
		      struct frame_out *out);

	/* What must outlive a call of parse, or outgrow the state: one pool for each worker and
	 * source, made before the worker runs, so that nothing is allocated later. Sessions of all
	 * ages share it, and are not told when they end: what lies in it is found by a handle in
	 * the state, and may be gone. What `aux` of a frame points to must stay as it is until
	 * BATCH_RECS_MAX more frames have been put. Both may be NULL.
	 */
	int (*pool_create)(const void *conf, void *keep, void **ret_pool, struct err *e);
	void (*pool_destroy)(void *pool);

	/* A row of the ledger of its own, and what else a pool has seen: one JSON object text about
	 * all pools of a source (one a worker), at most @cap bytes, returned; 0: no room. For main,
	 * when the workers have ended. All three may be NULL.
	 */
	const struct ledger_table *ledger;
	const uint64_t *(*pool_row)(const void *pool);
	size_t (*pool_tell)(const void *const *pools, unsigned n, char *out, size_t cap);

	/* What is to outlive a run, in a file: one keeper a source, made by main before the pools,
	 * which take it and may hand things over to it later (without a wait). *ret_keep may be
	 * NULL: there is nothing to keep. keep_run is called by main before the workers start, then
	 * many times a second while they run, and once when they have ended (@last); it may block.
	 * Its failure is told, and does not stop workers that run. All three may be NULL.
	 */
	int (*keep_create)(const void *conf, void **ret_keep, struct err *e);
	int (*keep_run)(void *keep, bool last, struct err *e);
	void (*keep_destroy)(void *keep);
};

extern const struct parser *const parsers[]; /* parsers.c, closed by NULL */

#endif
