#include "ctl/config.h"

#include <stdlib.h>

#include "ctl/config_read.h"
#include "ctl/quantity.h"

const struct opt config_top_opts[] = {
	{.name = "workers",
	 .type = OPT_INT,
	 .off = offsetof(struct config, workers),
	 .min = 1,
	 .max = CONFIG_WORKERS_MAX,
	 .def = "1",
	 .help = "Worker cores of a replay: sessions are shared out among them by a hash of "
		 "addresses and ports. A run has one worker for each receive queue of its ports."},
	{.name = "patterns",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct config, patterns),
	 .def = "[]",
	 .live = true,
	 .help = "Files of grok patterns of your own, a line each: NAME and its expression. They "
		 "come on top of the patterns that are built in."},
	{.name = "schema_dir",
	 .type = OPT_PATH,
	 .off = offsetof(struct config, schema_dir),
	 .live = true,
	 .help = "A folder with the schema of each queue, PROJECT.NAME.schema.yaml, which `sluiced "
		 "schema write` makes. A start and `sluiced check` compare them with what the "
		 "configuration amounts to (docs/pipeline.md)."},
	{.name = "run_as",
	 .type = OPT_STRING,
	 .off = offsetof(struct config, run_as),
	 .help = "USER or USER:GROUP that `sluiced run`, started as root, becomes when its ports "
		 "are open; files, spools and the socket are made as this user. Not set: it stays "
		 "who it is (docs/SECURITY.md)."},
	OPT_END,
};

static const char *const sections[] = {"api",          "log",   "capture", "decode",  "flow",
				       "frame",        "flush", "formats", "sources", "dimensions",
				       "pipeline",     "sinks", "spool",   "queues",  "tests",
				       "dead_letters", NULL};

/* Parts of the design that are not there yet: named, so that a typo and a wish differ. */
static const char *const later_sections[] = {"registry", "schemas", NULL};

/* ---- names ---- */

#define NAME_BYTES_MAX 64

bool config_check_name(const struct option_reader *r, const struct yaml_val *v, const char *name)
{
	bool good = strlen(name) <= NAME_BYTES_MAX;
	for (const char *c = name; *c && good; c++) {
		bool letter = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z');
		bool later = (*c >= '0' && *c <= '9') || *c == '_' || *c == '-';
		good = letter || (c > name && later);
	}
	if (!good)
		option_key_err(r, v,
			       "not a good name; expected a letter, then letters, digits, \"_\" or "
			       "\"-\", at most %d",
			       NAME_BYTES_MAX);
	return good;
}

#define NAMES_SHOWN     8
#define SUGGESTIONS_MAX 100000

void config_unknown_name(const struct config_loader *l, const struct yaml_val *v, const char *what,
			 const struct lookup *known)
{
	/* A suggestion is a walk over all names: not for each of a thousand messages. */
	bool cheap = l->r.errs->n_errors * known->n < SUGGESTIONS_MAX;
	const char *meant = cheap ? lookup_nearest(known, v->text) : NULL;
	char list[512];
	size_t n = 0;
	list[0] = '\0';
	if (known->n && known->n <= NAMES_SHOWN) {
		for (size_t i = 0; i < known->n && n < sizeof(list); i++)
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s",
					      i ? ", " : "; expected one of ",
					      known->names[i].name);
	}
	char show[YAML_SHOW_MAX];
	option_err(&l->r, v, "no %s is named %s%s%s%s%s", what,
		   yaml_val_show(v, show, sizeof(show)), list, meant ? "; did you mean \"" : "",
		   meant ? meant : "", meant ? "\"?" : "");
}

const struct yaml_val *config_first(const struct yaml_val *v)
{
	return v->kind == YAML_LIST ? v->first : v;
}

/* ---- the file as a whole ---- */

static void read_stage(struct config_loader *l, const char *name, const struct opt *opts,
		       void *conf)
{
	struct options_part part = {opts, conf};
	struct options_shape shape = {.parts = &part, .n_parts = 1};
	options_read(&l->r, &shape, yaml_val_get(l->root, name));
}

static int read_patterns(struct config_loader *l)
{
	const struct yaml_val *v = yaml_val_get(l->root, "patterns");
	const struct yaml_val *item = v && v->kind == YAML_LIST ? v->first : v;
	struct opt_strings *p = &l->c->patterns;
	for (size_t i = 0; v && i < p->n; i++, item = item->next) {
		uint8_t *bytes = NULL;
		size_t len;
		struct err e = {{0}};
		p->items[i] = option_path(&l->r, p->items[i]);
		if (!p->items[i])
			return -ENOMEM;
		if (l->files->read(l->files->arg, p->items[i], &bytes, &len, &e) < 0)
			option_err(&l->r, item, "%s: %s", p->items[i], e.text);
		free(bytes);
	}
	return 0;
}

