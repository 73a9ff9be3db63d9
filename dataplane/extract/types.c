#include "dataplane/extract/types.h"

#include "dataplane/base/civil.h"
#include "dataplane/base/text.h"

static const struct {
	const char *name, *layout;
	uint32_t epoch_ns;
} layouts[] = {
	{"rfc3339", "rfc3339", 0}, {"apache", "%d/%b/%Y:%H:%M:%S %z", 0},
	{"epoch", "", 1000000000}, {"epoch_ms", "", 1000000},
	{"epoch_us", "", 1000},    {"epoch_ns", "", 1},
};

static int parse_layout(const char *text, struct type *t, struct err *e)
{
	t->kind = TYPE_TIME;
	for (size_t i = 0; i < sizeof(layouts) / sizeof(layouts[0]); i++) {
		if (strcmp(text, layouts[i].name) == 0) {
			memcpy(t->layout, layouts[i].layout, strlen(layouts[i].layout) + 1);
			t->epoch_ns = layouts[i].epoch_ns;
			return 0;
		}
	}
	if (strlen(text) >= sizeof(t->layout))
		return err_set(e, -EINVAL, "the layout is longer than %d bytes",
			       TYPE_LAYOUT_MAX - 1);
	if (!strchr(text, '%'))
		return err_set(e, -EINVAL,
			       "\"%s\" is no layout of a time; expected rfc3339, apache, epoch, "
			       "epoch_ms, epoch_us, epoch_ns or text with %%Y, %%m, %%d...",
			       text);
	for (const char *p = text; (p = strchr(p, '%')); p += 2) {
		if (!p[1] || !strchr("YymbBdejaAHIpMS369fzZns%", p[1]))
			return err_set(e, -EINVAL, "%%%c is not known in the layout of a time",
				       p[1] ? p[1] : ' ');
	}
	memcpy(t->layout, text, strlen(text) + 1);
	return 0;
}

int type_parse(const char *text, struct type *ret_t, struct err *e)
{
	static const char *const names[] = {"string", "int", "float", "bool"};
	struct type t = {0};
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) == 0) {
			t.kind = (uint8_t)i;
			*ret_t = t;
			return 0;
		}
	}
	if (strncmp(text, "time:", 5) != 0)
		return err_set(e, -EINVAL,
			       "\"%s\" is no type; expected int, float, bool, string or "
			       "time:LAYOUT",
			       text);
	int r = parse_layout(text + 5, &t, e);
	if (r == 0)
		*ret_t = t;
	return r;
}

/* ---- times ---- */

static const char months[] = "janfebmaraprmayjunjulaugsepoctnovdec";
static const char *const month_tails[] = {"uary", "ruary", "ch",     "il",   "",      "e",
					  "y",    "ust",   "tember", "ober", "ember", "ember"};
static const char days[] = "sunmontuewedthufrisat";
static const char *const day_tails[] = {"day", "day", "sday", "nesday", "rsday", "day", "urday"};

/* What a layout has read so far. */
struct reading {
	struct civil c;
	bool has_year, has_epoch, pm, has_pm;
	int yday;
	int64_t epoch_s;
};

/* @min to @max digits at the start of @io_s. */
static bool read_digits(struct slice *io_s, unsigned min, unsigned max, int64_t *ret_v)
{
	unsigned n = 0;
	int64_t v = 0;
	while (n < max && n < io_s->len && text_is_digit(io_s->ptr[n]))
		v = v * 10 + (io_s->ptr[n++] - '0');
	if (n < min)
		return false;
	*io_s = slice_from(*io_s, n);
	*ret_v = v;
	return true;
}

static bool read_int(struct slice *io_s, unsigned min, unsigned max, int *ret_v)
{
	int64_t v;
	if (!read_digits(io_s, min, max, &v))
		return false;
	*ret_v = (int)v;
	return true;
}

/* One of the names, three letters or whole, any case. */
static bool read_name(struct slice *io_s, const char *heads, const char *const *tails,
		      unsigned n_names, int *ret_idx)
{
	if (io_s->len < 3)
		return false;
	struct slice head = slice_of(io_s->ptr, 3);
	for (unsigned i = 0; i < n_names; i++) {
		if (!text_ieq(head, slice_of(heads + (size_t)3 * i, 3)))
			continue;
		struct slice rest = slice_from(*io_s, 3), tail = slice_str(tails[i]);
		bool whole = rest.len >= tail.len && text_ieq(slice_of(rest.ptr, tail.len), tail);
		*io_s = whole ? slice_from(rest, tail.len) : rest;
		*ret_idx = (int)i;
		return true;
	}
	return false;
}

