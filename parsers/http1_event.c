#include <arpa/inet.h>
#include <assert.h>
#include <emmintrin.h>

#include "dataplane/base/text.h"
#include "dataplane/rec/json_text.h"
#include "parsers/http1.h"

/* --- Where the request goes ------------------------------------------------------------------- */

static size_t find(struct slice s, uint8_t c)
{
	const uint8_t *hit = s.len ? memchr(s.ptr, c, s.len) : NULL;
	return hit ? (size_t)(hit - s.ptr) : s.len;
}

/* The first @a or @b of @s, or its length. Up to @limit may be read: most texts are short, and more
 * of the head follows them, so they are looked at 16 bytes at a time up to their end.
 */
static inline size_t find_either(struct slice s, const uint8_t *limit, char a, char b)
{
	size_t i = 0;
	for (; i < s.len && (size_t)(limit - s.ptr) - i >= 16; i += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(s.ptr + i));
		__m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(a)),
					   _mm_cmpeq_epi8(v, _mm_set1_epi8(b)));
		unsigned bits = (unsigned)_mm_movemask_epi8(hit);
		if (bits) {
			i += (unsigned)__builtin_ctz(bits);
			return i < s.len ? i : s.len;
		}
	}
	while (i < s.len && s.ptr[i] != a && s.ptr[i] != b)
		i++;
	return i < s.len ? i : s.len;
}

/* [user@]host[:port] to the host alone; [::1] keeps its brackets. */
static struct slice host_alone(struct slice authority, const uint8_t *limit)
{
	if (find_either(authority, limit, '@', ':') == authority.len &&
	    (!authority.len || authority.ptr[0] != '['))
		return authority;
	const uint8_t *at = authority.len ? memrchr(authority.ptr, '@', authority.len) : NULL;
	if (at)
		authority = slice_from(authority, (size_t)(at - authority.ptr) + 1);
	if (authority.len && authority.ptr[0] == '[') {
		size_t end = find(authority, ']');
		return slice_of(authority.ptr, end < authority.len ? end + 1 : end);
	}
	return slice_of(authority.ptr, find(authority, ':'));
}

/* http://host/path, the form that proxies get. */
static bool absolute(struct slice target, size_t *ret_authority)
{
	size_t colon = find(target, ':');
	if (colon == 0 || colon > 8 || !slice_starts(slice_from(target, colon), SLICE_LIT("://")))
		return false;
	*ret_authority = colon + 3;
	return true;
}

struct http1_place http1_place_of(const struct http1_msg *m, struct slice bytes)
{
	struct http1_place p = {.method = slice_of(bytes.ptr, m->method_len)};
	struct slice target = http1_span_of(m, bytes, SPAN_TARGET);
	struct slice authority = http1_span_of(m, bytes, SPAN_HOST);
	size_t at;
	if (target.ptr[0] == '/') {
		p.path = target;
	} else if (slice_eq(p.method, SLICE_LIT("CONNECT"))) {
		authority = target;
	} else if (absolute(target, &at)) {
		authority = slice_from(target, at);
		size_t n = 0;
		while (n < authority.len && authority.ptr[n] != '/' && authority.ptr[n] != '?')
			n++;
		p.path = slice_from(authority, n);
		authority.len = n;
	} else {
		p.path = target;
	}
	const uint8_t *limit = bytes.ptr + bytes.len;
	size_t mark = find_either(p.path, limit, '?', '#');
	if (mark < p.path.len && p.path.ptr[mark] == '?') {
		p.query = slice_from(p.path, mark + 1);
		p.query.len = find_either(p.query, limit, '#', '#');
	}
	p.path.len = mark;
	p.host = host_alone(authority, limit);
	return p;
}

/* --- Filters ---------------------------------------------------------------------------------- */

/* "*.example.com" holds for every name below it, and for example.com itself. */
static bool host_matches(struct slice host, struct slice want)
{
	if (want.len < 3 || want.ptr[0] != '*' || want.ptr[1] != '.')
		return text_ieq(host, want);
	struct slice bare = slice_from(want, 2), dotted = slice_from(want, 1);
	if (text_ieq(host, bare))
		return true;
	return host.len > dotted.len && text_ieq(slice_from(host, host.len - dotted.len), dotted);
}

/* '*' is any bytes, '?' one. Goes back to the last '*' only, so at most len * glob steps. */
static bool glob_matches(struct slice s, struct slice glob)
{
	size_t i = 0, g = 0, star = SIZE_MAX, mark = 0;
	while (i < s.len) {
		if (g < glob.len && glob.ptr[g] == '*') {
			star = g++;
			mark = i;
		} else if (g < glob.len && (glob.ptr[g] == '?' || glob.ptr[g] == s.ptr[i])) {
			g++;
			i++;
		} else if (star != SIZE_MAX) {
			g = star + 1;
			i = ++mark;
		} else {
			return false;
		}
	}
	while (g < glob.len && glob.ptr[g] == '*')
		g++;
	return g == glob.len;
}

