/* Arithmetic on dates and times, date_trunc, date_bin, AT TIME ZONE. */
#include <math.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"
#include "dataplane/graph/time_field.h"

/* A year that no time stamp has, so that months are added without a look at overflow. */
#define YEARS_MAX 10000000

/* ---- intervals on times ---- */

/* To a local time: months first, the day cut to the month's last, then days, as PostgreSQL does.
 * The time of the day is another step, since in a zone it goes over its changes.
 */
static bool add_days(int64_t local, struct interval v, int64_t *ret_local)
{
	int64_t days = literal_days(local);
	int64_t of_day = (int64_t)((uint64_t)local - (uint64_t)days * (uint64_t)NS_PER_DAY);
	if (v.months) {
		int year, month, day;
		civil_date(days, &year, &month, &day);
		int64_t n = (int64_t)year * 12 + month - 1 + v.months;
		int64_t y = n / 12 - (n % 12 < 0);
		if (y > YEARS_MAX || y < -YEARS_MAX)
			return false;
		month = (int)(n - y * 12) + 1;
		int last = civil_month_days((int)y, month);
		days = civil_days((int)y, month, day < last ? day : last);
	}
	return literal_join(days + v.days, of_day, ret_local);
}

static bool add_interval(enum sql_type t, const struct zone *z, int64_t ns, struct interval v,
			 int64_t *ret_ns)
{
	if (v.months || v.days) {
		if (t == SQL_TIMESTAMPTZ && !literal_to_local(z, ns, &ns))
			return false;
		if (!add_days(ns, v, &ns))
			return false;
		if (t == SQL_TIMESTAMPTZ && !literal_to_utc(z, ns, &ns))
			return false;
	}
	return !__builtin_add_overflow(ns, v.ns, ret_ns);
}

static bool negated(struct interval v, struct interval *ret_v)
{
	return !__builtin_sub_overflow(0, v.months, &ret_v->months) &&
	       !__builtin_sub_overflow(0, v.days, &ret_v->days) &&
	       !__builtin_sub_overflow((int64_t)0, v.ns, &ret_v->ns);
}

enum { ADD, SUB };

/* date, timestamp or timestamptz and an interval, in either order. */
static uint8_t moment_interval(struct call *c, const union cell *in, union cell *ret)
{
	bool flipped = c->fn->args[0] == SQL_INTERVAL;
	struct interval v = in[flipped ? 0 : 1].v;
	int64_t ns = in[flipped ? 1 : 0].i;
	if (c->fn->args[flipped ? 1 : 0] == SQL_DATE && !literal_join(ns, 0, &ns))
		return VEC_OUT_OF_RANGE;
	if (c->fn->param == SUB && !negated(v, &v))
		return VEC_OUT_OF_RANGE;
	return add_interval((enum sql_type)c->fn->ret, c->zone, ns, v, &ret->i) ? VEC_VALUE
										: VEC_OUT_OF_RANGE;
}

static uint8_t moment_difference(struct call *c, const union cell *in, union cell *ret)
{
	int64_t ns;
	if (__builtin_sub_overflow(in[0].i, in[1].i, &ns))
		return VEC_OUT_OF_RANGE;
	ret->v = (struct interval){.ns = ns};
	if (c->fn->args[0] != SQL_TIME)
		ret->v = (struct interval){.days = (int32_t)(ns / NS_PER_DAY),
					   .ns = ns % NS_PER_DAY};
	return VEC_VALUE;
}

/* A date and an integer in either order, or two dates. */
static uint8_t date_days(struct call *c, const union cell *in, union cell *ret)
{
	bool flipped = c->fn->args[0] == SQL_INT4;
	int64_t date = in[flipped ? 1 : 0].i, days = in[flipped ? 0 : 1].i;
	ret->i = c->fn->param == SUB ? date - days : date + days;
	if (c->fn->ret == SQL_INT4)
		return ret->i == (int32_t)ret->i ? VEC_VALUE : VEC_OUT_OF_RANGE;
	return ret->i >= -2440588 && ret->i <= 2145031948LL ? VEC_VALUE : VEC_OUT_OF_RANGE;
}

