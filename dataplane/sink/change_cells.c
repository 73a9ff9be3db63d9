#include "dataplane/sink/change_cells.h"

#include <emmintrin.h>

/* Behind the string that begins at @p. */
static const uint8_t *skip_string(const uint8_t *p, const uint8_t *end)
{
	const __m128i quote = _mm_set1_epi8('"'), slash = _mm_set1_epi8('\\');
	for (p++; p < end;) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		__m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash));
		unsigned bits = (unsigned)_mm_movemask_epi8(hit);
		if (!bits) {
			p += 16;
			continue;
		}
		p += __builtin_ctz(bits);
		if (p >= end)
			break;
		if (*p == '"')
			return p + 1;
		p += 2;
	}
	return end;
}

static const uint8_t *skip_nested(const uint8_t *p, const uint8_t *end)
{
	size_t depth = 0;
	while (p < end) {
		uint8_t c = *p;
		if (c == '"') {
			p = skip_string(p, end);
			continue;
		}
		p++;
		if (c == '{' || c == '[')
			depth++;
		else if ((c == '}' || c == ']') && --depth == 0)
			return p;
	}
	return end;
}

static const uint8_t *skip_value(const uint8_t *p, const uint8_t *end)
{
	if (p < end && *p == '"')
		return skip_string(p, end);
	if (p < end && (*p == '{' || *p == '['))
		return skip_nested(p, end);
	while (p < end && *p != ',' && *p != '}')
		p++;
	return p;
}

void cells_open(struct cells *c, const struct change *change, struct slice object)
{
	*c = (struct cells){.change = change, .p = object.ptr, .end = object.ptr};
	if (object.len)
		c->end += object.len;
}

/* Columns come in the table's order, so that the search goes on where the last one ended; once it
 * has failed the object is not what the table declares.
 */
static void find_column(struct cells *c, struct cell *cell)
{
	unsigned n = c->change ? c->change->n_columns : 0;
	for (; c->next < n; c->next++) {
		c->change->column(c->change->of, c->next, &cell->col);
		struct slice key = slice_from(cell->col.key, 1); /* without the comma */
		if (slice_eq(key, cell->key)) {
			cell->column = c->next++;
			return;
		}
	}
	cell->col = (struct change_column){.type = CHANGE_T_UNKNOWN};
	cell->column = c->next++;
}

bool cells_next(struct cells *c, struct cell *ret)
{
	const uint8_t *end = c->end;
	if (end - c->p < 4 || c->p[1] != '"') /* "a": is the shortest, and a value */
		return false;
	const uint8_t *key = c->p + 1;
	const uint8_t *value = skip_string(key, end) + 1;
	if (value >= end)
		return false;
	c->p = skip_value(value, end);
	ret->key = slice_of(key, (size_t)(value - key));
	ret->value = slice_of(value, (size_t)(c->p - value));
	find_column(c, ret);
	return true;
}

void cell_pairs_open(struct cell_pairs *p, const struct batch *b, const struct rec *r)
{
	static const enum change_field fields[2] = {CHANGE_BEFORE, CHANGE_AFTER};
	for (int i = 0; i < 2; i++) {
		cells_open(&p->cells[i], r->change, change_text(b, r, fields[i]));
		p->has[i] = false;
	}
}

bool cell_pairs_next(struct cell_pairs *p, struct cell_pair *ret)
{
	for (int i = 0; i < 2; i++)
		p->has[i] = p->has[i] || cells_next(&p->cells[i], &p->cell[i]);
	const struct cell *before = p->has[0] ? &p->cell[0] : NULL;
	const struct cell *after = p->has[1] ? &p->cell[1] : NULL;
	if (!before && !after)
		return false;
	if (before && after && before->column < after->column)
		after = NULL;
	else if (before && after && before->column > after->column)
		before = NULL;
	*ret = (struct cell_pair){before, after};
	p->has[0] = p->has[0] && !before;
	p->has[1] = p->has[1] && !after;
	return true;
}

void change_place_read(const struct batch *b, const struct rec *r, struct change_place *ret)
{
	static const struct {
		const char *key;
		size_t off;
	} members[] = {
		{"\"db\":", offsetof(struct change_place, db)},
		{"\"file\":", offsetof(struct change_place, file)},
		{"\"pos\":", offsetof(struct change_place, pos)},
		{"\"gtid\":", offsetof(struct change_place, gtid)},
		{"\"server_id\":", offsetof(struct change_place, server_id)},
		{"\"thread\":", offsetof(struct change_place, thread)},
		{"\"ts_ms\":", offsetof(struct change_place, ts_ms)},
		{"\"txid\":", offsetof(struct change_place, txid)},
		{"\"xid\":", offsetof(struct change_place, xid)},
		{"\"tx_index\":", offsetof(struct change_place, tx_index)},
		{"\"last\":", offsetof(struct change_place, last)},
	};
	*ret = (struct change_place){0};
	struct cells cells;
	struct cell cell;
	cells_open(&cells, NULL, change_text(b, r, CHANGE_SOURCE));
	while (cells_next(&cells, &cell)) {
		for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
			if (slice_eq(cell.key, slice_str(members[i].key)) &&
			    !slice_eq(cell.value, SLICE_LIT("null")))
				*(struct slice *)((uint8_t *)ret + members[i].off) = cell.value;
	}
}
