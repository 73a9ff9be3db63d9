#include "tests/unit/unit.h"

#include <unistd.h>

#include <jansson.h>

#include "ctl/report.h"

#define SAMPLE_COLS(X)                       \
	X(IN, came, "came in")               \
	X(OUT, went, "went out")             \
	X(LOSS, dropped, "was dropped")      \
	X(POLICY, left, "was left out")      \
	X(MISSED, unseen, "was never there") \
	X(INFO, told, "is told")
#define SAMPLE_COL(kind, name, help) SAMPLE_##name,
enum { SAMPLE_COLS(SAMPLE_COL) SAMPLE_N_COLS };
LEDGER_DEFINE(sample, "sample", "things", SAMPLE_COLS);
LEDGER_DEFINE(counted, "counted", "records", SAMPLE_COLS);
LEDGER_DEFINE(measured, "measured", "bytes", SAMPLE_COLS);

static char *printed(const struct report *r)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	report_print(r, out);
	fclose(out);
	return text;
}

static void rows_of_one_scope_are_summed_over_workers(void **state)
{
	const uint64_t row[SAMPLE_N_COLS] = {
		[SAMPLE_came] = 3, [SAMPLE_went] = 2, [SAMPLE_dropped] = 1};
	struct report *r = report_create();
	report_add(r, &sample_ledger, "a", row);
	report_add(r, &sample_ledger, "a", row);
	report_add(r, &sample_ledger, "b", row);
	assert_int_equal(report_losses(r), 3);
	assert_int_equal(report_imbalances(r), 0);
	char *text = printed(r);
	assert_non_null(strstr(text, "  sample a, things\n    in        came                       "
				     "       6  came in\n"));
	assert_non_null(strstr(text, "  sample b, things\n    in        came                       "
				     "       3  came in\n"));
	assert_non_null(strstr(text, "balanced: yes; lost or missed:\n"
				     "    lost: sample a: 2 things dropped: "));
	assert_null(strstr(text, "left out  left")); /* zero: nothing to say */
	free(text);
	report_destroy(r);
	report_destroy(NULL);
}

static void losses_of_different_units_are_not_added_up(void **state)
{
	const uint64_t few[SAMPLE_N_COLS] = {[SAMPLE_dropped] = 1, [SAMPLE_unseen] = 2};
	const uint64_t many[SAMPLE_N_COLS] = {[SAMPLE_unseen] = 1000};
	struct report *r = report_create();
	struct report_lost lost;
	report_add(r, &counted_ledger, "a", few);
	report_add(r, &counted_ledger, "b", few);
	report_add(r, &measured_ledger, "a", many);
	report_losses_by_unit(r, &lost);
	assert_int_equal(lost.records, 6);
	assert_int_equal(lost.bytes, 1000);
	assert_int_equal(lost.packets + lost.frames + lost.events, 0);
	assert_int_equal(report_losses(r), 1006);
	report_destroy(r);
}

static void a_row_that_does_not_balance_is_told(void **state)
{
	const uint64_t row[SAMPLE_N_COLS] = {[SAMPLE_came] = 3, [SAMPLE_went] = 1};
	struct report *r = report_create();
	report_add(r, &sample_ledger, "", row);
	assert_int_equal(report_imbalances(r), 1);
	char *text = printed(r);
	assert_non_null(strstr(text, "sample, things   DOES NOT BALANCE: +2\n"));
	assert_non_null(strstr(text, "1 rows do not balance: this is a bug of sluice"));
	assert_non_null(strstr(text, "balanced: NO; nothing lost\n"));
	free(text);
	report_destroy(r);
}

static void what_was_missed_counts_as_lost_and_what_was_left_out_does_not(void **state)
{
	const uint64_t row[SAMPLE_N_COLS] = {
		[SAMPLE_came] = 5, [SAMPLE_left] = 5, [SAMPLE_unseen] = 7};
	struct report *r = report_create();
	report_add(r, &sample_ledger, "", row);
	assert_int_equal(report_losses(r), 7);
	assert_int_equal(report_imbalances(r), 0);
	report_destroy(r);
}

static void a_row_of_zeros_is_not_shown(void **state)
{
	const uint64_t row[SAMPLE_N_COLS] = {0};
	struct report *r = report_create();
	report_add(r, &sample_ledger, "quiet", row);
	char *text = printed(r);
	assert_null(strstr(text, "quiet"));
	assert_non_null(strstr(text, "balanced: yes; nothing lost\n"));
	free(text);
	report_destroy(r);
}

