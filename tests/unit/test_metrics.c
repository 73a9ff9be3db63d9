#include "tests/unit/unit.h"

#include <stdlib.h>

#include "ctl/metrics.h"

#define SAMPLE_COLS(X)               \
	X(IN, came, "came in")       \
	X(OUT, went, "went out")     \
	X(LOSS, dropped, "was lost") \
	X(INFO, age_s, "is so old")
#define SAMPLE_COL(kind, name, help) SAMPLE_##name,
enum { SAMPLE_COLS(SAMPLE_COL) SAMPLE_N_COLS };
LEDGER_DEFINE(sample, "sample", "things", SAMPLE_COLS);

#define SCOPES 3
static const char *const scopes[SCOPES] = {"q0", "q\"1", "q2"};

static void list_sinks(void *arg, json_t *rows)
{
	for (unsigned i = 0; i < SCOPES; i++)
		json_array_append_new(rows, json_pack("{s:s,s:s}", "sink", scopes[i], "trouble",
						      i == 2 ? "is away" : ""));
}

static void list_ports(void *arg, json_t *rows)
{
	json_array_append_new(rows, json_pack("{s:s,s:s}", "device", "p", "trouble", ""));
}

static void each_latency(void *arg, latency_fn *each, void *to)
{
	const struct latency_sum s = {.n = {[4] = 2}, .total = 2, .sum_ns = 9000};
	each(to, "record", "worker 0", &s);
	for (unsigned i = 0; i < SCOPES; i++)
		each(to, "ack", scopes[i], &s);
}

static const struct control_ops parts = {
	.sinks = list_sinks, .ports = list_ports, .latency = each_latency};

/* What is told when a metric may have so many scopes; to be freed. */
static char *told(int64_t max)
{
	static struct config conf;
	struct text_out o = {0};
	struct report *r = report_create();
	conf.api.metrics_scopes = max;
	conf.n_queues = SCOPES;
	struct control *c = control_create(&conf, &parts, NULL);
	for (unsigned i = 0; i < SCOPES; i++) {
		const uint64_t row[SAMPLE_N_COLS] = {[SAMPLE_came] = 5,
						     [SAMPLE_went] = 4,
						     [SAMPLE_dropped] = 1,
						     [SAMPLE_age_s] = 7};
		report_add(r, &sample_ledger, scopes[i], row);
	}
	control_publish(c, r);
	metrics_write(c, &o);
	control_destroy(c);
	assert_true(text_out_room(&o, 1));
	o.text[o.len] = '\0';
	return o.text;
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;
	for (; (text = strstr(text, what)); text++)
		n++;
	return n;
}

static void each_scope_has_its_series(void **state)
{
	char *text = told(SCOPES);
	assert_non_null(strstr(text, "# HELP sluice_sample_things_came_total came in (in; things)\n"
				     "# TYPE sluice_sample_things_came_total counter\n"
				     "sluice_sample_things_came_total{scope=\"q0\"} 5\n"
				     "sluice_sample_things_came_total{scope=\"q\\\"1\"} 5\n"
				     "sluice_sample_things_came_total{scope=\"q2\"} 5\n"));
	assert_non_null(strstr(text, "# TYPE sluice_sample_things_age_s gauge\n"
				     "sluice_sample_things_age_s{scope=\"q0\"} 7\n"));
	assert_non_null(strstr(text, "sluice_lost_total{stage=\"sample\",unit=\"things\","
				     "scope=\"q2\"} 1\n"));
	assert_non_null(strstr(text, "sluice_sink_trouble{sink=\"q\\\"1\"} 0\n"));
	assert_non_null(strstr(text, "sluice_sink_trouble{sink=\"q2\"} 1\n"));
	assert_int_equal(count(text, "sluice_latency_seconds_count{stage=\"ack\""), SCOPES);
	assert_non_null(strstr(text, "sluice_latency_seconds_bucket{stage=\"ack\",scope=\"q0\","
				     "le=\"+Inf\"} 2\n"));
	assert_null(strstr(text, "(all)"));
	free(text);
}

static void more_scopes_than_there_may_be_are_one_series(void **state)
{
	char *text = told(SCOPES - 1);
	assert_non_null(strstr(text, "# TYPE sluice_sample_things_came_total counter\n"
				     "sluice_sample_things_came_total{scope=\"(all)\"} 15\n#"));
	assert_null(strstr(text, "things_age_s")); /* which adds up to nothing */
	assert_int_equal(count(text, "sluice_lost_total{"), 1);
	assert_non_null(strstr(text, "scope=\"(all)\"} 3\n"));
	assert_int_equal(count(text, "sluice_sink_trouble{"), 1);
	assert_non_null(strstr(text, "sluice_sink_trouble{sink=\"(all)\"} 1\n"));
	assert_non_null(strstr(text, "sluice_port_trouble{port=\"p\"} 0\n"));
	assert_int_equal(count(text, "sluice_latency_seconds_count{stage=\"ack\""), 1);
	assert_non_null(strstr(text, "_count{stage=\"ack\",scope=\"(all)\"} 6\n"));
	assert_non_null(strstr(text, "_count{stage=\"record\",scope=\"worker 0\"} 2\n"));
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_scope_has_its_series),
		cmocka_unit_test(more_scopes_than_there_may_be_are_one_series),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
