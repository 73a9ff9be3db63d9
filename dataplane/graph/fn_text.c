/* Text: measures, parts and searches, none of which makes new text but by copying. Characters are
 * code points; letters are those of ASCII, as in a data base with the locale C.
 */
#include "dataplane/base/text.h"
#include "dataplane/graph/fn.h"
#include "dataplane/graph/utf8.h"

static uint8_t char_length(struct call *c, const union cell *in, union cell *ret)
{
	ret->i = (int64_t)utf8_count(in[0].s);
	return VEC_VALUE;
}

/* param: units of a byte. */
static uint8_t byte_length(struct call *c, const union cell *in, union cell *ret)
{
	ret->i = (int64_t)in[0].s.len * c->fn->param;
	return VEC_VALUE;
}

/* left: the first n characters, or all but the last -n. */
static uint8_t left(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s;
	int64_t n = in[1].i;
	if (n < 0) {
		n += (int64_t)utf8_count(s);
		n = n < 0 ? 0 : n;
	}
	ret->s = slice_of(s.ptr, utf8_offset(s, (uint64_t)n));
	return VEC_VALUE;
}

static uint8_t right(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s;
	int64_t n = in[1].i, skip = n < 0 ? -n : (int64_t)utf8_count(s) - n;
	ret->s = slice_from(s, utf8_offset(s, skip < 0 ? 0 : (uint64_t)skip));
	return VEC_VALUE;
}

/* The part from @from (1: the first) of @len units, which may begin before the first. */
static bool part_of(int64_t from, bool has_len, int64_t len, uint64_t *ret_skip, uint64_t *ret_take)
{
	int64_t end = INT64_MAX; /* the unit behind the last */
	if (has_len && len < 0)
		return false;
	if (has_len)
		end = from + len; /* both are of 32 bits */
	from = from < 1 ? 1 : from;
	*ret_skip = (uint64_t)from - 1;
	*ret_take = end > from ? (uint64_t)(end - from) : 0;
	return true;
}

static uint8_t substring(struct call *c, const union cell *in, union cell *ret)
{
	uint64_t skip, take;
	if (!part_of(in[1].i, c->n_in > 2, c->n_in > 2 ? in[2].i : 0, &skip, &take))
		return VEC_BAD_INPUT;
	struct slice s = slice_from(in[0].s, utf8_offset(in[0].s, skip));
	ret->s = slice_of(s.ptr, utf8_offset(s, take));
	return VEC_VALUE;
}

static uint8_t substring_bytes(struct call *c, const union cell *in, union cell *ret)
{
	uint64_t skip, take;
	if (!part_of(in[1].i, c->n_in > 2, c->n_in > 2 ? in[2].i : 0, &skip, &take))
		return VEC_BAD_INPUT;
	struct slice s = slice_from(in[0].s, skip < in[0].s.len ? skip : in[0].s.len);
	ret->s = slice_of(s.ptr, take < s.len ? take : s.len);
	return VEC_VALUE;
}

/* strpos(text, part): 0 when there is none. */
static uint8_t position(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s;
	const uint8_t *at = in[1].s.len ? memmem(s.ptr, s.len, in[1].s.ptr, in[1].s.len) : s.ptr;
	ret->i = 0;
	if (at || in[1].s.len == 0)
		ret->i = 1 + (int64_t)utf8_count(slice_of(s.ptr, (size_t)(at - s.ptr)));
	return VEC_VALUE;
}

static uint8_t starts_with(struct call *c, const union cell *in, union cell *ret)
{
	ret->i = in[1].s.len == 0 || slice_starts(in[0].s, in[1].s);
	return VEC_VALUE;
}

/* The next @part in @s from @from on; s.len when there is none. */
static size_t find(struct slice s, size_t from, struct slice part)
{
	const uint8_t *at = memmem(s.ptr + from, s.len - from, part.ptr, part.len);
	return at ? (size_t)(at - s.ptr) : s.len;
}

static uint8_t split_part(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s, by = in[1].s;
	int64_t n = in[2].i;
	if (n == 0)
		return VEC_BAD_INPUT;
	ret->s = slice_of(s.ptr, 0);
	if (s.len == 0)
		return VEC_VALUE;
	if (by.len == 0) {
		if (n == 1 || n == -1)
			ret->s = s;
		return VEC_VALUE;
	}
	if (n < 0) { /* from the end: by the number of parts */
		int64_t parts = 1;
		for (size_t at = find(s, 0, by); at < s.len; at = find(s, at + by.len, by))
			parts++;
		n += parts + 1;
		if (n < 1)
			return VEC_VALUE;
	}
	size_t from = 0, end = find(s, 0, by);
	for (; n > 1 && end < s.len; n--) {
		from = end + by.len;
		end = find(s, from, by);
	}
	if (n == 1)
		ret->s = slice_of(s.ptr + from, end - from);
	return VEC_VALUE;
}

