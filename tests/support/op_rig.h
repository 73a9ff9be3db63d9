/* op_rig.h - a few nodes of a pipeline over a few JSON records, for the tests of operators.
 *
 * In:     the sections of a configuration behind `sources`, as YAML; JSON objects, records of the
 *         source app, one second apart.
 * Out:    the records that leave a node as JSON, without sluice's own fields; ledger rows.
 * Owns:   everything until op_rig_fini.
 * Runs:   tests.
 * Limits: BATCH_RECS_MAX records a burst; OP_RIG_OUT_MAX come out.
 */
#ifndef SL_TESTS_OP_RIG_H
#define SL_TESTS_OP_RIG_H

#include "ctl/pipeline.h"
#include "dataplane/base/mem.h"
#include "dataplane/extract/json.h"

#define OP_RIG_OUT_MAX            4096
#define OP_RIG_N(array)           (sizeof(array) / sizeof((array)[0]))
#define OP_RIG_FEED(rig, objects) op_rig_feed(rig, objects, OP_RIG_N(objects))

struct op_rig {
	struct config *conf;
	struct pipeline *pipeline;
	struct graph *graph;
	struct json *json;
	struct rec_builder *rb;
	struct batch batch;
	unsigned origin;  /* that is looked at */
	uint64_t time_ns; /* of the next record */
	unsigned n;
	char *got[OP_RIG_OUT_MAX];
	char says[4096]; /* what is wrong with the configuration; empty: nothing */
};

static inline int op_rig_no_file(void *arg, const char *path, uint8_t **ret_bytes, size_t *ret_len,
				 struct err *e)
{
	return err_set(e, -ENOENT, "%s: no files here", path);
}

/* Keeps what comes out of the origin, from the first field that is not sluice's. */
static inline void op_rig_put(void *arg, unsigned queue, struct batch *b, struct rec *const *recs,
			      unsigned n)
{
	struct op_rig *r = arg;
	for (unsigned i = 0; queue == r->origin && i < n; i++) {
		struct encode_ctx *x = &r->pipeline->encode;
		char *text = calloc(1, encoder_json.max(x, b, recs[i]) + 1);
		assert_non_null(text);
		assert_true(r->n < OP_RIG_OUT_MAX);
		size_t len = encoder_json.put(x, b, recs[i], (uint8_t *)text);
		while (len && text[len - 1] == '\n')
			text[--len] = '\0';
		/* A group has no addresses: its last field of ours is _stream. */
		const char *end = strstr(text, "\"_dst\":\"\"");
		end = end ? end + 9 : strchr(strstr(text, "\"_stream\":\"") + 11, '"') + 1;
		end += *end == ',';
		memmove(text + 1, end, strlen(end) + 1);
		r->got[r->n++] = text;
	}
}

static inline void op_rig_build(struct op_rig *r, const char *yaml)
{
	static const struct config_files no_files = {op_rig_no_file, NULL};
	static char text[65536];
	struct err_list errs = {0};
	struct err e = {0};
	memset(r, 0, sizeof(*r));
	r->time_ns = 1000000000;
	snprintf(text, sizeof(text),
		 "sources: { app: { match: { tcp: 5170 }, parser: lines } }\n%s", yaml);
	if (config_parse("rig.yaml", slice_str(text), &no_files, &r->conf, &errs) < 0)
		snprintf(r->says, sizeof(r->says), "%s", errs.n ? errs.entries[0].text : "?");
	else if (pipeline_build(r->conf, &r->pipeline, &e) < 0 ||
		 graph_create(&r->pipeline->trial_graph, op_rig_put, r, &r->graph, &e) < 0)
		snprintf(r->says, sizeof(r->says), "%s", e.text);
	err_list_fini(&errs);
	r->json = json_create(1 << 16);
	r->rb = calloc(1, sizeof(*r->rb));
	assert_non_null(r->json);
	assert_non_null(r->rb);
	assert_int_equal(arena_init(&r->batch.arena, 8 << 20), 0);
}

/* A pipeline that must be good, looked at behind @node. */
static inline void op_rig_init(struct op_rig *r, const char *yaml, const char *node)
{
	op_rig_build(r, yaml);
	assert_string_equal(r->says, "");
	r->origin = UINT32_MAX;
	for (unsigned i = 0; i < r->conf->n_origins; i++)
		if (strcmp(r->conf->origins[i].name, node) == 0)
			r->origin = i;
	assert_int_not_equal(r->origin, UINT32_MAX);
}