static bool any_matches(const struct opt_strings *list, struct slice s,
			bool (*matches)(struct slice, struct slice))
{
	for (size_t i = 0; i < list->n; i++)
		if (matches(s, slice_str(list->items[i])))
			return true;
	return list->n == 0;
}

bool http1_wanted(const struct http1_conf *conf, const struct http1_place *place)
{
	return any_matches(&conf->host, place->host, host_matches) &&
	       any_matches(&conf->path, place->path, glob_matches) &&
	       any_matches(&conf->methods, place->method, slice_eq);
}

/* --- `_http` ---------------------------------------------------------------------------------- */

struct writer {
	uint8_t *at;
	const uint8_t *limit; /* the end of the bytes that texts are part of */
	bool folded;          /* headers of the message may be */
	bool invalid;
};

static void put_raw(struct writer *w, const char *text, size_t len)
{
	memcpy(w->at, text, len);
	w->at += len;
}

#define PUT_LIT(w, text) put_raw(w, text, sizeof(text) - 1)

/* What is more than 16 bytes or none, has to be escaped, or stands at the end of all. */
static __attribute__((noinline)) void put_text_long(struct writer *w, struct slice s)
{
	*w->at++ = '"';
	if (s.len && (size_t)(w->limit - s.ptr) >= s.len + 16)
		w->at += json_text_put_padded(w->at, s.ptr, s.len, &w->invalid);
	else
		w->at += json_text_put(w->at, s.ptr, s.len, &w->invalid);
	*w->at++ = '"';
}

static inline void put_text(struct writer *w, struct slice s)
{
	if (s.len - 1 > 15 || (size_t)(w->limit - s.ptr) < 16) {
		put_text_long(w, s);
		return;
	}
	__m128i v = _mm_loadu_si128((const __m128i *)s.ptr);
	if (json_text_odd(v) & ((1u << s.len) - 1)) {
		put_text_long(w, s);
		return;
	}
	w->at[0] = '"';
	_mm_storeu_si128((__m128i *)(w->at + 1), v);
	w->at[1 + s.len] = '"';
	w->at += 2 + s.len;
}

/* Lines of a folded value are joined by blanks. */
static void put_header(struct writer *w, struct slice s)
{
	if (!w->folded || !s.len || !memchr(s.ptr, '\n', s.len)) {
		put_text(w, s);
		return;
	}
	*w->at++ = '"';
	while (s.len) {
		size_t n = 0;
		while (n < s.len && s.ptr[n] != '\r' && s.ptr[n] != '\n')
			n++;
		w->at += json_text_put(w->at, s.ptr, n, &w->invalid);
		while (n < s.len && (s.ptr[n] == '\r' || s.ptr[n] == '\n' || s.ptr[n] == ' ' ||
				     s.ptr[n] == '\t'))
			n++;
		s = slice_from(s, n);
		if (s.len)
			*w->at++ = ' ';
	}
	*w->at++ = '"';
}

/* Bytes of @v that are upper case: 0x20, else 0. */
static inline __m128i upper_bits(__m128i v)
{
	__m128i from_a = _mm_sub_epi8(v, _mm_set1_epi8('A'));
	__m128i upper = _mm_cmpeq_epi8(_mm_min_epu8(from_a, _mm_set1_epi8(25)), from_a);
	return _mm_and_si128(upper, _mm_set1_epi8(0x20));
}

static inline bool may_have_upper(const struct writer *w, struct slice s)
{
	unsigned any = 0;
	for (size_t i = 0; i < s.len; i += 16) {
		if ((size_t)(w->limit - s.ptr) < i + 16)
			return true;
		__m128i upper = upper_bits(_mm_loadu_si128((const __m128i *)(s.ptr + i)));
		unsigned bits = (unsigned)_mm_movemask_epi8(_mm_slli_epi16(upper, 2));
		any |= s.len - i < 16 ? bits & ((1u << (s.len - i)) - 1) : bits;
	}
	return any != 0;
}

static void put_host(struct writer *w, struct slice host)
{
	if (host.len == 0) {
		PUT_LIT(w, "null");
		return;
	}
	uint8_t *begin = w->at;
	/* Asked before: to read what was just written takes until it is in the cache. */
	bool upper = may_have_upper(w, host);
	put_text(w, host);
	/* Whole vectors: nothing stands behind it yet. */
	for (uint8_t *p = begin; upper && p < w->at; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)p);
		_mm_storeu_si128((__m128i *)p, _mm_or_si128(v, upper_bits(v)));
	}
}

