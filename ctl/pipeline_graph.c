#include <stdio.h>
#include <string.h>

#include "ctl/pipeline.h"
#include "dataplane/base/mem.h"
#include "dataplane/graph/op_feed.h"

struct pipeline_graph {
	struct graph_node *nodes; /* the configuration's, then those that feed dimensions */
	unsigned n_feeds;
	struct graph_origin *origins, *trial_origins;
	uint16_t *takers;          /* the memory of the origins' lists */
	uint16_t *selves;          /* 0, 1, 2, ... */
	struct op_schema *schemas; /* by origin */
	struct op_schema *queues;  /* by queue */
	struct slice *source_names;
	struct op_field *fields; /* the memory of the sources' schemas */
};

/* ---- schemas ---- */

static enum sql_type type_of(enum val_type t)
{
	switch (t) {
	case VAL_FALSE:
	case VAL_TRUE:
		return SQL_BOOL;
	case VAL_I64:
		return SQL_INT8;
	case VAL_U64:
	case VAL_NUM:
		return SQL_NUMERIC;
	case VAL_F64:
		return SQL_FLOAT8;
	case VAL_TIME:
		return SQL_TIMESTAMPTZ;
	case VAL_JSON:
		return SQL_JSON;
	case VAL_BYTES:
		return SQL_BYTEA;
	default:
		return SQL_TEXT;
	}
}

static size_t count_format_fields(const struct format_set *set)
{
	size_t n = 0;
	for (unsigned i = 0; set && i < set->n_formats; i++)
		n += format_n_fields(set->formats[i]);
	return n;
}

/* What a parser promises, then what its formats take out of the text; the first of a name counts.
 */
static int source_schemas(struct pipeline *p, struct err *e)
{
	struct pipeline_graph *g = p->built;
	const struct config *c = p->conf;
	size_t n = 0;
	for (size_t i = 0; i < c->n_sources; i++)
		n += p->extract_sources[i].schema.n_fields +
		     count_format_fields(p->extract_sources[i].formats);
	struct op_field *f = g->fields = mem_alloc((n + 1) * sizeof(*f));
	if (!f)
		return err_set(e, -ENOMEM, "no memory for schemas");
	for (size_t i = 0; i < c->n_sources; i++) {
		const struct extract_source *x = &p->extract_sources[i];
		struct op_schema *s = &g->schemas[i];
		*s = (struct op_schema){.fields = f, .open = true};
		for (unsigned k = 0; k < x->schema.n_fields; k++)
			*f++ = (struct op_field){x->schema.fields[k].name,
						 type_of(x->schema.fields[k].type)};
		for (unsigned k = 0; x->formats && k < x->formats->n_formats; k++)
			for (unsigned j = 0; j < format_n_fields(x->formats->formats[k]); j++) {
				struct field_def d =
					format_field(x->formats->formats[k], p->names, j);
				*f++ = (struct op_field){d.name, type_of(d.type)};
			}
		s->n_fields = (unsigned)(f - s->fields);
	}
	return 0;
}

static const struct op_field *find(const struct op_schema *s, const char *name)
{
	for (unsigned i = 0; i < s->n_fields; i++)
		if (strcmp(s->fields[i].name, name) == 0)
			return &s->fields[i];
	return NULL;
}

/* What is known of records that come from several places: a field that not all of them have is null
 * in the others; one that has two types is text.
 */
int pipeline_merge(const struct pipeline *p, const unsigned *origins, size_t n_origins,
		   struct op_field **ret_fields, struct op_schema *ret_s)
{
	const struct pipeline_graph *g = p->built;
	size_t n = 0;
	for (size_t i = 0; i < n_origins; i++)
		n += g->schemas[origins[i]].n_fields;
	struct op_field *fields = mem_alloc((n + 1) * sizeof(*fields));
	if (!fields)
		return -ENOMEM;
	*ret_s = (struct op_schema){.fields = fields};
	for (size_t i = 0; i < n_origins; i++) {
		const struct op_schema *s = &g->schemas[origins[i]];
		ret_s->open |= s->open;
		for (unsigned k = 0; k < s->n_fields; k++) {
			struct op_field *known = (struct op_field *)find(ret_s, s->fields[k].name);
			if (!known)
				fields[ret_s->n_fields++] = s->fields[k];
			else if (known->type != s->fields[k].type)
				known->type = SQL_TEXT;
		}
	}
	*ret_fields = fields;
	return 0;
}

