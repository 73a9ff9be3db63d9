/* canal-json: a flat message of Alibaba's canal, one for each row.
 *
 *     {"data":[{..}],"database":"shop","es":..,"id":0,"isDdl":false,"mysqlType":{..},
 *      "old":[{..}],"pkNames":[..],"sql":"","sqlType":{..},"table":"orders","ts":..,
 *      "type":"UPDATE"}
 *
 * Every value is a string, or null. data is the row behind the change (before it, of a delete); old
 * has the columns that changed, as they were, and is null but for updates. Bytes become the
 * characters of the same numbers (ISO 8859-1), times of type TIMESTAMP are in UTC without its mark.
 */
#include "dataplane/sink/canal_type.h"
#include "dataplane/sink/encode_change.h"

/* A byte as the character of its number, inside of a JSON string. */
static uint8_t *put_latin1(uint8_t *o, uint8_t c)
{
	static const char hex[] = "0123456789abcdef";
	if (c >= 0x80) {
		*o++ = (uint8_t)(0xc0 | c >> 6);
		*o++ = (uint8_t)(0x80 | (c & 0x3f));
	} else if (c < 0x20) {
		o = PUT_LIT(o, "\\u00");
		*o++ = (uint8_t)hex[c >> 4];
		*o++ = (uint8_t)hex[c & 15];
	} else {
		if (c == '"' || c == '\\')
			*o++ = '\\';
		*o++ = c;
	}
	return o;
}

static uint8_t *put_bytes_of(uint8_t *o, struct slice base64)
{
	size_t n = base64_len(base64);
	for (size_t i = 0; i < n; i++)
		o = put_latin1(o, base64_at(base64, i));
	return o;
}

/* As the server keeps it: the number of the reference system, then well-known binary. */
static uint8_t *put_geometry(uint8_t *o, struct slice v)
{
	struct slice wkb, srid_text;
	uint64_t srid;
	if (!change_geometry(v, &wkb, &srid_text) || !text_u64(srid_text, &srid))
		return put_json_string(o, v);
	*o++ = '"';
	for (unsigned i = 0; i < 4; i++)
		o = put_latin1(o, (uint8_t)(srid >> (8 * i)));
	o = put_bytes_of(o, wkb);
	*o++ = '"';
	return o;
}

static uint8_t *put_text_value(uint8_t *o, const struct cell *c)
{
	struct slice v = c->value;
	switch (c->col.type) {
	case CHANGE_T_BINARY:
	case CHANGE_T_VARBINARY:
	case CHANGE_T_TINYBLOB:
	case CHANGE_T_BLOB:
	case CHANGE_T_MEDIUMBLOB:
	case CHANGE_T_LONGBLOB:
		*o++ = '"';
		o = put_bytes_of(o, string_inside(v));
		*o++ = '"';
		return o;
	case CHANGE_T_TIMESTAMP:
		return put_utc(o, v);
	case CHANGE_T_JSON:
		return put_json_string(o, v);
	default:
		return put_slice(o, v);
	}
}

static uint8_t *put_value(uint8_t *o, const struct cell *c)
{
	struct slice v = c->value;
	if (is_null(v))
		return put_slice(o, v);
	if (is_json_null(v))
		return PUT_LIT(o, "\"null\"");
	if (is_string(v))
		return put_text_value(o, c);
	if (c->col.type == CHANGE_T_GEOMETRY)
		return put_geometry(o, v);
	if (c->col.type == CHANGE_T_YEAR && v.len == 1)
		return PUT_LIT(o, "\"0000\"");
	return put_json_string(o, v);
}

static uint8_t *end_object(uint8_t *start, uint8_t *o)
{
	if (o == start)
		return PUT_LIT(o, "{}");
	*start = '{';
	*o++ = '}';
	return o;
}

enum which { WHICH_DATA, WHICH_OLD };

static uint8_t *put_columns(const struct batch *b, const struct rec *r, enum which which,
			    uint8_t *o)
{
	struct cell_pairs pairs;
	struct cell_pair pair;
	uint8_t *start = o;
	cell_pairs_open(&pairs, b, r);
	while (cell_pairs_next(&pairs, &pair)) {
		if (which == WHICH_OLD && !cell_changed(pair))
			continue;
		const struct cell *c = which == WHICH_OLD ? pair.before : cell_now(pair);
		*o++ = ',';
		o = put_slice(o, c->key);
		o = put_value(o, c);
	}
	return end_object(start, o);
}

/* Of the columns in data. */
static uint8_t *put_types(const struct batch *b, const struct rec *r, bool java, uint8_t *o)
{
	struct cell_pairs pairs;
	struct cell_pair pair;
	uint8_t *start = o;
	cell_pairs_open(&pairs, b, r);
	while (cell_pairs_next(&pairs, &pair)) {
		const struct cell *c = cell_now(pair);
		*o++ = ',';
		o = put_slice(o, c->key);
		o = java ? o + text_put_i64((char *)o, canal_sql_type(&c->col))
			 : canal_type_put(o, &c->col);
	}
	return end_object(start, o);
}

