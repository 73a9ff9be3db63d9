/* Dates and times of all formats: before MySQL 5.6, since then, and inside of JSON. Contracts:
 * value.h. Values are written as they are, also those that no calendar has (2024-00-00).
 */
#include "dataplane/base/text.h"
#include "parsers/mysql/value.h"
#include "parsers/mysql/wire.h"

/* @v is below 100. */
static inline char *put_2(char *o, unsigned v)
{
	static const char pairs[] = "00010203040506070809101112131415161718192021222324"
				    "25262728293031323334353637383940414243444546474849"
				    "50515253545556575859606162636465666768697071727374"
				    "75767778798081828384858687888990919293949596979899";
	assert(v < 100);
	memcpy(o, pairs + (size_t)2 * v, 2);
	return o + 2;
}

static char *put_date(char *o, unsigned year, unsigned month, unsigned day)
{
	o = put_2(o, year / 100 % 100); /* some formats have room for more */
	o = put_2(o, year % 100);
	*o++ = '-';
	o = put_2(o, month);
	*o++ = '-';
	return put_2(o, day);
}

/* Hours of a TIME go beyond 99. */
static char *put_hms(char *o, unsigned h, unsigned m, unsigned s)
{
	if (h < 100)
		o = put_2(o, h);
	else
		o += text_put_u64(o, h);
	*o++ = ':';
	o = put_2(o, m);
	*o++ = ':';
	return put_2(o, s);
}

/* The first @digits of six digits of microseconds. */
static char *put_frac(char *o, uint32_t us, unsigned digits)
{
	if (!digits)
		return o;
	uint64_t six = text_8digits(us % 1000000) >> 16;
	*o++ = '.';
	memcpy(o, &six, 8);
	return o + digits;
}

/* Microseconds out of a stored fraction of 0 to 3 bytes: hundredths, 1/10000, 1/1000000. */
static uint32_t frac_us(uint64_t v, unsigned bytes)
{
	static const uint32_t unit[4] = {0, 10000, 100, 1};
	return (uint32_t)v * unit[bytes];
}

static char *put_datetime_bits(char *o, uint64_t v)
{
	uint64_t ymd = v >> 17, hms = v & 0x1ffff, ym = ymd >> 5;
	o = put_date(o, (unsigned)(ym / 13), (unsigned)(ym % 13), (unsigned)(ymd & 31));
	*o++ = ' ';
	return put_hms(o, (unsigned)(hms >> 12), (unsigned)(hms >> 6 & 63), (unsigned)(hms & 63));
}

static char *put_time_bits(char *o, uint64_t v)
{
	return put_hms(o, (unsigned)(v >> 12 & 0x3ff), (unsigned)(v >> 6 & 63), (unsigned)(v & 63));
}

size_t value_text_packed_time(char *out, int64_t packed, unsigned frac)
{
	char *o = out;
	uint64_t v = packed < 0 ? 0 - (uint64_t)packed : (uint64_t)packed;
	if (packed < 0)
		*o++ = '-';
	o = put_time_bits(o, v >> 24);
	o = put_frac(o, (uint32_t)(v & 0xffffff), frac);
	return (size_t)(o - out);
}

size_t value_text_packed_datetime(char *out, int64_t packed, unsigned frac)
{
	uint64_t v = packed < 0 ? 0 - (uint64_t)packed : (uint64_t)packed;
	char *o = put_datetime_bits(out, v >> 24 & 0xffffffffffull);
	o = put_frac(o, (uint32_t)(v & 0xffffff), frac);
	return (size_t)(o - out);
}

size_t value_text_packed_date(char *out, int64_t packed)
{
	char full[VALUE_TIME_MAX];
	value_text_packed_datetime(full, packed, 0);
	memcpy(out, full, 10);
	return 10;
}

/* TIME2: sign, hours, minutes and seconds in 24 bits and the fraction behind them are one
 * big-endian number, stored with an offset so that it sorts: a negative time with a fraction shares
 * the borrow. 0x800000.. is 00:00:00.
 */
static char *put_time2(char *o, const struct mysql_column *c, const uint8_t *p)
{
	unsigned bytes = c->fixed - 3u;
	int64_t v = (int64_t)wire_be(p, c->fixed) - (0x800000ll << (8 * bytes));
	if (v < 0) {
		*o++ = '-';
		v = -v;
	}
	o = put_time_bits(o, (uint64_t)v >> (8 * bytes));
	return put_frac(o, frac_us((uint64_t)v & ((1ull << (8 * bytes)) - 1), bytes), c->frac);
}

/* DATETIME2: year * 13 + month, day, time in 40 bits with an offset; then the fraction. */
char *value_datetime_put(char *o, const struct mysql_column *c, const uint8_t *p)
{
	unsigned bytes = c->fixed - 5u;
	o = put_datetime_bits(o, wire_be(p, 5) & 0x7fffffffffull);
	return put_frac(o, frac_us(wire_be(p + 5, bytes), bytes), c->frac);
}

