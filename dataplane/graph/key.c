#include "dataplane/graph/key.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dataplane/graph/numeric.h"

bool key_can(enum sql_type t)
{
	return t != SQL_JSON && t != SQL_INET;
}

struct key key_of_bytes(const void *p, size_t len)
{
	XXH128_hash_t h = XXH3_128bits(p, len);
	return (struct key){h.low64, h.high64};
}

struct key key_join(struct key a, struct key b)
{
	const uint64_t words[4] = {a.lo, a.hi, b.lo, b.hi};
	return key_of_bytes(words, sizeof(words));
}

/* Zeros have no sign and NaNs are one. */
static double one_spelling(double f)
{
	if (f == 0)
		return 0;
	return f == f ? f : __builtin_nan("");
}

/* As PostgreSQL compares intervals: a month has 30 days, a day 24 hours. */
static __int128 length_of(struct interval v)
{
	return ((__int128)v.months * 30 + v.days) * (86400LL * 1000000000LL) + v.ns;
}

struct key key_of(const struct vec *v, unsigned i)
{
	double f;
	__int128 wide;
	if (v->state[i] != VEC_VALUE)
		return (struct key){0};
	switch (v->type) {
	case SQL_TEXT:
	case SQL_BYTEA:
	case SQL_JSON:
	case SQL_INET:
		return key_of_bytes(v->s[i].ptr, v->s[i].len);
	case SQL_FLOAT4:
	case SQL_FLOAT8:
		f = one_spelling(v->f[i]);
		return key_of_bytes(&f, sizeof(f));
	case SQL_NUMERIC: {
		struct numeric n = numeric_trim(v->n[i]);
		struct key scale = {(uint64_t)n.scale, 0};
		return key_join(key_of_bytes(&n.coef, sizeof(n.coef)), scale);
	}
	case SQL_INTERVAL:
		wide = length_of(v->v[i]);
		return key_of_bytes(&wide, sizeof(wide));
	default:
		return key_of_bytes(&v->i[i], sizeof(v->i[i]));
	}
}