static uint8_t date_time(struct call *c, const union cell *in, union cell *ret)
{
	bool flipped = c->fn->args[0] == SQL_TIME;
	return literal_join(in[flipped].i, in[!flipped].i, &ret->i) ? VEC_VALUE : VEC_OUT_OF_RANGE;
}

static uint8_t time_interval(struct call *c, const union cell *in, union cell *ret)
{
	bool flipped = c->fn->args[0] == SQL_INTERVAL;
	int64_t ns = in[flipped ? 0 : 1].v.ns % NS_PER_DAY, t = in[flipped ? 1 : 0].i;
	t += c->fn->param == SUB ? -ns : ns;
	ret->i = (t % NS_PER_DAY + NS_PER_DAY) % NS_PER_DAY;
	return VEC_VALUE;
}

/* ---- intervals alone ---- */

static uint8_t interval_interval(struct call *c, const union cell *in, union cell *ret)
{
	struct interval a = in[0].v, b = in[1].v;
	if (c->fn->param == SUB && !negated(b, &b))
		return VEC_OUT_OF_RANGE;
	return __builtin_add_overflow(a.months, b.months, &ret->v.months) ||
			       __builtin_add_overflow(a.days, b.days, &ret->v.days) ||
			       __builtin_add_overflow(a.ns, b.ns, &ret->v.ns)
		       ? VEC_OUT_OF_RANGE
		       : VEC_VALUE;
}

static uint8_t negate(struct call *c, const union cell *in, union cell *ret)
{
	return negated(in[0].v, &ret->v) ? VEC_VALUE : VEC_OUT_OF_RANGE;
}

static bool fits32(double v)
{
	return v >= INT32_MIN && v <= INT32_MAX;
}

/* To whole microseconds, which is how exact PostgreSQL is here. */
static double rounded(double seconds)
{
	return rint(seconds * 1e6) / 1e6;
}

enum { MULTIPLY, DIVIDE };

static double scaled(int how, double v, double by)
{
	return how == DIVIDE ? v / by : v * by;
}

/* What is left of months goes on as days of 30, what is left of days as time. */
static uint8_t scale_interval(struct interval v, int how, double by, struct interval *ret_v)
{
	double months = scaled(how, v.months, by), days = scaled(how, v.days, by);
	if (!fits32(months) || !fits32(days))
		return VEC_OUT_OF_RANGE;
	int32_t m = (int32_t)months, d = (int32_t)days;
	double rest_days = rounded((months - m) * 30);
	double rest_s = rounded((days - d + rest_days - (int)rest_days) * 86400);
	if (fabs(rest_s) >= 86400) {
		d += (int32_t)(rest_s / 86400);
		rest_s -= (int)(rest_s / 86400) * 86400.0;
	}
	if (__builtin_add_overflow(d, (int32_t)rest_days, &d))
		return VEC_OUT_OF_RANGE;
	double us = rint(scaled(how, (double)v.ns / 1000, by) + rest_s * 1e6);
	if (!(us > -9.2e15 && us < 9.2e15))
		return VEC_OUT_OF_RANGE;
	*ret_v = (struct interval){.months = m, .days = d, .ns = (int64_t)us * 1000};
	return VEC_VALUE;
}

static uint8_t interval_float(struct call *c, const union cell *in, union cell *ret)
{
	bool flipped = c->fn->args[0] == SQL_FLOAT8;
	double by = in[flipped ? 0 : 1].f;
	if (c->fn->param == DIVIDE && by == 0)
		return VEC_DIVISION_BY_ZERO;
	return scale_interval(in[flipped ? 1 : 0].v, c->fn->param, by, &ret->v);
}

/* ---- date_trunc ---- */

