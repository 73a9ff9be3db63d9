#include "ctl/metrics.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_BYTES 160
#define TABLES_MAX     128

/* The tables of a report, each once; several rows stand behind one. */
struct tables {
	const struct ledger_table *of[TABLES_MAX];
	unsigned n;
};

static void collect(void *arg, const struct ledger_table *t, const char *scope,
		    const uint64_t *cols)
{
	struct tables *all = arg;
	(void)scope;
	(void)cols;
	for (unsigned i = 0; i < all->n; i++)
		if (all->of[i] == t)
			return;
	if (all->n < TABLES_MAX)
		all->of[all->n++] = t;
}

/* Notes may be anything: ages, sizes, counts. */
static bool is_counter(const struct ledger_col *c)
{
	return c->kind != LEDGER_HELD && c->kind != LEDGER_INFO;
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

static void put_label(FILE *out, const char *s)
{
	for (; *s; s++)
		if (*s == '\\' || *s == '"')
			fprintf(out, "\\%c", *s);
		else if (*s == '\n')
			fputs("\\n", out);
		else
			fputc(*s, out);
}

struct series {
	const struct ledger_table *table;
	unsigned col;
	const char *name;
	FILE *out;
};

static void put_sample(void *arg, const struct ledger_table *t, const char *scope,
		       const uint64_t *cols)
{
	const struct series *s = arg;
	if (t != s->table)
		return;
	fputs(s->name, s->out);
	if (*scope) {
		fputs("{scope=\"", s->out);
		put_label(s->out, scope);
		fputs("\"}", s->out);
	}
	fprintf(s->out, " %" PRIu64 "\n", cols[s->col]);
}

static void put_head(FILE *out, const char *name, const char *help, const char *type)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_column(const struct report *r, const struct ledger_table *t, unsigned i, FILE *out)
{
	static const char *const kinds[] = {"in",     "out",  "lost", "left out",
					    "merged", "held", "note", "missed"};
	const struct ledger_col *c = &t->cols[i];
	char name[NAME_MAX_BYTES], help[512];
	put_name(name, sizeof(name), t, c);
	snprintf(help, sizeof(help), "%s (%s; %s)", c->help, kinds[c->kind], t->unit);
	put_head(out, name, help, is_counter(c) ? "counter" : "gauge");
	struct series s = {.table = t, .col = i, .name = name, .out = out};
	report_each(r, put_sample, &s);
}

static void put_lost(void *arg, const struct ledger_table *t, const char *scope,
		     const uint64_t *cols)
{
	FILE *out = arg;
	fprintf(out, "sluice_lost_total{stage=\"%s\",unit=\"%s\",scope=\"", t->stage, t->unit);
	put_label(out, scope);
	fprintf(out, "\"} %" PRIu64 "\n",
		ledger_sum(t, cols, LEDGER_LOSS) + ledger_sum(t, cols, LEDGER_MISSED));
}

static void put_gauge(FILE *out, const char *name, const char *help, double value)
{
	put_head(out, name, help, "gauge");
	fprintf(out, "%s %.15g\n", name, value);
}

static void put_sinks(struct control *c, FILE *out)
{
	void *arg;
	size_t i;
	json_t *rows = json_array(), *row;
	control_parts(c, &arg)->sinks(arg, rows);
	put_head(out, "sluice_sink_trouble", "1 while the sink does not take what it should",
		 "gauge");
	json_array_foreach(rows, i, row)
	{
		fputs("sluice_sink_trouble{sink=\"", out);
		put_label(out, json_string_value(json_object_get(row, "sink")));
		const char *trouble = json_string_value(json_object_get(row, "trouble"));
		fprintf(out, "\"} %d\n", trouble && *trouble);
	}
	json_decref(rows);
}

/* Edges a factor of 4 apart, from 4 us to 18 minutes. */
static void put_histogram(void *to, const char *stage, const char *scope,
			  const struct latency_sum *s)
{
	FILE *out = to;
	uint64_t below = 0;
	char *labels = NULL;
	size_t len;
	FILE *f = open_memstream(&labels, &len);
	if (!f)
		return;
	fprintf(f, "stage=\"%s\",scope=\"", stage);
	put_label(f, scope);
	fputs("\"", f);
	fclose(f);
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		below += s->n[i];
		if (i % 8 == 3 && i < 116)
			fprintf(out, "sluice_latency_seconds_bucket{%s,le=\"%.9g\"} %" PRIu64 "\n",
				labels, (double)latency_bound_ns(i) / 1e9, below);
	}
	fprintf(out, "sluice_latency_seconds_bucket{%s,le=\"+Inf\"} %" PRIu64 "\n", labels,
		s->total);
	fprintf(out, "sluice_latency_seconds_sum{%s} %.9g\n", labels, (double)s->sum_ns / 1e9);
	fprintf(out, "sluice_latency_seconds_count{%s} %" PRIu64 "\n", labels, s->total);
	free(labels);
}

static void put_latency(struct control *c, FILE *out)
{
	void *arg;
	put_head(out, "sluice_latency_seconds",
		 "from a packet to its records (record, by worker), and to their acknowledgement "
		 "(ack, by queue)",
		 "histogram");
	control_parts(c, &arg)->latency(arg, put_histogram, out);
}

void metrics_write(struct control *c, FILE *out)
{
	uint64_t age_ns;
	struct tables all = {.n = 0};
	struct report *r = control_report_get(c, &age_ns);
	put_head(out, "sluice_build_info", "the version that runs", "gauge");
	fputs("sluice_build_info{version=\"" SL_VERSION "\"} 1\n", out);
	put_gauge(out, "sluice_report_age_seconds",
		  "age of the counters below: half a second, or a worker does not answer",
		  (double)age_ns / 1e9);
	put_gauge(out, "sluice_unbalanced_rows", "rows of the ledger that do not balance: a bug",
		  (double)report_imbalances(r));
	put_sinks(c, out);
	put_latency(c, out);
	put_head(out, "sluice_lost_total", "lost or missed, by stage, in the stage's unit",
		 "counter");
	report_each(r, put_lost, out);
	report_each(r, collect, &all);
	for (unsigned t = 0; t < all.n; t++)
		for (unsigned i = 0; i < all.of[t]->n_cols; i++)
			put_column(r, all.of[t], i, out);
	control_report_put(c, r);
}
