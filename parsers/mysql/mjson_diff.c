/* Partial updates: a list of changes applied to the text of the value before. Contracts: mjson.h.
 *
 * Our own text is what is searched and changed: it has no blanks, and keys are escaped in one way.
 */
#include "parsers/mysql/mjson.h"

#include <ctype.h>

#include "dataplane/base/text.h"
#include "parsers/mysql/value.h"
#include "parsers/mysql/wire.h"

enum diff_op { DIFF_REPLACE, DIFF_INSERT, DIFF_REMOVE, DIFF_N_OPS };

/* op u8 | packed length, path | replace, insert: packed length, value */
struct diff {
	uint8_t op;
	struct slice path, value;
};

static bool diff_next(struct wire *w, struct diff *d)
{
	d->op = (uint8_t)wire_int(w, 1);
	d->path = wire_take(w, wire_packed(w));
	d->value = (struct slice){w->p, 0};
	if (d->op < DIFF_REMOVE)
		d->value = wire_take(w, wire_packed(w));
	return !w->bad && d->op < DIFF_N_OPS;
}

static enum mysql_fault put_patch(struct slice diffs, struct mysql_out *out)
{
	static const struct slice heads[] = {SLICE_LIT("{\"op\":\"replace\",\"path\":\""),
					     SLICE_LIT("{\"op\":\"insert\",\"path\":\""),
					     SLICE_LIT("{\"op\":\"remove\",\"path\":\"")};
	struct wire w = wire_of(diffs);
	enum mysql_fault fault = OUT_LIT(out, "{\"_partial\":[");
	for (bool first = true; wire_left(&w) && !fault; first = false) {
		struct diff d;
		if (!diff_next(&w, &d))
			return MYSQL_F_DIFF;
		if (!first)
			fault = OUT_LIT(out, ",");
		if (!fault)
			fault = out_lit(out, (const char *)heads[d.op].ptr, heads[d.op].len);
		if (!fault)
			fault = value_put_utf8(d.path, out);
		if (!fault && d.op != DIFF_REMOVE)
			fault = OUT_LIT(out, "\",\"value\":");
		if (!fault && d.op != DIFF_REMOVE)
			fault = mjson_put(d.value, out);
		if (!fault)
			fault = d.op == DIFF_REMOVE ? OUT_LIT(out, "\"}") : OUT_LIT(out, "}");
	}
	return fault ? fault : OUT_LIT(out, "]}");
}

/* One step of a path: ".key", ."a key" (escaped as in JSON), or [3]. */
struct leg {
	bool cell;
	uint64_t index;
	struct slice key;
};

/* True for the inside of a JSON string: a key goes to the text as it stands in the path. */
static bool key_good(struct slice key)
{
	for (size_t i = 0; i < key.len; i++) {
		if (key.ptr[i] < 0x20 || key.ptr[i] == '"')
			return false;
		if (key.ptr[i] != '\\')
			continue;
		if (++i == key.len || !memchr("\"\\/bfnrtu", key.ptr[i], 9))
			return false;
		for (unsigned k = 0; key.ptr[i] == 'u' && k < 4; k++)
			if (i + 1 + k >= key.len || !isxdigit(key.ptr[i + 1 + k]))
				return false;
	}
	return text_utf8_valid(key.ptr, key.len) == key.len;
}

static bool key_leg(struct wire *w, struct leg *leg)
{
	const uint8_t *start = w->p;
	bool quoted = wire_left(w) && *w->p == '"';
	if (quoted) {
		start = ++w->p;
		while (wire_left(w) && *w->p != '"')
			w->p += *w->p == '\\' && wire_left(w) > 1 ? 2 : 1;
		if (!wire_left(w))
			return false;
	} else {
		while (wire_left(w) && *w->p != '.' && *w->p != '[')
			w->p++;
	}
	leg->key = (struct slice){start, (size_t)(w->p - start)};
	w->p += quoted;
	return (quoted || leg->key.len > 0) && key_good(leg->key);
}

static bool leg_next(struct wire *w, struct leg *leg)
{
	uint8_t c = *w->p++;
	leg->cell = c == '[';
	if (c == '.')
		return key_leg(w, leg);
	if (c != '[')
		return false;
	leg->index = 0;
	while (wire_left(w) && *w->p >= '0' && *w->p <= '9' && leg->index < UINT32_MAX)
		leg->index = leg->index * 10 + (uint64_t)(*w->p++ - '0');
	return wire_left(w) && *w->p++ == ']';
}

/* Behind the string that begins at @p. */
static const uint8_t *skip_string(const uint8_t *p)
{
	for (p++; *p != '"'; p++)
		p += *p == '\\';
	return p + 1;
}

