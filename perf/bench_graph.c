/* bench_graph.c - what does the graph cost a record, beside a loop written by hand?
 *
 * In:     KEYS (1,000,000) of a dimension; bursts of 256 beacons with eight fields that the sender
 *         named, of which three quarters pass the filter.
 * Out:    ns a record that comes in, median of 15 rounds: a filter, a projection to five fields, an
 *         enrichment by two, a route of eight branches; each node added to those before; and the
 *         same by hand, which makes the same records. Rounds of all are interleaved.
 * Owns:   its files in /tmp.
 * Runs:   main.
 * Limits: both are checked to give the same records before anything is measured.
 */
#include <unistd.h>

#include "ctl/pipeline.h"
#include "dataplane/base/mem.h"
#include "dataplane/base/text.h"
#include "perf/bench.h"

#define N_RECS     BATCH_RECS_MAX
#define N_SETS     64 /* bursts of different keys: the dimension does not fit a cache */
#define N_ROUNDS   15
#define N_BRANCHES 8
#define ARENA      (8u << 20)

static const char text[] = "sources: { app: { match: { tcp: 5170 }, parser: lines } }\n"
			   "dimensions:\n"
			   "  video:\n"
			   "    from: { file: { path: bench-graph.csv } }\n"
			   "    key: vid\n"
			   "    fields: { title: string, channel: string }\n"
			   "    keys_max: 4000000\n"
			   "pipeline:\n";

static const char *const nodes[] = {
	"  f: { op: filter, from: app, where: \"t = '15' AND uid IS NOT NULL\" }\n",
	"  p: { op: project, from: f, select: \"uid, vid, dur::int AS dur, lower(region) AS "
	"region, "
	"url\" }\n",
	"  e: { op: enrich, from: p, dimension: video, key: vid, prefix: video_ }\n",
	"  r:\n"
	"    op: route\n"
	"    from: e\n"
	"    branches: { vip: \"video_channel = 'vip'\", cn: \"region = 'cn'\", us: \"region = "
	"'us'\", jp: \"region = 'jp'\", de: \"region = 'de'\", long: \"dur > 5000\", short: \"dur "
	"< "
	"100\" }\n"
	"    rest: other\n",
};
#define N_NODES (sizeof(nodes) / sizeof(nodes[0]))
#define N_PARTS (N_NODES + 1)

static const char *const ends[N_NODES] = {
	"f", "p", "e", "r.vip, r.cn, r.us, r.jp, r.de, r.long, r.short, r.other"};

/* A burst as it was extracted. It is laid into the one batch before it is run, as a worker's are.
 */
struct set {
	uint8_t *bytes;
	uint32_t recs[N_RECS]; /* their offsets */
	size_t used;
};

static struct set sets[N_SETS];
static unsigned n_sets;
static struct batch batch;
static unsigned n_keys;
static const char *const names[] = {"t", "uid", "vid", "dur", "region", "url", "ua", "v"};

/* What comes out: counted, and mixed into a number. */
static struct {
	uint64_t n, sum;
} out;

static void see(const struct batch *b, const struct rec *r)
{
	out.n++;
	out.sum = out.sum * 31 + r->vals[0].len + b->arena.base[r->vals[0].off];
}

static void put(void *arg, unsigned queue, struct batch *b, struct rec *const *recs, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		see(b, recs[i]);
}

/* ---- records ---- */