enum { TRIM_LEFT = 1, TRIM_RIGHT = 2 };

static bool has_char(struct slice set, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < set.len; i += utf8_len(set.ptr[i]))
		if (utf8_len(set.ptr[i]) == len && memcmp(set.ptr + i, p, len) == 0)
			return true;
	return false;
}

static uint8_t trim(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s, set = c->n_in > 1 ? in[1].s : SLICE_LIT(" ");
	while ((c->fn->param & TRIM_LEFT) && s.len && has_char(set, s.ptr, utf8_len(*s.ptr)))
		s = slice_from(s, utf8_len(*s.ptr));
	while ((c->fn->param & TRIM_RIGHT) && s.len) {
		size_t last = s.len - 1;
		while (last > 0 && !utf8_begins(s.ptr[last]))
			last--;
		if (!has_char(set, s.ptr + last, s.len - last))
			break;
		s.len = last;
	}
	ret->s = s;
	return VEC_VALUE;
}

static uint8_t ascii(struct call *c, const union cell *in, union cell *ret)
{
	size_t len;
	ret->i = in[0].s.len ? (int64_t)utf8_read(in[0].s.ptr, &len) : 0;
	return VEC_VALUE;
}

#define MEASURE(name, t, units, function)                               \
	{                                                               \
		name, SQL_INT4, 1, {t}, .param = units, .row = function \
	}
#define TRIM(name, sides)                                                            \
	{name, SQL_TEXT, 1, {SQL_TEXT}, .param = sides, .row = trim},                \
	{                                                                            \
		name, SQL_TEXT, 2, {SQL_TEXT, SQL_TEXT}, .param = sides, .row = trim \
	}
#define SUBSTRING(name)                                                                     \
	{name, SQL_TEXT, 2, {SQL_TEXT, SQL_INT4}, .row = substring},                        \
		{name, SQL_TEXT, 3, {SQL_TEXT, SQL_INT4, SQL_INT4}, .row = substring},      \
		{name, SQL_BYTEA, 2, {SQL_BYTEA, SQL_INT4}, .row = substring_bytes},        \
	{                                                                                   \
		name, SQL_BYTEA, 3, {SQL_BYTEA, SQL_INT4, SQL_INT4}, .row = substring_bytes \
	}

static const struct fn fns[] = {
	MEASURE("length", SQL_TEXT, 1, char_length),
	MEASURE("char_length", SQL_TEXT, 1, char_length),
	MEASURE("character_length", SQL_TEXT, 1, char_length),
	MEASURE("length", SQL_BYTEA, 1, byte_length),
	MEASURE("octet_length", SQL_TEXT, 1, byte_length),
	MEASURE("octet_length", SQL_BYTEA, 1, byte_length),
	MEASURE("bit_length", SQL_TEXT, 8, byte_length),
	MEASURE("bit_length", SQL_BYTEA, 8, byte_length),
	MEASURE("ascii", SQL_TEXT, 1, ascii),
	{"left", SQL_TEXT, 2, {SQL_TEXT, SQL_INT4}, .row = left},
	{"right", SQL_TEXT, 2, {SQL_TEXT, SQL_INT4}, .row = right},
	SUBSTRING("substring"),
	SUBSTRING("substr"),
	{"position", SQL_INT4, 2, {SQL_TEXT, SQL_TEXT}, .row = position},
	{"strpos", SQL_INT4, 2, {SQL_TEXT, SQL_TEXT}, .row = position},
	{"starts_with", SQL_BOOL, 2, {SQL_TEXT, SQL_TEXT}, .row = starts_with},
	{"^@", SQL_BOOL, 2, {SQL_TEXT, SQL_TEXT}, .row = starts_with},
	{"split_part", SQL_TEXT, 3, {SQL_TEXT, SQL_TEXT, SQL_INT4}, .row = split_part},
	TRIM("btrim", TRIM_LEFT | TRIM_RIGHT),
	TRIM("ltrim", TRIM_LEFT),
	TRIM("rtrim", TRIM_RIGHT),
};

const struct fn_table fns_text = FN_TABLE(fns);
