#include "dataplane/extract/kv.h"

#include "dataplane/base/text.h"
#include "dataplane/extract/json.h"

struct line {
	const struct kv *kv;
	struct rec_builder *rb;
	int64_t packet_ns;
	uint64_t *failed;
	const uint8_t *p, *end;
	bool has_value; /* of some key */
	bool no_quote;  /* no closing quote is left in the line */
};

static void skip_blanks(struct line *l)
{
	while (l->p < l->end && text_is_blank(*l->p))
		l->p++;
}

static struct slice rest(const struct line *l)
{
	return slice_of(l->p, (size_t)(l->end - l->p));
}

/* The closing quote of the text behind an opening one at @p, or NULL. */
static const uint8_t *closing_quote(struct line *l, const uint8_t *p)
{
	if (l->no_quote)
		return NULL;
	for (p++; p < l->end; p++) {
		if (*p == '"')
			return p;
		if (*p == '\\')
			p++;
	}
	l->no_quote = true;
	return NULL;
}

/* The inside of quotes without its escapes: the bytes themselves when there are none. */
static struct slice unquoted(struct line *l, struct slice in)
{
	if (!memchr(in.ptr, '\\', in.len))
		return in;
	uint32_t off = arena_take(&l->rb->b->arena, in.len);
	if (!off) {
		l->rb->full = true;
		return (struct slice){in.ptr, 0};
	}
	uint8_t *out = l->rb->b->arena.base + off;
	if (l->kv->logfmt)
		return slice_of(out, json_unescape(out, in));
	size_t n = 0;
	for (size_t i = 0; i < in.len; i++) {
		if (in.ptr[i] == '\\' && i + 1 < in.len && memchr("\"\\", in.ptr[i + 1], 2))
			i++;
		out[n++] = in.ptr[i];
	}
	return slice_of(out, n);
}

static void add(struct line *l, struct slice key, struct slice value)
{
	const struct kv *kv = l->kv;
	struct val v = rec_ref(l->rb, VAL_STR, value);
	for (unsigned i = 0; i < kv->n_types; i++) {
		if (slice_eq(kv->types[i].name, key))
			v = type_value(&kv->types[i].type, l->rb, value, l->packet_ns, l->failed);
	}
	rec_pair(l->rb, keys_of_sender(l->rb, VAL_STR, key), v);
	l->has_value = true;
}

static void add_alone(struct line *l, struct slice key)
{
	rec_pair(l->rb, keys_of_sender(l->rb, VAL_STR, key), val_of(VAL_TRUE, 0, 0));
}

/* ---- logfmt ---- */

static bool logfmt_pair(struct line *l)
{
	const uint8_t *from = l->p;
	while (l->p < l->end && !text_is_blank(*l->p) && *l->p != '=' && *l->p != '"')
		l->p++;
	struct slice key = slice_of(from, (size_t)(l->p - from));
	if (key.len == 0 || (l->p < l->end && *l->p == '"'))
		return false;
	if (l->p == l->end || *l->p != '=') {
		add_alone(l, key);
		return true;
	}
	from = ++l->p;
	if (from < l->end && *from == '"') {
		const uint8_t *close = closing_quote(l, from);
		if (!close || (close + 1 < l->end && !text_is_blank(close[1])))
			return false;
		l->p = close + 1;
		add(l, key, unquoted(l, slice_of(from + 1, (size_t)(close - from) - 1)));
		return true;
	}
	while (l->p < l->end && !text_is_blank(*l->p) && *l->p != '"')
		l->p++;
	if (l->p < l->end && *l->p == '"')
		return false;
	add(l, key, slice_of(from, (size_t)(l->p - from)));
	return true;
}

/* ---- key=value ---- */

/* The part up to the next separator of pairs, which is passed over. */
static struct slice until_pair_sep(struct line *l)
{
	struct slice s = rest(l), sep = l->kv->pair_sep;
	const uint8_t *at = memmem(s.ptr, s.len, sep.ptr, sep.len);
	if (at)
		s.len = (size_t)(at - s.ptr);
	l->p = at ? at + sep.len : l->end;
	return s;
}

/* A quoted value at p, when nothing but a separator follows its closing quote. */
static bool quoted_value(struct line *l, struct slice *ret_in)
{
	const uint8_t *from = l->p;
	const uint8_t *close = from < l->end && *from == '"' ? closing_quote(l, from) : NULL;
	if (!close)
		return false;
	struct slice in = slice_of(from + 1, (size_t)(close - from) - 1), after;
	l->p = close + 1;
	after = rest(l);
	if (after.len && !slice_starts(after, l->kv->pair_sep)) {
		skip_blanks(l);
		after = rest(l);
	}
	if (after.len && !slice_starts(after, l->kv->pair_sep)) {
		l->p = from;
		return false;
	}
	if (after.len)
		l->p += l->kv->pair_sep.len;
	*ret_in = in;
	return true;
}

static void kv_pair(struct line *l)
{
	const uint8_t *from = l->p;
	struct slice part = until_pair_sep(l), sep = l->kv->kv_sep, in;
	const uint8_t *at = memmem(part.ptr, part.len, sep.ptr, sep.len);
	struct slice key = text_trim(slice_of(from, at ? (size_t)(at - from) : part.len));
	if (!at) {
		if (key.len)
			add_alone(l, key);
		return;
	}
	l->p = at + sep.len;
	if (!text_is_blank(*l->kv->pair_sep.ptr))
		skip_blanks(l);
	if (quoted_value(l, &in))
		add(l, key, unquoted(l, in));
	else
		add(l, key, text_trim(until_pair_sep(l)));
}

bool kv_pairs(const struct kv *kv, struct slice line, struct rec_builder *rb, int64_t packet_ns,
	      uint64_t *io_failed)
{
	struct line l = {.kv = kv,
			 .rb = rb,
			 .packet_ns = packet_ns,
			 .failed = io_failed,
			 .p = line.ptr,
			 .end = line.ptr + line.len};
	while (l.p < l.end) {
		if (!kv->logfmt) {
			kv_pair(&l);
			continue;
		}
		skip_blanks(&l);
		if (l.p < l.end && !logfmt_pair(&l))
			return false;
	}
	return l.has_value;
}
