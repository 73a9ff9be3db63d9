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

static void put_head(struct text_out *out, const char *name, const char *help, const char *type)
{
	text_out_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_column(const struct report_table *of, const struct ledger_table *t, unsigned i,
		       struct text_out *out)
{
	static const char *const kinds[] = {"in",        "out",  "lost", "left out", "merged",
					    "in flight", "held", "note", "missed"};
	const struct ledger_col *c = &t->cols[i];
	char name[NAME_MAX_BYTES], help[512];
	put_name(name, sizeof(name), t, c);
	snprintf(help, sizeof(help), "%s (%s; %s)", c->help, kinds[c->kind], t->unit);
	put_head(out, name, help, is_counter(c) ? "counter" : "gauge");
	struct series s = {.col = i, .name = slice_str(name), .out = out};
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

/* One gauge a row; the row's @key is its label @label. */
static void put_troubles(json_t *rows, const char *label, const char *key, const char *help,
			 struct text_out *out)
{
	char name[64];
	size_t i;
	json_t *row;
	snprintf(name, sizeof(name), "sluice_%s_trouble", label);
	put_head(out, name, help, "gauge");
	json_array_foreach(rows, i, row)
	{
		text_out_fmt(out, "%s{%s=\"", name, label);
		text_out_label(out, json_string_value(json_object_get(row, key)));
		const char *trouble = json_string_value(json_object_get(row, "trouble"));
		text_out_fmt(out, "\"} %d\n", trouble && *trouble);
	}
	json_decref(rows);
}

static void put_parts(struct control *c, struct text_out *out)
{
	void *arg;
	const struct control_ops *of = control_parts(c, &arg);
	json_t *sink_rows = json_array(), *port_rows = json_array();
	of->sinks(arg, sink_rows);
	of->ports(arg, port_rows);
	put_troubles(sink_rows, "sink", "sink", "1 while the sink does not take what it should",
		     out);
	put_troubles(port_rows, "port", "device", "1 while nothing can come to the port", out);
}

/* ---- latencies ---- */

/* Edges a factor of 4 apart, from 4 us to 18 minutes. */
#define EDGE_FIRST 3
#define EDGE_STEP  8
#define EDGE_END   116

struct latencies {
	struct text_out *out;
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

static void put_histogram(void *to, const char *stage, const char *scope,
			  const struct latency_sum *s)
{
	struct latencies *l = to;
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

static void put_latencies(struct control *c, struct text_out *out)
{
	void *arg;
	struct latencies l = {.out = out};
	for (unsigned i = EDGE_FIRST; i < EDGE_END; i += EDGE_STEP)
		snprintf(l.edges[i / EDGE_STEP], sizeof(l.edges[0]), ",le=\"%.9g\"} ",
			 (double)latency_bound_ns(i) / 1e9);
	put_head(out, "sluice_latency_seconds",
		 "from a packet to its records (record, by worker), and to their acknowledgement "
		 "(ack, by queue)",
		 "histogram");
	control_parts(c, &arg)->latency(arg, put_histogram, &l);
}

void metrics_write(struct control *c, struct text_out *out)
{
	uint64_t age_ns;
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
	put_parts(c, out);
	put_latencies(c, out);
	control_leave(c);
	put_head(out, "sluice_lost_total", "lost or missed, by stage, in the stage's unit",
		 "counter");
	report_each(r, put_lost, out);
	for (const struct report_table *of = NULL; (of = report_table_next(r, of, &t));)
		for (unsigned i = 0; i < t->n_cols; i++)
			put_column(of, t, i, out);
	control_report_put(c, r);
}