/* Seconds since 1970 as date and time: years are counted from March of 0000 on, so that the day
 * that only some of them have is their last. Centuries, years and months are lines of a slope that
 * is no whole number; 2939745 / 2^32 is 4 / 1461, and 2141 / 2^16 is 5 / 153, as far as it matters.
 * After: C. Neri and L. Schneider, "Euclidean affine functions and their application to calendar
 * algorithms", 2022.
 */
static char *put_seconds(char *o, uint32_t seconds)
{
	uint32_t s = seconds % 86400, quarters = 4 * (seconds / 86400 + 719468) + 3;
	uint32_t century = quarters / 146097, in_century = quarters % 146097 / 4;
	uint64_t years = 2939745ull * (4 * in_century + 3);
	uint32_t of_year = (uint32_t)years / 2939745 / 4;
	uint32_t months = 2141 * of_year + 197913; /* 3 is March */
	bool next = of_year >= 306;                /* January and February */
	o = put_date(o, 100 * century + (uint32_t)(years >> 32) + next,
		     (months >> 16) - (next ? 12 : 0), (months & 0xffff) / 2141 + 1);
	*o++ = ' ';
	return put_hms(o, s / 3600, s / 60 % 60, s % 60);
}

static char *put_timestamp(char *o, uint32_t seconds, uint32_t us, unsigned frac)
{
	static const char zero[] = "0000-00-00 00:00:00";
	if (seconds || us) {
		o = put_seconds(o, seconds);
	} else {
		memcpy(o, zero, sizeof(zero) - 1);
		o += sizeof(zero) - 1;
	}
	o = put_frac(o, us, frac);
	*o++ = 'Z';
	return o;
}

char *value_timestamp_put(char *o, const struct mysql_column *c, const uint8_t *p)
{
	unsigned bytes = c->fixed - 4u;
	uint32_t us = frac_us(wire_be(p + 4, bytes), bytes);
	return put_timestamp(o, (uint32_t)wire_be(p, 4), us, c->frac);
}

char *value_date_put(char *o, const uint8_t *p)
{
	uint32_t v = wire_le24(p);
	return put_date(o, v >> 9, v >> 5 & 15, v & 31);
}

/* The decimal number [-]hhmmss. */
static char *put_old_time(char *o, const uint8_t *p)
{
	int32_t v = (int32_t)(wire_le24(p) << 8) >> 8;
	if (v < 0) {
		*o++ = '-';
		v = -v;
	}
	return put_hms(o, (unsigned)v / 10000, (unsigned)v / 100 % 100, (unsigned)v % 100);
}

/* The decimal number yyyymmddhhmmss. */
static char *put_old_datetime(char *o, const uint8_t *p)
{
	uint64_t v = wire_le64(p);
	unsigned date = (unsigned)(v / 1000000 % 100000000), time = (unsigned)(v % 1000000);
	o = put_date(o, date / 10000, date / 100 % 100, date % 100);
	*o++ = ' ';
	return put_hms(o, time / 10000, time / 100 % 100, time % 100);
}

bool value_time_plausible(const struct mysql_column *c, struct slice s)
{
	if (c->type == MYSQL_T_TIME) {
		int32_t v = (int32_t)(wire_le24(s.ptr) << 8) >> 8;
		v = v < 0 ? -v : v;
		return v <= 8385959 && v / 100 % 100 < 60 && v % 100 < 60;
	}
	if (c->type == MYSQL_T_DATETIME) {
		uint64_t v = wire_le64(s.ptr);
		return v <= 99991231235959ull && v / 100000000 % 100 <= 12 &&
		       v / 1000000 % 100 <= 31 && v / 10000 % 100 < 24 && v / 100 % 100 < 60 &&
		       v % 100 < 60;
	}
	return true;
}

enum mysql_fault value_put_time(const struct mysql_column *c, struct slice s, struct mysql_out *out)
{
	char *o = (char *)out_room(out, VALUE_TIME_MAX);
	if (!o)
		return MYSQL_F_NO_ROOM;
	const uint8_t *p = s.ptr;
	*o++ = '"';
	switch (c->type) {
	case MYSQL_T_TIMESTAMP2:
		o = value_timestamp_put(o, c, p);
		break;
	case MYSQL_T_DATETIME2:
		o = value_datetime_put(o, c, p);
		break;
	case MYSQL_T_TIME2:
		o = put_time2(o, c, p);
		break;
	case MYSQL_T_TIMESTAMP:
		o = put_timestamp(o, wire_le32(p), 0, 0);
		break;
	case MYSQL_T_DATETIME:
		o = put_old_datetime(o, p);
		break;
	case MYSQL_T_TIME:
		o = put_old_time(o, p);
		break;
	default:
		o = value_date_put(o, p);
	}
	*o++ = '"';
	out_end(out, o);
	return MYSQL_F_OK;
}
