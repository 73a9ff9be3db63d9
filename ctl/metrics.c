#include "ctl/metrics.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define NAME_MAX_BYTES 160

/* Notes may be anything: ages, sizes, counts. */
static bool is_counter(const struct ledger_col *c)
{
	return c->kind != LEDGER_IN_FLIGHT && c->kind != LEDGER_HELD && c->kind != LEDGER_INFO;
}

/* What Prometheus takes as a name: other bytes become "_". */
static void put_name(char *at, size_t cap, const struct ledger_table *t, const struct ledger_col *c)
{
	snprintf(at, cap, "sluice_%s_%s_%s%s", t->stage, t->unit, c->name,
		 is_counter(c) ? "_total" : "");
	for (; *at; at++)
		if (!isalnum((unsigned char)*at) && *at != '_')
			*at = '_';
}

/* In place of more scopes than a metric may have. */
#define ALL_SCOPES "(all)"

struct series {
	unsigned col;
	struct slice name;
	struct text_out *out;
};

static void put_sample(void *arg, const struct ledger_table *t, const char *scope,
		       const uint64_t *cols)
{
	const struct series *s = arg;
	(void)t;
	text_out_slice(s->out, s->name);
	if (*scope) {
		text_out_str(s->out, "{scope=\"");
		text_out_label(s->out, scope);
		text_out_str(s->out, "\"}");
	}
	text_out_str(s->out, " ");
	text_out_u64(s->out, cols[s->col]);
	text_out_str(s->out, "\n");
}

static void add_cols(void *arg, const struct ledger_table *t, const char *scope,
		     const uint64_t *cols)
{
	uint64_t *sum = arg;
	(void)scope;
	for (unsigned i = 0; i < t->n_cols; i++)
		sum[i] += cols[i];
}

/* All rows of a table that has more than @max, as one. False: they are told one by one. */
static bool as_one(const struct report_table *of, size_t max, uint64_t sum[LEDGER_COLS_MAX])
{
	memset(sum, 0, LEDGER_COLS_MAX * sizeof(*sum));
	if (report_table_rows(of) <= max)
		return false;
	report_table_each(of, add_cols, sum);
	return true;
}

static void put_head(struct text_out *out, const char *name, const char *help, const char *type)
{
	text_out_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* @sum: of all rows, to be told in their place; NULL: none. */
static void put_column(const struct report_table *of, const struct ledger_table *t, unsigned i,
		       const uint64_t *sum, struct text_out *out)
{
	static const char *const kinds[] = {"in",        "out",  "lost", "left out", "merged",
					    "in flight", "held", "note", "missed"};
	const struct ledger_col *c = &t->cols[i];
	char name[NAME_MAX_BYTES], help[512];
	/* Ages and versions add up to nothing. */
	if (sum && c->kind == LEDGER_INFO)
		return;
	put_name(name, sizeof(name), t, c);
	snprintf(help, sizeof(help), "%s (%s; %s)", c->help, kinds[c->kind], t->unit);
	put_head(out, name, help, is_counter(c) ? "counter" : "gauge");
	struct series s = {.col = i, .name = slice_str(name), .out = out};
	if (sum)
		put_sample(&s, t, ALL_SCOPES, sum);
	else
		report_table_each(of, put_sample, &s);
}

static void put_lost(void *arg, const struct ledger_table *t, const char *scope,
		     const uint64_t *cols)
{
	struct text_out *out = arg;
	text_out_str(out, "sluice_lost_total{stage=\"");
	text_out_str(out, t->stage);
	text_out_str(out, "\",unit=\"");
	text_out_str(out, t->unit);
	text_out_str(out, "\",scope=\"");
	text_out_label(out, scope);
	text_out_str(out, "\"} ");
	text_out_u64(out, ledger_sum(t, cols, LEDGER_LOSS) + ledger_sum(t, cols, LEDGER_MISSED));
	text_out_str(out, "\n");
}

static void put_gauge(struct text_out *out, const char *name, const char *help, double value)
{
	put_head(out, name, help, "gauge");
	text_out_fmt(out, "%s %.15g\n", name, value);
}

static void put_trouble(struct text_out *out, const char *label, const char *scope, bool trouble)
{
	text_out_fmt(out, "sluice_%s_trouble{%s=\"", label, label);
	text_out_label(out, scope);
	text_out_str(out, trouble ? "\"} 1\n" : "\"} 0\n");
}

/* One gauge a row, or of all as one; the row's @key is its label @label. */
static void put_troubles(json_t *rows, const char *label, const char *key, const char *help,
			 size_t max, struct text_out *out)
{
	char name[64];
	size_t i;
	json_t *row;
	bool any = false, each = json_array_size(rows) <= max;
	snprintf(name, sizeof(name), "sluice_%s_trouble", label);
	put_head(out, name, help, "gauge");
	json_array_foreach(rows, i, row)
	{
		const char *text = json_string_value(json_object_get(row, "trouble"));
		bool trouble = text && *text;
		any |= trouble;
		if (each)
			put_trouble(out, label, json_string_value(json_object_get(row, key)),
				    trouble);
	}
	if (!each)
		put_trouble(out, label, ALL_SCOPES, any);
	json_decref(rows);
}

static void put_parts(struct control *c, size_t max, struct text_out *out)
{
	void *arg;
	const struct control_ops *of = control_parts(c, &arg);
	json_t *sink_rows = json_array(), *port_rows = json_array();
	of->sinks(arg, sink_rows);
	of->ports(arg, port_rows);
	put_troubles(sink_rows, "sink", "sink", "1 while the sink does not take what it should",
		     max, out);
	put_troubles(port_rows, "port", "device", "1 while nothing can come to the port", max, out);
}

/* ---- latencies ---- */

/* Edges a factor of 4 apart, from 4 us to 18 minutes. */
#define EDGE_FIRST 3
#define EDGE_STEP  8
#define EDGE_END   116

struct latencies {
	struct text_out *out;
	bool as_one; /* acknowledgements, of more queues than there may be scopes */
	struct latency_sum acks;
	char edges[EDGE_END / EDGE_STEP + 1][40];
};

static void put_latency(struct text_out *out, const char *of, struct slice labels, const char *edge,
			uint64_t n)
{
	text_out_str(out, "sluice_latency_seconds_");
	text_out_str(out, of);
	text_out_slice(out, labels);
	text_out_str(out, edge);
	text_out_u64(out, n);
	text_out_str(out, "\n");
}

static void put_histogram(struct latencies *l, const char *stage, const char *scope,
			  const struct latency_sum *s)
{
	struct text_out labels = {0};
	uint64_t below = 0;
	text_out_str(&labels, "{stage=\"");
	text_out_str(&labels, stage);
	text_out_str(&labels, "\",scope=\"");
	text_out_label(&labels, scope);
	text_out_str(&labels, "\"");
	struct slice of = slice_of(labels.text, labels.len);
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		below += s->n[i];
		if (i % EDGE_STEP == EDGE_FIRST && i < EDGE_END)
			put_latency(l->out, "bucket", of, l->edges[i / EDGE_STEP], below);
	}
	put_latency(l->out, "bucket", of, ",le=\"+Inf\"} ", s->total);
	text_out_str(l->out, "sluice_latency_seconds_sum");
	text_out_slice(l->out, of);
	text_out_fmt(l->out, "} %.9g\n", (double)s->sum_ns / 1e9);
	put_latency(l->out, "count", of, "} ", s->total);
	text_out_fini(&labels);
}

