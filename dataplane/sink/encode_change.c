#include "dataplane/sink/encode_change.h"

size_t change_text_max(const struct encode_ctx *ctx, const struct batch *b, const struct rec *r)
{
	size_t images = change_text(b, r, CHANGE_BEFORE).len + change_text(b, r, CHANGE_AFTER).len;
	size_t names = change_text(b, r, CHANGE_DB).len + r->change->db.len + r->change->table.len;
	size_t texts = change_text(b, r, CHANGE_SQL).len + names;
	return CHANGE_FRAME_MAX + CHANGE_TEXT_FACTOR * images + JSON_TEXT_FACTOR * 2 * texts +
	       2 * change_text(b, r, CHANGE_SOURCE).len + ctx->source_only[r->source].len;
}

uint8_t *put_json_string(uint8_t *o, struct slice json)
{
	bool invalid = false;
	*o++ = '"';
	o += json_text_put_padded(o, json.ptr, json.len, &invalid);
	*o++ = '"';
	return o;
}

struct slice change_source_name(const struct encode_ctx *ctx, const struct rec *r)
{
	struct slice s = ctx->source_only[r->source];
	size_t key = strlen("\"_source\":");
	return slice_of(s.ptr + key, s.len - key - 1);
}

uint8_t *put_identity(struct encode_ctx *ctx, const struct rec *r, uint8_t *o)
{
	o = PUT_LIT(o, "\"_id\":\"");
	o += encode_id(r, o);
	o = PUT_LIT(o, "\",\"_time\":\"");
	o = put_time_9(ctx, r->time_ns, o);
	*o++ = '"';
	return o;
}

uint8_t *put_key_names(const struct change *change, const char *none, uint8_t *o)
{
	struct change_column col;
	uint8_t *start = o;
	for (unsigned i = 0; i < change->n_columns; i++) {
		change->column(change->of, i, &col);
		if (!col.in_key)
			continue;
		*o = o == start ? '[' : ',';
		o = put_padded(o + 1, col.key.ptr + 1, col.key.len - 2);
	}
	if (o == start)
		return put_bytes(o, none, strlen(none));
	*o++ = ']';
	return o;
}

struct slice change_ddl_db(const struct batch *b, const struct rec *r, const struct change_ddl *ddl)
{
	return ddl->db.len ? ddl->db : change_text(b, r, CHANGE_DB);
}

uint8_t *put_utc(uint8_t *o, struct slice json)
{
	if (json.ptr[json.len - 2] != 'Z')
		return put_slice(o, json);
	o = put_padded(o, json.ptr, json.len - 2);
	*o++ = '"';
	return o;
}

static unsigned base64_value(uint8_t c)
{
	return c >= 'a'   ? c - 'a' + 26u
	       : c >= 'A' ? c - 'A' + 0u
	       : c >= '0' ? c - '0' + 52u
	       : c == '+' ? 62
			  : 63;
}

uint8_t base64_at(struct slice text, size_t i)
{
	const uint8_t *p = text.ptr + i / 3 * 4 + i % 3;
	unsigned two = base64_value(p[0]) << 6 | base64_value(p[1]);
	return (uint8_t)(two >> (4 - 2 * (i % 3)));
}

bool change_geometry(struct slice json, struct slice *ret_wkb, struct slice *ret_srid)
{
	struct cells cells;
	struct cell srid, wkb;
	cells_open(&cells, NULL, json);
	if (!cells_next(&cells, &srid) || !cells_next(&cells, &wkb) ||
	    !slice_eq(wkb.key, SLICE_LIT("\"wkb\":")) || !is_string(wkb.value))
		return false;
	*ret_srid = srid.value;
	*ret_wkb = string_inside(wkb.value);
	return true;
}