static void make_rec(struct set *s, struct rec_builder *rb, unsigned i, uint32_t *io_r)
{
	static const char *const regions[] = {"CN", "us", "De", "fr", "JP", "BR", "in", "GB"};
	static const struct schema none;
	char values[8][96];
	uint32_t r = *io_r = *io_r * 1664525 + 1013904223;
	snprintf(values[0], 96, "%s", (r >> 8) % 8 ? "15" : "20");
	snprintf(values[1], 96, "u%08x", r);
	snprintf(values[2], 96, "%u", (unsigned)((uint64_t)r * n_keys >> 32));
	snprintf(values[3], 96, "%u", (r >> 7) % 10000);
	snprintf(values[4], 96, "%s", regions[(r >> 16) % 8]);
	snprintf(values[5], 96, "https://www.example.com/v5/play/%u?session=%08x", r % 100000, r);
	snprintf(values[6], 96, "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/115.0");
	snprintf(values[7], 96, "5.2.%u", r % 10);
	uint32_t frame = arena_take(&batch.arena, 0);
	struct val pairs[16];
	for (unsigned k = 0; k < 8; k++) {
		const char *words[] = {names[k], values[k]};
		for (unsigned w = 0; w < 2; w++) {
			size_t len = strlen(words[w]);
			uint32_t off = arena_copy(&batch.arena, words[w], len);
			pairs[2 * k + w] = val_of(VAL_JSTR, off, len);
		}
	}
	size_t frame_len = batch.arena.used - frame;
	rec_begin(rb, &batch, &none);
	for (unsigned k = 0; k < 8; k++)
		if (k != 1 || (r >> 12) % 8)
			rec_pair(rb, pairs[2 * k], pairs[2 * k + 1]);
	struct rec *rec = rec_end(rb);
	bench_must(rec != NULL, "records fit");
	rec->frame_off = frame;
	rec->frame_len = (uint32_t)frame_len;
	s->recs[i] = (uint32_t)((uint8_t *)rec - batch.arena.base);
}

static void make_sets(void)
{
	struct rec_builder *rb = mem_alloc(sizeof(*rb));
	uint32_t r = 1;
	bench_must(rb && arena_init(&batch.arena, ARENA) == 0, "memory");
	for (unsigned k = 0; k < N_SETS; k++) {
		struct set *s = &sets[k];
		arena_reset(&batch.arena);
		batch.n_recs = 0;
		for (unsigned i = 0; i < N_RECS; i++)
			make_rec(s, rb, i, &r);
		s->used = batch.arena.used;
		s->bytes = mem_alloc(s->used);
		bench_must(s->bytes != NULL, "memory");
		memcpy(s->bytes, batch.arena.base, s->used);
	}
	mem_free(rb);
}

static void make_files(unsigned last)
{
	FILE *f = fopen("/tmp/bench-graph.yaml", "w");
	bench_must(f != NULL, "/tmp/bench-graph.yaml");
	fputs(text, f);
	for (unsigned i = 0; i <= last; i++)
		fputs(nodes[i], f);
	fprintf(f, "sinks: { out: { \"null\": {} } }\nqueues: { q/q: { from: [%s], sink: out } }\n",
		ends[last]);
	fclose(f);
	if (access("/tmp/bench-graph.csv", R_OK) == 0)
		return;
	bench_must((f = fopen("/tmp/bench-graph.csv", "w")) != NULL, "/tmp/bench-graph.csv");
	fputs("vid,title,channel\n", f);
	for (unsigned i = 0; i < n_keys; i++)
		fprintf(f, "%u,%080u,%s\n", i, i, i % 10 ? "free" : "vip");
	fclose(f);
}

/* ---- by hand ---- */

struct hand {
	struct dim *dim;
	int reader;
	struct schema schema; /* uid, vid, dur, region, url, video_title, video_channel */
	struct rec *lists[N_BRANCHES][N_RECS];
	struct slice keys[N_RECS];
	const struct dim_row *rows[N_RECS];
	struct rec *made[N_RECS];
};

static const struct field_def hand_fields[] = {
	{"uid", VAL_STR, ""},          {"vid", VAL_STR, ""}, {"dur", VAL_I64, ""},
	{"region", VAL_STR, ""},       {"url", VAL_STR, ""}, {"video_title", VAL_STR, ""},
	{"video_channel", VAL_STR, ""}};

