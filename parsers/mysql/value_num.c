/* Numbers: integers of both signs, BIT, DECIMAL, FLOAT, DOUBLE, YEAR. Contracts: value.h. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/base/text.h"
#include "parsers/mysql/value.h"
#include "parsers/mysql/wire.h"

size_t value_text_f32(char *out, float v)
{
	if (!isfinite(v)) {
		memcpy(out, "null", 4);
		return 4;
	}
	/* Whole numbers that a float holds exactly need no search. */
	if (v > -16777216.0f && v < 16777216.0f && v == (float)(int32_t)v &&
	    (v != 0 || !signbit(v)))
		return text_put_i64(out, (int32_t)v);
	char tmp[32];
	int len = 0;
	for (int digits = 6; digits <= 9; digits++) {
		len = snprintf(tmp, sizeof(tmp), "%.*g", digits, (double)v);
		if (strtof(tmp, NULL) == v)
			break;
	}
	memcpy(out, tmp, (size_t)len);
	return (size_t)len;
}

/* Bytes of a group of so many digits. */
static const uint8_t part[10] = {0, 1, 1, 2, 2, 3, 3, 4, 4, 4};

unsigned value_decimal_bytes(unsigned precision, unsigned frac)
{
	unsigned whole = precision - frac;
	return whole / 9 * 4 + part[whole % 9] + frac / 9 * 4 + part[frac % 9];
}

/* Digits of one group of a DECIMAL: @n bytes, big-endian, stand for @digits digits. */
static char *put_group(char *o, const uint8_t *p, unsigned n, unsigned digits, uint8_t flip)
{
	uint32_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v = v << 8 | (uint8_t)(p[i] ^ flip);
	for (unsigned i = digits; i-- > 0; v /= 10)
		o[i] = (char)('0' + v % 10);
	return o + digits;
}

/*  precision 14, scale 4:   1 234567890 . 1234   is   0x81 0d fb 38 d2 | 04 d2
 *  Groups of nine digits are four bytes, the rest of each side one to four; the top bit is set for
 *  positive numbers, all bytes are inverted for negative ones.
 */
size_t value_text_decimal(char *out, const uint8_t *p, unsigned precision, unsigned frac)
{
	unsigned whole = precision - frac;
	uint8_t copy[40], flip = p[0] & 0x80 ? 0 : 0xff;
	memcpy(copy, p, value_decimal_bytes(precision, frac));
	copy[0] ^= 0x80;
	const uint8_t *q = copy;
	char digits[96], *d = digits, *o = out;
	d = put_group(d, q, part[whole % 9], whole % 9, flip);
	q += part[whole % 9];
	for (unsigned i = 0; i < whole / 9; i++, q += 4)
		d = put_group(d, q, 4, 9, flip);
	unsigned n_whole = (unsigned)(d - digits), zeros = 0;
	for (unsigned i = 0; i < frac / 9; i++, q += 4)
		d = put_group(d, q, 4, 9, flip);
	d = put_group(d, q, part[frac % 9], frac % 9, flip);
	while (zeros < n_whole && digits[zeros] == '0')
		zeros++;
	if (flip)
		*o++ = '-';
	if (zeros == n_whole)
		*o++ = '0';
	memcpy(o, digits + zeros, n_whole - zeros);
	o += n_whole - zeros;
	if (frac) {
		*o++ = '.';
		memcpy(o, digits + n_whole, frac);
		o += frac;
	}
	return (size_t)(o - out);
}

static char *put_int(char *o, const struct mysql_column *c, const uint8_t *p)
{
	uint64_t v = wire_le(p, c->fixed);
	if (c->is_unsigned)
		return o + text_put_u64(o, v);
	unsigned shift = 64 - 8 * c->fixed;
	return o + text_put_i64(o, (int64_t)(v << shift) >> shift);
}

enum mysql_fault value_put_number(const struct mysql_column *c, struct slice s,
				  struct mysql_out *out)
{
	float f;
	double d;
	char *o = (char *)out_room(out, VALUE_NUM_MAX);
	if (!o)
		return MYSQL_F_NO_ROOM;
	switch (c->type) {
	case MYSQL_T_FLOAT:
		memcpy(&f, s.ptr, 4);
		o += value_text_f32(o, f);
		break;
	case MYSQL_T_DOUBLE:
		memcpy(&d, s.ptr, 8);
		o += text_put_f64(o, d);
		break;
	case MYSQL_T_NEWDECIMAL:
		*o++ = '"';
		o += value_text_decimal(o, s.ptr, c->precision, c->frac);
		*o++ = '"';
		break;
	case MYSQL_T_BIT:
		o += text_put_u64(o, wire_be(s.ptr, (unsigned)s.len));
		break;
	case MYSQL_T_YEAR:
		o += text_put_u64(o, s.ptr[0] ? 1900u + s.ptr[0] : 0);
		break;
	default:
		o = put_int(o, c, s.ptr);
	}
	out_end(out, o);
	return MYSQL_F_OK;
}
