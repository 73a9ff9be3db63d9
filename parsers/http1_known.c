#include "parsers/http1_known.h"

#include "dataplane/base/text.h"

static inline bool known_read(const struct http1_known_head *h, struct http1_msg *m,
			      struct slice bytes, bool answer)
{
	if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("bmi"))
		return http1_known_avx512(h, m, bytes, answer);
	if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi"))
		return http1_known_avx2(h, m, bytes, answer);
	return http1_known_sse(h, m, bytes, answer);
}

/* --- Learning --------------------------------------------------------------------------------- */

static const struct name {
	const char *text;
	uint8_t kind, span;
} names[] = {
	{"host", LINE_SPAN, SPAN_HOST},
	{"referer", LINE_SPAN, SPAN_REFERER},
	{"user-agent", LINE_SPAN, SPAN_AGENT},
	{"x-forwarded-for", LINE_SPAN, SPAN_FORWARDED},
	{"content-length", LINE_LENGTH, 0},
	{"connection", LINE_SAME, 0},
	{"content-type", LINE_SAME, 0},
	{"content-encoding", LINE_SAME, 0},
	{"transfer-encoding", LINE_SAME, 0},
	{"expect", LINE_SAME, 0},
	{"upgrade", LINE_SAME, 0},
};

/* What a header of this name is; NULL: of no use. */
static const struct name *name_of(struct slice name)
{
	if (name.len > strlen("transfer-encoding"))
		return NULL;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if ((name.ptr[0] | 0x20) == names[i].text[0] &&
		    text_ieq(name, slice_str(names[i].text)))
			return &names[i];
	return NULL;
}

/* The name in front of a colon at @n, without what http1_head_read lets pass there. */
static struct slice name_before(const uint8_t *p, size_t n)
{
	while (n && http1_is_blank(p[n - 1]))
		n--;
	return slice_of(p, n);
}

static void set_line(struct http1_known_line *l, const uint8_t *p, size_t len,
		     enum http1_line_kind kind)
{
	memset(l, 0, sizeof(*l));
	memcpy(l->text, p, len);
	l->bits = len < 64 ? ((uint64_t)1 << len) - 1 : UINT64_MAX;
	l->len = (uint8_t)len;
	l->kind = (uint8_t)kind;
}

/* A line of @len bytes, without its line feed. False: a head with such a line is not learnt. What
 * is compared has the name up to its colon, or is longer than any name of use with blanks behind
 * it.
 */
static bool learn_line(struct http1_known_line *l, const uint8_t *p, size_t len)
{
	size_t some = len < HTTP1_LINE_BYTES ? len : HTTP1_LINE_BYTES;
	const uint8_t *colon = memchr(p, ':', some);
	size_t n = colon ? (size_t)(colon - p) : 0;
	const struct name *name = name_of(name_before(p, n));
	if (!colon) {
		set_line(l, p, some, len <= HTTP1_LINE_BYTES ? LINE_SAME : LINE_NAME);
	} else if (!name) {
		set_line(l, p, n + 1, LINE_NAME);
	} else if (name->kind == LINE_SAME) {
		set_line(l, p, some, LINE_SAME);
		return len <= HTTP1_LINE_BYTES;
	} else {
		set_line(l, p, n + 2 < some ? n + 2 : some, (enum http1_line_kind)name->kind);
		l->span = name->span;
		return n + 2 < some && p[n + 1] == ' ' && strlen(name->text) == n;
	}
	return true;
}

/* The same span twice: the first one counts. The same length twice is left to others. */
static bool learn_repeated(struct http1_known_head *h, struct http1_known_line *l)
{
	for (const struct http1_known_line *o = h->lines; o < l; o++) {
		if (o->kind != l->kind || o->kind < LINE_SPAN || o->kind == LINE_SAME)
			continue;
		if (l->kind == LINE_LENGTH)
			return false;
		if (o->span == l->span)
			l->kind = LINE_NAME;
	}
	return true;
}

/* The head of @m into @h, which has no line then if it cannot be. */
static void learn_head(struct http1_known_head *h, const struct http1_msg *m, struct slice bytes)
{
	const uint8_t *p = bytes.ptr, *end = p + m->head_len;
	unsigned n = 0;
	h->n_lines = 0;
	h->hash = m->flags;
	if (m->flags & (HEAD_FOLDED | HEAD_BAD_LENGTH))
		return;
	p = memchr(p, '\n', m->head_len);
	for (p++; p[0] != '\n' && (p[0] != '\r' || p[1] != '\n'); n++) {
		const uint8_t *lf = memchr(p, '\n', (size_t)(end - p));
		struct http1_known_line *l = &h->lines[n];
		if (n == HTTP1_KNOWN_LINES || *p <= ' ' || !learn_line(l, p, (size_t)(lf - p)) ||
		    !learn_repeated(h, l))
			return;
		for (unsigned i = 0; i < HTTP1_LINE_BYTES; i += 8) {
			uint64_t word;
			memcpy(&word, l->text + i, 8);
			h->hash = (h->hash ^ word) * 0x9e3779b97f4a7c15;
			h->hash ^= h->hash >> 32;
		}
		p = lf + 1;
	}
	h->n_lines = n;
	h->flags = m->flags;
	h->type = m->type;
	h->codings = m->codings;
}

/* To learn a head costs what four known ones save, so it takes as many of them between two; or so
 * many unknown ones, where more heads are in use than there are places.
 */
#define LEARN_WAIT  64
#define LEARN_KNOWN (LEARN_WAIT / 4)

/* Of the same lines there is one place, by their hash. */
static void learn(struct http1_known *k, uint8_t *io_at, unsigned before, const struct http1_msg *m,
		  struct slice bytes, bool answer)
{
	struct http1_known_head h;
	if (k->wait) {
		k->wait--;
		return;
	}
	k->wait = LEARN_WAIT;
	learn_head(&h, m, bytes);
	if (!h.n_lines)
		return;
	unsigned at = h.hash >> 32 & (HTTP1_KNOWN_MAX - 1);
	if (!k->heads[at].n_lines || k->heads[at].hash != h.hash)
		k->heads[at] = h;
	*io_at = k->last[answer] = k->next[before] = (uint8_t)(at + 1);
}

static inline bool is_known(const struct http1_known *k, unsigned at, struct http1_msg *m,
			    struct slice bytes, bool answer)
{
	if (!at)
		return false;
	if (known_read(&k->heads[at - 1], m, bytes, answer))
		return true;
	http1_msg_begin(m, m->start);
	return false;
}

enum http1_step http1_head_next(struct http1_known *k, uint8_t *io_at, struct http1_msg *m,
				struct slice bytes, bool answer, uint64_t bytes_max,
				const char **ret_why)
{
	if (!k)
		return http1_head_read(m, bytes, answer, bytes_max, ret_why);
	unsigned before = *io_at ? *io_at : k->last[answer], at = before;
	if (m->scan == 0 && bytes.len && bytes_max) {
		struct slice some = {bytes.ptr, bytes.len < bytes_max ? bytes.len : bytes_max};
		if (is_known(k, at, m, some, answer) ||
		    is_known(k, at = k->next[before], m, some, answer)) {
			*io_at = (uint8_t)at;
			k->wait = k->wait > LEARN_KNOWN ? k->wait - LEARN_KNOWN : 0;
			return HTTP1_DONE;
		}
	}
	enum http1_step step = http1_head_read(m, bytes, answer, bytes_max, ret_why);
	if (step == HTTP1_DONE)
		learn(k, io_at, before, m, bytes, answer);
	return step;
}