static const struct val *find(const struct batch *b, const struct rec *r, const char *name,
			      size_t len)
{
	const struct val *pairs = rec_pairs((struct rec *)r);
	for (unsigned i = 0; i < r->n_pairs; i++)
		if (pairs[2 * i].len == len &&
		    memcmp(b->arena.base + pairs[2 * i].off, name, len) == 0)
			return &pairs[2 * i + 1];
	return NULL;
}

#define FIND(b, r, name) find(b, r, name, sizeof(name) - 1)

static struct slice slice_at(const struct batch *b, const struct val *v)
{
	return v ? arena_slice(&b->arena, v->off, v->len) : (struct slice){0};
}

static struct rec *hand_make(struct hand *h, struct batch *b, const struct rec *from)
{
	const struct val *t = FIND(b, from, "t"), *uid = FIND(b, from, "uid");
	if (!t || t->len != 2 || memcmp(b->arena.base + t->off, "15", 2) != 0 || !uid)
		return NULL;
	const struct val *vid = FIND(b, from, "vid"), *url = FIND(b, from, "url");
	struct slice dur = slice_at(b, FIND(b, from, "dur"));
	struct slice region = slice_at(b, FIND(b, from, "region"));
	uint64_t n;
	uint32_t off = arena_take8(&b->arena, sizeof(*from) + 7 * sizeof(struct val));
	uint32_t word = arena_take8(&b->arena, 8), low = arena_take(&b->arena, region.len);
	if (!off || !word || !low || !text_u64(dur, &n))
		return NULL;
	struct rec *r = (struct rec *)(b->arena.base + off);
	*r = *from;
	r->schema = &h->schema;
	r->n_pairs = 0;
	r->vals[0] = *uid;
	r->vals[1] = *vid;
	memcpy(b->arena.base + word, &n, 8);
	r->vals[2] = val_of(VAL_I64, word, 8);
	for (size_t i = 0; i < region.len; i++)
		b->arena.base[low + i] = text_lower(region.ptr[i]);
	r->vals[3] = val_of(VAL_STR, low, region.len);
	r->vals[4] = *url;
	return r;
}

static unsigned hand_branch(const struct batch *b, const struct rec *r)
{
	static const char regions[][3] = {"cn", "us", "jp", "de"};
	struct slice region = slice_at(b, &r->vals[3]), channel = slice_at(b, &r->vals[6]);
	int64_t dur;
	if (channel.len == 3 && memcmp(channel.ptr, "vip", 3) == 0)
		return 0;
	for (unsigned k = 0; k < 4; k++)
		if (region.len == 2 && memcmp(region.ptr, regions[k], 2) == 0)
			return 1 + k;
	memcpy(&dur, b->arena.base + r->vals[2].off, sizeof(dur));
	return dur > 5000 ? 5 : dur < 100 ? 6 : 7;
}

static void hand_run(struct hand *h, struct batch *b, struct rec *const *recs)
{
	unsigned n = 0, n_out[N_BRANCHES] = {0};
	for (unsigned i = 0; i < N_RECS; i++)
		if ((h->made[n] = hand_make(h, b, recs[i])))
			n++;
	for (unsigned i = 0; i < n; i++)
		h->keys[i] = slice_at(b, &h->made[i]->vals[1]);
	dim_table_find(dim_enter(h->dim, h->reader), h->keys, n, h->rows);
	for (unsigned i = 0; i < n; i++) {
		const struct dim_row *row = h->rows[i];
		uint32_t at = row ? arena_copy(&b->arena, row, row->bytes) : 0;
		for (unsigned k = 0; k < 2; k++) {
			struct val v = val_of(VAL_NULL, 0, 0);
			if (row) {
				v = row->vals[k];
				v.off += at;
			}
			h->made[i]->vals[5 + k] = v;
		}
		unsigned k = hand_branch(b, h->made[i]);
		h->lists[k][n_out[k]++] = h->made[i];
	}
	dim_leave(h->dim, h->reader);
	for (unsigned k = 0; k < N_BRANCHES; k++)
		put(NULL, 0, b, h->lists[k], n_out[k]);
}

