#include "dataplane/sink/clickhouse_type.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"
#include "dataplane/extract/json.h"

#define NUMBER_MAX 80 /* bytes of a number's text */

/* ---- a type's text ---- */

static bool inside(struct slice text, struct slice word, struct slice *ret_inside)
{
	if (!slice_starts(text, word) || text.ptr[text.len - 1] != ')')
		return false;
	*ret_inside = slice_of(text.ptr + word.len, text.len - word.len - 1);
	return true;
}

/* The numbers of "(9, 2)"; how many there are. */
static unsigned numbers(struct slice s, uint64_t *n, unsigned max)
{
	unsigned k = 0;
	while (k < max && s.len) {
		size_t len = 0;
		while (len < s.len && text_is_digit(s.ptr[len]))
			len++;
		if (!len || !text_u64(slice_of(s.ptr, len), &n[k]))
			break;
		k++;
		s = slice_from(s, len);
		while (s.len && (s.ptr[0] == ',' || s.ptr[0] == ' '))
			s = slice_from(s, 1);
	}
	return k;
}

static bool parse_decimal(struct slice s, struct ch_type *t)
{
	static const struct {
		struct slice word;
		uint8_t width;
	} fixed[] = {{SLICE_LIT("Decimal32("), 4},
		     {SLICE_LIT("Decimal64("), 8},
		     {SLICE_LIT("Decimal128("), 16}};
	struct slice in;
	uint64_t n[2] = {0};
	t->kind = CH_DECIMAL;
	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (!inside(s, fixed[i].word, &in))
			continue;
		t->width = fixed[i].width;
		if (numbers(in, n, 1) != 1 || n[0] > 38)
			return false;
		t->scale = (uint8_t)n[0];
		return true;
	}
	if (!inside(s, SLICE_LIT("Decimal("), &in) || numbers(in, n, 2) != 2 || n[0] > 38 ||
	    n[1] > n[0])
		return false;
	t->width = n[0] <= 9 ? 4 : n[0] <= 18 ? 8 : 16;
	t->scale = (uint8_t)n[1];
	return true;
}

static bool parse_with_words(struct slice s, struct ch_type *t)
{
	struct slice in;
	uint64_t n[1];
	if (inside(s, SLICE_LIT("DateTime("), &in)) {
		t->kind = CH_DATETIME;
		t->width = 4;
		return true;
	}
	if (inside(s, SLICE_LIT("DateTime64("), &in)) {
		t->kind = CH_DATETIME64;
		t->width = 8;
		if (numbers(in, n, 1) != 1 || n[0] > 9)
			return false;
		t->scale = (uint8_t)n[0];
		return true;
	}
	if (inside(s, SLICE_LIT("FixedString("), &in)) {
		t->kind = CH_FIXED;
		if (numbers(in, n, 1) != 1 || n[0] == 0 || n[0] > UINT16_MAX)
			return false;
		t->width = (uint32_t)n[0];
		return true;
	}
	if (inside(s, SLICE_LIT("Enum8("), &in) || inside(s, SLICE_LIT("Enum16("), &in)) {
		t->kind = CH_ENUM;
		t->width = s.ptr[4] == '8' ? 1 : 2;
		t->labels = in;
		return true;
	}
	return parse_decimal(s, t);
}

