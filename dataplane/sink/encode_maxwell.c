/* maxwell-json: what Maxwell's daemon writes.
 *
 *     {"database":"shop","table":"orders","type":"update","ts":..,"xid":..,"commit":true,
 *      "position":"..","gtid":"..","server_id":1,"data":{..},"old":{..}}
 *
 * data is the row behind the change (before it, of a delete); old has the columns that changed, as
 * they were. Decimals are numbers, bytes base64, sets arrays, geometries well-known text, times of
 * type TIMESTAMP in UTC without its mark.
 */
#include "dataplane/sink/encode_change.h"

/* The comma text of a SET as an array; its labels have no commas. */
static uint8_t *put_set(uint8_t *o, struct slice inside)
{
	const uint8_t *p = inside.ptr, *end = p + inside.len;
	*o++ = '[';
	for (const uint8_t *comma = p; comma && inside.len; p = comma + 1) {
		comma = memchr(p, ',', (size_t)(end - p));
		*o++ = '"';
		o = put_padded(o, p, (size_t)((comma ? comma : end) - p));
		*o++ = '"';
		if (!comma)
			break;
		*o++ = ',';
	}
	*o++ = ']';
	return o;
}

static bool is_number(struct slice s)
{
	size_t i = s.len && s.ptr[0] == '-', whole = i;
	while (i < s.len && text_is_digit(s.ptr[i]))
		i++;
	if (i == whole || (i - whole > 1 && s.ptr[whole] == '0'))
		return false;
	size_t point = i++;
	while (i < s.len && text_is_digit(s.ptr[i]))
		i++;
	return point == s.len || (s.ptr[point] == '.' && i == s.len && i > point + 1);
}

static uint8_t *put_geometry(uint8_t *o, struct slice v)
{
	struct slice wkb, srid;
	uint8_t *end = NULL;
	if (change_geometry(v, &wkb, &srid)) {
		*o = '"';
		end = put_wkt(o + 1, wkb);
	}
	if (!end)
		return put_slice(o, v);
	*end++ = '"';
	return end;
}

static uint8_t *put_value(uint8_t *o, const struct cell *c)
{
	struct slice v = c->value;
	if (!is_string(v))
		return c->col.type == CHANGE_T_GEOMETRY && v.ptr[0] == '{' ? put_geometry(o, v)
									   : put_slice(o, v);
	switch (c->col.type) {
	case CHANGE_T_DECIMAL:
		return put_slice(o, is_number(string_inside(v)) ? string_inside(v) : v);
	case CHANGE_T_SET:
		return put_set(o, string_inside(v));
	case CHANGE_T_TIMESTAMP:
		return put_utc(o, v);
	default:
		return put_slice(o, v);
	}
}

static uint8_t *put_cell(uint8_t *o, const struct cell *c)
{
	*o++ = ',';
	o = put_slice(o, c->key);
	return put_value(o, c);
}

static uint8_t *end_object(uint8_t *start, uint8_t *o)
{
	if (o == start)
		return PUT_LIT(o, "{}");
	*start = '{';
	*o++ = '}';
	return o;
}

static uint8_t *put_columns(const struct batch *b, const struct rec *r, uint8_t *o)
{
	struct cell_pairs pairs;
	struct cell_pair pair;
	o = PUT_LIT(o, ",\"data\":");
	uint8_t *start = o;
	cell_pairs_open(&pairs, b, r);
	while (cell_pairs_next(&pairs, &pair))
		o = put_cell(o, cell_now(pair));
	o = end_object(start, o);
	if (change_op(b, r) != 'u')
		return o;
	o = PUT_LIT(o, ",\"old\":");
	start = o;
	cell_pairs_open(&pairs, b, r);
	while (cell_pairs_next(&pairs, &pair))
		if (cell_changed(pair))
			o = put_cell(o, pair.before);
	return end_object(start, o);
}

static uint8_t *put_name(uint8_t *o, const char *key, struct slice name, bool *io_invalid)
{
	o = put_bytes(o, key, strlen(key));
	return put_string(o, name, io_invalid);
}

static uint8_t *put_member(uint8_t *o, const char *key, struct slice value)
{
	if (value.len == 0)
		return o;
	o = put_bytes(o, key, strlen(key));
	return put_slice(o, value);
}

