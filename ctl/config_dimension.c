#include "ctl/config_read.h"

const struct opt config_dimension_opts[] = {
	{.name = "key",
	 .type = OPT_STRING,
	 .off = offsetof(struct dimension_conf, spec.key),
	 .live = true,
	 .help = "The name of the key where the rows come from: a column, a member of an object. "
		 "Redis has its own."},
	{.name = "fields",
	 .type = OPT_MAP,
	 .off = offsetof(struct dimension_conf, fields),
	 .required = true,
	 .live = true,
	 .help = "Names and types of what a row has for its key: string, int, float, bool, or "
		 "time:LAYOUT, as in formats."},
	{.name = "keys_max",
	 .type = OPT_INT,
	 .off = offsetof(struct dimension_conf, keys_max),
	 .min = 1,
	 .max = DIM_KEYS_MAX,
	 .def = "1000000",
	 .live = true,
	 .help = "Keys at most; more are counted and left out. Each takes 16 to 32 bytes of memory "
		 "beside its row."},
	{.name = "bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct dimension_conf, spec.bytes_max),
	 .min = 1 << 20,
	 .max = 32ll << 30,
	 .def = "1GiB",
	 .live = true,
	 .help = "Memory of the rows at most; it is taken as they come."},
	{.name = "every",
	 .type = OPT_DURATION,
	 .off = offsetof(struct dimension_conf, spec.every_ns),
	 .min = 10000000,
	 .max = 86400000000000,
	 .def = "1s",
	 .live = true,
	 .help = "While sluice runs on ports: how often it is looked whether the rows have "
		 "changed, "
		 "and after a failure tried again. A replay loads them once."},
	OPT_END,
};

static const struct dim_kind *find_kind(const struct config_loader *l, const struct yaml_val *v)
{
	const char *meant = NULL;
	char list[256];
	size_t n = 0;
	for (size_t i = 0; dim_kinds[i]; i++) {
		if (strcmp(dim_kinds[i]->name, v->key) == 0)
			return dim_kinds[i];
		lookup_offer(v->key, dim_kinds[i]->name, &meant);
		if (n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "",
					      dim_kinds[i]->name);
	}
	option_key_err(&l->r, v, "no such kind of dimension; expected one of %s%s%s%s",
		       n ? list : "", meant ? "; did you mean \"" : "", meant ? meant : "",
		       meant ? "\"?" : "");
	return NULL;
}

static int read_kind(const struct config_loader *l, const struct yaml_val *v,
		     struct dimension_conf *d)
{
	const struct yaml_val *from = yaml_val_get(v, "from");
	if (!from) {
		option_key_err(&l->r, v,
			       "from is missing; expected one kind, such as { file: { ... } }");
		return 0;
	}
	if (!options_is_map(&l->r, from))
		return 0;
	if (from->n != 1) {
		option_err(&l->r, from, "%zu kinds; expected one, such as { file: { ... } }",
			   from->n);
		return 0;
	}
	d->spec.kind = find_kind(l, from->first);
	if (!d->spec.kind)
		return 0;
	void *conf = memlist_alloc(&l->c->mem, d->spec.kind->conf_size);
	if (!conf)
		return -ENOMEM;
	d->spec.conf = conf;
	struct options_part part = {d->spec.kind->opts, conf};
	struct options_shape shape = {.parts = &part, .n_parts = 1};
	options_read(&l->r, &shape, from->first);
	return 0;
}

static int read_fields(const struct config_loader *l, const struct yaml_val *v,
		       struct dimension_conf *d)
{
	struct dim_field *fields = memlist_array(&l->c->mem, d->fields.n, sizeof(*fields));
	if (!fields)
		return -ENOMEM;
	if (d->fields.n == 0 || d->fields.n > DIM_FIELDS_MAX)
		option_err(&l->r, v, "%zu fields; expected 1 to %d", d->fields.n, DIM_FIELDS_MAX);
	const struct yaml_val *at = v->first;
	for (size_t i = 0; i < d->fields.n && i < DIM_FIELDS_MAX; i++, at = at->next) {
		struct err e;
		fields[i].name = d->fields.items[i].key;
		if (type_parse(d->fields.items[i].value, &fields[i].type, &e) < 0)
			option_err(&l->r, at, "%s", e.text);
		d->spec.n_fields++;
	}
	d->spec.fields = fields;
	return 0;
}

static int read_dimension(const struct config_loader *l, const struct yaml_val *v,
			  struct dimension_conf *d)
{
	static const char *const others[] = {"from", NULL};
	d->spec.name = memlist_text(&l->c->mem, v->key, strlen(v->key));
	d->at = (struct err_place){l->r.file, v->key_line, v->key_col};
	if (!d->spec.name)
		return -ENOMEM;
	config_check_name(&l->r, v, d->spec.name);
	if (!options_is_map(&l->r, v))
		return 0;
	struct options_part part = {config_dimension_opts, d};
	struct options_shape shape = {.parts = &part, .n_parts = 1, .others = others};
	options_read(&l->r, &shape, v);
	d->spec.keys_max = (uint64_t)d->keys_max;
	int rc = read_kind(l, v, d);
	const struct yaml_val *fields = yaml_val_get(v, "fields");
	return rc == 0 && fields && fields->kind == YAML_MAP ? read_fields(l, fields, d) : rc;
}

int config_read_dimensions(struct config_loader *l)
{
	struct config *c = l->c;
	const struct yaml_val *map = yaml_val_get(l->root, "dimensions");
	if (!map || !options_is_map(&l->r, map))
		return 0;
	if (map->n > CONFIG_DIMENSIONS_MAX) {
		option_err(&l->r, map, "%zu dimensions; expected at most %d", map->n,
			   CONFIG_DIMENSIONS_MAX);
		return 0;
	}
	c->dimensions = memlist_array(&c->mem, map->n, sizeof(*c->dimensions));
	if (!c->dimensions)
		return -ENOMEM;
	int rc = 0;
	for (const struct yaml_val *v = map->first; rc == 0 && v; v = v->next)
		rc = read_dimension(l, v, &c->dimensions[c->n_dimensions++]);
	return rc;
}
