#include "dataplane/extract/csv.h"

/* A value in quotes at the start of @s, without them and with doubled quotes as one; *ret_len is
 * what it takes up in the line. False when it does not end.
 */
static bool quoted(const struct csv *c, struct slice s, struct rec_builder *rb, struct slice *ret_v,
		   size_t *ret_len)
{
	uint8_t quote = (uint8_t)c->quote;
	size_t n_doubled = 0, i;
	for (i = 1; i < s.len; i++) {
		if (s.ptr[i] != quote)
			continue;
		if (i + 1 == s.len || s.ptr[i + 1] != quote)
			break;
		i++;
		n_doubled++;
	}
	if (i >= s.len)
		return false;
	*ret_len = i + 1;
	*ret_v = slice_of(s.ptr + 1, i - 1);
	if (!n_doubled)
		return true;
	uint32_t off = arena_take(&rb->b->arena, i - 1 - n_doubled);
	if (!off) {
		rb->full = true;
		return false;
	}
	uint8_t *out = rb->b->arena.base + off, *o = out;
	for (size_t k = 1; k < i; k++) {
		*o++ = s.ptr[k];
		k += s.ptr[k] == quote;
	}
	*ret_v = slice_of(out, (size_t)(o - out));
	return true;
}

bool csv_split(const struct csv *c, struct slice line, struct rec_builder *rb, unsigned n,
	       struct slice *ret_columns)
{
	for (unsigned i = 0; i < n; i++) {
		size_t len;
		if (c->quote >= 0 && line.len && *line.ptr == c->quote) {
			if (!quoted(c, line, rb, &ret_columns[i], &len))
				return false;
		} else {
			const uint8_t *sep = line.len ? memchr(line.ptr, c->sep, line.len) : NULL;
			len = sep ? (size_t)(sep - line.ptr) : line.len;
			ret_columns[i] = slice_of(line.ptr, len);
		}
		bool more = len < line.len;
		if (more && line.ptr[len] != c->sep)
			return false;
		if (more != (i + 1 < n))
			return false;
		line = slice_from(line, len + more);
	}
	return line.len == 0;
}
