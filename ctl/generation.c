#include "ctl/generation.h"

#include <stdio.h>

#include "ctl/config_compare.h"
#include "ctl/config_read.h"
#include "dataplane/base/mem.h"

/* The schemas of the queues beside their files: what may not change keeps sluice from starting. */
static int build_schemas(struct generation *g, const struct config_files *files, FILE *out,
			 struct err *e)
{
	struct err_list errs = {0};
	int rc = queue_schemas_create(g->pipeline, files, false, &g->schemas, &errs);
	err_list_print(&errs, out);
	err_list_fini(&errs);
	return rc < 0 ? err_set(e, rc, "%s: the schemas of queues: %s", g->conf->path,
				rc == -ENOMEM ? "no memory" : "see above")
		      : 0;
}

static int build_form(struct generation *g, unsigned q, struct err *e)
{
	const struct queue_conf *qc = &g->conf->queues[q];
	struct queue_form *f = &g->forms[q];
	/* A record that its sink refuses is known by its id, which JSON begins with. */
	bool json = encoders[qc->format] == &encoder_json;
	bool ids = qc->headers || (g->conf->dead_letters.dir && !json);
	int rc = 0;
	*f = (struct queue_form){
		.encoder = encoders[qc->format],
		.ddl = qc->ddl,
		.key = qc->key,
		.ids = ids,
		.marks = qc->key || ids,
		.hops_max = qc->headers ? (uint8_t)qc->hops_max : 0,
	};
	if (f->encoder == &encoder_protobuf)
		rc = queue_schema_shape(g->schemas, g->pipeline, q, &g->shapes[q], e);
	if (rc == 0)
		rc = queue_schema_only(g->pipeline, q, &g->onlys[q], e);
	f->shape = g->shapes[q];
	f->only = g->onlys[q];
	return rc;
}

static int build_forms(struct generation *g, const struct config_files *files, FILE *out,
		       struct err *e)
{
	size_t n = g->conf->n_queues;
	int rc = build_schemas(g, files, out, e);
	if (rc < 0)
		return rc;
	g->forms = mem_alloc((n + 1) * sizeof(*g->forms));
	g->shapes = mem_alloc((n + 1) * sizeof(*g->shapes));
	g->onlys = mem_alloc((n + 1) * sizeof(*g->onlys));
	if (!g->forms || !g->shapes || !g->onlys)
		return err_set(e, -ENOMEM, "no memory for queues");
	for (unsigned q = 0; rc == 0 && q < n; q++)
		rc = build_form(g, q, e);
	return rc;
}

/* Where records of a source may come to; and by origin the queues that take from it. */
struct reach {
	bool *is;       /* by origin */
	unsigned *list; /* the same origins */
	unsigned n;
	unsigned *first; /* queues of origin o: takers[first[o]] to takers[first[o + 1]] */
	uint16_t *takers;
	unsigned *listed; /* by queue: in which turn it was listed last */
	unsigned turn;
};

static void reach_fini(struct reach *r)
{
	mem_free(r->is);
	mem_free(r->list);
	mem_free(r->first);
	mem_free(r->takers);
	mem_free(r->listed);
}

static int reach_init(struct reach *r, const struct config *c)
{
	size_t n = 0;
	for (size_t q = 0; q < c->n_queues; q++)
		n += c->queues[q].n_origins;
	*r = (struct reach){.is = mem_alloc((c->n_origins + 1) * sizeof(*r->is)),
			    .list = mem_alloc((c->n_origins + 1) * sizeof(*r->list)),
			    .first = mem_alloc((c->n_origins + 2) * sizeof(*r->first)),
			    .takers = mem_alloc((n + 1) * sizeof(*r->takers)),
			    .listed = mem_alloc((c->n_queues + 1) * sizeof(*r->listed))};
	if (!r->is || !r->list || !r->first || !r->takers || !r->listed)
		return -ENOMEM;
	/* first[o + 2] counts, first[o + 1] is where the next one goes. */
	for (size_t q = 0; q < c->n_queues; q++)
		for (size_t k = 0; k < c->queues[q].n_origins; k++)
			if (c->queues[q].origins[k] + 1 < c->n_origins)
				r->first[c->queues[q].origins[k] + 2]++;
	for (size_t o = 2; o <= c->n_origins; o++)
		r->first[o] += r->first[o - 1];
	for (size_t q = 0; q < c->n_queues; q++)
		for (size_t k = 0; k < c->queues[q].n_origins; k++)
			r->takers[r->first[c->queues[q].origins[k] + 1]++] = (uint16_t)q;
	return 0;
}

