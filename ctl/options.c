#include "ctl/options.h"

#include <stdlib.h>

#include "ctl/lookup.h"

static void *field_of(const struct opt *o, void *conf)
{
	return (uint8_t *)conf + o->off;
}

static bool is_listed(const char *const *names, const char *name)
{
	for (; names && *names; names++) {
		if (strcmp(*names, name) == 0)
			return true;
	}
	return false;
}

/* ---- defaults ---- */

static size_t field_bytes(enum opt_type type)
{
	static const size_t bytes[] = {
		[OPT_BOOL] = sizeof(bool),
		[OPT_INT] = sizeof(int64_t),
		[OPT_BYTES] = sizeof(uint64_t),
		[OPT_DURATION] = sizeof(uint64_t),
		[OPT_STRING] = sizeof(const char *),
		[OPT_ENUM] = sizeof(int),
		[OPT_STRINGS] = sizeof(struct opt_strings),
		[OPT_PORTS] = sizeof(struct opt_ports),
		[OPT_MAP] = sizeof(struct opt_map),
		[OPT_SECRET] = sizeof(const char *),
		[OPT_PATH] = sizeof(const char *),
	};
	return bytes[type];
}

/* A default is written as in a file, so it is read like one. */
static bool default_read(const struct option_reader *r, const struct opt *o, void *conf)
{
	memset(field_of(o, conf), 0, field_bytes(o->type));
	if (!o->def)
		return true;
	struct yaml_val text = {.kind = YAML_TEXT,
				.plain = true,
				.line = 1,
				.col = 1,
				.text = o->def,
				.len = strlen(o->def)};
	const struct yaml_val *v = &text;
	struct option_reader own = *r;
	own.file = o->name; /* a wrong default is named by its option */
	struct yaml_val *tree;
	if (strchr("[{\"'", o->def[0]) && o->def[0]) {
		if (yaml_tree_read(slice_str(o->def), o->name, r->mem, r->errs, &tree) < 0)
			return false;
		v = tree;
	} else if (o->def[0] == '\0') {
		text.plain = false; /* a text that is empty, not one that is missing */
	}
	return option_value_read(&own, o, v, field_of(o, conf));
}

bool options_default(const struct option_reader *r, const struct opt *opts, void *conf)
{
	bool good = true;
	for (const struct opt *o = opts; o && o->name; o++)
		good = default_read(r, o, conf) && good;
	return good;
}

/* ---- keys ---- */

static const struct opt *option_named(const struct options_shape *shape, const char *name,
				      void **ret_conf)
{
	for (size_t i = 0; i < shape->n_parts; i++) {
		for (const struct opt *o = shape->parts[i].opts; o && o->name; o++) {
			if (strcmp(o->name, name) == 0) {
				*ret_conf = shape->parts[i].conf;
				return o;
			}
		}
	}
	return NULL;
}

struct names {
	const char *wanted;
	const char *nearest;
	char list[512];
	size_t len;
	size_t n;
};

static void add_name(struct names *names, const char *name)
{
	lookup_offer(names->wanted, name, &names->nearest);
	if (names->len < sizeof(names->list))
		names->len +=
			(size_t)snprintf(names->list + names->len, sizeof(names->list) - names->len,
					 "%s%s", names->n ? ", " : "", name);
	names->n++;
}

#define NAMES_SHOWN 24

/* Adds "unknown key; expected one of ...; did you mean ...?" at the key of @v. */
static void tell_unknown(const struct option_reader *r, const struct options_shape *shape,
			 const struct yaml_val *v)
{
	if (r->errs->n_errors >= ERR_LIST_MAX) {
		r->errs->n_errors++;
		return;
	}
	struct names names = {.wanted = v->key};
	for (const char *const *s = shape->others; s && *s; s++)
		add_name(&names, *s);
	for (size_t i = 0; i < shape->n_parts; i++) {
		for (const struct opt *o = shape->parts[i].opts; o && o->name; o++)
			add_name(&names, o->name);
	}
	bool list = names.n <= NAMES_SHOWN && names.len < sizeof(names.list);
	const char *expected = names.n == 0   ? "; expected none here"
			       : !list        ? ""
			       : names.n == 1 ? "; expected "
					      : "; expected one of ";
	option_key_err(r, v, "unknown key%s%s%s%s%s", expected, list ? names.list : "",
		       names.nearest ? "; did you mean \"" : "", names.nearest ? names.nearest : "",
		       names.nearest ? "\"?" : "");
}

bool options_is_map(const struct option_reader *r, const struct yaml_val *v)
{
	char show[YAML_SHOW_MAX];
	if (!v)
		return false;
	if (v->kind == YAML_MAP)
		return true;
	option_err(r, v, "%s%s; expected a map of keys to values",
		   yaml_val_show(v, show, sizeof(show)),
		   yaml_val_is_null(v) ? "" : " does not fit here");
	return false;
}

static bool read_key(const struct option_reader *r, const struct options_shape *shape,
		     const struct yaml_val *v)
{
	void *conf;
	if (is_listed(shape->others, v->key))
		return true;
	const struct opt *o = option_named(shape, v->key, &conf);
	if (o)
		return option_value_read(r, o, v, field_of(o, conf));
	if (is_listed(shape->elsewhere, v->key)) {
		option_key_err(r, v, "does not belong here; expected it %s",
			       shape->elsewhere_where);
		return false;
	}
	if (is_listed(shape->later, v->key)) {
		option_key_err(r, v, "not in this version of sluice");
		return false;
	}
	tell_unknown(r, shape, v);
	return false;
}