/* A number of up to three digits; writes a byte more. */
static void put_small(struct writer *w, unsigned v)
{
	unsigned skip = v < 10 ? 2 : v < 100 ? 1 : 0;
	memcpy(w->at, text_triples + 4 * v + skip, 4);
	w->at += 3 - skip;
}

size_t http1_address_put(const uint8_t *addr, uint8_t *out)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	struct writer w = {.at = out};
	*w.at++ = '"';
	if (memcmp(addr, mapped, 12) == 0) {
		for (int i = 12; i < 16; i++) {
			put_small(&w, addr[i]);
			*w.at++ = i < 15 ? '.' : '"';
		}
		return (size_t)(w.at - out);
	}
	char text[INET6_ADDRSTRLEN];
	inet_ntop(AF_INET6, addr, text, sizeof(text));
	put_raw(&w, text, strlen(text));
	*w.at++ = '"';
	return (size_t)(w.at - out);
}

static_assert(INET6_ADDRSTRLEN + 2 <= HTTP1_ADDRESS_MAX, "with its quotes");

/* Most are short enough for one step. */
static inline void put_client(struct writer *w, struct slice client)
{
	memcpy(w->at, client.ptr, 32);
	if (client.len > 32)
		memcpy(w->at + 32, client.ptr + 32, HTTP1_ADDRESS_MAX - 32);
	w->at += client.len;
}

static struct slice forwarded_for(struct slice list)
{
	list.len = find(list, ',');
	return text_trim_end(list);
}

/* Keys, quotes, numbers, an address, and what the padded form of json_text_put writes too much. */
#define META_FIXED 512

/* {"method":"POST","host":"msg.example.com","path":"/v5/x","status":204,"client":"10.0.0.2"} and
 * what else there is. False when scratch does not hold it.
 */
static bool meta_put(const struct http1_conf *conf, const struct http1_request *r,
		     const struct http1_place *place, bool with_query, struct http1_work *work,
		     struct slice *ret_meta)
{
	struct slice agent = http1_span_of(r->msg, r->bytes, SPAN_AGENT);
	struct slice referer = http1_span_of(r->msg, r->bytes, SPAN_REFERER);
	struct slice forwarded = {0};
	if (conf->trust_forwarded)
		forwarded = forwarded_for(http1_span_of(r->msg, r->bytes, SPAN_FORWARDED));
	size_t text = place->method.len + place->host.len + place->path.len + place->query.len +
		      agent.len + referer.len + forwarded.len;
	uint8_t *begin = http1_work_take(work, META_FIXED + JSON_TEXT_FACTOR * text);
	if (!begin)
		return false;
	struct writer w = {.at = begin,
			   .limit = r->bytes.ptr + r->bytes.len,
			   .folded = r->msg->flags & HEAD_FOLDED};
	PUT_LIT(&w, "{\"method\":");
	put_text(&w, place->method);
	PUT_LIT(&w, ",\"host\":");
	put_host(&w, place->host);
	PUT_LIT(&w, ",\"path\":");
	put_text(&w, place->path);
	if (with_query && place->query.len) {
		PUT_LIT(&w, ",\"query\":");
		put_text(&w, place->query);
	}
	PUT_LIT(&w, ",\"status\":");
	if (r->status)
		put_small(&w, r->status);
	else
		PUT_LIT(&w, "null");
	PUT_LIT(&w, ",\"client\":");
	if (forwarded.len)
		put_header(&w, forwarded);
	else
		put_client(&w, r->client);
	if (agent.len) {
		PUT_LIT(&w, ",\"user_agent\":");
		put_header(&w, agent);
	}
	if (referer.len) {
		PUT_LIT(&w, ",\"referer\":");
		put_header(&w, referer);
	}
	if (w.invalid)
		PUT_LIT(&w, ",\"_invalid_utf8\":true");
	*w.at++ = '}';
	*ret_meta = slice_of(begin, (size_t)(w.at - begin));
	return true;
}

/* --- Events ----------------------------------------------------------------------------------- */

/* What stays the same for all events of one request. */
struct event {
	const struct http1_conf *conf;
	struct frame_out *out;
	struct http1_progress *progress;
	struct http1_tally *tally;
	struct frame_desc desc;
	struct slice head, query;
	enum http1_type type;
	size_t body_bytes; /* as they stand in the stream */
};

static bool put_one(struct event *e, enum frame_body kind, struct slice body)
{
	/* Word by word: as a whole it would be read where its halves were just stored. */
	e->desc.bytes.ptr = e->desc.body.ptr = body.ptr;
	e->desc.bytes.len = e->desc.body.len = body.len;
	e->desc.body_kind = (uint8_t)kind;
	e->desc.idx = e->progress->idx;
	if (!frame_put(e->out, &e->desc))
		return false;
	e->progress->idx++;
	return true;
}

