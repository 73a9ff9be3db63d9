/* value.h - one column value as JSON text.
 *
 * In:     the bytes of a value, whose length is already known to fit its column.
 * Out:    JSON text at the end of struct mysql_out.
 * Owns:   nothing.
 * Runs:   worker. No allocation.
 * Limits: NO_ROOM at the end of the buffer; VALUE for bytes that cannot be a value of the type.
 */
#ifndef SL_PARSERS_MYSQL_VALUE_H
#define SL_PARSERS_MYSQL_VALUE_H

#include "dataplane/rec/json_text.h"
#include "parsers/mysql/row.h"

/* Room for @n bytes at the end, or NULL. */
static inline uint8_t *out_room(struct mysql_out *out, size_t n)
{
	return n <= out->cap - out->len ? out->buf + out->len : NULL;
}

static inline void out_end(struct mysql_out *out, const void *end)
{
	out->len = (size_t)((const uint8_t *)end - out->buf);
}

static inline enum mysql_fault out_lit(struct mysql_out *out, const char *text, size_t len)
{
	uint8_t *o = out_room(out, len);
	if (!o)
		return MYSQL_F_NO_ROOM;
	memcpy(o, text, len);
	out->len += len;
	return MYSQL_F_OK;
}

/* The same for bytes in a padded buffer: short ones cost one step, and no call. */
static inline enum mysql_fault out_padded(struct mysql_out *out, const uint8_t *p, size_t len)
{
	uint8_t *o = out_room(out, len);
	if (!o)
		return MYSQL_F_NO_ROOM;
	for (size_t i = 0; i < len; i += 16)
		_mm_storeu_si128((__m128i *)(o + i), _mm_loadu_si128((const __m128i *)(p + i)));
	out->len += len;
	return MYSQL_F_OK;
}

#define OUT_LIT(out, text) out_lit(out, "" text, sizeof(text) - 1)

/* value.c: any value. */
enum mysql_fault value_put(const struct mysql_decoder *d, const struct mysql_column *c,
			   struct slice s, struct mysql_out *out);

/* value_text.c: UTF-8 as the inside of a JSON string; any character set as a string; bytes. */
enum mysql_fault value_put_utf8(struct slice s, struct mysql_out *out);
enum mysql_fault value_put_text(const struct mysql_decoder *d, enum mysql_charset cs,
				struct slice s, struct mysql_out *out);
enum mysql_fault value_put_bytes(struct slice s, size_t pad_to, struct mysql_out *out);
enum mysql_fault value_put_string(const struct mysql_decoder *d, const struct mysql_column *c,
				  struct slice s, struct mysql_out *out);

/* value_num.c: the plain text of a number; at most VALUE_NUM_MAX bytes, returned. */
#define VALUE_NUM_MAX 96
unsigned value_decimal_bytes(unsigned precision, unsigned frac);
size_t value_text_decimal(char *out, const uint8_t *p, unsigned precision, unsigned frac);
size_t value_text_f32(char *out, float v);
enum mysql_fault value_put_number(const struct mysql_column *c, struct slice s,
				  struct mysql_out *out);

/* value_time.c: the same for times, without quotes. The packed forms are those inside of JSON:
 * a time or datetime as one number, shifted by 24 bits of microseconds.
 */
#define VALUE_TIME_MAX 40
size_t value_text_packed_time(char *out, int64_t packed, unsigned frac);
size_t value_text_packed_datetime(char *out, int64_t packed, unsigned frac);
size_t value_text_packed_date(char *out, int64_t packed);
enum mysql_fault value_put_time(const struct mysql_column *c, struct slice s,
				struct mysql_out *out);

/* DATE, DATETIME2 and TIMESTAMP2 without quotes: at most VALUE_TIME_MAX bytes. They return the end.
 */
char *value_date_put(char *o, const uint8_t *p);
char *value_datetime_put(char *o, const struct mysql_column *c, const uint8_t *p);
char *value_timestamp_put(char *o, const struct mysql_column *c, const uint8_t *p);

/* False for a TIME, DATETIME or TIMESTAMP of the old format that no clock shows. */
bool value_time_plausible(const struct mysql_column *c, struct slice s);

/* value_set.c: ENUM and SET. */
enum mysql_fault value_put_labels(const struct mysql_column *c, struct slice s,
				  struct mysql_out *out);

/* value_misc.c: GEOMETRY, VECTOR, and MariaDB's UUID and addresses. */
enum mysql_fault value_put_geometry(struct slice s, struct mysql_out *out);
enum mysql_fault value_put_vector(struct slice s, struct mysql_out *out);
enum mysql_fault value_put_kind(const struct mysql_column *c, struct slice s,
				struct mysql_out *out);

#endif
