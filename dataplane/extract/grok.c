#include "dataplane/extract/grok.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/mem.h"
#include "dataplane/base/regular.h"
#include "dataplane/base/text.h"

#define GROK_FILE_MAX (4 << 20)

struct grok_entry {
	char *name, *regex;
};

struct grok {
	struct grok_entry *entries; /* in order of names */
	size_t n, cap;
};

struct grok *grok_create(void)
{
	return mem_alloc(sizeof(struct grok));
}

void grok_destroy(struct grok *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->n; i++) {
		mem_free(g->entries[i].name);
		mem_free(g->entries[i].regex);
	}
	mem_free(g->entries);
	mem_free(g);
}

static int order(struct slice a, struct slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int c = n ? memcmp(a.ptr, b.ptr, n) : 0;
	return c ? c : a.len < b.len ? -1 : a.len > b.len;
}

/* Where @name is, or where it would have to be. */
static size_t place_of(const struct grok *g, struct slice name, bool *ret_found)
{
	size_t lo = 0, hi = g->n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (order(slice_str(g->entries[mid].name), name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	*ret_found = lo < g->n && order(slice_str(g->entries[lo].name), name) == 0;
	return lo;
}

static char *copy_of(struct slice s)
{
	char *p = mem_alloc(s.len + 1);
	if (p && s.len)
		memcpy(p, s.ptr, s.len);
	return p;
}

static int put(struct grok *g, struct slice name, struct slice regex)
{
	bool found;
	size_t at = place_of(g, name, &found);
	char *text = copy_of(regex);
	if (!text)
		return -ENOMEM;
	if (found) {
		mem_free(g->entries[at].regex);
		g->entries[at].regex = text;
		return 0;
	}
	char *key = copy_of(name);
	if (g->n == g->cap) {
		size_t cap = g->cap ? 2 * g->cap : 256;
		struct grok_entry *more = mem_alloc(cap * sizeof(*more));
		if (more) {
			if (g->n)
				memcpy(more, g->entries, g->n * sizeof(*more));
			mem_free(g->entries);
			g->entries = more;
			g->cap = cap;
		}
	}
	if (!key || g->n == g->cap) {
		mem_free(text);
		mem_free(key);
		return -ENOMEM;
	}
	memmove(g->entries + at + 1, g->entries + at, (g->n - at) * sizeof(*g->entries));
	g->entries[at] = (struct grok_entry){key, text};
	g->n++;
	return 0;
}

static bool is_name(uint8_t c)
{
	return text_is_digit(c) || (text_lower(c) >= 'a' && text_lower(c) <= 'z') || c == '_';
}

static int add_line(struct grok *g, struct slice line, const char *file, unsigned line_no,
		    struct err *e)
{
	size_t n = 0;
	while (n < line.len && is_name(line.ptr[n]))
		n++;
	struct slice name = slice_of(line.ptr, n), regex = slice_from(line, n);
	regex = text_trim_front(regex);
	if (n == 0 || n == line.len || regex.ptr == line.ptr + n)
		return err_set(e, -EINVAL, "%s:%u: expected NAME and a pattern", file, line_no);
	int r = put(g, name, regex);
	return r < 0 ? err_set(e, r, "%s:%u: out of memory", file, line_no) : 0;
}

int grok_add(struct grok *g, struct slice text, const char *file, struct err *e)
{
	for (unsigned line_no = 1; text.len; line_no++) {
		const uint8_t *nl = memchr(text.ptr, '\n', text.len);
		struct slice line = slice_of(text.ptr, nl ? (size_t)(nl - text.ptr) : text.len);
		text = slice_from(text, line.len + 1);
		while (line.len &&
		       (line.ptr[line.len - 1] == '\r' || line.ptr[line.len - 1] == ' '))
			line.len--;
		if (line.len == 0 || *line.ptr == '#')
			continue;
		int r = add_line(g, line, file, line_no, e);
		if (r < 0)
			return r;
	}
	return 0;
}

int grok_load(struct grok *g, const char *path, struct err *e)
{
	char *text = NULL;
	struct stat st;
	int r = 0, fd = regular_open(path);
	if (fd < 0 && fd != -ENOTSUP && fd != -EISDIR)
		return err_set(e, fd, "%s: %s", path, strerror(-fd));
	if (fd < 0 || fstat(fd, &st) < 0 || st.st_size > GROK_FILE_MAX) {
		r = err_set(e, -EINVAL, "%s: no pattern file of at most 4 MiB", path);
		goto out;
	}
	text = mem_alloc((size_t)st.st_size + 1);
	ssize_t n = text ? read(fd, text, (size_t)st.st_size) : -1;
	if (n < 0) {
		r = err_set(e, text ? -errno : -ENOMEM, "%s: cannot be read", path);
		goto out;
	}
	r = grok_add(g, slice_of(text, (size_t)n), path, e);
out:
	mem_free(text);
	if (fd >= 0)
		close(fd);
	return r;
}

size_t grok_count(const struct grok *g)
{
	return g->n;
}

const char *grok_name(const struct grok *g, size_t i)
{
	return g->entries[i].name;
}

/* ---- expansion ---- */

struct expansion {
	const struct grok *g;
	struct grok_pattern *p;
	char *out; /* GROK_BYTES_MAX bytes */
	size_t len;
	struct err *e;
};

static int emit(struct expansion *x, const void *text, size_t len)
{
	if (len > GROK_BYTES_MAX - 1 - x->len)
		return err_set(x->e, -EINVAL,
			       "the pattern is longer than %d bytes when it is "
			       "written out",
			       GROK_BYTES_MAX);
	memcpy(x->out + x->len, text, len);
	x->len += len;
	return 0;
}

/* `[a][b]` and `a.b` are one name. */
static char *field_name(struct slice s)
{
	char *name = mem_alloc(s.len + 1), *o = name;
	if (!name)
		return NULL;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] == '[' && o != name)
			*o++ = '.';
		else if (s.ptr[i] != '[' && s.ptr[i] != ']')
			*o++ = (char)s.ptr[i];
	}
	return name;
}