static bool parse_simple(struct slice s, struct ch_type *t)
{
	static const struct {
		struct slice word;
		enum ch_kind kind;
		uint8_t width;
	} words[] = {
		{SLICE_LIT("UInt8"), CH_UINT, 1},        {SLICE_LIT("UInt16"), CH_UINT, 2},
		{SLICE_LIT("UInt32"), CH_UINT, 4},       {SLICE_LIT("UInt64"), CH_UINT, 8},
		{SLICE_LIT("Int8"), CH_INT, 1},          {SLICE_LIT("Int16"), CH_INT, 2},
		{SLICE_LIT("Int32"), CH_INT, 4},         {SLICE_LIT("Int64"), CH_INT, 8},
		{SLICE_LIT("Float32"), CH_FLOAT, 4},     {SLICE_LIT("Float64"), CH_FLOAT, 8},
		{SLICE_LIT("Bool"), CH_BOOL, 1},         {SLICE_LIT("String"), CH_STRING, 0},
		{SLICE_LIT("Date"), CH_DATE, 2},         {SLICE_LIT("Date32"), CH_DATE32, 4},
		{SLICE_LIT("DateTime"), CH_DATETIME, 4}, {SLICE_LIT("UUID"), CH_UUID, 16},
		{SLICE_LIT("IPv4"), CH_IPV4, 4},         {SLICE_LIT("IPv6"), CH_IPV6, 16},
	};
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!slice_eq(s, words[i].word))
			continue;
		t->kind = words[i].kind;
		t->width = words[i].width;
		return true;
	}
	return parse_with_words(s, t);
}

bool ch_type_parse(struct slice text, struct ch_type *ret_t)
{
	struct ch_type t = {0};
	struct slice s = text;
	t.array = inside(s, SLICE_LIT("Array("), &s);
	bool low = inside(s, SLICE_LIT("LowCardinality("), &s);
	t.nullable = inside(s, SLICE_LIT("Nullable("), &s);
	if (!low && t.nullable)
		inside(s, SLICE_LIT("LowCardinality("), &s);
	if (s.len == 0 || !parse_simple(s, &t))
		return false;
	*ret_t = t;
	return true;
}

/* ---- values ---- */

unsigned ch_put_length(uint8_t *out, uint64_t n)
{
	unsigned i = 0;
	for (; n >= 0x80; n >>= 7)
		out[i++] = (uint8_t)(n | 0x80);
	out[i++] = (uint8_t)n;
	return i;
}

/* A whole number in the digits of @s, of @scale digits behind the point. */
static bool scaled(struct slice s, unsigned scale, __int128 *ret_n)
{
	bool minus = s.len && s.ptr[0] == '-', point = false;
	unsigned digits = 0, behind = 0;
	__int128 n = 0;
	for (size_t i = minus; i < s.len; i++) {
		if (s.ptr[i] == '.' && !point) {
			point = true;
			continue;
		}
		if (!text_is_digit(s.ptr[i]))
			return false;
		if (behind == scale && point) { /* a digit too many, unless it says nothing */
			if (s.ptr[i] != '0')
				return false;
			continue;
		}
		behind += point;
		digits++;
		n = n * 10 + (s.ptr[i] - '0');
		if (n > ((__int128)1 << 122))
			return false;
	}
	for (; behind < scale; behind++) {
		n *= 10;
		if (n > ((__int128)1 << 122))
			return false;
	}
	*ret_n = minus ? -n : n;
	return digits > 0;
}

static int64_t put_int(const struct ch_type *t, __int128 n, uint8_t *out)
{
	if (t->width < 16) { /* of those with 16 bytes scaled() is the limit */
		unsigned bits = t->width * 8 - (t->kind != CH_UINT);
		__int128 end = (__int128)1 << bits;
		if (n >= end || n < (t->kind == CH_UINT ? 0 : -end))
			return -1;
	}
	memcpy(out, &n, t->width);
	return t->width;
}

static int64_t put_number(const struct ch_type *t, const struct ch_value *v, uint8_t *out)
{
	__int128 n;
	if (v->kind == CH_V_BOOL)
		n = v->text.ptr[0] == 't';
	else if (v->kind == CH_V_NESTED || !scaled(v->text, 0, &n))
		return -1;
	return put_int(t, n, out);
}

static int64_t put_float(const struct ch_type *t, const struct ch_value *v, uint8_t *out)
{
	char text[NUMBER_MAX], *end;
	if ((v->kind != CH_V_NUMBER && v->kind != CH_V_STRING) || v->text.len == 0 ||
	    v->text.len >= sizeof(text))
		return -1;
	memcpy(text, v->text.ptr, v->text.len);
	text[v->text.len] = '\0';
	double d = strtod(text, &end);
	float f = (float)d;
	if (*end || text_is_blank((uint8_t)text[0]))
		return -1;
	memcpy(out, t->width == 8 ? (const void *)&d : (const void *)&f, t->width);
	return t->width;
}