/* And no node has lost a record that it does not tell of. */
static inline void op_rig_fini(struct op_rig *r)
{
	for (unsigned i = 0; r->graph && i < r->pipeline->graph.n_nodes; i++)
		assert_int_equal(ledger_imbalance(r->pipeline->graph.nodes[i].op->ledger,
						  graph_node_row(r->graph, i)),
				 0);
	for (unsigned i = 0; i < r->n; i++)
		free(r->got[i]);
	graph_destroy(r->graph);
	pipeline_destroy(r->pipeline);
	config_free(r->conf);
	json_destroy(r->json);
	free(r->rb);
	arena_fini(&r->batch.arena);
}

/* A record of one JSON object into the open burst. */
static inline void op_rig_add(struct op_rig *r, const char *object)
{
	static const struct schema none;
	struct batch *b = &r->batch;
	bool repaired;
	if (b->n_recs == 0)
		arena_reset(&b->arena);
	size_t len = strlen(object);
	uint32_t at = arena_take(&b->arena, len + SL_PAD);
	assert_int_not_equal(at, 0);
	memset(b->arena.base + at, 0, len + SL_PAD);
	memcpy(b->arena.base + at, object, len);
	rec_begin(r->rb, b, &none);
	const char *wrong = json_pairs(r->json, arena_slice(&b->arena, at, len), r->rb, &repaired);
	assert_null(wrong);
	static const char origin[] = "\"_src\":\"\",\"_dst\":\"\"";
	uint32_t origin_off = arena_copy(&b->arena, origin, strlen(origin));
	struct rec *rec = rec_end(r->rb);
	assert_non_null(rec);
	rec->origin_off = origin_off;
	rec->origin_len = sizeof(origin) - 1;
	rec->time_ns = r->time_ns;
	rec->idx = b->n_recs;
	rec->frame_off = at;
	rec->frame_len = (uint32_t)len;
	r->time_ns += 1000000000;
}

/* The open burst goes through the graph. */
static inline void op_rig_push(struct op_rig *r)
{
	graph_push(r->graph, &r->batch);
}

static inline void op_rig_feed(struct op_rig *r, const char *const *objects, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		op_rig_add(r, objects[i]);
	op_rig_push(r);
}

/* What has come out, and nothing else: @want is one text, a record a line. */
static inline void op_rig_assert(struct op_rig *r, const char *want)
{
	static char all[1 << 20];
	size_t at = 0;
	all[0] = '\0';
	for (unsigned i = 0; i < r->n; i++)
		at += (size_t)snprintf(all + at, sizeof(all) - at, "%s\n", r->got[i]);
	assert_string_equal(all, want);
}

/* The input has ended. */
static inline void op_rig_finish(struct op_rig *r)
{
	graph_finish(r->graph, &r->batch);
}

/* A reload, to @yaml: nodes go on with what they remember where there is one of the same name.
 * The rows begin anew; those of before balance, as op_rig_fini sees to.
 */
static inline void op_rig_reload(struct op_rig *r, const char *yaml, const char *node)
{
	static struct op_rig next;
	struct err e;
	uint16_t to[64];
	op_rig_init(&next, yaml, node);
	graph_destroy(next.graph); /* for another, whose records come to @r */
	assert_int_equal(graph_create(&next.pipeline->trial_graph, op_rig_put, r, &next.graph, &e),
			 0);
	unsigned n = r->pipeline->graph.n_nodes, n_next = next.pipeline->graph.n_nodes;
	assert_true(n <= OP_RIG_N(to));
	for (unsigned i = 0; i < n; i++) {
		to[i] = GRAPH_NO_NODE;
		for (unsigned k = 0; k < n_next; k++)
			if (strcmp(r->pipeline->graph.nodes[i].name,
				   next.pipeline->graph.nodes[k].name) == 0)
				to[i] = (uint16_t)k;
	}
	graph_go_over(r->graph, next.graph, to, NULL, &r->batch);
	SL_EXCHANGE(r->graph, next.graph);
	SL_EXCHANGE(r->pipeline, next.pipeline);
	SL_EXCHANGE(r->conf, next.conf);
	SL_EXCHANGE(r->origin, next.origin);
	op_rig_fini(&next);
}

/* The column of that name in the ledger of a node. */
static inline uint64_t op_rig_row(const struct op_rig *r, const char *node, const char *col)
{
	for (unsigned i = 0; i < r->pipeline->graph.n_nodes; i++) {
		const struct graph_node *g = &r->pipeline->graph.nodes[i];
		for (unsigned k = 0; strcmp(g->name, node) == 0 && k < g->op->ledger->n_cols; k++)
			if (strcmp(g->op->ledger->cols[k].name, col) == 0)
				return graph_node_row(r->graph, i)[k];
	}
	fail_msg("no column %s of node %s", col, node);
	return 0;
}

#endif