static void come_to(struct reach *r, unsigned origin)
{
	if (!r->is[origin])
		r->list[r->n++] = origin;
	r->is[origin] = true;
}

static void follow(const struct config *c, unsigned s, struct reach *r)
{
	while (r->n)
		r->is[r->list[--r->n]] = false;
	come_to(r, s);
	for (size_t i = 0; i < c->n_nodes; i++) {
		const struct node_conf *n = &c->nodes[c->node_order[i]];
		bool any = false;
		for (size_t k = 0; k < n->n_origins; k++)
			any |= r->is[n->origins[k]];
		for (unsigned k = 0; any && k < n->n_ports; k++)
			come_to(r, n->first_origin + k);
	}
}

/* The queues of source @s; only their number when @ret_queues is NULL. */
static unsigned list_queues(const struct config *c, unsigned s, struct reach *r,
			    uint16_t *ret_queues)
{
	unsigned n = 0;
	follow(c, s, r);
	r->turn++;
	for (unsigned i = 0; i < r->n; i++)
		for (unsigned k = r->first[r->list[i]]; k < r->first[r->list[i] + 1]; k++) {
			unsigned q = r->takers[k];
			if (r->listed[q] == r->turn)
				continue;
			r->listed[q] = r->turn;
			if (ret_queues)
				ret_queues[n] = (uint16_t)q;
			n++;
		}
	return n;
}

static unsigned shed_level(const struct source_conf *s)
{
	static const unsigned levels[] = {[SOURCE_SHED_AUTO] = 3,
					  [SOURCE_SHED_NEVER] = 0,
					  [SOURCE_SHED_LATE] = 3,
					  [SOURCE_SHED_NORMAL] = 2,
					  [SOURCE_SHED_EARLY] = 1};
	return s->parser->changes ? 0 : levels[s->shed];
}

/* Sources that are shed, and the queues that say when. */
static int build_sheds(struct generation *g, struct err *e)
{
	const struct config *c = g->conf;
	size_t n = 0;
	struct reach reach;
	int rc = reach_init(&reach, c);
	g->sheds = mem_alloc((c->n_sources + 1) * sizeof(*g->sheds));
	if (rc < 0 || !g->sheds)
		goto oom;
	for (unsigned i = 0; i < c->n_sources; i++) {
		struct shed_source *s = &g->sheds[i];
		s->at = shed_level(&c->sources[i]);
		s->keep = (uint32_t)c->sources[i].shed_keep;
		s->n_queues = s->at ? list_queues(c, i, &reach, NULL) : 0;
		n += s->n_queues;
	}
	g->shed_queues = mem_alloc((n + 1) * sizeof(*g->shed_queues));
	if (!g->shed_queues)
		goto oom;
	n = 0;
	for (unsigned i = 0; i < c->n_sources; i++) {
		g->sheds[i].queues = g->shed_queues + n;
		if (g->sheds[i].n_queues)
			n += list_queues(c, i, &reach, g->shed_queues + n);
	}
	reach_fini(&reach);
	return 0;
oom:
	reach_fini(&reach);
	return err_set(e, -ENOMEM, "no memory for sources");
}

static uint16_t find_node(const struct config *c, const struct node_conf *wanted)
{
	for (unsigned i = 0; i < c->n_nodes; i++)
		if (config_node_equal(&c->nodes[c->node_order[i]], wanted))
			return (uint16_t)i;
	return GRAPH_NO_NODE;
}

/* Nodes that may hold records of source @s, which is gone, do not go on. */
static void leave_nodes(struct generation *g, const struct config *was, unsigned s, struct reach *r)
{
	follow(was, s, r);
	for (unsigned i = 0; i < was->n_nodes; i++) {
		const struct node_conf *n = &was->nodes[was->node_order[i]];
		for (size_t k = 0; k < n->n_origins; k++)
			if (r->is[n->origins[k]])
				g->next_nodes[i] = GRAPH_NO_NODE;
	}
}