/* ---- nodes ---- */

/* What operators ask while they are built. */
struct place {
	struct pipeline *p;
	const struct node_conf *node;
};

static int wrong(void *arg, const char *key, size_t off, int code, struct err *e)
{
	const struct node_conf *node = ((const struct place *)arg)->node;
	struct err_place at = node->at;
	for (size_t i = 0; i < node->n_keys; i++)
		if (strcmp(node->keys[i].key, key) == 0) {
			at = node->keys[i].at;
			if (node->keys[i].one_line)
				at.col += (int)off;
			else if (off)
				return err_prefix(
					e, code, "%s:%d:%d: pipeline.%s.%s: at byte %zu: ", at.file,
					at.line, at.col, node->name, key, off + 1);
		}
	return err_prefix(e, code, "%s:%d:%d: pipeline.%s.%s: ", at.file, at.line, at.col,
			  node->name, key);
}

static void take_note(void *arg, const char *key, const char *text)
{
	const struct place *place = arg;
	const struct node_conf *node = place->node;
	struct err_place at = node->at;
	for (size_t i = 0; i < node->n_keys; i++)
		if (strcmp(node->keys[i].key, key) == 0)
			at = node->keys[i].at;
	err_list_warn(&place->p->notes, at, "pipeline.%s.%s: %s", node->name, key, text);
}

static struct dim *find_dim(void *arg, const char *name)
{
	const struct pipeline *p = ((const struct place *)arg)->p;
	for (size_t i = 0; i < p->conf->n_dimensions; i++)
		if (strcmp(p->conf->dimensions[i].spec.name, name) == 0)
			return p->dims[i];
	return NULL;
}

static int build_node(struct pipeline *p, unsigned i, struct err *e)
{
	struct pipeline_graph *g = p->built;
	const struct node_conf *node = &p->conf->nodes[p->conf->node_order[i]];
	struct place place = {p, node};
	struct op_field *fields;
	struct op_schema in;
	if (pipeline_merge(p, node->origins, node->n_origins, &fields, &in) < 0)
		return err_set(e, -ENOMEM, "no memory for the schema of %s", node->name);
	struct op_env env = {.name = node->name,
			     .in = &in,
			     .names = p->names,
			     .source_names = g->source_names,
			     .dim = find_dim,
			     .wrong = wrong,
			     .dead_letters = p->conf->dead_letters.dir,
			     .note = take_note,
			     .arg = &place};
	struct op_plan *plan = NULL;
	int rc = node->op->build(node->conf, &env, &plan, e);
	mem_free(fields);
	if (rc < 0)
		return rc;
	g->nodes[i] = (struct graph_node){.name = node->name,
					  .op = node->op,
					  .plan = plan,
					  .first_origin = node->first_origin};
	for (unsigned k = 0; k < plan->n_ports; k++)
		g->schemas[node->first_origin + k] = plan->ports[k];
	return 0;
}

/* Leaves the fields that the queue names, in its order. */
static int keep_fields(const struct queue_conf *q, struct op_schema *s, struct err *e)
{
	struct op_field *fields = mem_alloc(q->fields.n * sizeof(*fields));
	if (!fields)
		return err_set(e, -ENOMEM, "no memory for the schema of %s", q->name);
	for (size_t i = 0; i < q->fields.n; i++) {
		const char *name = q->fields.items[i];
		const struct op_field *f = find(s, name);
		fields[i] = f ? *f : (struct op_field){name, SQL_TEXT};
		if (f || s->open)
			continue;
		mem_free(fields);
		return err_set(e, -EINVAL,
			       "%s:%d:%d: queues.%s.fields: the records have no field %s; sluiced "
			       "check without it prints those that they have",
			       q->at.file, q->at.line, q->at.col, q->name, name);
	}
	mem_free((void *)s->fields);
	*s = (struct op_schema){.fields = fields, .n_fields = (unsigned)q->fields.n};
	return 0;
}

