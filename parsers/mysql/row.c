#include "parsers/mysql/row.h"

#include "parsers/mysql/mjson.h"
#include "parsers/mysql/row_plan.h"
#include "parsers/mysql/value.h"
#include "parsers/mysql/wire.h"

#define DUMMY_TABLE_ID 0xffffff /* an event that only ends its statement */

enum mysql_op mysql_event_op(uint8_t type)
{
	switch (type) {
	case MYSQL_EV_WRITE_ROWS_V0:
	case MYSQL_EV_WRITE_ROWS_V1:
	case MYSQL_EV_WRITE_ROWS_V2:
	case MYSQL_EV_WRITE_ROWS_COMPRESSED_V1:
	case MYSQL_EV_WRITE_ROWS_COMPRESSED_V2:
		return MYSQL_OP_WRITE;
	case MYSQL_EV_UPDATE_ROWS_V0:
	case MYSQL_EV_UPDATE_ROWS_V1:
	case MYSQL_EV_UPDATE_ROWS_V2:
	case MYSQL_EV_UPDATE_ROWS_COMPRESSED_V1:
	case MYSQL_EV_UPDATE_ROWS_COMPRESSED_V2:
	case MYSQL_EV_PARTIAL_UPDATE_ROWS:
		return MYSQL_OP_UPDATE;
	case MYSQL_EV_DELETE_ROWS_V0:
	case MYSQL_EV_DELETE_ROWS_V1:
	case MYSQL_EV_DELETE_ROWS_V2:
	case MYSQL_EV_DELETE_ROWS_COMPRESSED_V1:
	case MYSQL_EV_DELETE_ROWS_COMPRESSED_V2:
		return MYSQL_OP_DELETE;
	default:
		return MYSQL_OP_NONE;
	}
}

static bool is_v2(uint8_t type)
{
	return (type >= MYSQL_EV_WRITE_ROWS_V2 && type <= MYSQL_EV_DELETE_ROWS_V2) ||
	       type == MYSQL_EV_PARTIAL_UPDATE_ROWS ||
	       (type >= MYSQL_EV_WRITE_ROWS_COMPRESSED_V2 &&
		type <= MYSQL_EV_DELETE_ROWS_COMPRESSED_V2);
}

static bool is_compressed(uint8_t type)
{
	return type >= MYSQL_EV_WRITE_ROWS_COMPRESSED_V1 &&
	       type <= MYSQL_EV_DELETE_ROWS_COMPRESSED_V2;
}

/* The post-header; for version 2 what is extra behind it, too. */
static enum mysql_fault rows_head(struct wire *w, uint8_t type, unsigned post, struct mysql_rows *r)
{
	struct wire head = wire_of(wire_take(w, post));
	r->table_id = wire_int(&head, post == 6 ? 4 : 6);
	r->flags = (uint16_t)wire_int(&head, 2);
	if (is_v2(type)) {
		uint64_t extra = wire_int(&head, 2);
		if (extra < 2)
			return MYSQL_F_BODY;
		wire_take(w, extra - 2);
	}
	return w->bad || head.bad ? MYSQL_F_BODY : MYSQL_F_OK;
}

static bool read_bitmap(struct wire *w, unsigned n, uint8_t *bitmap)
{
	struct slice s = wire_take(w, (n + 7) / 8);
	if (w->bad)
		return false;
	memcpy(bitmap, s.ptr, s.len);
	return true;
}

static unsigned bits_set(const uint8_t *bits, unsigned n)
{
	unsigned sum = 0;
	for (unsigned i = 0; i < n / 8; i++)
		sum += (unsigned)__builtin_popcount(bits[i]);
	if (n % 8)
		sum += (unsigned)__builtin_popcount(bits[n / 8] & ((1u << n % 8) - 1));
	return sum;
}

