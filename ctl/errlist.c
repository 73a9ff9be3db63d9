#include "ctl/errlist.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/say.h"

#define TEXT_MAX 1024

static struct err_entry *entry_new(struct err_list *l)
{
	if (l->n == ERR_LIST_MAX)
		return NULL;
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 16;
		struct err_entry *entries = realloc(l->entries, cap * sizeof(*entries));
		if (!entries)
			return NULL;
		l->entries = entries;
		l->cap = cap;
	}
	return &l->entries[l->n];
}

static void add(struct err_list *l, struct err_place at, bool warning, char *text)
{
	/* Counted first: a message that finds no memory still is an error. */
	if (warning)
		l->n_warnings++;
	else
		l->n_errors++;
	struct err_entry *e = entry_new(l);
	if (!e)
		return;
	/* One message is one line, whatever the file has in its names. */
	for (char *c = text; *c; c++) {
		if ((unsigned char)*c < 0x20 || *c == 0x7f)
			*c = '?';
	}
	*e = (struct err_entry){.text = strdup(text),
				.line = at.line,
				.col = at.col,
				.file_len = strlen(at.file),
				.order = l->n,
				.warning = warning};
	if (e->text)
		l->n++;
}

static void add_format(struct err_list *l, struct err_place at, bool warning, const char *fmt,
		       va_list ap)
{
	char text[TEXT_MAX];
	int len = at.line ? snprintf(text, sizeof(text), "%s:%d:%d: ", at.file, at.line, at.col)
			  : snprintf(text, sizeof(text), "%s: ", at.file);
	if ((size_t)len < sizeof(text))
		vsnprintf(text + len, sizeof(text) - (size_t)len, fmt, ap);
	add(l, at, warning, text);
}

void err_list_text(struct err_list *l, const char *line)
{
	char text[TEXT_MAX];
	snprintf(text, sizeof(text), "%s", line);
	add(l, (struct err_place){.file = ""}, false, text);
}

void err_list_add(struct err_list *l, struct err_place at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add_format(l, at, false, fmt, ap);
	va_end(ap);
}

void err_list_warn(struct err_list *l, struct err_place at, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add_format(l, at, true, fmt, ap);
	va_end(ap);
}

static int compare(const void *pa, const void *pb)
{
	const struct err_entry *a = pa, *b = pb;
	size_t len = a->file_len > b->file_len ? a->file_len : b->file_len;
	int d = strncmp(a->text, b->text, len);
	if (d != 0)
		return d;
	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->col != b->col)
		return a->col < b->col ? -1 : 1;
	return a->order < b->order ? -1 : a->order > b->order;
}

void err_list_sort(struct err_list *l)
{
	if (l->n > 1)
		qsort(l->entries, l->n, sizeof(*l->entries), compare);
}

void err_list_print(const struct err_list *l, FILE *out)
{
	size_t shown = 0;
	/* Errors first: a crowd of warnings must not hide the one that matters. */
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < l->n && shown < ERR_LIST_SHOWN; i++) {
			const struct err_entry *e = &l->entries[i];
			if (e->warning != (pass == 1))
				continue;
			fprintf(out, "%s%s%s\n",
				say_priority(e->warning ? SAY_WARNING : SAY_ERROR, out),
				e->warning ? "warning: " : "", e->text);
			shown++;
		}
	}
	size_t all = l->n_errors + l->n_warnings;
	if (all > shown)
		fprintf(out, "and %zu more\n", all - shown);
}

void err_list_fini(struct err_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->entries[i].text);
	free(l->entries);
	*l = (struct err_list){0};
}