static int queue_schemas(struct pipeline *p, struct err *e)
{
	struct pipeline_graph *g = p->built;
	for (size_t q = 0; q < p->conf->n_queues; q++) {
		const struct queue_conf *queue = &p->conf->queues[q];
		struct op_field *fields;
		if (pipeline_merge(p, queue->origins, queue->n_origins, &fields, &g->queues[q]) < 0)
			return err_set(e, -ENOMEM, "no memory for the schema of %s", queue->name);
		int rc = queue->fields.n ? keep_fields(queue, &g->queues[q], e) : 0;
		if (rc < 0)
			return rc;
	}
	return 0;
}

const struct op_schema *pipeline_queue_schema(const struct pipeline *p, unsigned q)
{
	return &p->built->queues[q];
}

/* ---- dimensions that follow a source ---- */

/* The index of the source; -1: the dimension follows none. */
static int fed_by(const struct config *c, const struct dimension_conf *d)
{
	const char *table;
	const char *name = d->spec.kind->source ? d->spec.kind->source(d->spec.conf, &table) : NULL;
	for (size_t i = 0; name && i < c->n_sources; i++)
		if (strcmp(c->sources[i].name, name) == 0)
			return (int)i;
	return -1;
}

static int build_feed(struct pipeline *p, size_t i, struct err *e)
{
	struct pipeline_graph *g = p->built;
	const struct dimension_conf *d = &p->conf->dimensions[i];
	const char *table, *name = d->spec.kind->source(d->spec.conf, &table);
	int source = fed_by(p->conf, d);
	struct op_plan *plan = NULL;
	int rc;
	if (source < 0)
		rc = err_set(e, -EINVAL, "no source is named \"%s\"", name);
	else if (!p->conf->sources[source].parser->changes)
		rc = err_set(e, -EINVAL, "source %s has no changes of tables", name);
	else
		rc = op_feed_build(p->dims[i], &plan, e);
	if (rc < 0)
		return err_prefix(e, rc, "%s:%d:%d: dimensions.%s: ", d->at.file, d->at.line,
				  d->at.col, d->spec.name);
	g->nodes[p->conf->n_nodes + g->n_feeds++] =
		(struct graph_node){.name = d->spec.name, .op = &op_feed, .plan = plan};
	g->origins[source].is_fed = true;
	return 0;
}

static int build_feeds(struct pipeline *p, struct err *e)
{
	int rc = 0;
	for (size_t i = 0; rc == 0 && i < p->conf->n_dimensions; i++)
		if (p->conf->dimensions[i].spec.kind->source)
			rc = build_feed(p, i, e);
	return rc;
}

/* ---- who takes from where ---- */

/* Every list of origins that takes from them: what feeds dimensions, nodes in the order of the
 * graph, then queues.
 */
static void each_taker(const struct config *c, struct pipeline_graph *g,
		       void (*see)(struct graph_origin *o, uint16_t taker, bool is_queue))
{
	unsigned feed = (unsigned)c->n_nodes;
	for (size_t i = 0; i < c->n_dimensions; i++)
		if (c->dimensions[i].spec.kind->source)
			see(&g->origins[fed_by(c, &c->dimensions[i])], (uint16_t)feed++, false);
	for (unsigned i = 0; i < c->n_nodes; i++) {
		const struct node_conf *node = &c->nodes[c->node_order[i]];
		for (size_t k = 0; k < node->n_origins; k++)
			see(&g->origins[node->origins[k]], (uint16_t)i, false);
	}
	for (unsigned q = 0; q < c->n_queues; q++)
		for (size_t k = 0; k < c->queues[q].n_origins; k++)
			see(&g->origins[c->queues[q].origins[k]], (uint16_t)q, true);
}

static void count_taker(struct graph_origin *o, uint16_t taker, bool is_queue)
{
	o->n_nodes += !is_queue;
	o->n_queues += is_queue;
}

static void add_taker(struct graph_origin *o, uint16_t taker, bool is_queue)
{
	if (is_queue)
		((uint16_t *)o->queues)[o->n_queues++] = taker;
	else
		((uint16_t *)o->nodes)[o->n_nodes++] = taker;
}

