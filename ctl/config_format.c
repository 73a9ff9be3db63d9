#include <stdlib.h>

#include "ctl/config_read.h"
#include "dataplane/extract/types.h"

const struct opt config_format_opts[] = {
	{.name = "grok",
	 .type = OPT_STRING,
	 .off = offsetof(struct format_def, pattern),
	 .live = true,
	 .help = "A grok pattern, such as %{IPORHOST:client} %{NUMBER:bytes:int}."},
	{.name = "regex",
	 .type = OPT_STRING,
	 .off = offsetof(struct format_def, pattern),
	 .live = true,
	 .help = "A regular expression (PCRE2) with named groups: (?<client>[0-9.]+)."},
	{.name = "types",
	 .type = OPT_MAP,
	 .off = offsetof(struct format_def, types),
	 .def = "{}",
	 .live = true,
	 .help = "What the text of a field becomes: int, float, bool, string, or time:LAYOUT."},
	OPT_END,
};

const struct opt config_kv_opts[] = {
	{.name = "pair_sep",
	 .type = OPT_STRING,
	 .off = offsetof(struct format_def, pair_sep),
	 .def = "\" \"",
	 .live = true,
	 .help = "What stands between two pairs."},
	{.name = "kv_sep",
	 .type = OPT_STRING,
	 .off = offsetof(struct format_def, kv_sep),
	 .def = "\"=\"",
	 .live = true,
	 .help = "What stands between a key and its value."},
	OPT_END,
};

const struct opt config_csv_opts[] = {
	{.name = "columns",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct format_def, columns),
	 .required = true,
	 .live = true,
	 .help = "The names of the columns, from the left."},
	{.name = "quote",
	 .type = OPT_STRING,
	 .off = offsetof(struct format_def, quote),
	 .def = "'\"'",
	 .live = true,
	 .help = "The character around values that hold a separator (csv only)."},
	OPT_END,
};

/* The kinds that are maps of options of their own. */
static const struct {
	const char *name;
	const struct opt *opts;
} kinds[] = {
	[FORMAT_GROK] = {"grok", NULL},          [FORMAT_REGEX] = {"regex", NULL},
	[FORMAT_KV] = {"kv", config_kv_opts},    [FORMAT_LOGFMT] = {"logfmt", NULL},
	[FORMAT_CSV] = {"csv", config_csv_opts}, [FORMAT_TSV] = {"tsv", config_csv_opts},
	[FORMAT_JSON] = {"json", NULL},
};

#define N_KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* ---- one format ---- */

/* The key that names the kind; NULL after a message when there is none, or more than one. */
static const struct yaml_val *find_kind(const struct option_reader *r, const struct yaml_val *v,
					int *ret_kind)
{
	const struct yaml_val *found = NULL;
	for (size_t i = 0; i < N_KINDS; i++) {
		const struct yaml_val *k = yaml_val_get(v, kinds[i].name);
		if (k && found) {
			option_key_err(r, k, "a format is of one kind; %s stands there already",
				       found->key);
			return NULL;
		}
		if (k) {
			found = k;
			*ret_kind = (int)i;
		}
	}
	if (!found)
		option_key_err(r, v,
			       "a format without a kind; expected one of grok, regex, kv, logfmt, "
			       "csv, tsv, json");
	return found;
}

static void check_types(const struct option_reader *r, const struct yaml_val *types)
{
	static const char *const names[] = {"int", "float", "bool", "string"};
	if (!types || types->kind != YAML_MAP)
		return;
	for (const struct yaml_val *v = types->first; v; v = v->next) {
		struct type t;
		struct err e;
		if (v->kind != YAML_TEXT || type_parse(v->text, &t, &e) == 0)
			continue;
		const char *meant = NULL;
		for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
			lookup_offer(v->text, names[i], &meant);
		option_err(r, v, "%s%s%s%s", e.text, meant ? "; did you mean \"" : "",
			   meant ? meant : "", meant ? "\"?" : "");
	}
}

static int read_format(struct config_loader *l, const struct option_reader *r,
		       const struct yaml_val *v, struct format_def *def)
{
	static const char *const others[] = {"kv", "logfmt", "csv", "tsv", "json", NULL};
	def->name = memlist_text(r->mem, v->key, strlen(v->key));
	def->file = r->file;
	def->line = v->line;
	def->col = v->col;
	if (!def->name)
		return -ENOMEM;
	config_check_name(r, v, def->name);
	if (!options_is_map(r, v))
		return 0;

	struct options_part part = {config_format_opts, def};
	struct options_shape shape = {.parts = &part, .n_parts = 1, .others = others};
	options_default(r, config_kv_opts, def);
	options_default(r, config_csv_opts, def);
	options_read(r, &shape, v);
	check_types(r, yaml_val_get(v, "types"));

	const struct yaml_val *kind = find_kind(r, v, &def->kind);
	if (!kind)
		return 0;
	if (def->kind == FORMAT_GROK || def->kind == FORMAT_REGEX) {
		def->line = kind->line;
		def->col = kind->col + (!kind->plain && !kind->block); /* behind the quote */
		return 0;
	}
	part.opts = kinds[def->kind].opts;
	shape.others = NULL;
	options_read(r, &shape, kind);
	return 0;
}

