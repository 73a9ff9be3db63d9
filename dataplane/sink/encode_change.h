/* encode_change.h - what the encoders of row changes have in common.
 *
 * In:     values as field before and after have them (rec/change.h).
 * Out:    the same in another spelling, at @o: at most CHANGE_TEXT_FACTOR bytes for each byte in,
 *         and JSON_TEXT_SLACK; the new end.
 * Owns:   nothing.
 * Runs:   worker.
 * Limits: -
 */
#ifndef SL_SINK_ENCODE_CHANGE_H
#define SL_SINK_ENCODE_CHANGE_H

#include "dataplane/sink/change_cells.h"
#include "dataplane/sink/change_ddl.h"
#include "dataplane/sink/encode_put.h"

/* Four characters of base64 are three bytes, of which each may become \u0001; a key and a digit
 * ("a":1) become a key and eight bytes of base64.
 */
#define CHANGE_TEXT_FACTOR 5
/* All that stands around before and after: keys, numbers, names and their escapes. */
#define CHANGE_FRAME_MAX   1024

/* Room for both images once, the place, the statement and the names. */
size_t change_text_max(const struct encode_ctx *ctx, const struct batch *b, const struct rec *r);

/* A JSON value as a string that holds its text. */
uint8_t *put_json_string(uint8_t *o, struct slice json);

/* The name of the source, with its quotes. */
struct slice change_source_name(const struct encode_ctx *ctx, const struct rec *r);

/* `"_id":"...","_time":"..."` */
uint8_t *put_identity(struct encode_ctx *ctx, const struct rec *r, uint8_t *o);

/* `["id","seq"]`, or @none where no column is known to be of the key. */
uint8_t *put_key_names(const struct change *change, const char *none, uint8_t *o);

/* The database of a statement: that of its table, else the current one; empty: none. */
struct slice change_ddl_db(const struct batch *b, const struct rec *r,
			   const struct change_ddl *ddl);

/* The insides of a string of base64, byte by byte. */
static inline size_t base64_len(struct slice text)
{
	size_t pad = 0;
	while (pad < 2 && pad < text.len && text.ptr[text.len - 1 - pad] == '=')
		pad++;
	return text.len / 4 * 3 - (text.len >= 4 ? pad : 0);
}

uint8_t base64_at(struct slice text, size_t i);

/* The text of a TIMESTAMP without the Z at its end. */
uint8_t *put_utc(uint8_t *o, struct slice json);

/* A value that is a string: its inside. */
static inline bool is_string(struct slice json)
{
	return json.len >= 2 && json.ptr[0] == '"';
}

static inline struct slice string_inside(struct slice json)
{
	return slice_of(json.ptr + 1, json.len - 2);
}

static inline bool is_null(struct slice json)
{
	return slice_eq(json, SLICE_LIT("null"));
}

/* JSON's own null, in a column of type JSON: it has a blank behind it. */
static inline bool is_json_null(struct slice json)
{
	return slice_eq(json, SLICE_LIT("null "));
}

/* The inside of member wkb of a geometry, and its srid as text; false: @json is none. */
bool change_geometry(struct slice json, struct slice *ret_wkb, struct slice *ret_srid);

/* Well-known binary, as base64, to well-known text; NULL: it is none that a text has. wkt.c */
uint8_t *put_wkt(uint8_t *o, struct slice base64);

#endif