/* Opens the group of a new field: "(?<f12>". */
static int open_field(struct expansion *x, struct slice name, struct slice type)
{
	struct grok_pattern *p = x->p;
	char head[16];
	if (p->n_fields == FORMAT_FIELDS_MAX)
		return err_set(x->e, -EINVAL, "more than %d fields", FORMAT_FIELDS_MAX);
	struct grok_field *f = &p->fields[p->n_fields];
	int len = snprintf(head, sizeof(head), "(?<f%u>", p->n_fields);
	p->n_fields++;
	f->name = field_name(name);
	f->type = type.len ? copy_of(type) : NULL;
	if (!f->name || (type.len && !f->type))
		return err_set(x->e, -ENOMEM, "out of memory");
	return emit(x, head, (size_t)len);
}

static int expand(struct expansion *x, struct slice pattern, unsigned depth, size_t *ret_at);

/* %{NAME}, %{NAME:field}, %{NAME:field:type}; @in is what stands between the braces. A type may
 * have colons of its own (time:%H:%M), a field has none.
 */
static int expand_name(struct expansion *x, struct slice in, unsigned depth)
{
	const uint8_t *colon = memchr(in.ptr, ':', in.len);
	struct slice name = slice_of(in.ptr, colon ? (size_t)(colon - in.ptr) : in.len);
	struct slice field = slice_from(in, name.len + 1), type = {0};
	bool found;
	size_t at = place_of(x->g, name, &found);
	if (!found)
		return err_set(x->e, -EINVAL, "no pattern has the name \"%.*s\"",
			       (int)(name.len < 64 ? name.len : 64), (const char *)name.ptr);
	if (depth == GROK_DEPTH_MAX)
		return err_set(x->e, -EINVAL, "\"%s\" contains itself, or names more than %d deep",
			       x->g->entries[at].name, GROK_DEPTH_MAX);
	colon = memchr(field.ptr, ':', field.len);
	if (colon) {
		type = slice_from(field, (size_t)(colon - field.ptr) + 1);
		field.len = (size_t)(colon - field.ptr);
	}
	int r = field.len ? open_field(x, field, type) : emit(x, "(?:", 3);
	if (r == 0)
		r = expand(x, slice_str(x->g->entries[at].regex), depth + 1, NULL);
	return r < 0 ? r : emit(x, ")", 1);
}

