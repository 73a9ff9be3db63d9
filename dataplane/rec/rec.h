/* rec.h - the record: what extraction makes of a frame, and what the graph and the sinks work on.
 *
 * In:     a frame in the arena of its batch, and values that point into the same arena.
 * Out:    struct rec, followed in the arena by its values.
 * Owns:   nothing; everything of a record lies in the arena of its batch and ends with it.
 * Runs:   worker.
 * Limits: 65,535 values a record.
 *
 *     struct rec | val of schema field 0 .. n_fixed-1 | key val, val | key val, val | ...
 *                  names from the schema                 n_pairs pairs, keys in the arena or
 * VAL_NAME
 *
 * Fields of a protocol are fixed (syslog's hostname); fields that the sender names (JSON,
 * key=value, structured data) and fields of formats are pairs. JSON output keeps this order.
 */
#ifndef SL_REC_REC_H
#define SL_REC_REC_H

#include "dataplane/base/bytes.h"
#include "dataplane/rec/change.h"
#include "dataplane/rec/names.h"
#include "dataplane/rec/val.h"

/* One field that a parser promises. */
struct field_def {
	const char *name;
	enum val_type type; /* what it is when it is there */
	const char *help;
};

/* `","name":"` in a place of fixed size, which is copied whole: with the quotes of a text in front
 * of it and of one behind. What stands behind the last text is `"}` and a line feed. len is of all
 * that; 0 when the name is longer.
 */
struct schema_key {
	uint8_t text[31];
	uint8_t len;
};

/* The fixed fields of a parser, with their JSON spelling (`"name":`), made by schema_init. */
struct schema {
	const struct field_def *fields;
	uint16_t n_fields;
	struct slice *json;      /* n_fields of them */
	struct schema_key *keys; /* n_fields, and what is behind the last one */
	uint32_t json_bytes;     /* of all of json */
	bool short_keys;         /* keys has all of them */
	bool lent;               /* json and keys are another schema's, which outlives this one */
};

int schema_init(struct schema *s, const struct field_def *fields, uint16_t n_fields);
/* The same fields as @of, which lends their spelling: a cache then has it once for both. */
void schema_share(struct schema *s, const struct schema *of);
void schema_fini(struct schema *s);

#define SCHEMA_JOINED_MAX 64
struct schema_room {
	struct field_def fields[SCHEMA_JOINED_MAX];
	struct slice json[SCHEMA_JOINED_MAX];
	struct schema_key keys[SCHEMA_JOINED_MAX + 1];
};

/* The fields of @a, then those of @b, which both outlive it, laid into @room: nothing is allocated.
 * False: they are too many.
 */
bool schema_join(struct schema *s, const struct schema *a, const struct schema *b,
		 struct schema_room *room);

enum rec_flag {
	REC_UNPARSED = 1,  /* the frame did not have the shape it should have: error says why */
	REC_CUT = 2,       /* some of the frame's bytes are missing */
	REC_REPAIRED = 4,  /* values had bytes that are not UTF-8, and have U+FFFD by now */
	REC_NO_FORMAT = 8, /* the source has formats, and none fitted */
	REC_LATER = 16,    /* some value may be VAL_LATER */
};

struct rec {
	/* line 1: identity, which begins as a frame does (frame/parser.h) */
	uint64_t time_ns;    /* packet time, since 1970 UTC */
	uint64_t session_id; /* hash of addresses, ports, protocol and the session's start */
	uint64_t stream_off; /* bytes of the stream before this frame, in its direction */
	uint32_t idx;        /* index in the frame, from 0 (a JSON array is many records) */
	uint32_t origin_off; /* `"_src":"10.0.0.1:514","_dst":"10.0.0.9:514"` in the arena */
	uint32_t frame_off, frame_len; /* the frame's own bytes, in the arena */
	const struct schema *schema;
	uint16_t origin_len;
	uint16_t source; /* index of the source, in configuration order */
	uint16_t n_pairs;
	uint8_t dir : 1;  /* 0: from the client (who opened the session), 1: to it */
	uint8_t hops : 7; /* queues that it has come through before (sink/out_hops.h) */
	uint8_t flags;
	/* and what is rarely looked at */
	const char *error;           /* static text, when REC_UNPARSED; else NULL */
	struct val stream;           /* VAL_ABSENT: the name of the source */
	const struct change *change; /* change.h; NULL: it is not of a database's log */
	struct val vals[];
};

