/* extract, date_part, and times made of numbers. */
#include <math.h>
#include <stdio.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"
#include "dataplane/graph/time_field.h"

/* ---- fields ---- */

static const struct {
	const char *name, *other;
	enum time_field field;
} names[] = {
	{"microseconds", "microsecond", FIELD_MICROSECONDS},
	{"milliseconds", "millisecond", FIELD_MILLISECONDS},
	{"second", "seconds", FIELD_SECOND},
	{"minute", "minutes", FIELD_MINUTE},
	{"hour", "hours", FIELD_HOUR},
	{"day", "days", FIELD_DAY},
	{"week", "weeks", FIELD_WEEK},
	{"month", "months", FIELD_MONTH},
	{"quarter", "quarter", FIELD_QUARTER},
	{"year", "years", FIELD_YEAR},
	{"decade", "decades", FIELD_DECADE},
	{"century", "centuries", FIELD_CENTURY},
	{"millennium", "millennia", FIELD_MILLENNIUM},
	{"dow", "dow", FIELD_DOW},
	{"isodow", "isodow", FIELD_ISODOW},
	{"doy", "doy", FIELD_DOY},
	{"isoyear", "isoyear", FIELD_ISOYEAR},
	{"epoch", "epoch", FIELD_EPOCH},
	{"timezone", "timezone", FIELD_TIMEZONE},
	{"timezone_hour", "timezone_hour", FIELD_TIMEZONE_HOUR},
	{"timezone_minute", "timezone_minute", FIELD_TIMEZONE_MINUTE},
};
#define N_NAMES (sizeof(names) / sizeof(names[0]))

int time_field_prepare(struct fn_prep *p, uint32_t set, enum time_field *ret_field)
{
	const struct vec *v = p->constants[0];
	struct slice name = v && v->state[0] == VEC_VALUE ? v->s[0] : (struct slice){0};
	char list[320];
	size_t at = 0;
	for (unsigned i = 0; i < N_NAMES; i++) {
		if (!(set & 1u << names[i].field))
			continue;
		if (text_ieq(name, slice_str(names[i].name)) ||
		    text_ieq(name, slice_str(names[i].other))) {
			*ret_field = names[i].field;
			return 0;
		}
		at += (size_t)snprintf(list + at, sizeof(list) - at, "%s%s", at ? ", " : "",
				       names[i].name);
	}
	return err_set(p->e, -EINVAL, "%s takes a constant field, of: %s", p->fn->name, list);
}

#define CLOCK_FIELDS                                                                \
	(1u << FIELD_MICROSECONDS | 1u << FIELD_MILLISECONDS | 1u << FIELD_SECOND | \
	 1u << FIELD_MINUTE | 1u << FIELD_HOUR)
#define DATE_FIELDS                                                                             \
	(1u << FIELD_DAY | 1u << FIELD_WEEK | 1u << FIELD_MONTH | 1u << FIELD_QUARTER |         \
	 1u << FIELD_YEAR | 1u << FIELD_DECADE | 1u << FIELD_CENTURY | 1u << FIELD_MILLENNIUM | \
	 1u << FIELD_DOW | 1u << FIELD_ISODOW | 1u << FIELD_DOY | 1u << FIELD_ISOYEAR)
#define EPOCH_FIELD (1u << FIELD_EPOCH)
#define ZONE_FIELDS (1u << FIELD_TIMEZONE | 1u << FIELD_TIMEZONE_HOUR | 1u << FIELD_TIMEZONE_MINUTE)