/* No section: no spool. */
static void read_spool(struct config_loader *l)
{
	l->c->has_spool = yaml_val_get(l->root, "spool") != NULL;
	read_stage(l, "spool", spool_opts, &l->c->spool);
}

/* A port that falls silent never makes records wait longer than one that does not. */
static void read_flush(struct config_loader *l)
{
	struct flush_conf *f = &l->c->flush;
	const struct yaml_val *v = yaml_val_get(l->root, "flush");
	read_stage(l, "flush", flush_opts, f);
	if (f->idle_ns <= f->busy_ns)
		return;
	const char *set = yaml_val_get(v, "idle") ? "idle" : "busy";
	char idle[QUANTITY_TEXT_MAX], busy[QUANTITY_TEXT_MAX];
	option_err(&l->r, yaml_val_get(v, set),
		   "idle is %s, and busy %s; expected idle not above busy",
		   quantity_write(QUANTITY_DURATION, f->idle_ns, idle),
		   quantity_write(QUANTITY_DURATION, f->busy_ns, busy));
}

static int read_top(struct config_loader *l)
{
	struct options_part part = {config_top_opts, l->c};
	struct options_shape shape = {
		.parts = &part, .n_parts = 1, .others = sections, .later = later_sections};
	if (!options_is_map(&l->r, l->root))
		return 0;
	options_read(&l->r, &shape, l->root);
	read_stage(l, "log", config_log_opts, &l->c->log);
	read_stage(l, "decode", decode_opts, &l->c->decode);
	read_stage(l, "flow", flow_opts, &l->c->flow);
	read_stage(l, "frame", frame_opts, &l->c->frame);
	read_flush(l);
	read_spool(l);

	int (*const parts[])(struct config_loader *) = {
		config_read_api,          read_patterns,
		config_read_capture,      config_read_formats,
		config_read_sources,      config_read_dimensions,
		config_read_pipeline,     config_read_sinks,
		config_read_queues,       config_read_tests,
		config_read_dead_letters, config_formats_finish};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		int r = parts[i](l);
		if (r < 0)
			return r;
	}
	return 0;
}

static const char *folder_of(struct memlist *mem, const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash)
		return "";
	return memlist_text(mem, path, slash == path ? 1 : (size_t)(slash - path));
}

struct config *config_new(const char *path)
{
	struct config *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->path = memlist_text(&c->mem, path, strlen(path));
	c->dir = c->path ? folder_of(&c->mem, path) : NULL;
	if (!c->dir) {
		config_free(c);
		return NULL;
	}
	return c;
}

int config_parse(const char *path, struct slice text, const struct config_files *files,
		 struct config **ret_c, struct err_list *errs)
{
	size_t n_errors = errs->n_errors;
	struct config *c = config_new(path);
	if (!c)
		return -ENOMEM;
	struct memlist tree = {0};
	struct config_loader l = {
		.r = {.mem = &c->mem, .errs = errs, .file = c->path, .dir = c->dir},
		.c = c,
		.files = files,
	};
	struct yaml_val *root;
	int r = yaml_tree_read(text, c->path, &tree, errs, &root);
	if (r == 0) {
		l.root = root;
		r = read_top(&l);
	}
	free(l.defs);
	memlist_fini(&tree);
	if (r == -ENOMEM)
		option_oom(&l.r);
	else if (errs->n_errors > n_errors)
		r = -EINVAL;
	err_list_sort(errs);
	if (r == 0)
		*ret_c = c;
	else
		config_free(c);
	return r;
}

static int load(const struct config_files *files, const char *path, struct config **ret_c,
		struct err_list *errs)
{
	uint8_t *bytes = NULL;
	size_t len;
	struct err e = {{0}};
	int r = files->read(files->arg, path, &bytes, &len, &e);
	if (r < 0) {
		err_list_add(errs, (struct err_place){.file = path}, "%s", e.text);
		return r == -ENOMEM ? r : -EINVAL;
	}
	r = config_parse(path, slice_of(bytes, len), files, ret_c, errs);
	free(bytes);
	return r;
}

int config_load(const char *path, struct config **ret_c, struct err_list *errs)
{
	return load(&config_disk, path, ret_c, errs);
}

int config_load_beside(const char *path, struct config **ret_c, struct err_list *errs)
{
	return load(&config_regular, path, ret_c, errs);
}

void config_free(struct config *c)
{
	if (!c)
		return;
	memlist_fini(&c->mem);
	free(c);
}
