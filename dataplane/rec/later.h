/* later.h - a value whose text is written when somebody asks for it, and never else.
 *
 * In:     struct later in the arena of a batch, made by who knows how to write it (a parser).
 * Out:    its text, one JSON value, the same each time.
 * Owns:   nothing. What it is made of lives to the end of the worker's turn, as rec->change does.
 * Runs:   worker.
 * Limits: text of at most JSON_TEXT_FACTOR times val.len bytes.
 *
 *     struct val { VAL_LATER, off, len }        len: a sixth of the longest text, so that what
 *                             |                 bounds all other types bounds this one, too
 *                             v
 *     struct later | what its kind needs
 *
 * A filter, a sink that writes nothing and a projection of other fields do not pay for it. Encoders
 * that cannot write it themselves, and what keeps a record longer than the turn, take rec_settled.
 */
#ifndef SL_REC_LATER_H
#define SL_REC_LATER_H

#include "dataplane/rec/json_text.h"
#include "dataplane/rec/rec.h"

#define LATER_SLACK 32 /* what a kind may write behind its text */

struct later;

/* Some members of an object, for a reader that wants no other. */
struct later_pick {
	const struct slice *keys; /* UTF-8, as they are */
	unsigned n;
	/* The kind's own, zero at first: what it knows of the keys, and by which table. */
	const void *of;
	uint64_t stamp, members;
};

struct later_kind {
	/* Writes the text to @out, which has room for the longest one and LATER_SLACK; its end. */
	uint8_t *(*put)(struct later *l, uint8_t *out);
	/* The same with the members of @pick alone, or more of them. NULL: put is meant. */
	uint8_t *(*put_some)(struct later *l, struct later_pick *pick, uint8_t *out);
};

struct later {
	const struct later_kind *kind;
};

/* @text_max: the longest text. */
static inline struct val later_val(uint32_t off, size_t text_max)
{
	return val_of(VAL_LATER, off, (text_max + JSON_TEXT_FACTOR - 1) / JSON_TEXT_FACTOR);
}

static inline uint8_t *later_put(const uint8_t *base, struct val v, uint8_t *out)
{
	struct later *l = (struct later *)(base + v.off);
	return l->kind->put(l, out);
}

/* @v itself, or the VAL_JSON that it becomes, in the arena; VAL_ABSENT: there is no room for it. */
struct val later_settle(struct arena *a, struct val v);

/* The same where only the members of @pick will be looked at. */
struct val later_settle_some(struct arena *a, struct val v, struct later_pick *pick);

/* @r itself where nothing of it is LATER, else a copy in which all is written. NULL: no room. */
struct rec *rec_settled(struct batch *b, struct rec *r);

#endif
