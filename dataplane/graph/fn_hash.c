/* Hashes, and bytes as text. */
#include <xxhash.h>

#include "dataplane/base/text.h"
#include "dataplane/graph/digest.h"
#include "dataplane/graph/fn.h"
#include "dataplane/rec/json_text.h"

static const char hex_digits[] = "0123456789abcdef";

static size_t put_hex(uint8_t *out, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		out[2 * i] = (uint8_t)hex_digits[p[i] >> 4];
		out[2 * i + 1] = (uint8_t)hex_digits[p[i] & 15];
	}
	return 2 * len;
}

static uint8_t md5(struct call *c, const union cell *in, union cell *ret)
{
	uint8_t digest[DIGEST_MD5_BYTES], text[2 * DIGEST_MD5_BYTES];
	digest_md5(in[0].s, digest);
	return call_text(c, ret, text, put_hex(text, digest, sizeof(digest)));
}

static uint8_t sha256(struct call *c, const union cell *in, union cell *ret)
{
	uint8_t digest[DIGEST_SHA256_BYTES];
	digest_sha256(in[0].s, digest);
	return call_text(c, ret, digest, sizeof(digest));
}

static uint8_t xxhash64(struct call *c, const union cell *in, union cell *ret)
{
	ret->i = (int64_t)XXH64(in[0].s.ptr, in[0].s.len, 0);
	return VEC_VALUE;
}

/* ---- encode, decode ---- */

enum coding { CODING_HEX, CODING_BASE64 };

static int prepare_coding(struct fn_prep *p, const void **ret_aux)
{
	static const enum coding codings[] = {CODING_HEX, CODING_BASE64};
	static const char *const names[] = {"hex", "base64"};
	const struct vec *v = p->constants[1];
	for (unsigned i = 0; v && v->state[0] == VEC_VALUE && i < 2; i++)
		if (text_ieq(v->s[0], slice_str(names[i]))) {
			*ret_aux = &codings[i];
			return 0;
		}
	return err_set(p->e, -EINVAL, "%s takes 'hex' or 'base64' for its second argument",
		       p->fn->name);
}

/* MIME's lines of 76 characters, as PostgreSQL has them. */
#define LINE 76

static uint8_t encode_base64(struct call *c, struct slice s, union cell *ret)
{
	size_t len = 4 * ((s.len + 2) / 3), breaks = len ? (len - 1) / LINE : 0;
	uint8_t *p = call_room(c, len + breaks);
	if (!p)
		return VEC_NO_ROOM;
	ret->s = slice_of(p, len + breaks);
	for (size_t i = 0; i < s.len; i += LINE / 4 * 3) {
		size_t n = s.len - i < LINE / 4 * 3 ? s.len - i : LINE / 4 * 3;
		if (i)
			*p++ = '\n';
		p += json_base64_put(p, s.ptr + i, n);
	}
	return VEC_VALUE;
}

static uint8_t encode(struct call *c, const union cell *in, union cell *ret)
{
	struct slice s = in[0].s;
	if (*(const enum coding *)c->aux == CODING_BASE64)
		return encode_base64(c, s, ret);
	uint8_t *p = call_room(c, 2 * s.len);
	if (!p)
		return VEC_NO_ROOM;
	ret->s = slice_of(p, put_hex(p, s.ptr, s.len));
	return VEC_VALUE;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static uint8_t decode_hex(struct slice s, uint8_t *out, size_t *ret_len)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		if (is_blank(s.ptr[i]))
			continue;
		int high = text_hex_digit(s.ptr[i]);
		int low = ++i < s.len ? text_hex_digit(s.ptr[i]) : -1;
		if (high < 0 || low < 0)
			return VEC_BAD_INPUT;
		out[n++] = (uint8_t)(high << 4 | low);
	}
	*ret_len = n;
	return VEC_VALUE;
}