static bool read_zone(struct slice *io_s, int *ret_offset_s)
{
	int64_t hours, mins = 0;
	if (io_s->len && (*io_s->ptr | 0x20) == 'z') {
		*io_s = slice_from(*io_s, 1);
		*ret_offset_s = 0;
		return true;
	}
	if (!io_s->len || (*io_s->ptr != '+' && *io_s->ptr != '-'))
		return false;
	int sign = *io_s->ptr == '-' ? -1 : 1;
	struct slice s = slice_from(*io_s, 1);
	if (!read_digits(&s, 2, 2, &hours))
		return false;
	struct slice rest = s.len && *s.ptr == ':' ? slice_from(s, 1) : s;
	if (read_digits(&rest, 2, 2, &mins))
		s = rest;
	*io_s = s;
	*ret_offset_s = sign * (int)(hours * 3600 + mins * 60);
	return mins < 60;
}

static bool read_fraction(struct slice *io_s, unsigned min, unsigned max, uint32_t *ret_ns)
{
	size_t before = io_s->len;
	int64_t v;
	if (!read_digits(io_s, min, max, &v))
		return false;
	for (size_t n = before - io_s->len; n < 9; n++)
		v *= 10;
	*ret_ns = (uint32_t)v;
	return true;
}

static bool read_word(struct slice *io_s, const char *const *words, int *ret_idx)
{
	for (int i = 0; words[i]; i++) {
		struct slice w = slice_str(words[i]);
		if (io_s->len >= w.len && text_ieq(slice_of(io_s->ptr, w.len), w)) {
			*io_s = slice_from(*io_s, w.len);
			*ret_idx = i;
			return true;
		}
	}
	return false;
}

static bool read_date_part(char what, struct slice *io_s, struct reading *r)
{
	int v;
	switch (what) {
	case 'Y':
		r->has_year = true;
		return read_int(io_s, 4, 4, &r->c.year);
	case 'y':
		r->has_year = true;
		if (!read_int(io_s, 2, 2, &v))
			return false;
		r->c.year = v + (v < 69 ? 2000 : 1900);
		return true;
	case 'm':
		return read_int(io_s, 1, 2, &r->c.month);
	case 'b':
	case 'B':
		if (!read_name(io_s, months, month_tails, 12, &v))
			return false;
		r->c.month = v + 1;
		return true;
	case 'e':
		if (io_s->len && *io_s->ptr == ' ')
			*io_s = slice_from(*io_s, 1);
		return read_int(io_s, 1, 2, &r->c.day);
	case 'd':
		return read_int(io_s, 1, 2, &r->c.day);
	case 'j':
		return read_int(io_s, 1, 3, &r->yday);
	default: /* a, A */
		return read_name(io_s, days, day_tails, 7, &v);
	}
}

static bool read_time_part(char what, struct slice *io_s, struct reading *r)
{
	static const char *const halves[] = {"am", "pm", NULL};
	static const char *const zones[] = {"utc", "gmt", "z", NULL};
	int v;
	switch (what) {
	case 'H':
	case 'I':
		return read_int(io_s, 1, 2, &r->c.hour);
	case 'M':
		return read_int(io_s, 1, 2, &r->c.min);
	case 'S':
		return read_int(io_s, 1, 2, &r->c.sec);
	case 'p':
		r->has_pm = read_word(io_s, halves, &v);
		r->pm = r->has_pm && v == 1;
		return r->has_pm;
	case 'f':
		return read_fraction(io_s, 1, 9, &r->c.ns);
	case '3':
	case '6':
	case '9':
		return read_fraction(io_s, (unsigned)(what - '0'), (unsigned)(what - '0'),
				     &r->c.ns);
	case 'z':
		return read_zone(io_s, &r->c.offset_s);
	case 'Z':
		return read_word(io_s, zones, &v);
	default: /* s */
		r->has_epoch = true;
		return read_digits(io_s, 1, 11, &r->epoch_s);
	}
}