/* Behind the value that begins at @p. */
static const uint8_t *skip_value(const uint8_t *p, const uint8_t *end)
{
	unsigned depth = 0;
	do {
		if (*p == '"') {
			p = skip_string(p);
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		else if (*p != ',' && *p != ':')
			while (p + 1 < end && p[1] != ',' && p[1] != '}' && p[1] != ']')
				p++;
		p++;
	} while (depth && p < end);
	return p;
}

/* Where a step leads to: the member or cell itself, or the place where it would be. */
struct spot {
	const uint8_t *from, *value, *to; /* all of it (with its key); its value; its end */
	bool found;
	bool first, last; /* of its parent */
};

/* The server keeps keys by length, then by bytes. */
static bool key_before(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return a.len < b.len;
	return a.len && memcmp(a.ptr, b.ptr, a.len) < 0;
}

static bool step(const uint8_t *p, const uint8_t *end, const struct leg *leg, struct spot *ret)
{
	if (*p != (leg->cell ? '[' : '{'))
		return false;
	p++;
	bool first = true;
	for (uint64_t i = 0; *p != ']' && *p != '}'; i++) {
		if (!first)
			p++; /* the comma */
		struct spot s = {.from = p, .value = p, .first = first};
		struct slice key = {0};
		if (!leg->cell) {
			const uint8_t *behind = skip_string(p);
			key = (struct slice){p + 1, (size_t)(behind - p) - 2};
			s.value = behind + 1;
		}
		s.to = skip_value(s.value, end);
		s.found = leg->cell ? i == leg->index : slice_eq(key, leg->key);
		s.last = *s.to == ']' || *s.to == '}';
		if (s.found || (!leg->cell && key_before(leg->key, key))) {
			*ret = s;
			return true;
		}
		p = s.to;
		first = false;
	}
	*ret = (struct spot){.from = p, .value = p, .to = p, .first = first, .last = true};
	return true;
}

/* Follows all of @path but finds its last step only. */
static bool locate(struct slice path, const uint8_t *text, const uint8_t *end, struct leg *ret_leg,
		   struct spot *ret)
{
	struct wire w = wire_of(path);
	if (!wire_left(&w) || *w.p++ != '$')
		return false;
	*ret = (struct spot){.from = text, .value = text, .to = end, .found = true};
	memset(ret_leg, 0, sizeof(*ret_leg));
	while (wire_left(&w)) {
		if (!ret->found || !leg_next(&w, ret_leg) || !step(ret->value, end, ret_leg, ret))
			return false;
	}
	return true;
}

/* Moves what was appended behind @end, the end of the text, into the place of [from, to). */
static enum mysql_fault splice(struct mysql_out *out, size_t end, size_t from, size_t to)
{
	size_t len = out->len - end, gone = to - from;
	if (len > gone && !out_room(out, len - gone))
		return MYSQL_F_NO_ROOM;
	/* The new text moves along with the tail, which leaves room for it in front. */
	memmove(out->buf + from + len, out->buf + to, out->len - to);
	memcpy(out->buf + from, out->buf + end + len - gone, len);
	out->len = end + len - gone;
	return MYSQL_F_OK;
}

static enum mysql_fault insert(const struct diff *d, const struct leg *leg, const struct spot *s,
			       struct mysql_out *out)
{
	size_t end = out->len, at = (size_t)(s->from - out->buf);
	bool at_end = s->from == s->to;
	enum mysql_fault fault = MYSQL_F_OK;
	if (at_end && !s->first)
		fault = OUT_LIT(out, ",");
	if (!fault && !leg->cell)
		fault = OUT_LIT(out, "\"");
	if (!fault && !leg->cell)
		fault = out_lit(out, (const char *)leg->key.ptr, leg->key.len);
	if (!fault && !leg->cell)
		fault = OUT_LIT(out, "\":");
	if (!fault)
		fault = mjson_put(d->value, out);
	if (!fault && !at_end)
		fault = OUT_LIT(out, ",");
	return fault ? fault : splice(out, end, at, at);
}

/* Applies one change to the text from @start on. False when it does not fit the text. */
static bool apply(const struct diff *d, size_t start, struct mysql_out *out,
		  enum mysql_fault *ret_fault)
{
	size_t end = out->len;
	struct leg leg;
	struct spot s;
	if (!locate(d->path, out->buf + start, out->buf + end, &leg, &s))
		return false;
	bool root = s.value == out->buf + start;
	size_t from = (size_t)(s.from - out->buf), to = (size_t)(s.to - out->buf);
	*ret_fault = MYSQL_F_OK;
	if (d->op == DIFF_INSERT) {
		if (root || (s.found && !leg.cell))
			return false;
		*ret_fault = insert(d, &leg, &s, out);
		return true;
	}
	if (!s.found)
		return false;
	if (d->op == DIFF_REPLACE) {
		from = (size_t)(s.value - out->buf);
		*ret_fault = mjson_put(d->value, out);
	} else if (root) {
		return false;
	} else if (!s.last) {
		to++; /* with the comma */
	} else if (!s.first) {
		from--;
	}
	if (!*ret_fault)
		*ret_fault = splice(out, end, from, to);
	return true;
}

enum mysql_fault mjson_put_diff(const struct slice *base, struct slice diffs, struct mysql_out *out)
{
	size_t start = out->len, work = 0;
	if (!base)
		return put_patch(diffs, out);
	enum mysql_fault fault = mjson_put(*base, out);
	struct wire w = wire_of(diffs);
	while (!fault && wire_left(&w)) {
		struct diff d;
		if (!diff_next(&w, &d))
			return MYSQL_F_DIFF;
		work += out->len - start;
		if (work > MJSON_DIFF_WORK_MAX || !apply(&d, start, out, &fault)) {
			out->len = start;
			return put_patch(diffs, out);
		}
	}
	return fault;
}