static int64_t put_bool(const struct ch_value *v, uint8_t *out)
{
	bool yes = slice_eq(v->text, SLICE_LIT("true")) || slice_eq(v->text, SLICE_LIT("1"));
	bool no = slice_eq(v->text, SLICE_LIT("false")) || slice_eq(v->text, SLICE_LIT("0"));
	out[0] = yes;
	return yes || no ? 1 : -1;
}

/* Nanoseconds since 1970: RFC 3339, the same without a zone (then it is UTC), a date. */
static bool time_of(struct slice s, int64_t *ret_ns)
{
	char text[64];
	if (s.len == civil_read_rfc3339(s, ret_ns) && s.len)
		return true;
	if (s.len < 10 || s.len > 40)
		return false;
	memcpy(text, s.ptr, s.len);
	memcpy(text + s.len, s.len == 10 ? "T00:00:00Z" : "Z", s.len == 10 ? 10 : 1);
	size_t len = s.len + (s.len == 10 ? 10 : 1);
	return civil_read_rfc3339(slice_of(text, len), ret_ns) == len;
}

static int64_t floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/* A number is seconds since 1970, of DateTime64 with a fraction; days where the type is a date. */
static int64_t put_time(const struct ch_type *t, const struct ch_value *v, uint8_t *out)
{
	static const int64_t units[] = {1000000000, 100000000, 10000000, 1000000, 100000,
					10000,      1000,      100,      10,      1};
	struct ch_type as = {.kind = t->kind == CH_DATE || t->kind == CH_DATETIME ? CH_UINT
										  : CH_INT,
			     .width = t->width};
	__int128 n;
	int64_t ns;
	if (v->kind == CH_V_NUMBER)
		return scaled(v->text, t->scale, &n) ? put_int(&as, n, out) : -1;
	if (v->kind != CH_V_STRING || !time_of(v->text, &ns))
		return -1;
	if (t->kind == CH_DATE || t->kind == CH_DATE32)
		return put_int(&as, floor_div(ns, 86400 * NS_PER_S), out);
	return put_int(&as, floor_div(ns, units[t->scale]), out);
}

/* 'a' = 1, 'it\'s' = -2: the number of the label, or the number itself, if it is there. */
static bool label_number(struct slice labels, const struct ch_value *v, int64_t *ret_n)
{
	size_t i = 0;
	while (i < labels.len && labels.ptr[i] == '\'') {
		size_t k = 0;
		bool same = v->kind == CH_V_STRING;
		for (i++; i < labels.len && labels.ptr[i] != '\''; i++, k++) {
			i += labels.ptr[i] == '\\' && i + 1 < labels.len;
			same = same && k < v->text.len && labels.ptr[i] == v->text.ptr[k];
		}
		same = same && k == v->text.len;
		i += 4; /* ' = */
		size_t from = i;
		while (i < labels.len && labels.ptr[i] != ',')
			i++;
		__int128 n;
		struct slice digits = slice_of(labels.ptr + from, i > from ? i - from : 0);
		if (from > labels.len || !scaled(digits, 0, &n))
			return false;
		*ret_n = (int64_t)n;
		if (same || (v->kind == CH_V_NUMBER && slice_eq(digits, v->text)))
			return true;
		i += 2;
	}
	return false;
}

static int64_t put_enum(const struct ch_type *t, const struct ch_value *v, uint8_t *out)
{
	int64_t n;
	struct ch_type as = {.kind = CH_INT, .width = t->width};
	return label_number(t->labels, v, &n) ? put_int(&as, n, out) : -1;
}

