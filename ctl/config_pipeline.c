#include "ctl/config_read.h"

const struct opt config_node_opts[] = {
	{.name = "op",
	 .type = OPT_STRING,
	 .off = offsetof(struct node_conf, op_name),
	 .required = true,
	 .live = true,
	 .help = "What the node does: one of the operators below."},
	{.name = "from",
	 .type = OPT_STRINGS,
	 .off = offsetof(struct node_conf, from),
	 .required = true,
	 .live = true,
	 .help = "Where its records come from: a source, another node (NODE, or NODE.BRANCH), or a "
		 "list of them."},
	OPT_END,
};

/* ---- origins ---- */

int config_source_origins(struct config *c, size_t n_ports)
{
	c->origins = memlist_array(&c->mem, c->n_sources + n_ports, sizeof(*c->origins));
	if (!c->origins)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_sources; i++)
		c->origins[i] = (struct origin_conf){.name = c->sources[i].name, .node = -1};
	c->n_origins = c->n_sources;
	return 0;
}

static const char *port_name(const struct node_conf *node, unsigned i)
{
	if (!node->op)
		return NULL;
	if (!node->op->port)
		return i == 0 ? node->name : NULL;
	return node->op->port(node->conf, i);
}

/* NODE, or NODE.PORT. */
static const char *origin_name(struct memlist *mem, const struct node_conf *node, const char *port)
{
	if (!node->op->port)
		return node->name;
	size_t a = strlen(node->name), b = strlen(port);
	char *name = memlist_alloc(mem, a + b + 2);
	if (name) {
		memcpy(name, node->name, a);
		name[a] = '.';
		memcpy(name + a + 1, port, b);
	}
	return name;
}

static int add_origins(struct config_loader *l, const struct yaml_val *map)
{
	struct config *c = l->c;
	size_t n = 0;
	for (size_t i = 0; i < c->n_nodes; i++)
		while (port_name(&c->nodes[i], c->nodes[i].n_ports)) {
			c->nodes[i].n_ports++;
			n++;
		}
	if (c->n_sources + n > CONFIG_ORIGINS_MAX) {
		option_err(&l->r, map, "%zu sources and branches; expected at most %d",
			   c->n_sources + n, CONFIG_ORIGINS_MAX);
		for (size_t i = 0; i < c->n_nodes; i++)
			c->nodes[i].n_ports = 0;
		n = 0;
	}
	int rc = config_source_origins(c, n);
	for (size_t i = 0; rc == 0 && i < c->n_nodes; i++) {
		struct node_conf *node = &c->nodes[i];
		node->first_origin = (unsigned)c->n_origins;
		for (unsigned p = 0; p < node->n_ports; p++) {
			const char *name = origin_name(&c->mem, node, port_name(node, p));
			if (!name)
				return -ENOMEM;
			c->origins[c->n_origins++] =
				(struct origin_conf){.name = name, .node = (int)i};
		}
	}
	if (rc < 0)
		return rc;
	return lookup_init(&l->origins, &c->mem, c->origins ? &c->origins[0].name : NULL,
			   c->n_origins, sizeof(*c->origins));
}

int config_resolve_from(const struct config_loader *l, const struct yaml_val *from,
			const struct opt_strings *names, unsigned **ret_origins, size_t *ret_n)
{
	if (!names->items)
		return 0; /* not given, or no list: refused by its table */
	const struct yaml_val *item = config_first(from);
	if (names->n == 0)
		option_err(&l->r, from, "nothing; expected at least one source or node");
	unsigned *origins = memlist_array(&l->c->mem, names->n, sizeof(*origins));
	size_t n = 0;
	if (!origins)
		return -ENOMEM;
	for (size_t i = 0; i < names->n; i++, item = item->next) {
		long o = lookup_find(&l->origins, names->items[i]);
		if (o < 0) {
			config_unknown_name(l, item, "source or node", &l->origins);
		} else if (l->c->origins[o].taker == names) {
			option_err(&l->r, item, "\"%s\" is in this list already", names->items[i]);
		} else {
			l->c->origins[o].taker = names;
			origins[n++] = (unsigned)o;
		}
	}
	*ret_origins = origins;
	*ret_n = n;
	return 0;
}

/* ---- nodes ---- */

static const struct op *find_op(const struct config_loader *l, const struct yaml_val *v)
{
	const char *meant = NULL;
	char list[512];
	size_t n = 0;
	if (!v || v->kind != YAML_TEXT || yaml_val_is_null(v))
		return NULL; /* the table says what is wrong */
	for (size_t i = 0; ops[i]; i++) {
		if (strcmp(ops[i]->name, v->text) == 0)
			return ops[i];
		lookup_offer(v->text, ops[i]->name, &meant);
		if (n < sizeof(list))
			n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "",
					      ops[i]->name);
	}
	char show[YAML_SHOW_MAX];
	option_err(&l->r, v, "no operator is named %s; expected one of %s%s%s%s",
		   yaml_val_show(v, show, sizeof(show)), n ? list : "",
		   meant ? "; did you mean \"" : "", meant ? meant : "", meant ? "\"?" : "");
	return NULL;
}

