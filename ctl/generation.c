#include "ctl/generation.h"

#include <stdio.h>

#include "ctl/config_read.h"
#include "dataplane/base/mem.h"

/* The schemas of the queues beside their files: what may not change keeps sluice from starting. */
static int build_schemas(struct generation *g, FILE *out, struct err *e)
{
	struct err_list errs = {0};
	int rc = queue_schemas_create(g->pipeline, &config_disk, false, &g->schemas, &errs);
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
	/* A record that its sink refuses is known by its id. */
	bool ids = qc->headers || g->conf->dead_letters.dir;
	int rc = 0;
	*f = (struct queue_form){
		.encoder = encoders[qc->format],
		.ddl = qc->ddl,
		.key = qc->key,
		.ids = ids,
		.marks = qc->key || ids,
	};
	if (f->encoder == &encoder_protobuf)
		rc = queue_schema_shape(g->schemas, g->pipeline, q, &g->shapes[q], e);
	if (rc == 0)
		rc = queue_schema_only(g->pipeline, q, &g->onlys[q], e);
	f->shape = g->shapes[q];
	f->only = g->onlys[q];
	return rc;
}

static int build_forms(struct generation *g, FILE *out, struct err *e)
{
	size_t n = g->conf->n_queues;
	int rc = build_schemas(g, out, e);
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

/* Who lends a dimension stays for as long as it is used. */
static int hold_owners(struct generation *g, struct generation *before, struct err *e)
{
	const struct pipeline *p = g->pipeline;
	size_t n = g->conf->n_dimensions;
	g->dim_owners = mem_alloc((n + 1) * sizeof(struct generation *));
	if (!g->dim_owners)
		return err_set(e, -ENOMEM, "no memory");
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; p->dims_lent[i] && k < before->conf->n_dimensions; k++)
			if (before->pipeline->dims[k] == p->dims[i])
				g->dim_owners[i] = generation_get(
					before->dim_owners[k] ? before->dim_owners[k] : before);
	return 0;
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
	if (rc == 0)
		rc = hold_owners(g, before, e);
	if (rc == 0)
		rc = build_forms(g, out, e);
	if (rc < 0) {
		generation_put(g);
		return rc;
	}
	*ret_g = g;
	return 0;
}

struct generation *generation_get(struct generation *g)
{
	g->n_refs++;
	return g;
}

void generation_put(struct generation *g)
{
	if (!g || --g->n_refs)
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
	queue_schemas_destroy(g->schemas);
	pipeline_destroy(g->pipeline);
	for (size_t i = 0; g->dim_owners && i < g->conf->n_dimensions; i++)
		generation_put(g->dim_owners[i]);
	mem_free(g->dim_owners);
	config_free(g->own_conf);
	mem_free(g);
}
