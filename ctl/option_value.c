#include "ctl/option_value.h"

#include <stdarg.h>

#include "ctl/lookup.h"
#include "ctl/quantity.h"
#include "dataplane/base/text.h"

/* ---- messages ---- */

struct err_place option_place(const struct option_reader *r, const struct yaml_val *v)
{
	return (struct err_place){r->file, v->line, v->col};
}

static void message(const struct option_reader *r, const struct yaml_val *v, struct err_place at,
		    const char *fmt, va_list ap)
{
	char path[YAML_PATH_MAX], text[1024];
	yaml_val_path(v, path, sizeof(path));
	vsnprintf(text, sizeof(text), fmt, ap);
	err_list_add(r->errs, at, "%s%s%s", path, *path ? ": " : "", text);
}

void option_err(const struct option_reader *r, const struct yaml_val *v, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	message(r, v, option_place(r, v), fmt, ap);
	va_end(ap);
}

void option_key_err(const struct option_reader *r, const struct yaml_val *v, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	struct err_place at = {r->file, v->key_line, v->key_col};
	message(r, v, v->key ? at : option_place(r, v), fmt, ap);
	va_end(ap);
}

void option_oom(const struct option_reader *r)
{
	err_list_add(r->errs, (struct err_place){.file = r->file}, "out of memory");
}

static bool refuse(const struct option_reader *r, const struct opt *o, const struct yaml_val *v,
		   const char *what, const char *meant)
{
	char show[YAML_SHOW_MAX], expect[OPTION_EXPECT_MAX];
	/* A secret is not told, not even one of the wrong shape. */
	const char *found = o->type == OPT_SECRET && v->kind == YAML_TEXT && !yaml_val_is_null(v)
				    ? "the value"
				    : yaml_val_show(v, show, sizeof(show));
	option_err(r, v, "%s%s; expected %s%s%s%s", found, what,
		   option_value_expect(o, expect, sizeof(expect)), meant ? "; did you mean \"" : "",
		   meant ? meant : "", meant ? "\"?" : "");
	return false;
}

static bool wrong_kind(const struct option_reader *r, const struct opt *o, const struct yaml_val *v)
{
	return refuse(r, o, v, yaml_val_is_null(v) ? "" : " does not fit here", NULL);
}

/* ---- scalars ---- */

static bool read_bool(const struct option_reader *r, const struct opt *o, const struct yaml_val *v,
		      bool *ret_b)
{
	static const struct {
		const char *text, *meant;
	} other[] = {{"yes", "true"}, {"on", "true"},   {"1", "true"},
		     {"no", "false"}, {"off", "false"}, {"0", "false"}};
	bool is_true = v->plain && strcmp(v->text, "true") == 0;
	if (is_true || (v->plain && strcmp(v->text, "false") == 0)) {
		*ret_b = is_true;
		return true;
	}
	const char *meant = NULL;
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		if (text_ieq(slice_str(v->text), slice_str(other[i].text)))
			meant = other[i].meant;
	}
	if (!meant) {
		lookup_offer(v->text, "true", &meant);
		lookup_offer(v->text, "false", &meant);
	}
	return refuse(r, o, v, v->plain ? " is neither" : " is text, in quotes or as a block",
		      meant);
}

static bool in_range(const struct opt *o, int64_t n)
{
	return n >= o->min && (o->max == 0 || n <= o->max);
}

static bool read_int(const struct option_reader *r, const struct opt *o, const struct yaml_val *v,
		     int64_t *ret_n)
{
	if (!v->plain)
		return refuse(r, o, v, " is text, in quotes or as a block", NULL);
	bool minus = v->text[0] == '-';
	struct slice digits = slice_of(v->text + minus, v->len - minus);
	uint64_t u;
	bool number = digits.len && strspn((const char *)digits.ptr, "0123456789") == digits.len;
	if (!number)
		return refuse(r, o, v, " is no whole number", NULL);
	if (!text_u64(digits, &u) || u > INT64_MAX)
		return refuse(r, o, v, " is out of range", NULL);
	int64_t n = minus ? -(int64_t)u : (int64_t)u;
	if (!in_range(o, n))
		return refuse(r, o, v, " is out of range", NULL);
	*ret_n = n;
	return true;
}