static bool check_required(const struct option_reader *r, const struct options_shape *shape,
			   const struct yaml_val *map)
{
	bool good = true;
	for (size_t i = 0; i < shape->n_parts; i++) {
		for (const struct opt *o = shape->parts[i].opts; o && o->name; o++) {
			if (!o->required || yaml_val_get(map, o->name))
				continue;
			char expect[OPTION_EXPECT_MAX];
			option_key_err(r, map, "%s is missing; expected %s: %s", o->name,
				       option_value_expect(o, expect, sizeof(expect)), o->help);
			good = false;
		}
	}
	return good;
}

bool options_read(const struct option_reader *r, const struct options_shape *shape,
		  const struct yaml_val *map)
{
	bool good = true;
	for (size_t i = 0; i < shape->n_parts; i++)
		good = options_default(r, shape->parts[i].opts, shape->parts[i].conf) && good;
	if (!map)
		return good;
	if (!options_is_map(r, map))
		return false;
	for (const struct yaml_val *v = map->first; v; v = v->next)
		good = read_key(r, shape, v) && good;
	return check_required(r, shape, map) && good;
}

/* ---- what differs ---- */

bool options_equal(const struct opt *o, const void *a, const void *b)
{
	const void *fields[2] = {(const uint8_t *)a + o->off, (const uint8_t *)b + o->off};
	char *text[2] = {NULL, NULL};
	size_t len[2];
	bool equal = true;
	if (o->type == OPT_SECRET) {
		const char *const *s = fields[0], *const *t = fields[1];
		return *s && *t ? strcmp(*s, *t) == 0 : *s == *t;
	}
	for (int i = 0; i < 2; i++) {
		FILE *out = open_memstream(&text[i], &len[i]);
		if (!out) {
			equal = false;
			continue;
		}
		if (option_value_is_set(o, fields[i]))
			option_value_write(out, o, fields[i]);
		fclose(out);
	}
	equal = equal && strcmp(text[0], text[1]) == 0;
	free(text[0]);
	free(text[1]);
	return equal;
}

bool options_differs(const struct opt *o, const void *conf)
{
	const void *field = (const uint8_t *)conf + o->off;
	if (o->type == OPT_SECRET)
		return option_value_is_set(o, field);
	struct memlist mem = {0};
	struct err_list errs = {0};
	struct option_reader r = {.mem = &mem, .errs = &errs, .file = "", .dir = ""};
	_Alignas(16) uint8_t buf[sizeof(struct opt_map)] = {0}; /* the largest field */
	struct opt at_start = *o;
	at_start.off = 0;
	bool differs = true;
	char *text[2] = {NULL, NULL};
	size_t len[2];
	FILE *out = NULL;
	if (!default_read(&r, &at_start, buf))
		goto out;
	for (int i = 0; i < 2; i++) {
		out = open_memstream(&text[i], &len[i]);
		if (!out)
			goto out;
		option_value_write(out, o, i ? field : buf);
		fclose(out);
	}
	differs = strcmp(text[0], text[1]) != 0;
out:
	free(text[0]);
	free(text[1]);
	err_list_fini(&errs);
	memlist_fini(&mem);
	return differs;
}

/* ---- a copy ---- */

static void *copy_items(struct memlist *mem, const void *items, size_t n, size_t size)
{
	void *copy = memlist_array(mem, n, size);
	if (copy && n && size)
		memcpy(copy, items, n * size);
	return copy;
}

static bool copy_strings(struct memlist *mem, struct opt_strings *s)
{
	s->items = copy_items(mem, s->items, s->n, sizeof(*s->items));
	bool good = s->items;
	for (size_t i = 0; good && i < s->n; i++)
		good = memlist_own(mem, &s->items[i]);
	return good;
}

static bool copy_map(struct memlist *mem, struct opt_map *m)
{
	m->items = copy_items(mem, m->items, m->n, sizeof(*m->items));
	bool good = m->items;
	for (size_t i = 0; good && i < m->n; i++)
		good = memlist_own(mem, &m->items[i].key) && memlist_own(mem, &m->items[i].value);
	return good;
}

/* What @field, a copy itself, points to. */
static bool copy_behind(struct memlist *mem, enum opt_type type, void *field)
{
	struct opt_ports *ports = field;
	switch (type) {
	case OPT_STRING:
	case OPT_SECRET:
	case OPT_PATH:
		return memlist_own(mem, field);
	case OPT_STRINGS:
		return copy_strings(mem, field);
	case OPT_PORTS:
		ports->items = copy_items(mem, ports->items, ports->n, sizeof(*ports->items));
		return ports->items;
	case OPT_MAP:
		return copy_map(mem, field);
	case OPT_BOOL:
	case OPT_INT:
	case OPT_BYTES:
	case OPT_DURATION:
	case OPT_ENUM:
		break;
	}
	return true;
}

void *options_copy(struct memlist *mem, const struct opt *opts, const void *conf, size_t size)
{
	uint8_t *copy = copy_items(mem, conf, 1, size);
	bool good = copy;
	for (const struct opt *o = opts; good && o && o->name; o++)
		good = copy_behind(mem, o->type, copy + o->off);
	return good ? copy : NULL;
}
