/* How long an image with all columns is. Contract: row_plan.h.
 *
 *     | nulls | id u64, user u32 | n, sku | n, title | state u8, price 5 bytes | n, note |
 *               `--- fixed ----'            nothing   `------- fixed ---------'
 *
 * Columns of fixed size between two that have a length are one addition, less what is NULL of them.
 */
#include "parsers/mysql/row_plan.h"
#include "parsers/mysql/wire.h"

#define STRIDE_COLUMNS_MAX 64 /* bits of a mask */

void row_len_make(struct mysql_table *t, struct block *b)
{
	unsigned n = 0;
	t->strides = NULL;
	t->null_bits = 0;
	if (t->n_columns > STRIDE_COLUMNS_MAX)
		return;
	for (unsigned i = 0; i < t->n_columns; i++)
		n += t->columns[i].len_bytes > 0;
	struct mysql_stride *s = block_take(b, (n + 1) * sizeof(*s), 8);
	if (!s)
		return;
	t->strides = s;
	if (t->n_columns)
		t->null_bits = UINT64_MAX >> (STRIDE_COLUMNS_MAX - t->n_columns);
	*s = (struct mysql_stride){0};
	for (unsigned i = 0; i < t->n_columns; i++) {
		const struct mysql_column *c = &t->columns[i];
		if (!c->len_bytes) {
			s->fixed_mask |= 1ull << i;
			s->fixed += c->fixed;
			continue;
		}
		s->column = (uint16_t)i;
		s->len_bytes = c->len_bytes;
		s->len_mask = UINT32_MAX >> (32 - 8 * c->len_bytes);
		*++s = (struct mysql_stride){0};
	}
}

/* Bytes of the fixed columns of @s. */
static inline size_t fixed_of(const struct mysql_table *t, const struct mysql_stride *s,
			      uint64_t nulls)
{
	size_t n = s->fixed;
	for (uint64_t rest = nulls & s->fixed_mask; rest; rest &= rest - 1)
		n -= t->columns[__builtin_ctzll(rest)].fixed;
	return n;
}

/* In strides. @at: behind the bits. */
static bool len_by_strides(const struct mysql_table *t, struct slice bytes, size_t at,
			   uint32_t *ret_len)
{
	uint64_t nulls = bytes.len >= 8 ? wire_le64(bytes.ptr) : wire_le(bytes.ptr, (unsigned)at);
	const struct mysql_stride *s = t->strides;
	for (; s->len_mask; s++) {
		at += fixed_of(t, s, nulls);
		if (nulls >> s->column & 1)
			continue;
		/* Values of fixed length may have gone behind the end. */
		if (at + 4 <= bytes.len)
			at += s->len_bytes + (size_t)(wire_le32(bytes.ptr + at) & s->len_mask);
		else if (at + s->len_bytes <= bytes.len)
			at += s->len_bytes + wire_le(bytes.ptr + at, s->len_bytes);
		else
			return false;
	}
	at += fixed_of(t, s, nulls);
	*ret_len = (uint32_t)at;
	return at <= bytes.len;
}

bool row_len(const struct mysql_table *t, struct slice bytes, uint32_t *ret_len)
{
	const uint8_t *nulls = bytes.ptr;
	size_t n = t->n_columns, at = (n + 7) / 8;
	if (at > bytes.len || bytes.len > UINT32_MAX)
		return false;
	if (t->strides)
		return len_by_strides(t, bytes, at, ret_len);
	const struct mysql_column *c = t->columns;
	for (unsigned i = 0, bits = 0; i < n; i++, c++, bits >>= 1) {
		if (i % 8 == 0)
			bits = nulls[i / 8];
		if (bits & 1)
			continue;
		at += c->fixed;
		if (!c->len_bytes)
			continue;
		if (at + c->len_bytes > bytes.len)
			return false;
		at += c->len_bytes + wire_le(bytes.ptr + at, c->len_bytes);
	}
	*ret_len = (uint32_t)at;
	return at <= bytes.len;
}

/* So many bytes of rows must follow: for fewer it is not worth it. */
#define SHAPE_BYTES 1024

static bool has_shape(const struct row_shapes *ss, uint64_t nulls)
{
	for (unsigned i = 0; i < ss->n; i++)
		if (ss->of[i].nulls == nulls)
			return true;
	return false;
}

/* Of a table with strides; nothing, when there is no place for it or it has too many steps. */
static void make_shape(struct row_shapes *ss, const struct mysql_table *t, struct slice bytes)
{
	if (ss->n == ROW_SHAPES || bytes.len < SHAPE_BYTES)
		return;
	uint64_t nulls = wire_le64(bytes.ptr) & t->null_bits;
	if (has_shape(ss, nulls))
		return;
	struct row_shape *s = &ss->of[ss->n];
	uint32_t go = (t->n_columns + 7u) / 8;
	s->n = 0;
	for (unsigned i = 0; i < t->n_columns; i++) {
		const struct mysql_column *c = &t->columns[i];
		if (nulls >> i & 1)
			continue;
		go += c->fixed;
		if (!c->len_bytes)
			continue;
		if (s->n == ROW_SHAPE_STEPS)
			return;
		s->steps[s->n++] = (struct row_step){go, UINT32_MAX >> (32 - 8 * c->len_bytes)};
		go = c->len_bytes;
	}
	s->tail = go;
	s->nulls = nulls;
	ss->n++;
}

/* How long the image at the start of @data is. */
static bool side_len(struct row_shapes *ss, const struct mysql_table *t, struct slice data,
		     uint32_t *ret_len)
{
	size_t nulls = (t->n_columns + 7u) / 8;
	make_shape(ss, t, data);
	return nulls <= data.len && len_by_strides(t, data, nulls, ret_len);
}

uint64_t row_both(struct row_shapes *ss, const struct mysql_table *t, struct slice data,
		  unsigned sides)
{
	uint32_t before = 0, after = 0;
	if (sides & 1 << MYSQL_BEFORE) {
		if (!side_len(ss, t, data, &before))
			return 0;
		data = slice_from(data, before);
	}
	if (sides & 1 << MYSQL_AFTER && !side_len(ss, t, data, &after))
		return 0;
	return before | (uint64_t)after << 32;
}