static bool read_blanks(struct slice *io_s)
{
	size_t before = io_s->len;
	*io_s = text_trim_front(*io_s);
	return io_s->len < before;
}

static bool read_literal(char c, struct slice *io_s)
{
	if (!io_s->len || *io_s->ptr != (uint8_t)c)
		return false;
	*io_s = slice_from(*io_s, 1);
	return true;
}

static bool read_part(char what, struct slice *io_s, struct reading *r)
{
	if (what == '%')
		return read_literal(what, io_s);
	if (what == 'n')
		return read_blanks(io_s);
	if (strchr("YymbBdejaA", what))
		return read_date_part(what, io_s, r);
	return read_time_part(what, io_s, r);
}

/* The day of the year as month and day. */
static bool set_yday(struct civil *c, int yday)
{
	struct civil first = {.year = c->year, .month = 1, .day = 1};
	int64_t ns;
	if (yday < 1 || yday > 366 || !civil_to_ns(&first, &ns))
		return false;
	struct civil day;
	civil_from_ns(ns + (yday - 1) * 86400 * NS_PER_S, &day);
	c->month = day.month;
	c->day = day.day;
	return day.year == c->year;
}

static uint64_t distance(int64_t a, int64_t b)
{
	return a > b ? (uint64_t)a - (uint64_t)b : (uint64_t)b - (uint64_t)a;
}

/* Of the packet's year and its neighbours the one that brings the time nearest to the packet. */
static bool nearest_year(struct civil *c, int yday, int64_t packet_ns, int64_t *ret_ns)
{
	struct civil packet;
	bool found = false;
	civil_from_ns(packet_ns, &packet);
	for (int year = packet.year - 1; year <= packet.year + 1; year++) {
		int64_t ns;
		c->year = year;
		if ((yday && !set_yday(c, yday)) || !civil_to_ns(c, &ns))
			continue;
		if (!found || distance(ns, packet_ns) < distance(*ret_ns, packet_ns))
			*ret_ns = ns;
		found = true;
	}
	return found;
}

static bool finish(struct reading *r, int64_t packet_ns, int64_t *ret_ns)
{
	if (r->has_epoch) {
		if (r->epoch_s > INT64_MAX / NS_PER_S - 1)
			return false;
		*ret_ns = r->epoch_s * NS_PER_S + r->c.ns;
		return true;
	}
	if (r->has_pm) {
		if (r->c.hour < 1 || r->c.hour > 12)
			return false;
		r->c.hour = r->c.hour % 12 + (r->pm ? 12 : 0);
	}
	if (!r->has_year)
		return nearest_year(&r->c, r->yday, packet_ns, ret_ns);
	if (r->yday && !set_yday(&r->c, r->yday))
		return false;
	return civil_to_ns(&r->c, ret_ns);
}

/* The instant that @text stands for by a resolved layout. False when it does not have that shape.
 */
static bool read_time(const char *layout, struct slice text, int64_t packet_ns, int64_t *ret_ns)
{
	struct reading r = {.c = {.month = 1, .day = 1}};
	if (strcmp(layout, "rfc3339") == 0)
		return text.len && civil_read_rfc3339(text, ret_ns) == text.len;
	for (const char *p = layout; *p; p++) {
		bool ok = *p == '%' ? read_part(*++p, &text, &r) : read_literal(*p, &text);
		if (!ok)
			return false;
	}
	return text.len == 0 && finish(&r, packet_ns, ret_ns);
}

/* ---- numbers ---- */

/* [-+]digits as a value of 64 bits; false when it is none, or beyond them. */
static bool read_integer(struct rec_builder *rb, struct slice s, struct val *ret_v)
{
	uint64_t v;
	bool minus = s.len && *s.ptr == '-';
	if (s.len && (*s.ptr == '-' || *s.ptr == '+'))
		s = slice_from(s, 1);
	if (!text_u64(s, &v))
		return false;
	if (minus) {
		if (v > (uint64_t)INT64_MAX + 1)
			return false;
		v = 0 - v;
	}
	*ret_v = rec_make8(rb, minus || v <= INT64_MAX ? VAL_I64 : VAL_U64, &v);
	return true;
}

/* A decimal number. What RFC 8259 does not know (a plus sign, zeros in front, no digit on one side
 * of the point) is mended in a copy; the digits themselves stay as they are.
 */
