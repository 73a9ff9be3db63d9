#include "ctl/tap_sides.h"

#include <stdio.h>

#include "dataplane/base/mem.h"
#include "dataplane/rec/json_text.h"

static char *put_quoted(char *o, const char *text)
{
	bool invalid = false;
	size_t len = strlen(text) < 64 ? strlen(text) : 64; /* names are short */
	*o++ = '"';
	o += json_text_put((uint8_t *)o, (const uint8_t *)text, len, &invalid);
	*o++ = '"';
	return o;
}

static void add(struct tap_sides *s, const char *node, const char *side, unsigned origin)
{
	struct tap_side *to = &s->items[s->n];
	char *o = to->head;
	s->origins[s->n++] = to->origin = origin;
	o = stpcpy(o, "{\"tap\":");
	o = put_quoted(o, node);
	o = stpcpy(o, ",\"side\":");
	o = put_quoted(o, side);
	o = stpcpy(o, ",\"record\":");
	to->len = (size_t)(o - to->head);
}

static void add_node(struct tap_sides *s, const struct node_conf *n, unsigned which)
{
	for (size_t k = 0; which & TAP_BEFORE && k < n->n_origins; k++)
		add(s, n->name, "in", n->origins[k]);
	for (unsigned k = 0; which & TAP_AFTER && k < n->n_ports; k++)
		add(s, n->name, n->op->port ? n->op->port(n->conf, k) : "out", n->first_origin + k);
}

static int no_such_node(const struct config *c, const char *name, struct err *e)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	if (!f)
		return err_set(e, -ENOMEM, "no memory");
	for (size_t i = 0; i < c->n_nodes; i++)
		fprintf(f, " %s", c->nodes[i].name);
	for (size_t i = 0; i < c->n_sources; i++)
		fprintf(f, " %s", c->sources[i].name);
	fclose(f);
	err_set(e, -ENOENT, "tap %.64s: no node or source has this name; there are:%s", name, text);
	free(text);
	return -ENOENT;
}

int tap_sides_init(const struct config *c, const char *name, unsigned which,
		   struct tap_sides *ret_s, struct err *e)
{
	const struct node_conf *node = NULL;
	unsigned source = 0;
	for (size_t i = 0; i < c->n_nodes; i++)
		if (strcmp(c->nodes[i].name, name) == 0)
			node = &c->nodes[i];
	while (!node && source < c->n_sources && strcmp(c->sources[source].name, name) != 0)
		source++;
	if (!node && source == c->n_sources)
		return no_such_node(c, name, e);
	if (!node && !(which & TAP_AFTER))
		return err_set(e, -ENOENT, "tap %.64s: a source has no records before it", name);
	size_t n = node ? node->n_origins + node->n_ports : 1;
	struct tap_sides s = {.items = mem_alloc(n * sizeof(*s.items)),
			      .origins = mem_alloc(n * sizeof(*s.origins))};
	if (!s.items || !s.origins) {
		tap_sides_fini(&s);
		return err_set(e, -ENOMEM, "no memory for a tap");
	}
	if (node)
		add_node(&s, node, which);
	else
		add(&s, name, "out", source);
	*ret_s = s;
	return 0;
}

void tap_sides_fini(struct tap_sides *s)
{
	mem_free(s->items);
	mem_free(s->origins);
	*s = (struct tap_sides){0};
}