static void programs_get_the_same_numbers_by_kind(void **state)
{
	const uint64_t row[SAMPLE_N_COLS] = {
		[SAMPLE_came] = 3, [SAMPLE_went] = 2, [SAMPLE_dropped] = 1};
	char path[] = "/tmp/sluice-test-report-XXXXXX";
	struct report *r = report_create();
	struct err e;
	close(mkstemp(path));
	report_add(r, &sample_ledger, "a", row);
	assert_int_equal(report_write_json(r, path, &e), 0);
	json_t *j = json_load_file(path, 0, NULL),
	       *one = json_array_get(json_object_get(j, "rows"), 0);
	assert_true(json_is_true(json_object_get(j, "balanced")));
	assert_int_equal(json_integer_value(json_object_get(j, "lost")), 1);
	assert_string_equal(json_string_value(json_object_get(one, "scope")), "a");
	assert_int_equal(json_integer_value(json_object_get(json_object_get(one, "in"), "came")),
			 3);
	assert_int_equal(
		json_integer_value(json_object_get(json_object_get(one, "loss"), "dropped")), 1);
	json_decref(j);
	unlink(path);
	assert_int_equal(report_write_json(r, "/no/such/folder/x", &e), -EIO);
	assert_non_null(strstr(e.text, "/no/such/folder/x"));
	report_destroy(r);
}

struct walk {
	unsigned n;
	bool in_order;
};

static void next_row(void *arg, const struct ledger_table *t, const char *scope,
		     const uint64_t *cols)
{
	struct walk *w = arg;
	char want[16];
	snprintf(want, sizeof(want), "s%u", w->n++);
	w->in_order = w->in_order && strcmp(scope, want) == 0 && cols[SAMPLE_came] == 2;
}

static void ten_thousand_rows_are_found_and_keep_their_order(void **state)
{
	const uint64_t row[SAMPLE_N_COLS] = {[SAMPLE_came] = 1, [SAMPLE_went] = 1};
	const struct ledger_table *t = NULL;
	struct report *r = report_create();
	struct walk w = {.in_order = true};
	char scope[16];
	assert_null(report_find(r, "sample", "s0", &t));
	for (unsigned i = 0; i < 20000; i++) {
		snprintf(scope, sizeof(scope), "s%u", i % 10000);
		report_add(r, &sample_ledger, scope, row);
	}
	report_each(r, next_row, &w);
	assert_int_equal(w.n, 10000);
	assert_true(w.in_order);
	const uint64_t *cols = report_find(r, "sample", "s9999", &t);
	assert_non_null(cols);
	assert_ptr_equal(t, &sample_ledger);
	assert_int_equal(cols[SAMPLE_went], 2);
	assert_null(report_find(r, "sample", "s10000", &t));
	assert_null(report_find(r, "other", "s0", &t));
	report_destroy(r);
}

static void count_row(void *arg, const struct ledger_table *t, const char *scope,
		      const uint64_t *cols)
{
	unsigned *n = arg;
	(void)scope;
	*n += t == &sample_ledger && cols[SAMPLE_came] == 1;
}

static void rows_are_found_by_their_table(void **state)
{
	const uint64_t row[SAMPLE_N_COLS] = {[SAMPLE_came] = 1, [SAMPLE_went] = 1};
	const uint64_t others[LEDGER_COLS_MAX] = {2};
	const struct ledger_table other = {"other", "things", sample_ledger.cols, 1};
	const struct ledger_table *t;
	struct report *r = report_create();
	unsigned n = 0;
	for (unsigned i = 0; i < 10; i++) {
		char scope[8];
		snprintf(scope, sizeof(scope), "s%u", i);
		report_add(r, &sample_ledger, scope, row);
		report_add(r, &other, scope, others);
	}
	const struct report_table *of = report_table_next(r, NULL, &t);
	assert_ptr_equal(t, &sample_ledger);
	report_table_each(of, count_row, &n);
	assert_int_equal(n, 10);
	of = report_table_next(r, of, &t);
	assert_ptr_equal(t, &other);
	assert_null(report_table_next(r, of, &t));
	report_destroy(r);
}

static void a_report_takes_in_another_with_its_reasons(void **state)
{
	const uint64_t row[SAMPLE_N_COLS] = {[SAMPLE_came] = 3, [SAMPLE_went] = 3};
	struct report *r = report_create(), *past = report_create();
	report_add(past, &sample_ledger, "gone", row);
	report_add_reason(past, &sample_ledger, "gone", SAMPLE_went, "why", 2, 1);
	report_add(past, &sample_ledger, "here", row);
	report_add(r, &sample_ledger, "here", row);
	for (unsigned i = 0; i < 2; i++)
		report_add_all(r, past);
	char text[4096] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");
	report_print(r, out);
	fclose(out);
	assert_non_null(strstr(text, "4  why (2 times)"));
	const struct ledger_table *t;
	assert_int_equal(report_find(r, sample_ledger.stage, "here", &t)[SAMPLE_came], 9);
	report_destroy(past);
	report_destroy(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_of_one_scope_are_summed_over_workers),
		cmocka_unit_test(losses_of_different_units_are_not_added_up),
		cmocka_unit_test(a_row_that_does_not_balance_is_told),
		cmocka_unit_test(what_was_missed_counts_as_lost_and_what_was_left_out_does_not),
		cmocka_unit_test(a_row_of_zeros_is_not_shown),
		cmocka_unit_test(programs_get_the_same_numbers_by_kind),
		cmocka_unit_test(ten_thousand_rows_are_found_and_keep_their_order),
		cmocka_unit_test(rows_are_found_by_their_table),
		cmocka_unit_test(a_report_takes_in_another_with_its_reasons),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