/* Keys of the node, and of the maps in it: `where`, `branches.vip`. */
static int keep_places(const struct config_loader *l, const struct yaml_val *map,
		       const char *prefix, struct node_conf *node)
{
	for (const struct yaml_val *v = map->first; v; v = v->next) {
		char key[256];
		int len = snprintf(key, sizeof(key), "%s%s", prefix, v->key ? v->key : "");
		if (len < 0 || (size_t)len >= sizeof(key))
			continue; /* such a key was refused */
		struct node_key *k = &node->keys[node->n_keys++];
		k->key = memlist_text(&l->c->mem, key, (size_t)len);
		k->at = option_place(&l->r, v);
		/* A quoted text may have escapes in it; a plain one is as it stands. */
		k->one_line = v->kind == YAML_TEXT && v->plain && !strchr(v->text, '\n');
		if (!k->key)
			return -ENOMEM;
		char inner[256];
		if (v->kind == YAML_MAP &&
		    (size_t)snprintf(inner, sizeof(inner), "%s.", key) < sizeof(inner)) {
			int rc = keep_places(l, v, inner, node);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static size_t count_keys(const struct yaml_val *map)
{
	size_t n = 0;
	for (const struct yaml_val *v = map->first; v; v = v->next)
		n += 1 + (v->kind == YAML_MAP ? count_keys(v) : 0);
	return n;
}

static int read_node(struct config_loader *l, const struct yaml_val *v, struct node_conf *node)
{
	struct config *c = l->c;
	node->name = memlist_text(&c->mem, v->key, strlen(v->key));
	node->at = (struct err_place){l->r.file, v->key_line, v->key_col};
	if (!node->name)
		return -ENOMEM;
	config_check_name(&l->r, v, node->name);
	if (lookup_find(&l->sources, node->name) >= 0)
		option_key_err(&l->r, v, "a source has this name already");
	if (!options_is_map(&l->r, v))
		return 0;
	node->op = find_op(l, yaml_val_get(v, "op"));
	struct options_part parts[2] = {{config_node_opts, node}};
	struct options_shape shape = {.parts = parts, .n_parts = 1};
	if (!node->op) {
		/* Whose keys they are is not known. */
		if (!yaml_val_get(v, "op"))
			option_key_err(&l->r, v, "no op; expected the name of an operator");
		return 0;
	}
	node->conf = memlist_alloc(&c->mem, node->op->conf_size);
	node->keys = memlist_array(&c->mem, count_keys(v), sizeof(*node->keys));
	if (!node->conf || !node->keys)
		return -ENOMEM;
	parts[1] = (struct options_part){node->op->opts, node->conf};
	shape.n_parts = 2;
	options_read(&l->r, &shape, v);
	return keep_places(l, v, "", node);
}

/* ---- order ---- */

/* Nodes that take from no node that is not placed yet, until none is left; who is left then waits
 * for itself.
 */
static int order_nodes(struct config_loader *l, const struct yaml_val *map)
{
	struct config *c = l->c;
	size_t n = 0;
	c->node_order = memlist_array(&c->mem, c->n_nodes, sizeof(*c->node_order));
	bool *placed = memlist_array(&c->mem, c->n_nodes, sizeof(*placed));
	if (!c->node_order || !placed)
		return -ENOMEM;
	for (bool grown = true; grown;) {
		grown = false;
		for (size_t i = 0; i < c->n_nodes; i++) {
			bool ready = !placed[i];
			for (size_t k = 0; ready && k < c->nodes[i].n_origins; k++) {
				int from = c->origins[c->nodes[i].origins[k]].node;
				ready = from < 0 || placed[from];
			}
			if (!ready)
				continue;
			placed[i] = grown = true;
			c->node_order[n++] = (unsigned)i;
		}
	}
	const struct yaml_val *v = map->first;
	for (size_t i = 0; n < c->n_nodes && i < c->n_nodes; i++, v = v->next)
		if (!placed[i])
			option_err(&l->r, yaml_val_get(v, "from"),
				   "takes from itself, by way of the nodes that it takes from");
	return 0;
}

int config_read_pipeline(struct config_loader *l)
{
	struct config *c = l->c;
	const struct yaml_val *map = yaml_val_get(l->root, "pipeline");
	if (map && !options_is_map(&l->r, map))
		map = NULL;
	if (map && map->n > CONFIG_NODES_MAX) {
		option_err(&l->r, map, "%zu nodes; expected at most %d", map->n, CONFIG_NODES_MAX);
		map = NULL;
	}
	c->nodes = memlist_array(&c->mem, map ? map->n : 0, sizeof(*c->nodes));
	if (!c->nodes)
		return -ENOMEM;
	int rc = 0;
	for (const struct yaml_val *v = map ? map->first : NULL; rc == 0 && v; v = v->next)
		rc = read_node(l, v, &c->nodes[c->n_nodes++]);
	if (rc == 0)
		rc = add_origins(l, map);
	size_t i = 0;
	for (const struct yaml_val *v = map ? map->first : NULL; rc == 0 && v; v = v->next, i++)
		rc = config_resolve_from(l, yaml_val_get(v, "from"), &c->nodes[i].from,
					 &c->nodes[i].origins, &c->nodes[i].n_origins);
	return rc == 0 && map ? order_nodes(l, map) : rc;
}
