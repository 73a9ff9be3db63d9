#include "ctl/latency_row.h"

#include <inttypes.h>
#include <stdio.h>

static const struct quantile {
	const char *name;
	unsigned permille;
} quantiles[] = {
	{"p50_us", 500}, {"p90_us", 900}, {"p99_us", 990}, {"p999_us", 999}, {"max_us", 1000},
};

static void set_numbers(json_t *row, const struct latency_sum *s)
{
	json_t *buckets = json_object();
	char edge[24];
	json_object_set_new(row, "records", json_integer((json_int_t)s->total));
	json_object_set_new(row, "sum_ns", json_integer((json_int_t)s->sum_ns));
	json_object_set_new(row, "mean_us",
			    json_integer(s->total ? (json_int_t)(s->sum_ns / s->total / 1000) : 0));
	for (unsigned i = 0; i < sizeof(quantiles) / sizeof(*quantiles); i++) {
		uint64_t ns = latency_quantile_ns(s, quantiles[i].permille);
		json_object_set_new(row, quantiles[i].name,
				    s->total ? json_integer((json_int_t)(ns / 1000)) : json_null());
	}
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		if (s->n[i] == 0)
			continue;
		snprintf(edge, sizeof(edge), "%" PRIu64, latency_bound_ns(i) / 1000);
		json_object_set_new(buckets, edge, json_integer((json_int_t)s->n[i]));
	}
	json_object_set_new(row, "buckets", buckets);
}

json_t *latency_row(const char *stage, const char *scope, const struct latency_sum *s)
{
	json_t *row = json_pack("{s:s,s:s}", "stage", stage, "scope", scope);
	set_numbers(row, s);
	return row;
}

void latency_row_read(const json_t *row, struct latency_sum *s)
{
	*s = (struct latency_sum){0};
	const json_t *buckets = json_object_get(row, "buckets");
	char edge[24];
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		snprintf(edge, sizeof(edge), "%" PRIu64, latency_bound_ns(i) / 1000);
		s->n[i] = (uint64_t)json_integer_value(json_object_get(buckets, edge));
		s->total += s->n[i];
	}
	s->sum_ns = (uint64_t)json_integer_value(json_object_get(row, "sum_ns"));
}

void latency_row_since(json_t *row, const json_t *before)
{
	struct latency_sum now, then;
	latency_row_read(row, &now);
	latency_row_read(before, &then);
	for (unsigned i = 0; i < LATENCY_BUCKETS; i++) {
		if (now.n[i] < then.n[i]) /* its sink is another one since a reload */
			return;
		now.n[i] -= then.n[i];
	}
	now.total -= then.total;
	now.sum_ns -= then.sum_ns;
	set_numbers(row, &now);
}