static bool read_quantity(const struct option_reader *r, const struct opt *o,
			  const struct yaml_val *v, uint64_t *ret_n)
{
	if (!v->plain)
		return refuse(r, o, v, " is text, in quotes or as a block", NULL);
	enum quantity_kind kind = o->type == OPT_BYTES ? QUANTITY_BYTES : QUANTITY_DURATION;
	uint64_t n;
	char meant[QUANTITY_TEXT_MAX];
	const char *what = quantity_read(kind, slice_of(v->text, v->len), &n, meant);
	if (what)
		return refuse(r, o, v, what, *meant ? meant : NULL);
	if (n > INT64_MAX || !in_range(o, (int64_t)n))
		return refuse(r, o, v, " is out of range", NULL);
	*ret_n = n;
	return true;
}

/* As many choices are listed; of more, the nearest few. */
#define CHOICES_LISTED  12
#define CHOICES_NEAREST 3

static bool refuse_choice(const struct option_reader *r, const struct opt *o,
			  const struct yaml_val *v, const char *meant)
{
	char show[YAML_SHOW_MAX], near[OPTION_EXPECT_MAX];
	size_t n = 0, len = 0;
	while (o->choices[n])
		n++;
	if (n <= CHOICES_LISTED)
		return refuse(r, o, v, " is not known here", meant);
	/* In order of distance; @after is the last one told. */
	size_t after = 0, after_i = 0;
	for (unsigned told = 0; told < CHOICES_NEAREST; told++) {
		size_t best = SIZE_MAX, best_i = n;
		for (size_t i = 0; i < n; i++) {
			size_t d = lookup_distance(v->text, o->choices[i]);
			bool is_told = told && (d < after || (d == after && i <= after_i));
			if (!is_told && d < best) {
				best = d;
				best_i = i;
			}
		}
		if (best_i == n)
			break;
		after = best;
		after_i = best_i;
		len += (size_t)snprintf(near + len, sizeof(near) - len, "%s%s", told ? ", " : "",
					o->choices[best_i]);
	}
	near[len] = '\0';
	option_err(r, v, "%s is not known here; expected one of %zu%s%s",
		   yaml_val_show(v, show, sizeof(show)), n,
		   len ? ", of which the nearest are " : "; conf/REFERENCE.md lists them", near);
	return false;
}

static bool read_enum(const struct option_reader *r, const struct opt *o, const struct yaml_val *v,
		      int *ret_i)
{
	const char *meant = NULL;
	for (int i = 0; o->choices[i]; i++) {
		if (strcmp(v->text, o->choices[i]) == 0 && strlen(v->text) == v->len) {
			*ret_i = i;
			return true;
		}
		lookup_offer(v->text, o->choices[i], &meant);
	}
	return refuse_choice(r, o, v, meant);
}

/* NULL when the value was refused. */
static const char *read_text(const struct option_reader *r, const struct opt *o,
			     const struct yaml_val *v)
{
	if (v->kind != YAML_TEXT || yaml_val_is_null(v)) {
		wrong_kind(r, o, v);
		return NULL;
	}
	if (strlen(v->text) != v->len) {
		refuse(r, o, v, " has a NUL in it", NULL);
		return NULL;
	}
	if (o->type == OPT_PATH && v->len == 0) {
		refuse(r, o, v, " is no path", NULL);
		return NULL;
	}
	const char *text = o->type == OPT_PATH ? option_path(r, v->text)
					       : memlist_text(r->mem, v->text, v->len);
	if (!text)
		option_oom(r);
	return text;
}

const char *option_path(const struct option_reader *r, const char *path)
{
	while (strncmp(path, "./", 2) == 0 && path[2])
		path += 2; /* one file has one name: format files are told apart by it */
	if (path[0] == '/' || r->dir[0] == '\0')
		return memlist_text(r->mem, path, strlen(path));
	size_t n_dir = strlen(r->dir), n_path = strlen(path);
	char *full = memlist_alloc(r->mem, n_dir + 1 + n_path + 1);
	if (!full)
		return NULL;
	memcpy(full, r->dir, n_dir);
	full[n_dir] = '/';
	memcpy(full + n_dir + 1, path, n_path);
	return full;
}

/* ---- lists and maps ---- */

/* A value that may be one or a list of them: the first, and how many. */
static const struct yaml_val *items_of(const struct yaml_val *v, size_t *ret_n)
{
	*ret_n = v->kind == YAML_LIST ? v->n : 1;
	return v->kind == YAML_LIST ? v->first : v;
}