enum mysql_fault mysql_rows_begin(const struct mysql_event *ev, const struct mysql_format *f,
				  struct mysql_unpack *u, struct mysql_rows *ret_r)
{
	struct mysql_rows *r = ret_r;
	struct wire w = wire_of(ev->body);
	r->op = (uint8_t)mysql_event_op(ev->type);
	r->partial = ev->type == MYSQL_EV_PARTIAL_UPDATE_ROWS;
	r->checked = r->whole[0] = r->whole[1] = false;
	r->n_columns = 0;
	if (!r->op)
		return MYSQL_F_TYPE;
	enum mysql_fault fault = rows_head(&w, ev->type, f->post_len[ev->type], r);
	if (fault)
		return fault;
	if (wire_left(&w) == 0 || r->table_id == DUMMY_TABLE_ID) {
		r->data = (struct slice){w.p, 0};
		return MYSQL_F_OK;
	}
	uint64_t n = wire_packed(&w);
	if (w.bad)
		return MYSQL_F_BODY;
	if (n > MYSQL_COLUMNS_MAX)
		return MYSQL_F_COLUMNS;
	r->n_columns = (uint16_t)n;
	/* A write has an image after only, a delete one before: their bitmap is of that side. */
	int first = r->op == MYSQL_OP_WRITE ? MYSQL_AFTER : MYSQL_BEFORE;
	if (!read_bitmap(&w, (unsigned)n, r->present[first]))
		return MYSQL_F_BODY;
	if (r->op == MYSQL_OP_UPDATE && !read_bitmap(&w, (unsigned)n, r->present[MYSQL_AFTER]))
		return MYSQL_F_BODY;
	r->whole[first] = !r->partial && bits_set(r->present[first], r->n_columns) == n;
	if (r->op == MYSQL_OP_UPDATE)
		r->whole[MYSQL_AFTER] =
			!r->partial && bits_set(r->present[MYSQL_AFTER], r->n_columns) == n;
	r->data = (struct slice){w.p, wire_left(&w)};
	if (is_compressed(ev->type) && r->data.len)
		return u ? mysql_unpack_event(u, r->data, &r->data) : MYSQL_F_COMPRESSION;
	return MYSQL_F_OK;
}

static bool bit_at(const uint8_t *bits, unsigned i)
{
	return bits[i / 8] >> (i % 8) & 1;
}

/* One image being walked: its columns in order, with those that are not present left out. */
struct image {
	const struct mysql_table *t;
	const uint8_t *present, *nulls;
	const uint8_t *partial; /* a bit each JSON column of the table; NULL: none */
	struct wire w;
	unsigned column, n_seen, n_json;
};

#define PARTIAL_JSON 1 /* of a partial update's options */

static bool image_open(struct image *im, const struct mysql_table *t, const struct mysql_rows *r,
		       enum mysql_side side, struct slice bytes)
{
	*im = (struct image){.t = t, .present = r->present[side], .w = wire_of(bytes)};
	if (r->partial && side == MYSQL_AFTER && (wire_packed(&im->w) & PARTIAL_JSON))
		im->partial = wire_take(&im->w, (t->n_json + 7u) / 8).ptr;
	unsigned n = bits_set(im->present, t->n_columns);
	im->nulls = wire_take(&im->w, (n + 7) / 8).ptr;
	return !im->w.bad;
}

struct cell {
	unsigned column;
	bool null, partial;
	struct slice value;
};

/* The next column that is present. False at the end, or with im->w.bad at the end of the bytes. */
static inline bool image_next(struct image *im, struct cell *ret)
{
	const struct mysql_table *t = im->t;
	for (; im->column < t->n_columns; im->column++) {
		const struct mysql_column *c = &t->columns[im->column];
		bool partial =
			im->partial && c->type == MYSQL_T_JSON && bit_at(im->partial, im->n_json++);
		if (!bit_at(im->present, im->column))
			continue;
		ret->column = im->column++;
		ret->partial = partial;
		ret->null = bit_at(im->nulls, im->n_seen++);
		if (ret->null)
			return true;
		uint64_t len = c->fixed       ? c->fixed
			       : c->len_bytes ? wire_int(&im->w, c->len_bytes)
					      : 0;
		ret->value = wire_take(&im->w, len);
		return !im->w.bad;
	}
	return false;
}