static void take_latency(void *to, const char *stage, const char *scope,
			 const struct latency_sum *s)
{
	struct latencies *l = to;
	if (!l->as_one || strcmp(stage, "ack") != 0) {
		put_histogram(l, stage, scope, s);
		return;
	}
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++)
		l->acks.n[i] += s->n[i];
	l->acks.total += s->total;
	l->acks.sum_ns += s->sum_ns;
}

static void put_latencies(struct control *c, size_t max, struct text_out *out)
{
	void *arg;
	struct latencies l = {.out = out, .as_one = control_config(c)->n_queues > max};
	for (unsigned i = EDGE_FIRST; i < EDGE_END; i += EDGE_STEP)
		snprintf(l.edges[i / EDGE_STEP], sizeof(l.edges[0]), ",le=\"%.9g\"} ",
			 (double)latency_bound_ns(i) / 1e9);
	put_head(out, "sluice_latency_seconds",
		 "from a packet to its records (record, by worker), and to their acknowledgement "
		 "(ack, by queue)",
		 "histogram");
	control_parts(c, &arg)->latency(arg, take_latency, &l);
	if (l.as_one)
		put_histogram(&l, "ack", ALL_SCOPES, &l.acks);
}

void metrics_write(struct control *c, struct text_out *out)
{
	uint64_t age_ns, sum[LEDGER_COLS_MAX];
	const struct ledger_table *t;
	struct report *r = control_report_get(c, &age_ns);
	put_head(out, "sluice_build_info", "the version that runs", "gauge");
	text_out_str(out, "sluice_build_info{version=\"" SL_VERSION "\"} 1\n");
	put_gauge(out, "sluice_report_age_seconds",
		  "age of the counters below: half a second, or a worker does not answer",
		  (double)age_ns / 1e9);
	put_gauge(out, "sluice_unbalanced_rows", "rows of the ledger that do not balance: a bug",
		  (double)report_imbalances(r));
	control_enter(c);
	size_t max = (size_t)control_config(c)->api.metrics_scopes;
	put_parts(c, max, out);
	put_latencies(c, max, out);
	control_leave(c);
	put_head(out, "sluice_lost_total", "lost or missed, by stage, in the stage's unit",
		 "counter");
	for (const struct report_table *of = NULL; (of = report_table_next(r, of, &t));)
		if (as_one(of, max, sum))
			put_lost(out, t, ALL_SCOPES, sum);
		else
			report_table_each(of, put_lost, out);
	for (const struct report_table *of = NULL; (of = report_table_next(r, of, &t));) {
		const uint64_t *all = as_one(of, max, sum) ? sum : NULL;
		for (unsigned i = 0; i < t->n_cols; i++)
			put_column(of, t, i, all, out);
	}
	control_report_put(c, r);
}