/* Two words of 8 bytes, each of them turned round. */
static int64_t put_uuid(const struct ch_value *v, uint8_t *out)
{
	uint8_t bytes[16];
	unsigned n = 0;
	if (v->kind != CH_V_STRING || v->text.len != 36)
		return -1;
	for (size_t i = 0; i < 36; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash && v->text.ptr[i] == '-')
			continue;
		int hi = text_hex_digit(v->text.ptr[i]);
		int lo = dash || i == 35 ? -1 : text_hex_digit(v->text.ptr[i + 1]);
		if (hi < 0 || lo < 0)
			return -1;
		bytes[n++] = (uint8_t)(hi << 4 | lo);
		i++;
	}
	for (unsigned i = 0; i < 8; i++) {
		out[i] = bytes[7 - i];
		out[8 + i] = bytes[15 - i];
	}
	return 16;
}

static int64_t put_address(const struct ch_type *t, const struct ch_value *v, uint8_t *out)
{
	char text[64];
	struct in_addr a;
	if (v->kind != CH_V_STRING || v->text.len >= sizeof(text))
		return -1;
	memcpy(text, v->text.ptr, v->text.len);
	text[v->text.len] = '\0';
	if (t->kind == CH_IPV6 && inet_pton(AF_INET6, text, out) == 1)
		return 16;
	if (inet_pton(AF_INET, text, &a) != 1)
		return -1;
	uint32_t n = t->kind == CH_IPV4 ? ntohl(a.s_addr) : a.s_addr;
	if (t->kind == CH_IPV4) {
		memcpy(out, &n, 4);
		return 4;
	}
	memcpy(out, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	memcpy(out + 12, &n, 4);
	return 16;
}

static int64_t put_text(const struct ch_type *t, const struct ch_value *v, uint8_t *out)
{
	/* The length is known only behind the text, and its own length only behind that. */
	uint8_t *text = t->kind == CH_STRING ? out + 10 : out;
	size_t len = v->text.len;
	if (v->kind == CH_V_STRING && len && memchr(v->text.ptr, '\\', len))
		len = json_unescape(text, v->text);
	else if (len)
		memcpy(text, v->text.ptr, len);
	if (t->kind == CH_STRING) {
		unsigned n = ch_put_length(out, len);
		memmove(out + n, text, len);
		return (int64_t)(n + len);
	}
	if (len > t->width)
		return -1;
	memset(out + len, 0, t->width - len);
	return t->width;
}

int64_t ch_type_put(const struct ch_type *t, const struct ch_value *v, uint8_t *out)
{
	__int128 n;
	switch (t->kind) {
	case CH_UINT:
	case CH_INT:
		return put_number(t, v, out);
	case CH_FLOAT:
		return put_float(t, v, out);
	case CH_BOOL:
		return put_bool(v, out);
	case CH_STRING:
	case CH_FIXED:
		return put_text(t, v, out);
	case CH_DATE:
	case CH_DATE32:
	case CH_DATETIME:
	case CH_DATETIME64:
		return put_time(t, v, out);
	case CH_ENUM:
		return put_enum(t, v, out);
	case CH_DECIMAL:
		return v->kind != CH_V_NESTED && scaled(v->text, t->scale, &n) ? put_int(t, n, out)
									       : -1;
	case CH_UUID:
		return put_uuid(v, out);
	case CH_IPV4:
	case CH_IPV6:
		return put_address(t, v, out);
	}
	return -1;
}

int64_t ch_type_put_zero(const struct ch_type *t, uint8_t *out)
{
	/* The first label of an Enum is its zero, as ClickHouse has it. */
	struct ch_type as = {.kind = CH_INT, .width = t->width};
	struct slice s = t->labels;
	const uint8_t *is = t->kind == CH_ENUM && s.len ? memmem(s.ptr, s.len, "' = ", 4) : NULL;
	__int128 n;
	if (is) {
		s = slice_from(s, (size_t)(is - s.ptr) + 4);
		const uint8_t *end = memchr(s.ptr, ',', s.len);
		if (scaled(slice_of(s.ptr, end ? (size_t)(end - s.ptr) : s.len), 0, &n))
			return put_int(&as, n, out);
	}
	uint32_t len = t->kind == CH_STRING ? 1 : t->width;
	memset(out, 0, len);
	return len;
}