/* (?<name>, (?P<name> and (?'name' at the start of @s: the bytes of the head, and the name; 0 when
 * it is another kind of group.
 */
static size_t named_group(struct slice s, struct slice *ret_name)
{
	size_t at = slice_starts(s, SLICE_LIT("(?P<")) ? 4 : 3;
	if (at == 3 && !slice_starts(s, SLICE_LIT("(?<")) && !slice_starts(s, SLICE_LIT("(?'")))
		return 0;
	if (at >= s.len || memchr("=!*", s.ptr[at], 3))
		return 0; /* looks behind */
	uint8_t close = s.ptr[at - 1] == '<' ? '>' : '\'';
	const uint8_t *end = memchr(s.ptr + at, close, s.len - at);
	if (!end || end == s.ptr + at)
		return 0;
	*ret_name = slice_of(s.ptr + at, (size_t)(end - s.ptr) - at);
	return (size_t)(end - s.ptr) + 1;
}

/* The bytes of a class [...] at the start of @s, with what it contains. */
static size_t class_len(struct slice s)
{
	size_t i = 1;
	i += i < s.len && s.ptr[i] == '^';
	i += i < s.len && s.ptr[i] == ']';
	while (i < s.len && s.ptr[i] != ']') {
		if (s.ptr[i] == '\\')
			i++;
		else if (s.ptr[i] == '[' && i + 1 < s.len && s.ptr[i + 1] == ':') {
			const uint8_t *end = memmem(s.ptr + i, s.len - i, ":]", 2);
			i = end ? (size_t)(end - s.ptr) + 1 : i;
		}
		i++;
	}
	return i < s.len ? i + 1 : s.len;
}

/* One element at the start of @s; *ret_n is how long it is. */
static int expand_one(struct expansion *x, struct slice s, unsigned depth, size_t *ret_n)
{
	struct slice name;
	size_t n = 1;
	if (slice_starts(s, SLICE_LIT("%{"))) {
		const uint8_t *end = memchr(s.ptr, '}', s.len);
		if (!end)
			return err_set(x->e, -EINVAL, "a %%{ without its }");
		*ret_n = (size_t)(end - s.ptr) + 1;
		return expand_name(x, slice_of(s.ptr + 2, *ret_n - 3), depth);
	}
	if (*s.ptr == '\\')
		n = s.len < 2 ? 1 : 2;
	else if (*s.ptr == '[')
		n = class_len(s);
	else if (*s.ptr == '(' && named_group(s, &name)) {
		*ret_n = named_group(s, &name);
		return open_field(x, name, (struct slice){0});
	}
	*ret_n = n;
	return emit(x, s.ptr, n);
}

static int expand(struct expansion *x, struct slice pattern, unsigned depth, size_t *ret_at)
{
	for (size_t at = 0, n = 0; at < pattern.len; at += n) {
		int r = expand_one(x, slice_from(pattern, at), depth, &n);
		if (r < 0) {
			if (ret_at)
				*ret_at = at;
			return r;
		}
	}
	return 0;
}

int grok_expand(const struct grok *g, const char *pattern, struct grok_pattern *ret_p,
		size_t *ret_at, struct err *e)
{
	struct grok_pattern p = {0};
	struct expansion x = {.g = g, .p = &p, .e = e, .out = mem_alloc(GROK_BYTES_MAX)};
	if (!x.out)
		return err_set(e, -ENOMEM, "out of memory");
	int r = expand(&x, slice_str(pattern), 0, ret_at);
	p.regex = r == 0 ? copy_of(slice_of(x.out, x.len)) : NULL;
	mem_free(x.out);
	if (r == 0 && !p.regex)
		r = err_set(e, -ENOMEM, "out of memory");
	if (r < 0)
		grok_pattern_fini(&p);
	else
		*ret_p = p;
	return r;
}

void grok_pattern_fini(struct grok_pattern *p)
{
	for (unsigned i = 0; i < p->n_fields; i++) {
		mem_free(p->fields[i].name);
		mem_free(p->fields[i].type);
	}
	mem_free(p->regex);
	*p = (struct grok_pattern){0};
}