static uint32_t fields_of(uint8_t t)
{
	switch (t) {
	case SQL_DATE:
		return DATE_FIELDS | EPOCH_FIELD;
	case SQL_TIME:
		return CLOCK_FIELDS | EPOCH_FIELD;
	case SQL_INTERVAL:
		return CLOCK_FIELDS | EPOCH_FIELD |
		       (DATE_FIELDS & ~(1u << FIELD_WEEK | 1u << FIELD_DOW | 1u << FIELD_ISODOW |
					1u << FIELD_DOY | 1u << FIELD_ISOYEAR));
	case SQL_TIMESTAMP:
		return CLOCK_FIELDS | DATE_FIELDS | EPOCH_FIELD;
	default:
		return CLOCK_FIELDS | DATE_FIELDS | EPOCH_FIELD | ZONE_FIELDS;
	}
}

static int prepare_extract(struct fn_prep *p, const void **ret_aux)
{
	static const enum time_field fields[] = {
		FIELD_MICROSECONDS,   FIELD_MILLISECONDS, FIELD_SECOND,   FIELD_MINUTE,
		FIELD_HOUR,           FIELD_DAY,          FIELD_WEEK,     FIELD_MONTH,
		FIELD_QUARTER,        FIELD_YEAR,         FIELD_DECADE,   FIELD_CENTURY,
		FIELD_MILLENNIUM,     FIELD_DOW,          FIELD_ISODOW,   FIELD_DOY,
		FIELD_ISOYEAR,        FIELD_EPOCH,        FIELD_TIMEZONE, FIELD_TIMEZONE_HOUR,
		FIELD_TIMEZONE_MINUTE};
	enum time_field f;
	int ret = time_field_prepare(p, fields_of(p->fn->args[1]), &f);
	if (ret == 0)
		*ret_aux = &fields[f];
	return ret;
}

/* @v units of 10^-9, with @scale digits as PostgreSQL has them, or with all when there are more. */
static struct numeric nanos(__int128 v, int scale)
{
	struct numeric n = {.coef = v, .scale = 9};
	while (n.scale > scale && n.coef % 10 == 0) {
		n.coef /= 10;
		n.scale--;
	}
	if (n.scale != scale) /* below the microsecond: keep all nine */
		for (; n.scale < 9; n.scale++)
			n.coef *= 10;
	return n;
}

static struct numeric clock_field(enum time_field f, int64_t ns)
{
	int64_t of_minute = ns % (60 * NS_PER_S);
	switch (f) {
	case FIELD_MICROSECONDS:
		return nanos((__int128)of_minute * 1000000, 0);
	case FIELD_MILLISECONDS:
		return nanos((__int128)of_minute * 1000, 3);
	case FIELD_SECOND:
		return nanos(of_minute, 6);
	case FIELD_MINUTE:
		return numeric_of(ns / (60 * NS_PER_S) % 60);
	default:
		return numeric_of(ns / (3600 * NS_PER_S));
	}
}

/* The Monday of the first week of the ISO year. */
static int64_t iso_start(int year)
{
	int64_t fourth = civil_days(year, 1, 4);
	return fourth - ((fourth + 3) % 7 + 7) % 7;
}

static int iso_year(int64_t days, int year)
{
	if (days < iso_start(year))
		return year - 1;
	return days >= iso_start(year + 1) ? year + 1 : year;
}

static int64_t up(int64_t year, int64_t n)
{
	return year > 0 ? (year + n - 1) / n : -((n - 1 - (year - 1)) / n);
}

static int64_t date_field(enum time_field f, int64_t days)
{
	int year, month, day;
	civil_date(days, &year, &month, &day);
	switch (f) {
	case FIELD_DAY:
		return day;
	case FIELD_WEEK:
		return (days - iso_start(iso_year(days, year))) / 7 + 1;
	case FIELD_MONTH:
		return month;
	case FIELD_QUARTER:
		return (month - 1) / 3 + 1;
	case FIELD_YEAR:
		return year > 0 ? year : year - 1;
	case FIELD_DECADE:
		return year >= 0 ? year / 10 : -((8 - (year - 1)) / 10);
	case FIELD_CENTURY:
		return up(year, 100);
	case FIELD_MILLENNIUM:
		return up(year, 1000);
	case FIELD_DOW:
		return ((days + 4) % 7 + 7) % 7;
	case FIELD_ISODOW:
		return ((days + 3) % 7 + 7) % 7 + 1;
	case FIELD_DOY:
		return days - civil_days(year, 1, 1) + 1;
	default: {
		int iso = iso_year(days, year);
		return iso > 0 ? iso : iso - 1;
	}
	}
}

