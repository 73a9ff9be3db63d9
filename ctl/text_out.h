/* text_out.h - a long text that is made piece by piece.
 *
 * In:     pieces: text, numbers, the inside of JSON strings and of the labels of metrics.
 * Out:    one text, from malloc, as libmicrohttpd takes it.
 * Owns:   the text, until it is taken.
 * Runs:   any thread; one at a time for each text.
 * Limits: -
 */
#ifndef SL_CTL_TEXT_OUT_H
#define SL_CTL_TEXT_OUT_H

#include <stdbool.h>
#include <string.h>

#include "dataplane/base/text.h"

struct text_out {
	char *text; /* not closed by a NUL */
	size_t len, cap;
	bool failed; /* out of memory: what followed is left out */
};

/* Room for @n more bytes. False when there is no memory for it. */
bool text_out_grow(struct text_out *o, size_t n);
void text_out_fini(struct text_out *o);

static inline bool text_out_room(struct text_out *o, size_t n)
{
	return o->cap - o->len >= n || text_out_grow(o, n);
}

static inline void text_out_slice(struct text_out *o, struct slice s)
{
	if (!text_out_room(o, s.len))
		return;
	memcpy(o->text + o->len, s.ptr, s.len);
	o->len += s.len;
}

static inline void text_out_str(struct text_out *o, const char *s)
{
	text_out_slice(o, slice_str(s));
}

static inline void text_out_u64(struct text_out *o, uint64_t v)
{
	if (text_out_room(o, 20))
		o->len += text_put_u64(o->text + o->len, v);
}

static inline void text_out_i64(struct text_out *o, int64_t v)
{
	if (text_out_room(o, 20))
		o->len += text_put_i64(o->text + o->len, v);
}

void text_out_fmt(struct text_out *o, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* With its quotes. */
void text_out_json(struct text_out *o, const char *s);
/* The inside of a label of Prometheus. */
void text_out_label(struct text_out *o, const char *s);

#endif