static struct format_def *new_def(struct config_loader *l)
{
	if (l->n_defs == l->cap_defs) {
		size_t cap = l->cap_defs ? 2 * l->cap_defs : 16;
		struct format_def *defs = realloc(l->defs, cap * sizeof(*defs));
		if (!defs)
			return NULL;
		l->defs = defs;
		l->cap_defs = cap;
	}
	l->defs[l->n_defs] = (struct format_def){0};
	return &l->defs[l->n_defs++];
}

static int read_map(struct config_loader *l, const struct option_reader *r,
		    const struct yaml_val *map)
{
	for (const struct yaml_val *v = map->first; v; v = v->next) {
		struct format_def *def = new_def(l);
		int ret = def ? read_format(l, r, v, def) : -ENOMEM;
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* ---- formats of the file itself ---- */

int config_read_formats(struct config_loader *l)
{
	const struct yaml_val *map = yaml_val_get(l->root, "formats");
	if (options_is_map(&l->r, map)) {
		int r = read_map(l, &l->r, map);
		if (r < 0)
			return r;
	}
	return lookup_init(&l->formats, &l->c->mem, l->defs ? &l->defs[0].name : NULL, l->n_defs,
			   sizeof(*l->defs));
}

/* ---- format files ---- */

static int read_file(struct config_loader *l, struct format_file *f, struct slice text)
{
	struct option_reader r = l->r;
	struct memlist tree = {0};
	struct yaml_val *root;
	r.file = f->path;
	int ret = yaml_tree_read(text, f->path, &tree, r.errs, &root);
	if (ret == -EINVAL)
		ret = 0; /* told */
	else if (ret == 0 && root->n == 0)
		err_list_add(r.errs, (struct err_place){.file = f->path},
			     "no format in it; expected such as access: { grok: "
			     "\"%%{COMBINEDAPACHELOG}\" }");
	else if (ret == 0 && options_is_map(&r, root))
		ret = read_map(l, &r, root);
	f->n = l->n_defs - f->first;
	memlist_fini(&tree);
	return ret;
}

static struct format_file *file_seen(const struct config_loader *l, const char *path)
{
	for (struct format_file *f = l->format_files; f; f = f->next) {
		if (strcmp(f->path, path) == 0)
			return f;
	}
	return NULL;
}

const struct format_file *config_format_file(struct config_loader *l, const struct yaml_val *at,
					     const char *name)
{
	const char *path = option_path(&l->r, name);
	struct format_file *f = path ? file_seen(l, path) : NULL;
	if (f)
		return f;
	if (l->n_format_files == CONFIG_FILES_MAX) {
		option_err(&l->r, at, "too many format files; expected at most %d",
			   CONFIG_FILES_MAX);
		return NULL;
	}
	f = path ? memlist_alloc(&l->c->mem, sizeof(*f)) : NULL;
	if (!f) {
		option_oom(&l->r);
		return NULL;
	}
	*f = (struct format_file){.path = path, .first = l->n_defs, .next = l->format_files};
	l->format_files = f;
	l->n_format_files++;

	uint8_t *bytes = NULL;
	size_t len;
	struct err e = {{0}};
	if (l->files->read(l->files->arg, path, &bytes, &len, &e) < 0) {
		option_err(&l->r, at, "%s: %s", path, e.text);
		return NULL;
	}
	if (read_file(l, f, slice_of(bytes, len)) < 0)
		option_oom(&l->r);
	free(bytes);
	return f;
}

/* ---- all of them ---- */

static void check_used(const struct config_loader *l, const bool *used)
{
	if (l->r.errs->n_errors)
		return; /* what looks unused may only be misspelt */
	for (size_t i = 0; i < l->formats.n; i++) {
		const struct format_def *d = &l->c->formats[i];
		if (!used[i])
			err_list_warn(l->r.errs, (struct err_place){d->file, d->line, d->col},
				      "formats.%s: no source uses this format", d->name);
	}
}

int config_formats_finish(struct config_loader *l)
{
	struct config *c = l->c;
	c->n_formats = l->n_defs;
	c->formats = memlist_array(&c->mem, l->n_defs, sizeof(*c->formats));
	bool *used = memlist_array(&c->mem, l->n_defs, sizeof(*used));
	struct lookup all;
	if (!c->formats || !used)
		return -ENOMEM;
	if (l->n_defs)
		memcpy(c->formats, l->defs, l->n_defs * sizeof(*l->defs));
	int r = lookup_init(&all, &c->mem, c->formats ? &c->formats[0].name : NULL, c->n_formats,
			    sizeof(*c->formats));
	if (r < 0)
		return r;
	/* Records name their format, so a name means one format in the whole configuration. */
	for (size_t i = 1; i < all.n; i++) {
		const struct format_def *a = &c->formats[all.names[i - 1].idx];
		const struct format_def *b = &c->formats[all.names[i].idx];
		if (strcmp(a->name, b->name) == 0 && a->file != b->file)
			err_list_add(l->r.errs, (struct err_place){b->file, b->line, b->col},
				     "%s: a format of this name is in %s:%d already; expected "
				     "another name",
				     b->name, a->file, a->line);
	}
	for (size_t i = 0; i < c->n_sources; i++) {
		for (size_t k = 0; k < c->sources[i].n_formats; k++)
			used[c->sources[i].formats[k]] = true;
	}
	check_used(l, used);
	return 0;
}