static int base64_digit(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (text_is_digit(c))
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

static uint8_t decode_base64(struct slice s, uint8_t *out, size_t *ret_len)
{
	size_t n = 0;
	uint32_t word = 0;
	int pos = 0, end = 0;
	for (size_t i = 0; i < s.len; i++) {
		int d = 0;
		if (is_blank(s.ptr[i]))
			continue;
		if (s.ptr[i] == '=') {
			if (!end && (pos == 2 || pos == 3))
				end = pos == 2 ? 1 : 2;
			else if (!end || pos != 3)
				return VEC_BAD_INPUT;
		} else {
			d = base64_digit(s.ptr[i]);
			if (d < 0 || end)
				return VEC_BAD_INPUT;
		}
		word = word << 6 | (uint32_t)d;
		if (++pos < 4)
			continue;
		out[n++] = (uint8_t)(word >> 16);
		if (end == 0 || end > 1)
			out[n++] = (uint8_t)(word >> 8);
		if (end == 0)
			out[n++] = (uint8_t)word;
		pos = 0;
		word = 0;
	}
	*ret_len = n;
	return pos == 0 ? VEC_VALUE : VEC_BAD_INPUT;
}

static uint8_t decode(struct call *c, const union cell *in, union cell *ret)
{
	size_t len;
	uint8_t *p = call_room(c, in[0].s.len);
	if (!p)
		return VEC_NO_ROOM;
	bool base64 = *(const enum coding *)c->aux == CODING_BASE64;
	uint8_t state = base64 ? decode_base64(in[0].s, p, &len) : decode_hex(in[0].s, p, &len);
	if (state == VEC_VALUE)
		ret->s = slice_of(p, len);
	return state;
}

/* The bytes of a text in UTF-8, and back: PostgreSQL's convert_to and convert_from. */
static int prepare_utf8(struct fn_prep *p, const void **ret_aux)
{
	const struct vec *v = p->constants[1];
	if (v && v->state[0] == VEC_VALUE &&
	    (text_ieq(v->s[0], SLICE_LIT("utf8")) || text_ieq(v->s[0], SLICE_LIT("utf-8"))))
		return 0;
	return err_set(p->e, -EINVAL, "%s takes 'UTF8' for its second argument", p->fn->name);
}

static uint8_t convert(struct call *c, const union cell *in, union cell *ret)
{
	ret->s = in[0].s;
	if (c->fn->ret == SQL_BYTEA)
		return VEC_VALUE;
	bool valid = text_utf8_valid(in[0].s.ptr, in[0].s.len) == in[0].s.len;
	return valid && !(in[0].s.len && memchr(in[0].s.ptr, 0, in[0].s.len)) ? VEC_VALUE
									      : VEC_BAD_INPUT;
}

static const struct fn fns[] = {
	{"md5", SQL_TEXT, 1, {SQL_TEXT}, .row = md5},
	{"md5", SQL_TEXT, 1, {SQL_BYTEA}, .row = md5},
	{"sha256", SQL_BYTEA, 1, {SQL_BYTEA}, .row = sha256},
	{"xxhash64", SQL_INT8, 1, {SQL_TEXT}, .row = xxhash64},
	{"xxhash64", SQL_INT8, 1, {SQL_BYTEA}, .row = xxhash64},
	{"encode",
	 SQL_TEXT,
	 2,
	 {SQL_BYTEA, SQL_TEXT},
	 .n_run = 1,
	 .row = encode,
	 .prepare = prepare_coding},
	{"decode",
	 SQL_BYTEA,
	 2,
	 {SQL_TEXT, SQL_TEXT},
	 .n_run = 1,
	 .row = decode,
	 .prepare = prepare_coding},
	{"convert_to",
	 SQL_BYTEA,
	 2,
	 {SQL_TEXT, SQL_TEXT},
	 .n_run = 1,
	 .row = convert,
	 .prepare = prepare_utf8},
	{"convert_from",
	 SQL_TEXT,
	 2,
	 {SQL_BYTEA, SQL_TEXT},
	 .n_run = 1,
	 .row = convert,
	 .prepare = prepare_utf8},
};

const struct fn_table fns_hash = FN_TABLE(fns);
