/* clickhouse_type.h - types of ClickHouse's columns, and values in them as RowBinary has them.
 *
 * In:     a type's text ("Nullable(DateTime64(3))"); one value of a JSON text.
 * Out:    its bytes, little-endian.
 * Owns:   nothing; a type borrows its text, for the names of an Enum.
 * Runs:   any thread.
 * Limits: arrays of arrays, maps, tuples, 256-bit numbers and aggregates are not among them.
 */
#ifndef SL_SINK_CLICKHOUSE_TYPE_H
#define SL_SINK_CLICKHOUSE_TYPE_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/base/slice.h"

#define CH_VALUE_MAX 64 /* bytes of a value that is no text */

enum ch_kind {
	CH_UINT,
	CH_INT,
	CH_FLOAT,
	CH_BOOL,
	CH_STRING,
	CH_FIXED,
	CH_DATE,     /* days, u16 */
	CH_DATE32,   /* days, i32 */
	CH_DATETIME, /* seconds, u32 */
	CH_DATETIME64,
	CH_ENUM,
	CH_DECIMAL,
	CH_UUID,
	CH_IPV4,
	CH_IPV6,
};

struct ch_type {
	enum ch_kind kind;
	bool nullable; /* the value; of an array its elements */
	bool array;
	uint8_t scale;       /* digits: CH_DATETIME64, CH_DECIMAL */
	uint32_t width;      /* bytes; CH_FIXED: at most 65,535 */
	struct slice labels; /* CH_ENUM: 'a' = 1, 'b' = 2 */
};

/* A value as it stands in a JSON text. */
struct ch_value {
	enum ch_value_kind { CH_V_NULL, CH_V_BOOL, CH_V_NUMBER, CH_V_STRING, CH_V_NESTED } kind;
	struct slice text; /* of a string, its inside */
};

/* False: it is none of those above. */
bool ch_type_parse(struct slice text, struct ch_type *ret_t);

/* The bytes of @v, which is not null, in @out, which holds CH_VALUE_MAX bytes and, of the kinds
 * CH_STRING and CH_FIXED, @v's length or the width more. An element of an array is written alone.
 * -1: the type does not take it.
 */
int64_t ch_type_put(const struct ch_type *t, const struct ch_value *v, uint8_t *out);

/* What stands for a value that is not there: zero, or empty. As ch_type_put. */
int64_t ch_type_put_zero(const struct ch_type *t, uint8_t *out);

/* A length, seven bits a byte; at most 10 bytes. */
unsigned ch_put_length(uint8_t *out, uint64_t n);

#endif
