/* val.h - one value of a record: eight bytes that point into the arena of its batch.
 *
 * In:     bytes that stand in the arena.
 * Out:    struct val.
 * Owns:   nothing; a value lives as long as its batch.
 * Runs:   worker.
 * Limits: 128 MiB a value (27 bits of length).
 */
#ifndef SL_REC_VAL_H
#define SL_REC_VAL_H

#include <assert.h>

#include "dataplane/base/arena.h"

enum val_type {
	VAL_ABSENT, /* the record does not have this field: nothing is written */
	VAL_NULL,
	VAL_FALSE,
	VAL_TRUE,
	VAL_I64,   /* 8 bytes at off, host order */
	VAL_U64,   /* 8 bytes at off, host order */
	VAL_F64,   /* 8 bytes at off, host order */
	VAL_TIME,  /* 8 bytes at off: int64_t nanoseconds since 1970 UTC, host order; and behind
		    * them nothing, or what civil_put_rfc3339 makes of it (VAL_TIME_BYTES) */
	VAL_NUM,   /* text that is a number by RFC 8259, as it stood on the wire */
	VAL_STR,   /* text, not yet checked for UTF-8 and not escaped */
	VAL_JSTR,  /* the inside of a JSON string: valid UTF-8, escaped */
	VAL_JSON,  /* a whole valid JSON value without line breaks (object, array, ...) */
	VAL_BYTES, /* binary: written as base64 */
	VAL_NAME,  /* as a key only: off is an index of names (names.h) */
	VAL_LATER, /* JSON that is written when it is asked for (later.h) */
};

struct val {
	uint32_t off;
	uint32_t len : 27;
	uint32_t type : 5;
};

static_assert(sizeof(struct val) == 8, "records are sized by this");

#define VAL_LEN_MAX    ((1u << 27) - 1)
/* Of a time without its text, which stands behind them. */
#define VAL_TIME_BYTES 8u

static inline struct val val_of(enum val_type type, uint32_t off, size_t len)
{
	/* In one word: what is stored in two halves cannot be read as a whole until both are in the
	 * cache, some 13 cycles later.
	 */
	uint64_t word = off | (uint64_t)((uint32_t)len & VAL_LEN_MAX) << 32 | (uint64_t)type << 59;
	struct val v;
	memcpy(&v, &word, sizeof(v));
	return v;
}

/* The same eight bytes as one word: type 5 | len 27 | off 32, the type in the highest bits. */
#define VAL_TYPE_SHIFT 59

static inline uint64_t val_word(const struct val *v)
{
	uint64_t word;
	memcpy(&word, v, sizeof(word));
	return word;
}

static inline struct val val_of_word(uint64_t word)
{
	struct val v;
	memcpy(&v, &word, sizeof(v));
	return v;
}

#endif