static bool read_strings(const struct option_reader *r, const struct opt *o,
			 const struct yaml_val *v, struct opt_strings *ret_s)
{
	if (v->kind == YAML_MAP)
		return wrong_kind(r, o, v);
	size_t n;
	const struct yaml_val *item = items_of(v, &n);
	const char **items = memlist_array(r->mem, n, sizeof(*items));
	if (!items) {
		option_oom(r);
		return false;
	}
	bool good = true;
	for (size_t i = 0; i < n; i++, item = item->next) {
		items[i] = read_text(r, o, item);
		good = good && items[i];
	}
	if (good)
		*ret_s = (struct opt_strings){items, n};
	return good;
}

static bool read_port_range(const struct option_reader *r, const struct opt *o,
			    const struct yaml_val *v, struct opt_port_range *ret_p)
{
	if (v->kind != YAML_TEXT || yaml_val_is_null(v))
		return wrong_kind(r, o, v);
	const char *dash = memchr(v->text, '-', v->len);
	size_t n_lo = dash ? (size_t)(dash - v->text) : v->len;
	uint64_t lo, hi;
	if (!text_u64(slice_of(v->text, n_lo), &lo))
		return refuse(r, o, v, " is no port", NULL);
	hi = lo;
	if (dash && !text_u64(slice_of(dash + 1, v->len - n_lo - 1), &hi))
		return refuse(r, o, v, " is no range of ports", NULL);
	if (lo < 1 || hi < 1 || lo > UINT16_MAX || hi > UINT16_MAX)
		return refuse(r, o, v, " is out of range", NULL);
	if (lo > hi)
		return refuse(r, o, v, " runs backwards", NULL);
	*ret_p = (struct opt_port_range){(uint16_t)lo, (uint16_t)hi};
	return true;
}

static bool read_ports(const struct option_reader *r, const struct opt *o, const struct yaml_val *v,
		       struct opt_ports *ret_p)
{
	if (v->kind == YAML_MAP)
		return wrong_kind(r, o, v);
	size_t n;
	const struct yaml_val *item = items_of(v, &n);
	struct opt_port_range *items = memlist_array(r->mem, n, sizeof(*items));
	if (!items) {
		option_oom(r);
		return false;
	}
	uint64_t seen[65536 / 64] = {0};
	bool good = true;
	for (size_t i = 0; i < n; i++, item = item->next) {
		if (!read_port_range(r, o, item, &items[i])) {
			good = false;
			continue;
		}
		/* Stops at the first port seen before, so a long list costs no more than its ports.
		 */
		for (unsigned p = items[i].lo; p <= items[i].hi; p++) {
			if (seen[p / 64] >> (p % 64) & 1) {
				option_err(r, item, "port %u is in this list already", p);
				good = false;
				break;
			}
			seen[p / 64] |= UINT64_C(1) << (p % 64);
		}
	}
	if (good)
		*ret_p = (struct opt_ports){items, n};
	return good;
}

static bool read_map(const struct option_reader *r, const struct opt *o, const struct yaml_val *v,
		     struct opt_map *ret_m)
{
	if (v->kind != YAML_MAP)
		return wrong_kind(r, o, v);
	struct opt_pair *items = memlist_array(r->mem, v->n, sizeof(*items));
	if (!items) {
		option_oom(r);
		return false;
	}
	static const struct opt text = {.type = OPT_STRING};
	bool good = true;
	struct opt_pair *p = items;
	for (const struct yaml_val *m = v->first; m; m = m->next, p++) {
		*p = (struct opt_pair){.key = memlist_text(r->mem, m->key, strlen(m->key)),
				       .value = read_text(r, &text, m),
				       .line = m->line,
				       .col = m->col};
		if (!p->key)
			option_oom(r);
		good = good && p->key && p->value;
	}
	if (good)
		*ret_m = (struct opt_map){items, v->n};
	return good;
}

bool option_value_read(const struct option_reader *r, const struct opt *o, const struct yaml_val *v,
		       void *field)
{
	switch (o->type) {
	case OPT_STRINGS:
		return read_strings(r, o, v, field);
	case OPT_PORTS:
		return read_ports(r, o, v, field);
	case OPT_MAP:
		return read_map(r, o, v, field);
	default:
		break;
	}
	if (v->kind != YAML_TEXT || yaml_val_is_null(v))
		return wrong_kind(r, o, v);
	switch (o->type) {
	case OPT_BOOL:
		return read_bool(r, o, v, field);
	case OPT_INT:
		return read_int(r, o, v, field);
	case OPT_BYTES:
	case OPT_DURATION:
		return read_quantity(r, o, v, field);
	case OPT_ENUM:
		return read_enum(r, o, v, field);
	default:
		break;
	}
	const char *text = read_text(r, o, v);
	if (text)
		*(const char **)field = text;
	return text;
}