/* The length of the image at the start of @bytes. */
static inline bool image_len(const struct mysql_table *t, const struct mysql_rows *r,
			     enum mysql_side side, struct slice bytes, uint32_t *ret_len)
{
	struct image im;
	struct cell cell;
	if (r->whole[side])
		return row_len(t, bytes, ret_len);
	if (bytes.len > UINT32_MAX || !image_open(&im, t, r, side, bytes))
		return false;
	while (image_next(&im, &cell))
		;
	*ret_len = (uint32_t)(im.w.p - bytes.ptr);
	return !im.w.bad;
}

static inline enum mysql_fault row_measure(const struct mysql_rows *r, const struct mysql_table *t,
					   struct mysql_row *row)
{
	uint32_t before = 0, after = 0;
	if (r->op != MYSQL_OP_WRITE && !image_len(t, r, MYSQL_BEFORE, r->data, &before))
		return MYSQL_F_VALUE;
	struct slice rest = {r->data.ptr + before, r->data.len - before};
	if (r->op != MYSQL_OP_DELETE && !image_len(t, r, MYSQL_AFTER, rest, &after))
		return MYSQL_F_VALUE;
	row->len[MYSQL_BEFORE] = before;
	row->len[MYSQL_AFTER] = after;
	row->bytes = (struct slice){r->data.ptr, (size_t)before + after};
	/* Columns without a byte of image: rows of them cannot be counted. */
	return row->bytes.len ? MYSQL_F_OK : MYSQL_F_VALUE;
}

static bool image_plausible(const struct mysql_table *t, const struct mysql_rows *r,
			    enum mysql_side side, struct slice bytes)
{
	struct image im;
	struct cell cell;
	if (bytes.len == 0)
		return true;
	image_open(&im, t, r, side, bytes);
	while (image_next(&im, &cell))
		if (!cell.null && !value_time_plausible(&t->columns[cell.column], cell.value))
			return false;
	return true;
}

static bool rows_plausible(const struct mysql_rows *rows, const struct mysql_table *t)
{
	struct mysql_rows r = *rows;
	struct mysql_row row;
	while (r.data.len) {
		if (row_measure(&r, t, &row))
			return false;
		struct slice before = {row.bytes.ptr, row.len[0]};
		struct slice after = {row.bytes.ptr + row.len[0], row.len[1]};
		if (!image_plausible(t, &r, MYSQL_BEFORE, before) ||
		    !image_plausible(t, &r, MYSQL_AFTER, after))
			return false;
		r.data = slice_from(r.data, row.bytes.len);
	}
	return true;
}

enum mysql_fault mysql_rows_next(struct mysql_rows *r, const struct mysql_table *t,
				 struct mysql_row *ret_row)
{
	if (r->data.len == 0)
		return MYSQL_F_END;
	if (r->n_columns != t->n_columns)
		return MYSQL_F_COLUMNS;
	if (t->old_temporal && !r->checked && !rows_plausible(r, t))
		return MYSQL_F_OLD_TEMPORAL;
	r->checked = true;
	enum mysql_fault fault = row_measure(r, t, ret_row);
	if (fault == MYSQL_F_OK)
		r->data = slice_from(r->data, ret_row->bytes.len);
	return fault;
}

unsigned mysql_rows_plain(const struct mysql_rows *r, const struct mysql_table *t)
{
	static const uint8_t sides[] = {[MYSQL_OP_WRITE] = 1 << MYSQL_AFTER,
					[MYSQL_OP_UPDATE] = 1 << MYSQL_BEFORE | 1 << MYSQL_AFTER,
					[MYSQL_OP_DELETE] = 1 << MYSQL_BEFORE};
	bool whole = (r->op == MYSQL_OP_WRITE || r->whole[MYSQL_BEFORE]) &&
		     (r->op == MYSQL_OP_DELETE || r->whole[MYSQL_AFTER]);
	bool plain = whole && t->strides && !t->old_temporal && r->n_columns == t->n_columns;
	return plain ? sides[r->op] : 0;
}