static int connect_takers(struct pipeline *p, struct err *e)
{
	struct pipeline_graph *g = p->built;
	const struct config *c = p->conf;
	size_t n = 0;
	each_taker(c, g, count_taker);
	for (size_t o = 0; o < c->n_origins; o++)
		n += g->origins[o].n_nodes + g->origins[o].n_queues;
	uint16_t *at = g->takers = mem_alloc((n + 1) * sizeof(*at));
	if (!at)
		return err_set(e, -ENOMEM, "no memory for the graph");
	for (size_t o = 0; o < c->n_origins; o++) {
		struct graph_origin *to = &g->origins[o];
		to->nodes = at;
		to->queues = at + to->n_nodes;
		at += to->n_nodes + to->n_queues;
		to->n_nodes = to->n_queues = 0;
	}
	each_taker(c, g, add_taker);
	for (size_t o = 0; o < c->n_origins; o++) {
		g->selves[o] = (uint16_t)o;
		g->trial_origins[o] = g->origins[o];
		g->trial_origins[o].queues = &g->selves[o];
		g->trial_origins[o].n_queues = 1;
	}
	return 0;
}

int pipeline_graph_build(struct pipeline *p, struct err *e)
{
	const struct config *c = p->conf;
	size_t n = c->n_origins + 1;
	struct pipeline_graph *g = p->built = mem_alloc(sizeof(*g));
	if (!g)
		return err_set(e, -ENOMEM, "no memory for the graph");
	g->nodes = mem_alloc((c->n_nodes + c->n_dimensions + 1) * sizeof(*g->nodes));
	g->origins = mem_alloc(n * sizeof(*g->origins));
	g->trial_origins = mem_alloc(n * sizeof(*g->trial_origins));
	g->selves = mem_alloc(n * sizeof(*g->selves));
	g->schemas = mem_alloc(n * sizeof(*g->schemas));
	g->queues = mem_alloc((c->n_queues + 1) * sizeof(*g->queues));
	g->source_names = mem_alloc((c->n_sources + 1) * sizeof(*g->source_names));
	int rc = 0;
	if (!g->nodes || !g->origins || !g->trial_origins || !g->selves || !g->schemas ||
	    !g->queues || !g->source_names)
		return err_set(e, -ENOMEM, "no memory for the graph");
	for (size_t i = 0; i < c->n_sources; i++)
		g->source_names[i] = slice_str(c->sources[i].name);
	rc = source_schemas(p, e);
	for (unsigned i = 0; rc == 0 && i < c->n_nodes; i++)
		rc = build_node(p, i, e);
	if (rc == 0)
		rc = build_feeds(p, e);
	if (rc == 0)
		rc = queue_schemas(p, e);
	if (rc == 0)
		rc = connect_takers(p, e);
	if (rc < 0)
		return rc;
	p->graph = (struct graph_plan){.nodes = g->nodes,
				       .n_nodes = (unsigned)c->n_nodes + g->n_feeds,
				       .in_order = g->n_feeds > 0,
				       .origins = g->origins,
				       .n_origins = (unsigned)c->n_origins,
				       .n_sources = (unsigned)c->n_sources};
	p->source_names = g->source_names;
	p->trial_graph = p->graph;
	p->trial_graph.origins = g->trial_origins;
	return 0;
}

void pipeline_graph_destroy(struct pipeline *p)
{
	struct pipeline_graph *g = p->built;
	if (!g)
		return;
	for (size_t i = 0; g->nodes && i < p->conf->n_nodes + p->conf->n_dimensions; i++)
		if (g->nodes[i].op)
			g->nodes[i].op->destroy((struct op_plan *)g->nodes[i].plan);
	mem_free(g->nodes);
	mem_free(g->origins);
	mem_free(g->trial_origins);
	mem_free(g->takers);
	mem_free(g->selves);
	mem_free(g->schemas);
	for (size_t q = 0; g->queues && q < p->conf->n_queues; q++)
		mem_free((void *)g->queues[q].fields);
	mem_free(g->queues);
	mem_free(g->source_names);
	mem_free(g->fields);
	mem_free(g);
	p->built = NULL;
}

const struct op_schema *pipeline_schema(const struct pipeline *p, unsigned origin)
{
	return &p->built->schemas[origin];
}
