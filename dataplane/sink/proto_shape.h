/* proto_shape.h - the message that the records of a queue become: which field has which number.
 *
 * In:     the fields of the queue's schema with their numbers and kinds.
 * Out:    a shape, which encode_protobuf.c writes by.
 * Owns:   itself; names are copied.
 * Runs:   create, destroy: main. Every worker reads it.
 * Limits: PROTO_FIELDS_MAX fields; numbers of the event's own from PROTO_FIRST on.
 *
 * What every record has stands first, under numbers that take one byte; all of it is optional in
 * the sense of proto3, so a field is there or is not:
 *
 *      1 _id   2 _time   3 _source   4 _stream   5 _src   6 _dst   7 _error   8 _cut
 *      9 _invalid_utf8   10 _format   11 _rules   12 _http   13-15 kept free
 */
#ifndef SL_SINK_PROTO_SHAPE_H
#define SL_SINK_PROTO_SHAPE_H

#include "dataplane/base/err.h"
#include "dataplane/rec/names.h"
#include "dataplane/rec/rec.h"

#define PROTO_FIRST         16
#define PROTO_NUMBER_MAX    536870911 /* of Protocol Buffers */
#define PROTO_RESERVED_FROM 19000     /* theirs, to 19999 */
#define PROTO_RESERVED_TO   19999
#define PROTO_FIELDS_MAX    4096 /* without those of every record */

enum proto_meta {
	PROTO_ID = 1,
	PROTO_TIME,
	PROTO_SOURCE,
	PROTO_STREAM,
	PROTO_SRC,
	PROTO_DST,
	PROTO_ERROR,
	PROTO_CUT,
	PROTO_INVALID_UTF8,
	PROTO_FORMAT,
	PROTO_RULES,
	PROTO_HTTP,
	PROTO_N_META,
};

/* What a field is in the message, and what of a record's values it takes. */
enum proto_kind {
	PROTO_K_BOOL,   /* bool */
	PROTO_K_INT64,  /* int64: whole numbers in its range */
	PROTO_K_DOUBLE, /* double: all numbers */
	PROTO_K_NUMBER, /* string: all numbers, as they are printed */
	PROTO_K_TEXT,   /* string: every value, as it is printed */
	PROTO_K_JSON,   /* string: every value, as JSON */
	PROTO_K_BYTES,  /* bytes: binary values */
	PROTO_K_TIME,   /* google.protobuf.Timestamp: times */
};

struct proto_field {
	const char *name; /* the record's */
	uint32_t number;
	enum proto_kind kind;
};

/* The fields of every record, by their numbers; [0] is none. */
extern const struct proto_field proto_meta[PROTO_N_META];

const char *proto_kind_type(enum proto_kind k); /* as a .proto file spells it */

/* The place of a field in the message. */
struct proto_place {
	uint8_t key[8]; /* key_len of them, then zeros: copied whole */
	/* The upper half of val_word, of an empty text, where the field takes text as it is and, in
	 * a plan, has a key of two bytes; else higher than that of any value.
	 */
	uint32_t text;
	uint16_t val; /* in a plan: where in a record what goes here stands; else 0 */
	uint8_t key_len;
	uint8_t kind; /* enum proto_kind */
};

/* In a plan: the value of @r that goes here. */
static inline const struct val *proto_place_val(const struct proto_place *place,
						const struct rec *r)
{
	return (const struct val *)((const uint8_t *)r + place->val);
}

/* And the field of the schema that it is. */
static inline unsigned proto_place_field(const struct proto_place *place)
{
	return (unsigned)((place->val - sizeof(struct rec)) / sizeof(struct val));
}

static_assert(sizeof(struct proto_place) == 16, "four a cache line");

#define PROTO_NO_TEXT  0x80000000u
#define PROTO_STEP_KEY 2 /* bytes: fields 16 to 2047 */

#define PROTO_NONE     0xffff