static struct numeric interval_field(enum time_field f, struct interval v)
{
	int32_t years = v.months / 12, months = v.months % 12;
	switch (f) {
	case FIELD_DAY:
		return numeric_of(v.days);
	case FIELD_MONTH:
		return numeric_of(months);
	case FIELD_QUARTER:
		return numeric_of(months / 3 + 1);
	case FIELD_YEAR:
		return numeric_of(years);
	case FIELD_DECADE:
		return numeric_of(years / 10);
	case FIELD_CENTURY:
		return numeric_of(years / 100);
	case FIELD_MILLENNIUM:
		return numeric_of(years / 1000);
	case FIELD_EPOCH: {
		/* A year has 365.25 days here, a month 30. */
		__int128 quarters =
			(__int128)years * 1461 + (__int128)months * 120 + (__int128)v.days * 4;
		return nanos(quarters * (86400 / 4) * NS_PER_S + v.ns, 6);
	}
	default:
		return clock_field(f, v.ns);
	}
}

static struct numeric moment_field(struct call *c, enum time_field f, int64_t ns)
{
	int32_t offset = c->fn->args[1] == SQL_TIMESTAMPTZ ? zone_offset(c->zone, ns) : 0;
	if (f == FIELD_EPOCH)
		return nanos(ns, 6);
	if (f == FIELD_TIMEZONE)
		return numeric_of(offset);
	if (f == FIELD_TIMEZONE_HOUR)
		return numeric_of(offset / 3600);
	if (f == FIELD_TIMEZONE_MINUTE)
		return numeric_of(offset / 60 % 60);
	int64_t local;
	if (__builtin_add_overflow(ns, offset * NS_PER_S, &local))
		local = ns;
	int64_t days = literal_days(local);
	if (f < FIELD_DAY)
		return clock_field(
			f, (int64_t)((uint64_t)local - (uint64_t)days * (uint64_t)NS_PER_DAY));
	return numeric_of(date_field(f, days));
}

/* date_part adds up doubles, and its last digits show it. */
static double epoch_of(struct interval v)
{
	double s = (double)(v.ns / 1000) / 1e6;
	s += 365.25 * 86400 * (v.months / 12);
	s += 30.0 * 86400 * (v.months % 12);
	return s + 86400.0 * v.days;
}

static uint8_t extract(struct call *c, const union cell *in, union cell *ret)
{
	enum time_field f = *(const enum time_field *)c->aux;
	struct numeric n;
	switch (c->fn->args[1]) {
	case SQL_DATE:
		n = numeric_of(f == FIELD_EPOCH ? in[1].i * 86400 : date_field(f, in[1].i));
		break;
	case SQL_TIME:
		n = f == FIELD_EPOCH ? nanos(in[1].i, 6) : clock_field(f, in[1].i);
		break;
	case SQL_INTERVAL:
		n = interval_field(f, in[1].v);
		break;
	default:
		n = moment_field(c, f, in[1].i);
	}
	if (c->fn->ret == SQL_NUMERIC)
		ret->n = n;
	else if (c->fn->args[1] == SQL_INTERVAL && f == FIELD_EPOCH)
		ret->f = epoch_of(in[1].v);
	else
		ret->f = numeric_to_f64(n);
	return VEC_VALUE;
}

/* ---- making ---- */

static bool seconds_to_ns(double s, int64_t *ret_ns)
{
	double us = rint(s * 1e6);
	if (!(us > -9.2e15 && us < 9.2e15)) /* of nanoseconds: 64 bits; NaN too */
		return false;
	*ret_ns = (int64_t)us * 1000;
	return true;
}

