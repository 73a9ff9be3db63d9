/* dead_letter.h - what is kept of a frame or record that could not go on: its bytes, and why.
 *
 * In:     a record with its frame, or an encoded record that a sink has refused; the reason.
 * Out:    the same in one piece of bytes, and read from one.
 * Owns:   nothing: the texts of a letter are borrowed.
 * Runs:   any thread.
 * Limits: texts of 4 GiB.
 *
 * Little-endian; the texts stand one behind the other, in the order of enum dead_text:
 *
 *      0 | version | kind | stage | dir | body_kind | flags | 0 | 0 |
 *      8 | packet time in ns                                        |
 *     16 | session id                                               |
 *     24 | offset of the frame in its stream                        |
 *     32 | idx of the record    | where in raw the body begins       |
 *     40 | bytes of the body    | bytes of text 0 | of text 1 | ...  |
 *     92 | texts ...
 *
 * Version 1 has no ground, and begins its texts at 88.
 */
#ifndef SL_SINK_DEAD_LETTER_H
#define SL_SINK_DEAD_LETTER_H

#include "dataplane/frame/parser.h"

enum dead_kind {
	DEAD_FRAME = 1,  /* raw is the frame as its parser found it: it can be read again */
	DEAD_RECORD = 2, /* raw is the record in the format of its queue */
};

enum dead_stage { DEAD_EXTRACT, DEAD_NODE, DEAD_SINK, DEAD_N_STAGES };

enum dead_flag {
	DEAD_CUT = 1,      /* bytes of the frame are missing */
	DEAD_UNPARSED = 2, /* the parser itself gave it out as unreadable */
	DEAD_BARE = 4,     /* body and meta are not known: the record had waited */
};

enum dead_text {
	DEAD_REASON,    /* "division_by_zero" */
	DEAD_RULE,      /* what it failed in: the parser, the node or the queue */
	DEAD_SOURCE,    /* its name; of a record that a sink refused: none */
	DEAD_STREAM,    /* `_stream`, where it is not the source */
	DEAD_ORIGIN,    /* `"_src":"10.0.0.1:514","_dst":"10.0.0.9:514"` */
	DEAD_ID,        /* `_id` */
	DEAD_KEY,       /* DEAD_RECORD: the message's key */
	DEAD_META_NAME, /* "_http" */
	DEAD_META,      /* one JSON object, or nothing */
	DEAD_DETAIL,    /* the record as JSON, where it says more than the frame (row changes) */
	DEAD_RAW,
	DEAD_GROUND, /* what its parser needs to read the frame again, if that is more than raw */
	DEAD_N_TEXTS,
};

#define DEAD_HEAD_BYTES (44 + 4 * DEAD_N_TEXTS)

struct dead_letter {
	uint8_t kind, stage, dir, body_kind, flags;
	uint64_t time_ns, session_id, stream_off;
	uint32_t idx;
	uint32_t body_off, body_len; /* in raw */
	struct slice text[DEAD_N_TEXTS];
};

extern const char *const dead_stage_names[DEAD_N_STAGES]; /* "extract", "pipeline", "sink" */

/* Fills @l with what @r and its frame @f, NULL when that is gone, say; kind DEAD_FRAME. Reason,
 * rule, source, id and detail are the caller's.
 */
void dead_letter_of(struct dead_letter *l, const struct batch *b, const struct rec *r,
		    const struct frame *f);

/* Of a frame what its bytes do not say, for a record that outlives its burst: laid into the arena
 * of @b, with its @ground; empty when that is full. And back again into a letter that was filled
 * without the frame.
 */
struct slice dead_letter_about(struct batch *b, const struct frame *f, struct slice ground);
void dead_letter_recall(struct dead_letter *l, struct slice about);

size_t dead_letter_bytes(const struct dead_letter *l);

/* Writes dead_letter_bytes() to @out. */
void dead_letter_put(const struct dead_letter *l, uint8_t *out);

/* False: these bytes are no letter. */
bool dead_letter_read(struct slice bytes, struct dead_letter *ret_l);

#endif