/* ---- rounds ---- */

struct part {
	const char *name;
	struct config *conf;
	struct pipeline *pipeline;
	struct graph *graph; /* NULL: by hand */
	double s[N_ROUNDS];
};

static struct hand hand;

static void build(struct part *p, unsigned last)
{
	struct err_list errs = {0};
	struct err e;
	make_files(last);
	if (config_load("/tmp/bench-graph.yaml", &p->conf, &errs) < 0)
		err_list_print(&errs, stderr);
	bench_must(p->conf != NULL, "the configuration");
	bench_must(pipeline_build(p->conf, &p->pipeline, &e) == 0, e.text);
	bench_must(graph_create(&p->pipeline->graph, put, NULL, &p->graph, &e) == 0, e.text);
	err_list_fini(&errs);
}

static void lay_down(const struct set *s)
{
	memcpy(batch.arena.base, s->bytes, s->used);
	batch.arena.used = s->used;
	batch.n_recs = N_RECS;
	for (unsigned i = 0; i < N_RECS; i++)
		batch.recs[i] = (struct rec *)(batch.arena.base + s->recs[i]);
}

static void push(void *arg)
{
	graph_push(arg, &batch);
}

static void count(const struct part *p)
{
	lay_down(&sets[0]);
	push(p->graph);
	lay_down(&sets[1]);
	bench_count(p->name, N_RECS, push, p->graph);
}

static double run_s(const struct part *p)
{
	double s = 0;
	out.n = out.sum = 0;
	for (unsigned k = 0; k < n_sets; k++) {
		lay_down(&sets[k]);
		double from = bench_cpu();
		if (p->graph)
			graph_push(p->graph, &batch);
		else
			hand_run(&hand, &batch, batch.recs);
		s += bench_cpu() - from;
	}
	return s;
}

static void measure(struct part *parts, uint64_t n)
{
	for (unsigned round = 0; round < N_ROUNDS; round++)
		for (unsigned i = 0; i < N_PARTS; i++)
			parts[i].s[round] = run_s(&parts[i]);
	for (unsigned i = 0; i < N_PARTS; i++)
		bench_print(parts[i].name, parts[i].s, N_ROUNDS, (double)N_SETS * N_RECS);
	printf("the graph is %.2f times the loop; of %u records %llu go on\n",
	       parts[N_PARTS - 2].s[N_ROUNDS / 2] / parts[N_PARTS - 1].s[N_ROUNDS / 2],
	       N_SETS * N_RECS, (unsigned long long)n);
}

int main(int argc, char **argv)
{
	static struct part parts[N_PARTS] = {
		{.name = "filter"},         {.name = "and project"}, {.name = "and enrich"},
		{.name = "and route: all"}, {.name = "by hand"},
	};
	bench_about(argc, argv, 1, "bench_graph [KEYS]: the cost of a record in the graph");
	n_keys = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000000;
	unlink("/tmp/bench-graph.csv");
	for (unsigned i = 0; i + 1 < N_PARTS; i++)
		build(&parts[i], i);
	hand.dim = parts[N_PARTS - 2].pipeline->dims[0];
	hand.reader = dim_join(hand.dim);
	bench_must(schema_init(&hand.schema, hand_fields, 7) == 0, "memory");
	make_sets();
	n_sets = bench_counts() ? 2 : N_SETS;
	run_s(&parts[N_PARTS - 2]);
	uint64_t n = out.n;
	run_s(&parts[N_PARTS - 1]);
	bench_must(n == out.n && n > 0, "as many records both ways");
	if (bench_counts())
		for (unsigned i = 0; i < N_NODES; i++)
			count(&parts[i]);
	else
		measure(parts, n);
	unlink("/tmp/bench-graph.csv");
	unlink("/tmp/bench-graph.yaml");
	return 0;
}