static void trunc_months(enum time_field f, int *year, int *month)
{
	switch (f) {
	case FIELD_QUARTER:
		*month = (*month - 1) / 3 * 3 + 1;
		return;
	case FIELD_MONTH:
		return;
	case FIELD_DECADE:
		*year = *year / 10 * 10;
		break;
	case FIELD_CENTURY:
		*year = (*year - 1) / 100 * 100 + 1;
		break;
	case FIELD_MILLENNIUM:
		*year = (*year - 1) / 1000 * 1000 + 1;
		break;
	default:
		break;
	}
	*month = 1;
}

static int64_t trunc_unit(enum time_field f)
{
	switch (f) {
	case FIELD_MICROSECONDS:
		return 1000;
	case FIELD_MILLISECONDS:
		return 1000000;
	case FIELD_SECOND:
		return NS_PER_S;
	case FIELD_MINUTE:
		return 60 * NS_PER_S;
	case FIELD_HOUR:
		return 3600 * NS_PER_S;
	default:
		return NS_PER_DAY;
	}
}

/* A local time down to a field. */
static bool trunc_local(enum time_field f, int64_t local, int64_t *ret_local)
{
	int64_t unit = trunc_unit(f), rest = (local % unit + unit) % unit;
	int year, month, day;
	if (__builtin_sub_overflow(local, rest, ret_local))
		return false;
	if (f <= FIELD_DAY)
		return true;
	int64_t days = literal_days(local);
	if (f == FIELD_WEEK)
		return literal_join(days - ((days + 3) % 7 + 7) % 7, 0, ret_local);
	civil_date(days, &year, &month, &day);
	trunc_months(f, &year, &month);
	return literal_join(civil_days(year, month, 1), 0, ret_local);
}

struct trunc {
	enum time_field field;
	const struct zone *zone;
	bool has_zone;
};

static int prepare_trunc(struct fn_prep *p, const void **ret_aux)
{
	uint32_t at = arena_take8(p->a, sizeof(struct trunc));
	if (!at)
		return err_set(p->e, -ENOSPC, "the expressions are too large");
	struct trunc *t = (struct trunc *)(p->a->base + at);
	*t = (struct trunc){0};
	*ret_aux = t;
	int ret = time_field_prepare(p, FIELD_CAN_TRUNC, &t->field);
	if (ret < 0 || p->n_args < 3)
		return ret;
	t->has_zone = true;
	const struct vec *zone = p->constants[2];
	if (!zone || zone->state[0] != VEC_VALUE)
		return err_set(p->e, -EINVAL, "the time zone must be a constant");
	return zones_get(p->zones, zone->s[0], &t->zone, p->e);
}

static uint8_t trunc_moment(struct call *c, const union cell *in, union cell *ret)
{
	const struct trunc *t = c->aux;
	const struct zone *z = t->has_zone ? t->zone : c->zone;
	int64_t ns = in[1].i;
	if (c->fn->ret == SQL_TIMESTAMP)
		return trunc_local(t->field, ns, &ret->i) ? VEC_VALUE : VEC_OUT_OF_RANGE;
	int64_t local, offset_ns = zone_offset(z, ns) * NS_PER_S;
	if (!literal_to_local(z, ns, &local) || !trunc_local(t->field, local, &local))
		return VEC_OUT_OF_RANGE;
	/* Below a day the offset stays what it is, so that no hour is taken for its twin. */
	bool ok = t->field < FIELD_DAY ? !__builtin_sub_overflow(local, offset_ns, &ret->i)
				       : literal_to_utc(z, local, &ret->i);
	return ok ? VEC_VALUE : VEC_OUT_OF_RANGE;
}