struct proto_shape {
	struct proto_place
		*places; /* in the order of numbers; the first are _format, _rules, _http */
	unsigned n;
	struct slice *names; /* by place */
	uint16_t *table;     /* places by the hash of their names; PROTO_NONE: empty */
	uint32_t mask;       /* of it */
	uint16_t *by_name;   /* places by number of the pipeline's names, or PROTO_NONE */
	uint32_t n_names;
	/* By rec->source: fields 3 and 4. The key of field 5 stands behind them. */
	struct slice *sources;
	size_t *source_only; /* bytes of the first of them */
	unsigned n_sources;
	bool delimited; /* each message behind its length, as a varint */
};

/* @fields in the order of their numbers. @names: of the pipeline, all of them. @sources: names, by
 * rec->source; NULL: a set of names and no message, for proto_shape_keep. 0, or -ENOMEM with a
 * text.
 */
int proto_shape_create(const struct proto_field *fields, unsigned n, const struct names *names,
		       const struct slice *sources, unsigned n_sources, bool delimited,
		       struct proto_shape **ret_s, struct err *e);
void proto_shape_destroy(struct proto_shape *s); /* accepts NULL */

/* The place of the field that is named so, or PROTO_NONE. */
unsigned proto_shape_find(const struct proto_shape *s, struct slice name);

/* What a worker remembers and fills while it writes; zeroed, one for each worker. */
#define PROTO_MAPS       16
#define PROTO_MAP_FIELDS 64
#define PROTO_MAP_PAIRS  64

/* How the records of a schema become messages of a shape. */
struct proto_map {
	const struct schema *schema;
	const struct proto_shape *shape;
	uint16_t to[PROTO_MAP_FIELDS]; /* places of the schema's fields */
	/* The plan of a record without pairs, or with pairs behind the fields: the fields that go
	 * in, in the order of their numbers, and those that do not. Behind the steps stands one
	 * whose value is rec->stream.
	 */
	struct proto_place steps[PROTO_MAP_FIELDS + 1];
	uint8_t rest[PROTO_MAP_FIELDS];
	uint8_t n_steps, n_rest;
	bool no_plan; /* two fields have one place: the last that has a value counts */
	bool mixed;   /* some record's pairs did not go behind the fields, in order */
	/* Where the first pairs of the last record went: mostly those of the next go there, too. */
	uint16_t pair_to[PROTO_MAP_PAIRS];
};

struct proto_scratch {
	struct rec *kept; /* of proto_shape_keep: address space for the largest that can be */
	struct proto_map maps[PROTO_MAPS];
	unsigned last;                                    /* map that was asked for */
	struct val vals[PROTO_FIELDS_MAX + PROTO_N_META]; /* by place, where `set` has a bit */
	uint64_t set[(PROTO_FIELDS_MAX + PROTO_N_META) / 64 + 1];
	/* Of what was written last, a record or a burst: records that had a field which the shape
	 * does not; a value that its field does not take.
	 */
	unsigned n_more, n_misfits;
};

#define PROTO_KEPT_BYTES (sizeof(struct rec) + 3 * 65535 * sizeof(struct val))

struct proto_scratch *proto_scratch_create(void); /* NULL when out of memory */
void proto_scratch_destroy(struct proto_scratch *x);

/* Before shapes or schemas end: others may come to stand where they stood. */
void proto_scratch_forget(struct proto_scratch *x);

/* Of records of schema @from; NULL: it has too many fields to be remembered. */
struct proto_map *proto_shape_find_map(const struct proto_shape *s, struct proto_scratch *x,
				       const struct schema *from);

static inline struct proto_map *proto_shape_map(const struct proto_shape *s,
						struct proto_scratch *x, const struct schema *from)
{
	struct proto_map *m = &x->maps[x->last];
	return m->schema == from && m->shape == s ? m : proto_shape_find_map(s, x, from);
}

/* The place of the key of pair @i, or PROTO_NONE. @m: NULL, or of the record's schema. */
unsigned proto_shape_key(const struct proto_shape *s, struct proto_map *m, const struct batch *b,
			 struct val key, unsigned i);

/* The record without the fields that the shape does not have, until the next call. */
struct rec *proto_shape_keep(const struct proto_shape *s, struct proto_scratch *x,
			     const struct batch *b, const struct rec *r);

#endif