static bool read_float(struct rec_builder *rb, struct slice s, struct val *ret_v)
{
	const uint8_t *p = s.ptr, *end = p + s.len, *whole;
	bool minus = p < end && *p == '-';
	p += p < end && (*p == '-' || *p == '+');
	while (end - p > 1 && p[0] == '0' && text_is_digit(p[1]))
		p++;
	whole = p;
	while (p < end && text_is_digit(*p))
		p++;
	size_t n_whole = (size_t)(p - whole), n_part = 0;
	const uint8_t *part = p;
	if (p < end && *p == '.') {
		part = ++p;
		while (p < end && text_is_digit(*p))
			p++;
		n_part = (size_t)(p - part);
	}
	if (n_whole + n_part == 0)
		return false;
	const uint8_t *exp = p;
	if (p < end && (*p | 0x20) == 'e') {
		p++;
		p += p < end && (*p == '-' || *p == '+');
		if (p == end || !text_is_digit(*p))
			return false;
		while (p < end && text_is_digit(*p))
			p++;
	}
	if (p != end)
		return false;
	uint32_t off = arena_take(&rb->b->arena, s.len + 2);
	if (!off) {
		rb->full = true;
		return false;
	}
	uint8_t *out = rb->b->arena.base + off, *o = out;
	if (minus)
		*o++ = '-';
	if (!n_whole)
		*o++ = '0';
	memcpy(o, whole, n_whole);
	o += n_whole;
	if (n_part) {
		*o++ = '.';
		memcpy(o, part, n_part);
		o += n_part;
	}
	memcpy(o, exp, (size_t)(end - exp));
	o += end - exp;
	*ret_v = val_of(VAL_NUM, off, (size_t)(o - out));
	return true;
}

/* Seconds, or another unit, with or without a fraction. */
static bool read_epoch(uint32_t unit_ns, struct slice s, int64_t *ret_ns)
{
	bool minus = s.len && *s.ptr == '-';
	if (minus)
		s = slice_from(s, 1);
	const uint8_t *point = memchr(s.ptr, '.', s.len);
	struct slice whole = slice_of(s.ptr, point ? (size_t)(point - s.ptr) : s.len);
	uint64_t v;
	uint32_t part = 0;
	if (!text_u64(whole, &v) || v >= (uint64_t)INT64_MAX / unit_ns - 1)
		return false;
	if (point) {
		struct slice rest = slice_of(point + 1, s.len - whole.len - 1);
		if (!read_fraction(&rest, 1, 9, &part) || rest.len)
			return false;
	}
	int64_t ns = (int64_t)(v * unit_ns + (uint64_t)part * unit_ns / NS_PER_S);
	*ret_ns = minus ? -ns : ns;
	return true;
}

static bool read_bool(struct slice s, struct val *ret_v)
{
	static const char *const words[] = {"true", "false", "yes", "no", "on",
					    "off",  "1",     "0",   NULL};
	int i;
	if (!read_word(&s, words, &i) || s.len)
		return false;
	*ret_v = val_of(i % 2 ? VAL_FALSE : VAL_TRUE, 0, 0);
	return true;
}

static bool read_instant(const struct type *t, struct rec_builder *rb, struct slice text,
			 int64_t packet_ns, struct val *ret_v)
{
	int64_t ns;
	bool ok = t->epoch_ns ? read_epoch(t->epoch_ns, text, &ns)
			      : read_time(t->layout, text, packet_ns, &ns);
	if (ok)
		*ret_v = rec_make8(rb, VAL_TIME, &ns);
	return ok;
}

struct val type_value(const struct type *t, struct rec_builder *rb, struct slice text,
		      int64_t packet_ns, uint64_t *io_failed)
{
	struct val v = rec_ref(rb, VAL_STR, text);
	bool ok = true;
	if (t->kind == TYPE_INT)
		ok = read_integer(rb, text, &v);
	else if (t->kind == TYPE_FLOAT)
		ok = read_float(rb, text, &v);
	else if (t->kind == TYPE_BOOL)
		ok = read_bool(text, &v);
	else if (t->kind == TYPE_TIME)
		ok = read_instant(t, rb, text, packet_ns, &v);
	*io_failed += !ok;
	return v;
}