static_assert(sizeof(struct rec) == 80, "header of a record");
#define REC_ID_BYTES offsetof(struct rec, frame_off) /* which a frame begins with, too */

static inline struct val *rec_pairs(struct rec *r)
{
	return r->vals + r->schema->n_fields;
}

/* The records of one burst. */
#define BATCH_RECS_MAX 256

struct batch {
	struct arena arena;
	struct rec *recs[BATCH_RECS_MAX];
	unsigned n_recs;
	unsigned room; /* pairs that have room behind those of each record that is built */
};

/* Builds one record at the end of the arena: begin, set and pair, end. While it is open nothing
 * else may take from the arena except through these functions. Fixed fields are set where they
 * stay; text goes to the arena at once; pairs collect in the builder, and are laid down by rec_end:
 * then a record whose text stands in the way moves behind it, since values stand side by side.
 */
#define REC_PAIRS_MAX 4096
#define REC_FIXED_MAX 64 /* a multiple of 4 */

/* The minute of the last time stamp that a parser read, as it was written, and what it stands for:
 * most are of the same minute as the one before and need no calendar. Whoever uses it has one form.
 */
struct rec_minute {
	uint8_t text[16]; /* "2026-11-25T04:43"; zeros: none yet */
	int64_t s;        /* since 1970, in the sender's zone */
	const void *form; /* of what followed it, as its user knows it; or NULL */
};

struct rec_builder {
	struct batch *b;
	const struct schema *schema;
	struct rec *rec;   /* in the arena; no_rec when that is full */
	struct val *fixed; /* rec->vals */
	/* What few records have: all zero at first, up to the minute. */
	struct val stream;           /* the record's; VAL_ABSENT: the name of the source */
	const struct change *change; /* the record's */
	unsigned n_pairs;
	unsigned n_pairs_lost; /* pairs beyond REC_PAIRS_MAX: kept out, counted by extract */
	bool full;             /* the arena did not hold a value: rec_end returns NULL */
	bool later;            /* some value is VAL_LATER */
	uint8_t unused[6];

	struct rec_minute minute; /* stays from record to record */
	struct val pairs[2 * REC_PAIRS_MAX];
	struct val no_rec[sizeof(struct rec) / sizeof(struct val) + REC_FIXED_MAX];
};

#define REC_MORE_AT    offsetof(struct rec_builder, stream)
#define REC_MORE_BYTES (4 * sizeof(uint64_t))
static_assert(REC_MORE_AT + REC_MORE_BYTES == offsetof(struct rec_builder, minute),
	      "what few records have is four words");

/* Begins a record whose fixed fields hold anything: each is to be set. */
static inline void rec_open(struct rec_builder *rb, struct batch *b, const struct schema *schema)
{
	size_t vals = (schema->n_fields + 2 * (size_t)b->room) * sizeof(struct val);
	assert(schema->n_fields <= REC_FIXED_MAX);
	uint32_t off = arena_take8(&b->arena, sizeof(struct rec) + vals);
	rb->b = b;
	rb->schema = schema;
	rb->rec = off ? (struct rec *)(b->arena.base + off) : (struct rec *)rb->no_rec;
	rb->fixed = rb->rec->vals;
	memset((uint8_t *)rb + REC_MORE_AT, 0, REC_MORE_BYTES);
	rb->full = !off;
}