/* The image before, walked along with the one after: partial updates apply to its values. */
struct before {
	struct image im;
	struct cell cell;
	bool more;
};

static void before_open(struct before *b, const struct mysql_table *t, const struct mysql_rows *r,
			const struct mysql_row *row)
{
	struct slice bytes = {row->bytes.ptr, row->len[MYSQL_BEFORE]};
	b->more = r->partial && image_open(&b->im, t, r, MYSQL_BEFORE, bytes) &&
		  image_next(&b->im, &b->cell);
}

/* The value before of @column, where the row has it; columns are asked for in order. */
static const struct slice *before_value(struct before *b, unsigned column)
{
	while (b->more && b->cell.column < column)
		b->more = image_next(&b->im, &b->cell);
	bool has = b->more && b->cell.column == column && !b->cell.null;
	return has ? &b->cell.value : NULL;
}

static enum mysql_fault put_partial(const struct slice *base, struct slice diffs,
				    struct mysql_out *out)
{
	size_t from = out->len;
	enum mysql_fault fault = mjson_put_diff(base, diffs, out);
	return fault ? fault : mjson_mark_null(out, from);
}

/* The columns of an image that has some of them, or a partial update. */
static enum mysql_fault put_some(const struct mysql_decoder *d, const struct mysql_table *t,
				 const struct mysql_rows *r, const struct mysql_row *row,
				 enum mysql_side side, struct slice bytes, struct mysql_out *out)
{
	struct image im;
	struct cell cell;
	struct before before;
	if (!image_open(&im, t, r, side, bytes))
		return MYSQL_F_VALUE;
	before_open(&before, t, r, row);
	while (image_next(&im, &cell)) {
		const struct mysql_column *c = &t->columns[cell.column];
		enum mysql_fault fault = out_padded(out, c->key, c->key_len);
		if (!fault && cell.null)
			fault = OUT_LIT(out, "null");
		else if (!fault && cell.partial)
			fault = put_partial(before_value(&before, cell.column), cell.value, out);
		else if (!fault)
			fault = value_put(d, c, cell.value, out);
		if (fault)
			return fault;
	}
	return im.w.bad ? MYSQL_F_VALUE : MYSQL_F_OK;
}

static enum mysql_fault put_image(const struct mysql_decoder *d, const struct mysql_table *t,
				  const struct mysql_rows *r, const struct mysql_row *row,
				  enum mysql_side side, struct mysql_out *out)
{
	struct slice bytes = {row->bytes.ptr + (side == MYSQL_AFTER ? row->len[0] : 0),
			      row->len[side]};
	size_t start = out->len;
	enum mysql_fault fault = r->whole[side] ? row_plan_put(d, t, bytes, out)
						: put_some(d, t, r, row, side, bytes, out);
	if (fault)
		return fault;
	/* Keys come with the comma in front of them; the first one's makes room for the brace. */
	if (out->len == start)
		return OUT_LIT(out, "{}");
	out->buf[start] = '{';
	return OUT_LIT(out, "}");
}

enum mysql_fault mysql_row_json(const struct mysql_decoder *d, const struct mysql_table *t,
				const struct mysql_rows *r, const struct mysql_row *row,
				enum mysql_side side, struct mysql_out *out)
{
	size_t start = out->len;
	if (row->len[side] == 0)
		return OUT_LIT(out, "null");
	if (r->n_columns != t->n_columns)
		return MYSQL_F_COLUMNS;
	enum mysql_fault fault = put_image(d, t, r, row, side, out);
	if (fault)
		out->len = start;
	out->guessed |= !t->typed;
	return fault;
}