/* When the statement ran, or else when it passed by. */
static uint8_t *put_es(const struct batch *b, const struct rec *r, uint8_t *o)
{
	struct change_place place;
	uint64_t ms;
	change_place_read(b, r, &place);
	o = PUT_LIT(o, ",\"es\":");
	return put_u64(o, text_u64(place.ts_ms, &ms) ? ms : r->time_ns / 1000000);
}

static uint8_t *put_end(struct encode_ctx *ctx, const struct rec *r, const char *type, uint8_t *o)
{
	o = PUT_LIT(o, ",\"ts\":");
	o = put_u64(o, r->time_ns / 1000000);
	o = PUT_LIT(o, ",\"type\":\"");
	o = put_bytes(o, type, strlen(type));
	o = PUT_LIT(o, "\",");
	o = put_identity(ctx, r, o);
	return PUT_LIT(o, "}\n");
}

static uint8_t *put_row(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
			uint8_t *o)
{
	bool invalid = false;
	char op = change_op(b, r);
	o = PUT_LIT(o, "{\"data\":[");
	o = put_columns(b, r, WHICH_DATA, o);
	o = PUT_LIT(o, "],\"database\":");
	o = put_string(o, r->change->db, &invalid);
	o = put_es(b, r, o);
	o = PUT_LIT(o, ",\"id\":0,\"isDdl\":false,\"mysqlType\":");
	o = put_types(b, r, false, o);
	o = PUT_LIT(o, ",\"old\":");
	if (op == 'u') {
		*o++ = '[';
		o = put_columns(b, r, WHICH_OLD, o);
		*o++ = ']';
	} else {
		o = PUT_LIT(o, "null");
	}
	o = PUT_LIT(o, ",\"pkNames\":");
	o = put_key_names(r->change, "null", o);
	o = PUT_LIT(o, ",\"sql\":\"\",\"sqlType\":");
	o = put_types(b, r, true, o);
	o = PUT_LIT(o, ",\"table\":");
	o = put_string(o, r->change->table, &invalid);
	return put_end(ctx, r, op == 'c' ? "INSERT" : op == 'u' ? "UPDATE" : "DELETE", o);
}

static const char *type_of(const struct change_ddl *ddl)
{
	static const char *const verbs[] = {
		[CHANGE_V_OTHER] = "QUERY",       [CHANGE_V_CREATE] = "CREATE",
		[CHANGE_V_ALTER] = "ALTER",       [CHANGE_V_DROP] = "ERASE",
		[CHANGE_V_TRUNCATE] = "TRUNCATE", [CHANGE_V_RENAME] = "RENAME"};
	if (ddl->thing == CHANGE_OF_INDEX)
		return ddl->verb == CHANGE_V_CREATE ? "CINDEX" : "DINDEX";
	return ddl->thing == CHANGE_OF_TABLE ? verbs[ddl->verb] : "QUERY";
}

static uint8_t *put_ddl(struct encode_ctx *ctx, const struct batch *b, const struct rec *r,
			uint8_t *o)
{
	struct slice sql = change_text(b, r, CHANGE_SQL);
	struct change_ddl ddl;
	bool invalid = false;
	change_ddl_read(sql, &ddl);
	o = PUT_LIT(o, "{\"data\":null,\"database\":");
	o = put_string(o, change_ddl_db(b, r, &ddl), &invalid);
	o = put_es(b, r, o);
	o = PUT_LIT(o, ",\"id\":0,\"isDdl\":true,\"mysqlType\":null,\"old\":null,"
		       "\"pkNames\":null,\"sql\":");
	o = put_string(o, sql, &invalid);
	o = PUT_LIT(o, ",\"sqlType\":null,\"table\":");
	o = put_string(o, ddl.table, &invalid);
	return put_end(ctx, r, type_of(&ddl), o);
}

/* Names stand three times more, with their types. */
static size_t max(const struct encode_ctx *ctx, const struct batch *b, const struct rec *r)
{
	struct change_column col;
	size_t types = 0;
	for (unsigned i = 0; i < r->change->n_columns; i++) {
		r->change->column(r->change->of, i, &col);
		types += 3 * col.key.len + canal_type_max(&col) + 8;
	}
	/* A column that the table does not declare has a key in the image, and a short type. */
	size_t images = change_text(b, r, CHANGE_BEFORE).len + change_text(b, r, CHANGE_AFTER).len;
	return change_text_max(ctx, b, r) + types + 6 * images;
}

static size_t put(struct encode_ctx *ctx, const struct batch *b, const struct rec *r, uint8_t *out)
{
	bool row = r->change->kind == CHANGE_ROW;
	uint8_t *end = row ? put_row(ctx, b, r, out) : put_ddl(ctx, b, r, out);
	return (size_t)(end - out);
}

const struct encoder encoder_canal = {
	.name = "canal-json",
	.summary = "row changes as flat messages of canal",
	.changes_only = true,
	.max = max,
	.put = put,
};