static int map_sources(struct generation *g, const struct config *was, struct err *e)
{
	struct reach reach;
	bool same = true;
	size_t hint = 0;
	int rc = reach_init(&reach, was);
	g->next_sources = mem_alloc((was->n_sources + 1) * sizeof(*g->next_sources));
	if (rc < 0 || !g->next_sources) {
		reach_fini(&reach);
		return err_set(e, -ENOMEM, "no memory");
	}
	for (unsigned i = 0; i < was->n_sources; i++) {
		const struct source_conf *is =
			config_source_named(g->conf, was->sources[i].name, &hint);
		g->next_sources[i] = is ? (uint16_t)(is - g->conf->sources) : UINT16_MAX;
		same &= g->next_sources[i] == i;
		if (!is)
			leave_nodes(g, was, i, &reach);
	}
	reach_fini(&reach);
	if (same) {
		mem_free(g->next_sources);
		g->next_sources = NULL;
	}
	return 0;
}

/* Which nodes of @before go on here. What feeds a dimension remembers nothing that is not its own.
 */
static int map_nodes(struct generation *g, const struct generation *before, struct err *e)
{
	const struct config *was = before->conf;
	unsigned n = before->pipeline->graph.n_nodes;
	g->next_nodes = mem_alloc((n + 1) * sizeof(*g->next_nodes));
	if (!g->next_nodes)
		return err_set(e, -ENOMEM, "no memory");
	for (unsigned i = 0; i < n; i++)
		g->next_nodes[i] = i < was->n_nodes
					   ? find_node(g->conf, &was->nodes[was->node_order[i]])
					   : GRAPH_NO_NODE;
	return map_sources(g, was, e);
}

int generation_build(const struct config *conf, struct generation *before,
		     struct generation **ret_g, FILE *out, struct err *e)
{
	struct generation *g = mem_alloc(sizeof(*g));
	if (!g)
		return err_set(e, -ENOMEM, "no memory");
	g->n_refs = 1;
	g->conf = conf;
	int rc = pipeline_rebuild(conf, before ? before->pipeline : NULL, &g->pipeline, e);
	if (rc == 0 && before)
		rc = map_nodes(g, before, e);
	if (rc == 0)
		rc = build_forms(g, before ? &config_regular : &config_disk, out, e);
	if (rc == 0)
		rc = build_sheds(g, e);
	if (rc < 0) {
		generation_put(g);
		return rc;
	}
	*ret_g = g;
	return 0;
}

struct worker_conf generation_worker_conf(const struct generation *g)
{
	const struct pipeline *p = g->pipeline;
	return (struct worker_conf){
		.flush = g->conf->flush,
		.extract_sources = p->extract_sources,
		.rules = p->rules,
		.graph = &p->graph,
		.next_nodes = g->next_nodes,
		.next_sources = g->next_sources,
		.frame_sources = p->frame_sources,
		.forms = g->forms,
		.sheds = g->sheds,
		.n_queues = (unsigned)g->conf->n_queues,
		.source_names = p->source_names,
		.n_sources = (unsigned)g->conf->n_sources,
		.names = p->names,
		.encode = p->encode,
	};
}

struct generation *generation_get(struct generation *g)
{
	g->n_refs++;
	return g;
}

void generation_put(struct generation *g)
{
	if (!g || atomic_fetch_sub(&g->n_refs, 1) > 1)
		return;
	for (size_t q = 0; q < g->conf->n_queues; q++) {
		if (g->shapes)
			proto_shape_destroy(g->shapes[q]);
		if (g->onlys)
			proto_shape_destroy(g->onlys[q]);
	}
	mem_free(g->shapes);
	mem_free(g->onlys);
	mem_free(g->forms);
	mem_free(g->sheds);
	mem_free(g->shed_queues);
	mem_free(g->next_nodes);
	mem_free(g->next_sources);
	queue_schemas_destroy(g->schemas);
	pipeline_destroy(g->pipeline);
	config_free(g->own_conf);
	mem_free(g);
}