static uint8_t trunc_interval(struct call *c, const union cell *in, union cell *ret)
{
	const struct trunc *t = c->aux;
	struct interval v = in[1].v;
	if (t->field <= FIELD_DAY) {
		ret->v = v;
		ret->v.ns -= t->field == FIELD_DAY ? v.ns : v.ns % trunc_unit(t->field);
		return VEC_VALUE;
	}
	int32_t months = 1;
	switch (t->field) {
	case FIELD_WEEK:
		return VEC_BAD_INPUT;
	case FIELD_QUARTER:
		months = 3;
		break;
	case FIELD_YEAR:
		months = 12;
		break;
	case FIELD_DECADE:
		months = 120;
		break;
	case FIELD_CENTURY:
		months = 1200;
		break;
	case FIELD_MILLENNIUM:
		months = 12000;
		break;
	default:
		break;
	}
	ret->v = (struct interval){.months = v.months / months * months};
	return VEC_VALUE;
}

/* The last multiple of a stride at or before a time, counted from an origin. */
static uint8_t bin(struct call *c, const union cell *in, union cell *ret)
{
	struct interval stride = in[0].v;
	int64_t ns, diff;
	if (stride.months || __builtin_mul_overflow((int64_t)stride.days, NS_PER_DAY, &ns) ||
	    __builtin_add_overflow(ns, stride.ns, &ns) || ns <= 0 ||
	    __builtin_sub_overflow(in[1].i, in[2].i, &diff))
		return VEC_BAD_INPUT;
	int64_t rest = diff % ns;
	if (rest < 0)
		rest += ns;
	return __builtin_sub_overflow(in[1].i, rest, &ret->i) ? VEC_OUT_OF_RANGE : VEC_VALUE;
}

/* ---- AT TIME ZONE ---- */

static int prepare_zone(struct fn_prep *p, const void **ret_aux)
{
	const struct vec *v = p->constants[0];
	const struct zone *z = NULL;
	if (v && v->state[0] == VEC_NULL)
		return 0;
	if (!v || v->state[0] != VEC_VALUE)
		return err_set(p->e, -EINVAL, "the time zone must be a constant");
	int ret = zones_get(p->zones, v->s[0], &z, p->e);
	*ret_aux = z;
	return ret;
}

static uint8_t at_zone(struct call *c, const union cell *in, union cell *ret)
{
	bool ok = c->fn->ret == SQL_TIMESTAMPTZ ? literal_to_utc(c->aux, in[1].i, &ret->i)
						: literal_to_local(c->aux, in[1].i, &ret->i);
	return ok ? VEC_VALUE : VEC_OUT_OF_RANGE;
}

/* An interval is east of UTC. */
static uint8_t at_offset(struct call *c, const union cell *in, union cell *ret)
{
	struct interval v = in[0].v;
	if (v.months || v.days)
		return VEC_BAD_INPUT;
	bool bad = c->fn->ret == SQL_TIMESTAMPTZ ? __builtin_sub_overflow(in[1].i, v.ns, &ret->i)
						 : __builtin_add_overflow(in[1].i, v.ns, &ret->i);
	return bad ? VEC_OUT_OF_RANGE : VEC_VALUE;
}

#define MOMENT(t, result)                                                                  \
	{"+", result, 2, {t, SQL_INTERVAL}, .param = ADD, .row = moment_interval},         \
		{"+", result, 2, {SQL_INTERVAL, t}, .param = ADD, .row = moment_interval}, \
	{                                                                                  \
		"-", result, 2, {t, SQL_INTERVAL}, .param = SUB, .row = moment_interval    \
	}
#define DIFFERENCE(t)                                                  \
	{                                                              \
		"-", SQL_INTERVAL, 2, {t, t}, .row = moment_difference \
	}
#define ZONE(from, to)                                                                  \
	{"timezone", to, 2, {SQL_TEXT, from}, .row = at_zone, .prepare = prepare_zone}, \
	{                                                                               \
		"timezone", to, 2, {SQL_INTERVAL, from}, .row = at_offset               \
	}

