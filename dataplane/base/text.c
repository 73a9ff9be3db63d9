#include "dataplane/base/text.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

bool text_u64(struct slice s, uint64_t *ret_v)
{
	uint64_t v = 0;
	if (s.len == 0 || s.len > 20)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (!text_is_digit(s.ptr[i]))
			return false;
		if (__builtin_mul_overflow(v, (uint64_t)10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(s.ptr[i] - '0'), &v))
			return false;
	}
	*ret_v = v;
	return true;
}

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324"
				  "25262728293031323334353637383940414243444546474849"
				  "50515253545556575859606162636465666768697071727374"
				  "75767778798081828384858687888990919293949596979899";

size_t text_put_u64(char *out, uint64_t v)
{
	char tmp[20];
	size_t at = sizeof(tmp);
	while (v >= 100) {
		unsigned pair = (unsigned)(v % 100) * 2;
		v /= 100;
		at -= 2;
		memcpy(tmp + at, digit_pairs + pair, 2);
	}
	if (v >= 10) {
		at -= 2;
		memcpy(tmp + at, digit_pairs + v * 2, 2);
	} else {
		tmp[--at] = (char)('0' + v);
	}
	memcpy(out, tmp + at, sizeof(tmp) - at);
	return sizeof(tmp) - at;
}

size_t text_put_i64(char *out, int64_t v)
{
	if (v >= 0)
		return text_put_u64(out, (uint64_t)v);
	*out = '-';
	return 1 + text_put_u64(out + 1, 0 - (uint64_t)v);
}

size_t text_put_hex64(char *out, uint64_t v)
{
	static const char hex[] = "0123456789abcdef";
	for (int i = 15; i >= 0; i--, v >>= 4)
		out[i] = hex[v & 15];
	return 16;
}

size_t text_put_f64(char *out, double v)
{
	if (!isfinite(v)) {
		memcpy(out, "null", 4);
		return 4;
	}
	char tmp[32];
	int len = 0;
	/* 15 digits are enough for most doubles that people write, 17 for every one. */
	for (int digits = 15; digits <= 17; digits++) {
		len = snprintf(tmp, sizeof(tmp), "%.*g", digits, v);
		if (strtod(tmp, NULL) == v)
			break;
	}
	memcpy(out, tmp, (size_t)len);
	return (size_t)len;
}

/* The length of the valid sequence at @p (2 to 4), or 0. RFC 3629, table of section 4. */
static size_t utf8_sequence(const uint8_t *p, size_t len)
{
	uint8_t c = p[0];
	size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
	if (c < 0xc2 || c > 0xf4 || len < n)
		return 0;
	uint8_t lo = 0x80, hi = 0xbf;
	if (c == 0xe0)
		lo = 0xa0;
	else if (c == 0xed)
		hi = 0x9f;
	else if (c == 0xf0)
		lo = 0x90;
	else if (c == 0xf4)
		hi = 0x8f;
	if (p[1] < lo || p[1] > hi)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

size_t text_utf8_valid(const uint8_t *p, size_t len)
{
	size_t i = 0;
	while (i < len) {
		uint64_t w;
		if (len - i >= 8) {
			memcpy(&w, p + i, 8);
			if (!(w & 0x8080808080808080ull)) {
				i += 8;
				continue;
			}
		}
		if (p[i] < 0x80) {
			i++;
			continue;
		}
		size_t n = utf8_sequence(p + i, len - i);
		if (!n)
			return i;
		i += n;
	}
	return i;
}

bool text_ieq(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return false;
	for (size_t i = 0; i < a.len; i++)
		if (text_lower(a.ptr[i]) != text_lower(b.ptr[i]))
			return false;
	return true;
}