/* "file:pos" */
static uint8_t *put_position(uint8_t *o, const struct change_place *place)
{
	if (!is_string(place->file))
		return o;
	o = PUT_LIT(o, ",\"position\":");
	o = put_padded(o, place->file.ptr, place->file.len - 1);
	*o++ = ':';
	o = put_slice(o, place->pos);
	*o++ = '"';
	return o;
}

static uint8_t *put_row(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
			uint8_t *o)
{
	struct change_place place;
	uint64_t ms;
	bool invalid = false;
	char op = change_op(b, r);
	change_place_read(b, r, &place);
	o = put_name(o, "{\"database\":", r->change->db, &invalid);
	o = put_name(o, ",\"table\":", r->change->table, &invalid);
	o = op == 'c'   ? PUT_LIT(o, ",\"type\":\"insert\"")
	    : op == 'u' ? PUT_LIT(o, ",\"type\":\"update\"")
			: PUT_LIT(o, ",\"type\":\"delete\"");
	o = PUT_LIT(o, ",\"ts\":");
	o = put_u64(o, text_u64(place.ts_ms, &ms) ? ms / 1000 : r->time_ns / NS_PER_S);
	o = put_member(o, ",\"xid\":", place.xid);
	if (slice_eq(place.last, SLICE_LIT("true")))
		o = PUT_LIT(o, ",\"commit\":true");
	else
		o = put_member(o, ",\"xoffset\":", place.tx_index);
	o = put_position(o, &place);
	o = put_member(o, ",\"gtid\":", place.gtid);
	o = put_member(o, ",\"server_id\":", place.server_id);
	o = put_member(o, ",\"thread_id\":", place.thread);
	uint8_t *names = PUT_LIT(o, ",\"primary_key_columns\":");
	uint8_t *behind = put_key_names(r->change, "", names);
	o = behind > names ? behind : o;
	o = put_columns(b, r, o);
	*o++ = ',';
	o = put_identity(ctx, r, o);
	return PUT_LIT(o, "}\n");
}

static const char *type_of(const struct change_ddl *ddl)
{
	bool db = ddl->thing == CHANGE_OF_DATABASE;
	if (ddl->verb == CHANGE_V_CREATE && ddl->thing != CHANGE_OF_INDEX)
		return db ? "database-create" : "table-create";
	if (ddl->verb == CHANGE_V_DROP && ddl->thing != CHANGE_OF_INDEX)
		return db ? "database-drop" : "table-drop";
	return db ? "database-alter" : "table-alter";
}

/* Without the definitions of before and behind, which Maxwell keeps in a database of its own. */
static uint8_t *put_ddl(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
			uint8_t *o)
{
	struct slice sql = change_text(b, r, CHANGE_SQL);
	struct change_ddl ddl;
	struct change_place place;
	bool invalid = false;
	change_ddl_read(sql, &ddl);
	change_place_read(b, r, &place);
	o = put_name(o, "{\"type\":", slice_str(type_of(&ddl)), &invalid);
	o = put_name(o, ",\"database\":", change_ddl_db(b, r, &ddl), &invalid);
	if (ddl.table.len)
		o = put_name(o, ",\"table\":", ddl.table, &invalid);
	o = put_member(o, ",\"ts\":", place.ts_ms);
	o = put_name(o, ",\"sql\":", sql, &invalid);
	o = put_position(o, &place);
	o = put_member(o, ",\"gtid\":", place.gtid);
	*o++ = ',';
	o = put_identity(ctx, r, o);
	return PUT_LIT(o, "}\n");
}

/* The names of the key stand once more. */
static size_t max(const struct encode_ctx *ctx, const struct batch *b, const struct rec *r)
{
	struct change_column col;
	size_t keys = 0;
	for (unsigned i = 0; i < r->change->n_columns; i++) {
		r->change->column(r->change->of, i, &col);
		keys += col.in_key ? col.key.len : 0;
	}
	return change_text_max(ctx, b, r) + keys;
}

static size_t put(struct encode_ctx *ctx, const struct batch *b, const struct rec *r, uint8_t *out)
{
	bool row = r->change->kind == CHANGE_ROW;
	uint8_t *end = row ? put_row(ctx, b, r, out) : put_ddl(ctx, b, r, out);
	return (size_t)(end - out);
}

const struct encoder encoder_maxwell = {
	.name = "maxwell-json",
	.summary = "row changes as Maxwell's daemon writes them",
	.changes_only = true,
	.max = max,
	.put = put,
};