static const struct fn fns[] = {
	MOMENT(SQL_DATE, SQL_TIMESTAMP),
	MOMENT(SQL_TIMESTAMP, SQL_TIMESTAMP),
	MOMENT(SQL_TIMESTAMPTZ, SQL_TIMESTAMPTZ),
	DIFFERENCE(SQL_TIMESTAMP),
	DIFFERENCE(SQL_TIMESTAMPTZ),
	DIFFERENCE(SQL_TIME),
	{"+", SQL_DATE, 2, {SQL_DATE, SQL_INT4}, .param = ADD, .row = date_days},
	{"+", SQL_DATE, 2, {SQL_INT4, SQL_DATE}, .param = ADD, .row = date_days},
	{"-", SQL_DATE, 2, {SQL_DATE, SQL_INT4}, .param = SUB, .row = date_days},
	{"-", SQL_INT4, 2, {SQL_DATE, SQL_DATE}, .param = SUB, .row = date_days},
	{"+", SQL_TIMESTAMP, 2, {SQL_DATE, SQL_TIME}, .row = date_time},
	{"+", SQL_TIMESTAMP, 2, {SQL_TIME, SQL_DATE}, .row = date_time},
	{"+", SQL_TIME, 2, {SQL_TIME, SQL_INTERVAL}, .param = ADD, .row = time_interval},
	{"+", SQL_TIME, 2, {SQL_INTERVAL, SQL_TIME}, .param = ADD, .row = time_interval},
	{"-", SQL_TIME, 2, {SQL_TIME, SQL_INTERVAL}, .param = SUB, .row = time_interval},
	{"+",
	 SQL_INTERVAL,
	 2,
	 {SQL_INTERVAL, SQL_INTERVAL},
	 .param = ADD,
	 .row = interval_interval},
	{"-",
	 SQL_INTERVAL,
	 2,
	 {SQL_INTERVAL, SQL_INTERVAL},
	 .param = SUB,
	 .row = interval_interval},
	{"-", SQL_INTERVAL, 1, {SQL_INTERVAL}, .row = negate},
	{"*",
	 SQL_INTERVAL,
	 2,
	 {SQL_INTERVAL, SQL_FLOAT8},
	 .param = MULTIPLY,
	 .row = interval_float},
	{"*",
	 SQL_INTERVAL,
	 2,
	 {SQL_FLOAT8, SQL_INTERVAL},
	 .param = MULTIPLY,
	 .row = interval_float},
	{"/", SQL_INTERVAL, 2, {SQL_INTERVAL, SQL_FLOAT8}, .param = DIVIDE, .row = interval_float},
	{"date_trunc",
	 SQL_TIMESTAMP,
	 2,
	 {SQL_TEXT, SQL_TIMESTAMP},
	 .row = trunc_moment,
	 .prepare = prepare_trunc},
	{"date_trunc",
	 SQL_TIMESTAMPTZ,
	 2,
	 {SQL_TEXT, SQL_TIMESTAMPTZ},
	 .row = trunc_moment,
	 .prepare = prepare_trunc},
	{"date_trunc",
	 SQL_TIMESTAMPTZ,
	 3,
	 {SQL_TEXT, SQL_TIMESTAMPTZ, SQL_TEXT},
	 .row = trunc_moment,
	 .prepare = prepare_trunc},
	{"date_trunc",
	 SQL_INTERVAL,
	 2,
	 {SQL_TEXT, SQL_INTERVAL},
	 .row = trunc_interval,
	 .prepare = prepare_trunc},
	{"date_bin", SQL_TIMESTAMP, 3, {SQL_INTERVAL, SQL_TIMESTAMP, SQL_TIMESTAMP}, .row = bin},
	{"date_bin",
	 SQL_TIMESTAMPTZ,
	 3,
	 {SQL_INTERVAL, SQL_TIMESTAMPTZ, SQL_TIMESTAMPTZ},
	 .row = bin},
	ZONE(SQL_TIMESTAMP, SQL_TIMESTAMPTZ),
	ZONE(SQL_TIMESTAMPTZ, SQL_TIMESTAMP),
};

const struct fn_table fns_time = FN_TABLE(fns);
