/* Text of any character set, and bytes. Contracts: value.h. */
#include "dataplane/base/text.h"
#include "parsers/mysql/value.h"

#define CHUNK 1024

/* Where the sixfold room is not there: a piece at a time, by way of the stack. */
static enum mysql_fault put_tight(struct slice s, struct mysql_out *out)
{
	uint8_t text[CHUNK * JSON_TEXT_FACTOR + JSON_TEXT_SLACK];
	while (s.len) {
		size_t n = s.len < CHUNK ? s.len : CHUNK;
		/* Not inside of a character, if there is an end of one near. */
		for (unsigned back = 0; back < 4 && n < s.len && (s.ptr[n] & 0xc0) == 0x80; back++)
			n--;
		size_t len = json_text_put(text, s.ptr, n, &out->invalid_text);
		enum mysql_fault fault = out_lit(out, (const char *)text, len);
		if (fault)
			return fault;
		s = slice_from(s, n);
	}
	return MYSQL_F_OK;
}

enum mysql_fault value_put_utf8(struct slice s, struct mysql_out *out)
{
	uint8_t *o = s.len <= out->cap / JSON_TEXT_FACTOR
			     ? out_room(out, s.len * JSON_TEXT_FACTOR + JSON_TEXT_SLACK)
			     : NULL;
	if (!o)
		return put_tight(s, out);
	out->len += json_text_put_padded(o, s.ptr, s.len, &out->invalid_text);
	return MYSQL_F_OK;
}

static enum mysql_fault put_converted(const struct mysql_decoder *d, enum mysql_charset cs,
				      struct slice s, struct mysql_out *out)
{
	uint8_t utf8[CHUNK + SL_PAD];
	while (s.len) {
		size_t n = mysql_charset_some(d->charsets, cs, &s, utf8, CHUNK, &out->invalid_text);
		enum mysql_fault fault = value_put_utf8((struct slice){utf8, n}, out);
		if (fault)
			return fault;
	}
	return MYSQL_F_OK;
}

enum mysql_fault value_put_text(const struct mysql_decoder *d, enum mysql_charset cs,
				struct slice s, struct mysql_out *out)
{
	enum mysql_fault fault = OUT_LIT(out, "\"");
	if (!fault)
		fault = cs <= MYSQL_CS_UTF8 ? value_put_utf8(s, out) : put_converted(d, cs, s, out);
	return fault ? fault : OUT_LIT(out, "\"");
}

enum mysql_fault value_put_bytes(struct slice s, size_t pad_to, struct mysql_out *out)
{
	/* BINARY(n) comes without the zeros at its end. */
	uint8_t padded[1024];
	if (s.len < pad_to && pad_to <= sizeof(padded)) {
		memcpy(padded, s.ptr, s.len);
		memset(padded + s.len, 0, pad_to - s.len);
		s = (struct slice){padded, pad_to};
	}
	uint8_t *o = out_room(out, (s.len + 2) / 3 * 4 + 2);
	if (!o)
		return MYSQL_F_NO_ROOM;
	*o++ = '"';
	o += json_base64_put(o, s.ptr, s.len);
	*o++ = '"';
	out_end(out, o);
	return MYSQL_F_OK;
}

/* CHAR, VARCHAR, TEXT and their binary twins. */
enum mysql_fault value_put_string(const struct mysql_decoder *d, const struct mysql_column *c,
				  struct slice s, struct mysql_out *out)
{
	if (c->kind != MYSQL_KIND_PLAIN)
		return value_put_kind(c, s, out);
	if (c->charset == MYSQL_CS_BINARY)
		return value_put_bytes(s, c->type == MYSQL_T_STRING ? c->bytes_max : 0, out);
	if (c->charset == MYSQL_CS_UNKNOWN) {
		out->guessed = true;
		if (text_utf8_valid(s.ptr, s.len) != s.len)
			return value_put_bytes(s, 0, out);
	}
	return value_put_text(d, (enum mysql_charset)c->charset, s, out);
}
