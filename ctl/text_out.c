#include "ctl/text_out.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "dataplane/rec/json_text.h"

#define FIRST_BYTES 4096

bool text_out_grow(struct text_out *o, size_t n)
{
	size_t cap = o->cap ? o->cap : FIRST_BYTES;
	if (o->failed)
		return false;
	while (cap - o->len < n && cap <= SIZE_MAX / 2)
		cap *= 2;
	char *text = cap - o->len < n ? NULL : realloc(o->text, cap);
	if (!text) {
		o->failed = true;
		o->len = o->cap; /* no smaller piece fits, either: there is no hole in it */
		return false;
	}
	o->text = text;
	o->cap = cap;
	return true;
}

void text_out_fini(struct text_out *o)
{
	free(o->text);
	*o = (struct text_out){0};
}

void text_out_fmt(struct text_out *o, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0 || !text_out_room(o, (size_t)n + 1))
		return;
	va_start(ap, fmt);
	vsnprintf(o->text + o->len, (size_t)n + 1, fmt, ap);
	va_end(ap);
	o->len += (size_t)n;
}

void text_out_json(struct text_out *o, const char *s)
{
	struct slice in = slice_str(s);
	bool invalid = false;
	if (!text_out_room(o, JSON_TEXT_FACTOR * in.len + 2))
		return;
	char *at = o->text + o->len;
	*at++ = '"';
	at += json_text_put((uint8_t *)at, in.ptr, in.len, &invalid);
	*at++ = '"';
	o->len = (size_t)(at - o->text);
}

void text_out_label(struct text_out *o, const char *s)
{
	if (!text_out_room(o, 2 * strlen(s)))
		return;
	char *at = o->text + o->len;
	for (; *s; s++) {
		bool escapes = *s == '\\' || *s == '"' || *s == '\n';
		if (escapes)
			*at++ = '\\';
		*at++ = *s == '\n' ? 'n' : *s;
	}
	o->len = (size_t)(at - o->text);
}