/* Seconds from 1970 to 2000, where PostgreSQL counts from: it subtracts them before it rounds. */
#define EPOCH_2000_S 946684800

static uint8_t to_timestamp(struct call *c, const union cell *in, union cell *ret)
{
	int64_t ns;
	if (!seconds_to_ns(in[0].f - EPOCH_2000_S, &ns) ||
	    __builtin_add_overflow(ns, EPOCH_2000_S * NS_PER_S, &ret->i))
		return VEC_OUT_OF_RANGE;
	return VEC_VALUE;
}

static uint8_t days_of(const union cell *in, int64_t *ret_days)
{
	int64_t y = in[0].i, m = in[1].i, d = in[2].i;
	if (y < 0) /* BC: there is no year 0 */
		y++;
	else if (y == 0)
		return VEC_OUT_OF_RANGE;
	if (y < -4712 || y > 5874897 || m < 1 || m > 12 || d < 1 ||
	    d > civil_month_days((int)y, (int)m))
		return VEC_OUT_OF_RANGE;
	*ret_days = civil_days((int)y, (int)m, (int)d);
	return VEC_VALUE;
}

static uint8_t make_date(struct call *c, const union cell *in, union cell *ret)
{
	return days_of(in, &ret->i);
}

static uint8_t time_of(const union cell *in, int64_t *ret_ns)
{
	int64_t h = in[0].i, m = in[1].i, s;
	if (h < 0 || h > 24 || m < 0 || m > 59 || !(in[2].f >= 0 && in[2].f <= 60) ||
	    (h == 24 && (m || in[2].f > 0)) || !seconds_to_ns(in[2].f, &s))
		return VEC_OUT_OF_RANGE;
	*ret_ns = (h * 3600 + m * 60) * NS_PER_S + s;
	return VEC_VALUE;
}

static uint8_t make_time(struct call *c, const union cell *in, union cell *ret)
{
	return time_of(in, &ret->i);
}

static uint8_t make_timestamp(struct call *c, const union cell *in, union cell *ret)
{
	int64_t days, ns;
	uint8_t state = days_of(in, &days);
	if (state == VEC_VALUE)
		state = time_of(in + 3, &ns);
	if (state != VEC_VALUE || !literal_join(days, ns, &ns))
		return VEC_OUT_OF_RANGE;
	ret->i = ns;
	if (c->fn->ret == SQL_TIMESTAMPTZ && !literal_to_utc(c->zone, ns, &ret->i))
		return VEC_OUT_OF_RANGE;
	return VEC_VALUE;
}

/* years, months, weeks, days, hours, minutes, seconds: as many as there are. */
static uint8_t make_interval(struct call *c, const union cell *in, union cell *ret)
{
	static const int32_t months[] = {12, 1}, days[] = {0, 0, 7, 1};
	__int128 m = 0, d = 0, ns = 0;
	int64_t s = 0;
	for (unsigned i = 0; i < c->n_in && i < 6; i++) {
		m += i < 2 ? (__int128)in[i].i * months[i] : 0;
		d += i >= 2 && i < 4 ? (__int128)in[i].i * days[i] : 0;
		ns += i >= 4 ? (__int128)in[i].i * (i == 4 ? 3600 : 60) * NS_PER_S : 0;
	}
	if (c->n_in > 6 && !seconds_to_ns(in[6].f, &s))
		return VEC_OUT_OF_RANGE;
	ns += s;
	ret->v = (struct interval){.months = (int32_t)m, .days = (int32_t)d, .ns = (int64_t)ns};
	return ret->v.months == m && ret->v.days == d && ret->v.ns == ns ? VEC_VALUE
									 : VEC_OUT_OF_RANGE;
}

/* justify_days: 30 days are a month; justify_hours: 24 hours a day; justify_interval: both. */
enum { JUSTIFY_HOURS = 1, JUSTIFY_DAYS = 2 };