/* The head is kept, `_http` is all there is to see. */
static bool put_bare(struct event *e)
{
	e->desc.bytes = e->head;
	e->desc.body = (struct slice){0};
	e->desc.body_kind = BODY_NONE;
	e->desc.idx = e->progress->idx;
	return frame_put(e->out, &e->desc);
}

/* The same, for a body of which @lost bytes are in no event. */
static bool put_broken(struct event *e, const char *why, size_t lost)
{
	e->desc.unparsed = why;
	if (!put_bare(e))
		return false;
	e->tally->lost += lost < e->body_bytes ? lost : e->body_bytes;
	e->tally->why = why;
	return true;
}

static bool put_pieces(struct event *e, struct slice body, enum http1_shape shape)
{
	enum frame_body kind = shape == SHAPE_TEXT_LINES ? BODY_TEXT : BODY_JSON;
	struct slice piece;
	size_t off = e->progress->off;
	while (shape == SHAPE_ARRAY ? http1_array_next(body, &off, &piece)
				    : http1_line_next(body, &off, &piece)) {
		if (e->progress->idx >= (uint64_t)e->conf->events_max)
			return put_broken(e, "more than events_max events in one body",
					  body.len - e->progress->off);
		if (!put_one(e, kind, piece))
			return false;
		e->progress->off = (uint32_t)off;
	}
	if (e->progress->idx == 0) /* an empty array */
		return put_bare(e);
	return true;
}

static bool put_body(struct event *e, struct slice body)
{
	if (slice_starts(body, SLICE_LIT("\xef\xbb\xbf")))
		body = slice_from(body, 3);
	enum http1_shape shape = http1_shape_of(e->type, body, e->conf->text == HTTP1_TEXT_LINES);
	switch (shape) {
	case SHAPE_ONE:
		return put_one(e, BODY_JSON, body);
	case SHAPE_FORM:
		return put_one(e, BODY_FORM, body);
	case SHAPE_TEXT:
		return put_one(e, BODY_TEXT, body);
	case SHAPE_ARRAY:
	case SHAPE_LINES:
	case SHAPE_TEXT_LINES:
		return put_pieces(e, body, shape);
	case SHAPE_NONE:
		break;
	}
	if (body.len == 0 && e->query.len)
		return put_one(e, BODY_FORM, e->query);
	return put_bare(e);
}

static_assert(sizeof(struct frame_desc) == 112, "event_begin sets each member");

/* Each member by itself: to clear all of it first would take longer, twice. */
static inline void event_begin(struct event *e, const struct http1_request *r, struct slice meta)
{
	struct frame_desc *d = &e->desc;
	e->head = slice_of(r->bytes.ptr, r->msg->head_len);
	e->type = (enum http1_type)r->msg->type;
	e->body_bytes = r->bytes.len - r->msg->head_len;
	d->stream_off = r->msg->start;
	d->meta.ptr = meta.ptr;
	d->meta.len = meta.len;
	d->meta_name = "_http";
	d->time_ns = r->time_ns;
	d->unparsed = NULL;
	d->cut = r->cut;
	d->aux = NULL;
	d->identity = 0;
}

/* Most bodies are read where they stand. */
static inline const char *body_of(const struct http1_conf *conf, const struct http1_request *r,
				  struct http1_work *w, struct slice *ret_body)
{
	const struct http1_msg *m = r->msg;
	size_t len = r->bytes.len - m->head_len;
	if ((m->flags & (HEAD_CHUNKED | HEAD_MANY_CODINGS)) || m->codings.n_transfer ||
	    m->codings.n_content || len > conf->body_bytes_max)
		return http1_body_decode(m, r->bytes, conf->body_bytes_max, w, ret_body);
	*ret_body = slice_of(r->bytes.ptr + m->head_len, len);
	return NULL;
}

bool http1_events_put(const struct http1_conf *conf, const struct http1_request *r,
		      struct http1_work *w, struct http1_progress *io_progress,
		      struct frame_out *out, struct http1_tally *io_tally)
{
	struct http1_place place = http1_place_of(r->msg, r->bytes);
	struct slice meta = {0}, body = {0};
	const char *why = r->why;
	bool has_body = r->msg->length || (r->msg->flags & HEAD_CHUNKED);
	w->used = 0;
	if (!meta_put(conf, r, &place, has_body, w, &meta))
		why = "no room for `_http`";
	struct event e;
	e.conf = conf;
	e.out = out;
	e.progress = io_progress;
	e.tally = io_tally;
	e.query = place.query;
	event_begin(&e, r, meta);
	if (!why && e.body_bytes && e.type != HTTP1_TYPE_OPAQUE)
		why = body_of(conf, r, w, &body);
	if (why)
		return put_broken(&e, why, e.body_bytes);
	if (!has_body && place.query.len == 0 && !conf->bare) {
		io_tally->passed_over += r->bytes.len;
		return true;
	}
	return put_body(&e, body);
}
