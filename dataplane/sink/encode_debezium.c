/* debezium-json: the envelope of Debezium's connector for MySQL, without its schema.
 *
 *     {"before":{..},"after":{..},"source":{..},"op":"u","ts_ms":..,"transaction":{..}}
 *
 * A reader without a schema has only the values to go by. So they are what Flink's, Spark's and
 * others' parsers read as the column's type: dates as text, decimals as strings (Debezium's own
 * decimal.handling.mode=string), bytes as base64. What Debezium writes in one way only is written
 * like it: BIT, JSON, and null for a date that no calendar has.
 */
#include "dataplane/sink/encode_change.h"

/* YYYY-MM-DD with a month or day of zero. */
static bool is_no_date(struct slice v)
{
	return v.len >= 12 && v.ptr[0] == '"' &&
	       (memcmp(v.ptr + 6, "00", 2) == 0 || memcmp(v.ptr + 9, "00", 2) == 0);
}

/* BIT(1) is a boolean, more bits are bytes, the lowest first. */
static uint8_t *put_bits(uint8_t *o, struct slice v, uint32_t bits)
{
	uint64_t n;
	uint8_t bytes[8];
	if (!text_u64(v, &n))
		return put_slice(o, v);
	if (bits == 1)
		return n ? PUT_LIT(o, "true") : PUT_LIT(o, "false");
	for (unsigned i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(n >> (8 * i));
	*o++ = '"';
	o += json_base64_put(o, bytes, bits <= 64 ? (bits + 7) / 8 : 8);
	*o++ = '"';
	return o;
}

static uint8_t *put_value(uint8_t *o, const struct cell *c)
{
	struct slice v = c->value;
	if (is_null(v))
		return put_slice(o, v);
	if (is_json_null(v))
		return PUT_LIT(o, "\"null\"");
	switch (c->col.type) {
	case CHANGE_T_JSON:
		return put_json_string(o, v);
	case CHANGE_T_BIT:
		return put_bits(o, v, c->col.length);
	case CHANGE_T_DATE:
	case CHANGE_T_DATETIME:
	case CHANGE_T_TIMESTAMP:
		return is_no_date(v) ? PUT_LIT(o, "null") : put_slice(o, v);
	default:
		return put_slice(o, v);
	}
}

static uint8_t *put_image(uint8_t *o, const struct rec *r, struct slice image)
{
	struct cells cells;
	struct cell cell;
	if (image.len == 0)
		return PUT_LIT(o, "null");
	uint8_t *start = o;
	cells_open(&cells, r->change, image);
	while (cells_next(&cells, &cell)) {
		*o++ = ',';
		o = put_slice(o, cell.key);
		o = put_value(o, &cell);
	}
	if (o == start)
		return PUT_LIT(o, "{}");
	*start = '{';
	*o++ = '}';
	return o;
}

/* Ours has the members that Debezium's has, and a few more. */
static uint8_t *put_source(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
			   uint8_t *o)
{
	struct slice place = change_text(b, r, CHANGE_SOURCE);
	o = PUT_LIT(o, "{\"version\":\"sluice\",\"connector\":\"mysql\",\"name\":");
	o = put_slice(o, change_source_name(ctx, r));
	o = PUT_LIT(o, ",\"snapshot\":\"false\",");
	if (place.len > 2) {
		o = put_padded(o, place.ptr + 1, place.len - 2);
		*o++ = ',';
	}
	o = put_identity(ctx, r, o);
	*o++ = '}';
	return o;
}

static uint8_t *put_transaction(const struct batch *b, const struct rec *r, uint8_t *o)
{
	struct change_place place;
	uint64_t index;
	change_place_read(b, r, &place);
	struct slice id = place.txid.len ? place.txid : place.gtid;
	if (!is_string(id))
		return PUT_LIT(o, "null");
	o = PUT_LIT(o, "{\"id\":");
	o = put_slice(o, id);
	if (text_u64(place.tx_index, &index)) {
		o = PUT_LIT(o, ",\"total_order\":");
		o = put_u64(o, index + 1);
	}
	*o++ = '}';
	return o;
}

static uint8_t *put_row(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
			uint8_t *o)
{
	o = PUT_LIT(o, "{\"before\":");
	o = put_image(o, r, change_text(b, r, CHANGE_BEFORE));
	o = PUT_LIT(o, ",\"after\":");
	o = put_image(o, r, change_text(b, r, CHANGE_AFTER));
	o = PUT_LIT(o, ",\"source\":");
	o = put_source(ctx, b, r, o);
	o = PUT_LIT(o, ",\"op\":\"");
	*o++ = (uint8_t)change_op(b, r);
	o = PUT_LIT(o, "\",\"ts_ms\":");
	o = put_u64(o, r->time_ns / 1000000);
	o = PUT_LIT(o, ",\"transaction\":");
	o = put_transaction(b, r, o);
	return PUT_LIT(o, "}\n");
}

/* The event of a schema change, which Debezium writes to a topic of its own. */
static uint8_t *put_ddl(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
			uint8_t *o)
{
	struct slice sql = change_text(b, r, CHANGE_SQL);
	struct change_ddl ddl;
	bool invalid = false;
	change_ddl_read(sql, &ddl);
	struct slice db = change_ddl_db(b, r, &ddl);
	o = PUT_LIT(o, "{\"source\":");
	o = put_source(ctx, b, r, o);
	o = PUT_LIT(o, ",\"ts_ms\":");
	o = put_u64(o, r->time_ns / 1000000);
	o = PUT_LIT(o, ",\"databaseName\":");
	o = db.len ? put_string(o, db, &invalid) : PUT_LIT(o, "null");
	o = PUT_LIT(o, ",\"schemaName\":null,\"ddl\":");
	o = put_string(o, sql, &invalid);
	return PUT_LIT(o, ",\"tableChanges\":[]}\n");
}

static size_t put(struct encode_ctx *ctx, const struct batch *b, const struct rec *r, uint8_t *out)
{
	bool row = r->change->kind == CHANGE_ROW;
	uint8_t *end = row ? put_row(ctx, b, r, out) : put_ddl(ctx, b, r, out);
	return (size_t)(end - out);
}

const struct encoder encoder_debezium = {
	.name = "debezium-json",
	.summary = "row changes in the envelope of Debezium",
	.changes_only = true,
	.max = change_text_max,
	.put = put,
};