/* The same with fields that are absent. */
static inline void rec_begin(struct rec_builder *rb, struct batch *b, const struct schema *schema)
{
	rec_open(rb, b, schema);
	/* Four at a time; nothing stands behind the record yet. */
	for (struct val *v = rb->fixed, *end = v + schema->n_fields; v < end; v += 4)
		memset(v, 0, 4 * sizeof(*v));
}

/* Whether the record has anything of what few have, or did not fit. */
static inline bool rec_has_more(const struct rec_builder *rb)
{
	/* Word by word: an array of the four would be copied to be looked at. */
	const uint8_t *more = (const uint8_t *)rb + REC_MORE_AT;
	return bytes_load8(more) | bytes_load8(more + 8) | bytes_load8(more + 16) |
	       bytes_load8(more + 24);
}

/* Sets fixed field @i. The bytes that @v points to must lie in the batch's arena. */
static inline void rec_set(struct rec_builder *rb, unsigned i, struct val v)
{
	rb->fixed[i] = v;
}

/* A value made of the 8 bytes of @v / of a copy of @text. VAL_ABSENT and rb->full when out of room.
 */
static inline struct val rec_make8(struct rec_builder *rb, enum val_type type, const void *v)
{
	uint32_t off = arena_take8(&rb->b->arena, 8);
	if (!off) {
		rb->full = true;
		return (struct val){0};
	}
	memcpy(rb->b->arena.base + off, v, 8);
	return val_of(type, off, 8);
}

struct val rec_make_text(struct rec_builder *rb, enum val_type type, struct slice text);

/* Copies text into the arena and sets field @i to it. */
void rec_set_str(struct rec_builder *rb, unsigned i, struct slice text);

static inline void rec_set_i64(struct rec_builder *rb, unsigned i, int64_t v)
{
	rb->fixed[i] = rec_make8(rb, VAL_I64, &v);
}

static inline void rec_set_time(struct rec_builder *rb, unsigned i, int64_t ns)
{
	rb->fixed[i] = rec_make8(rb, VAL_TIME, &ns);
}

/* Adds one pair; a key is VAL_NAME, VAL_STR or VAL_JSTR. */
void rec_pair(struct rec_builder *rb, struct val key, struct val v);

/* A value that refers to bytes which already lie in the arena (a part of the frame). */
static inline struct val rec_ref(const struct rec_builder *rb, enum val_type type,
				 struct slice part)
{
	return val_of(type, (uint32_t)(part.ptr - rb->b->arena.base), part.len);
}

/* Lays the record down and adds it to the batch; identity fields are the caller's to fill. NULL
 * when the arena or the batch is full: the caller then ends its burst and builds it again.
 */
struct rec *rec_end(struct rec_builder *rb);

/* The record with its pairs, where there is room for both; NULL: there is none. */
struct rec *rec_put_pairs(struct rec_builder *rb);

/* The same, but for the identity fields (all but schema, n_pairs, stream, change, and REC_LATER in
 * flags), which hold anything: the caller sets each.
 */
static inline struct rec *rec_lay(struct rec_builder *rb)
{
	struct batch *b = rb->b;
	if (rb->full || b->n_recs == BATCH_RECS_MAX)
		return NULL;
	struct rec *r = rb->n_pairs ? rec_put_pairs(rb) : rb->rec;
	if (!r)
		return NULL;
	r->schema = rb->schema;
	r->n_pairs = (uint16_t)rb->n_pairs;
	r->flags = rb->later ? REC_LATER : 0;
	r->stream = rb->stream;
	r->change = rb->change;
	b->recs[b->n_recs++] = r;
	return r;
}

/* The same of a record that has not more (rec_has_more); the batch has room for it. */
static inline struct rec *rec_lay_plain(struct rec_builder *rb)
{
	struct batch *b = rb->b;
	struct rec *r = rb->rec;
	r->schema = rb->schema;
	r->n_pairs = 0;
	r->flags = 0;
	r->stream = (struct val){0};
	r->change = NULL;
	b->recs[b->n_recs++] = r;
	return r;
}

#endif