static uint8_t justify(struct call *c, const union cell *in, union cell *ret)
{
	int64_t m = in[0].v.months, d = in[0].v.days, ns = in[0].v.ns;
	if (c->fn->param & JUSTIFY_HOURS) {
		d += ns / NS_PER_DAY;
		ns %= NS_PER_DAY;
	}
	if (c->fn->param & JUSTIFY_DAYS) {
		m += d / 30;
		d %= 30;
	}
	/* The parts get one sign, from the largest down. */
	if ((c->fn->param & JUSTIFY_DAYS) && m > 0 &&
	    (d < 0 || (d == 0 && ns < 0 && c->fn->param == 3))) {
		d += 30;
		m--;
	} else if ((c->fn->param & JUSTIFY_DAYS) && m < 0 &&
		   (d > 0 || (d == 0 && ns > 0 && c->fn->param == 3))) {
		d -= 30;
		m++;
	}
	if ((c->fn->param & JUSTIFY_HOURS) && d > 0 && ns < 0) {
		ns += NS_PER_DAY;
		d--;
	} else if ((c->fn->param & JUSTIFY_HOURS) && d < 0 && ns > 0) {
		ns -= NS_PER_DAY;
		d++;
	}
	ret->v = (struct interval){.months = (int32_t)m, .days = (int32_t)d, .ns = ns};
	return ret->v.months == m && ret->v.days == d ? VEC_VALUE : VEC_OUT_OF_RANGE;
}

#define I4 SQL_INT4
#define EXTRACT(t)                                                                              \
	{"extract", SQL_NUMERIC, 2, {SQL_TEXT, t}, .row = extract, .prepare = prepare_extract}, \
	{                                                                                       \
		"date_part", SQL_FLOAT8, 2, {SQL_TEXT, t}, .row = extract,                      \
							   .prepare = prepare_extract           \
	}
#define INTERVAL(n)                                                                     \
	{                                                                               \
		"make_interval", SQL_INTERVAL, n, {I4, I4, I4, I4, I4, I4, SQL_FLOAT8}, \
			.row = make_interval                                            \
	}

static const struct fn fns[] = {
	EXTRACT(SQL_DATE),
	EXTRACT(SQL_TIME),
	EXTRACT(SQL_TIMESTAMP),
	EXTRACT(SQL_TIMESTAMPTZ),
	EXTRACT(SQL_INTERVAL),
	{"to_timestamp", SQL_TIMESTAMPTZ, 1, {SQL_FLOAT8}, .row = to_timestamp},
	{"make_date", SQL_DATE, 3, {I4, I4, I4}, .row = make_date},
	{"make_time", SQL_TIME, 3, {I4, I4, SQL_FLOAT8}, .row = make_time},
	{"make_timestamp",
	 SQL_TIMESTAMP,
	 6,
	 {I4, I4, I4, I4, I4, SQL_FLOAT8},
	 .row = make_timestamp},
	{"make_timestamptz",
	 SQL_TIMESTAMPTZ,
	 6,
	 {I4, I4, I4, I4, I4, SQL_FLOAT8},
	 .row = make_timestamp},
	INTERVAL(1),
	INTERVAL(2),
	INTERVAL(3),
	INTERVAL(4),
	INTERVAL(5),
	INTERVAL(6),
	INTERVAL(7),
	{"justify_hours", SQL_INTERVAL, 1, {SQL_INTERVAL}, .param = JUSTIFY_HOURS, .row = justify},
	{"justify_days", SQL_INTERVAL, 1, {SQL_INTERVAL}, .param = JUSTIFY_DAYS, .row = justify},
	{"justify_interval",
	 SQL_INTERVAL,
	 1,
	 {SQL_INTERVAL},
	 .param = JUSTIFY_HOURS | JUSTIFY_DAYS,
	 .row = justify},
};

const struct fn_table fns_time_make = FN_TABLE(fns);
