#include "tests/unit/unit.h"

#include <jansson.h>

#include "ctl/live_tap.h"
#include "tests/support/op_rig.h"

#define YAML                                                                                \
	"pipeline:\n"                                                                       \
	"  cut: { op: route, from: app, branches: { big: \"n::int > 2\" }, rest: small }\n" \
	"  add: { op: project, from: cut.big, select: \"n, t || '!' AS u\" }\n"

static const char *const objects[] = {"{\"n\":\"1\",\"t\":\"a\"}", "{\"n\":\"5\",\"t\":\"b\"}",
				      "{\"n\":\"0\",\"t\":\"c\"}", "{\"n\":\"9\",\"t\":\"d\"}"};

static struct op_rig rig;

static struct live_tap *tap_open(const struct tap_query *q)
{
	struct live_tap *t = NULL;
	struct err e = {0};
	if (live_tap_create(rig.pipeline, q, 1, &t, &e) < 0)
		fail_msg("%s", e.text);
	graph_tap_add(rig.graph, live_tap_of_worker(t, 0));
	return t;
}

/* Reads to the end, @cap bytes at a time. */
static json_t *tap_close(struct live_tap *t, size_t cap)
{
	static char text[1 << 20];
	size_t len = 0;
	ssize_t n;
	json_t *lines = json_array();
	graph_tap_remove(rig.graph, live_tap_of_worker(t, 0));
	live_tap_end(t, "enough");
	while ((n = live_tap_read(t, text + len, cap)) > 0)
		len += (size_t)n;
	assert_int_equal(n, -1);
	for (char *at = text, *nl; (nl = memchr(at, '\n', len - (size_t)(at - text))); at = nl + 1)
		json_array_append_new(lines, json_loadb(at, (size_t)(nl - at), 0, NULL));
	live_tap_destroy(t);
	assert_string_equal(json_string_value(json_object_get(
				    json_array_get(lines, json_array_size(lines) - 1), "end")),
			    "enough");
	return lines;
}

static json_int_t count_of(const json_t *lines, const char *name)
{
	const json_t *last = json_array_get(lines, json_array_size(lines) - 1);
	return json_integer_value(json_object_get(json_object_get(last, "counts"), name));
}

/* "in:1 big:5 ..." of field @field. */
static void assert_lines(json_t *lines, const char *field, const char *want)
{
	char got[1024] = "";
	json_t *line;
	size_t i;
	json_array_foreach(lines, i, line)
	{
		const json_t *rec = json_object_get(line, "record");
		size_t at = strlen(got);
		if (rec)
			snprintf(got + at, sizeof(got) - at, "%s:%s ",
				 json_string_value(json_object_get(line, "side")),
				 json_string_value(json_object_get(rec, field)));
	}
	assert_string_equal(got, want);
	json_int_t sum = 0;
	static const char *const names[] = {"shown", "filtered", "failed", "over_rate", "no_room"};
	for (unsigned k = 0; k < 5; k++)
		sum += count_of(lines, names[k]);
	assert_int_equal(sum, count_of(lines, "seen"));
}

static void a_node_is_seen_from_both_sides_or_one(void **state)
{
	static const struct {
		struct tap_query q;
		const char *want, *field;
	} cases[] = {
		{{"cut", TAP_BEFORE | TAP_AFTER, NULL, 9, 0},
		 "in:1 in:5 in:0 in:9 big:5 big:9 small:1 small:0 ",
		 "n"},
		{{"cut", TAP_BEFORE, NULL, 9, 0}, "in:1 in:5 in:0 in:9 ", "n"},
		{{"add", TAP_AFTER, NULL, 9, 0}, "out:b! out:d! ", "u"},
		{{"app", TAP_AFTER, NULL, 9, 0}, "out:a out:b out:c out:d ", "t"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		op_rig_init(&rig, YAML, "add");
		struct live_tap *t = tap_open(&cases[i].q);
		OP_RIG_FEED(&rig, objects);
		/* Whatever piece it is read in. */
		json_t *lines = tap_close(t, 1 + i * 100);
		assert_lines(lines, cases[i].field, cases[i].want);
		json_decref(lines);
		op_rig_assert(&rig, "{\"n\":\"5\",\"u\":\"b!\"}\n{\"n\":\"9\",\"u\":\"d!\"}\n");
		op_rig_fini(&rig);
	}
}

static void a_condition_chooses_and_what_it_fails_on_is_the_taps_own_loss(void **state)
{
	struct tap_query q = {"cut", TAP_BEFORE, "10 / n::int > 1", 9, 0};
	op_rig_init(&rig, YAML, "add");
	struct live_tap *t = tap_open(&q);
	OP_RIG_FEED(&rig, objects);
	json_t *lines = tap_close(t, 4096);
	assert_lines(lines, "n", "in:1 in:5 ");
	assert_int_equal(count_of(lines, "filtered"), 1);
	assert_int_equal(count_of(lines, "failed"), 1);
	assert_int_equal(op_rig_row(&rig, "cut", "records_in"), 4);
	json_decref(lines);
	op_rig_fini(&rig);
}

static void no_more_than_the_rate_is_shown_in_a_second_of_packet_time(void **state)
{
	struct tap_query q = {"cut", TAP_BEFORE, NULL, 2, 0};
	op_rig_init(&rig, YAML, "add");
	struct live_tap *t = tap_open(&q);
	for (unsigned i = 0; i < 3; i++) {
		for (unsigned k = 0; k < 4; k++) {
			op_rig_add(&rig, objects[k]);
			rig.time_ns -= 900000000; /* a tenth of a second later */
		}
		op_rig_push(&rig);
		rig.time_ns += 600000000;
	}
	json_t *lines = tap_close(t, 4096);
	assert_lines(lines, "t", "in:a in:b in:a in:b in:a in:b ");
	assert_int_equal(count_of(lines, "over_rate"), 6);
	json_decref(lines);
	op_rig_fini(&rig);
}

static void after_so_many_it_is_full(void **state)
{
	struct tap_query q = {"cut", TAP_BEFORE, NULL, 9, 3};
	char text[4096];
	op_rig_init(&rig, YAML, "add");
	struct live_tap *t = tap_open(&q);
	OP_RIG_FEED(&rig, objects);
	assert_false(live_tap_is_full(t));
	assert_true(live_tap_read(t, text, 100) == 100);
	while (live_tap_read(t, text, sizeof(text)) > 0)
		;
	assert_true(live_tap_is_full(t));
	json_t *lines = tap_close(t, 4096);
	assert_int_equal(count_of(lines, "shown"), 3);
	json_decref(lines);
	op_rig_fini(&rig);
}

/* As after a reload. */
static void one_that_goes_on_for_another_has_its_records_and_counts(void **state)
{
	struct tap_query q = {"cut", TAP_BEFORE, "n::int > 0", 9, 4};
	static char text[1 << 16];
	size_t len = 0, n;
	op_rig_init(&rig, YAML, "add");
	struct live_tap *before = tap_open(&q);
	OP_RIG_FEED(&rig, objects);
	graph_tap_remove(rig.graph, live_tap_of_worker(before, 0));
	struct live_tap *t = tap_open(&q);
	OP_RIG_FEED(&rig, objects);
	/* Three records, and no line of counts between them and what follows. */
	while (!live_tap_drain(before, text + len, 50, &n))
		len += n;
	len += n;
	live_tap_follow(t, before, 2);
	live_tap_destroy(before);
	len += (size_t)live_tap_read(t, text + len, sizeof(text) - len);
	assert_true(live_tap_is_full(t));
	text[len] = '\0';
	char *reloaded = strstr(text, "{\"tap\":\"cut\",\"reloaded\":{\"generation\":2}}\n");
	assert_non_null(reloaded);
	unsigned n_before = 0, n_behind = 0;
	for (char *at = text; (at = strstr(at, "\"record\"")); at++)
		*(at < reloaded ? &n_before : &n_behind) += 1;
	assert_int_equal(n_before, 3);
	assert_int_equal(n_behind, 1);
	json_t *lines = tap_close(t, 4096);
	assert_int_equal(count_of(lines, "seen"), 8);
	assert_int_equal(count_of(lines, "shown"), 4);
	assert_int_equal(count_of(lines, "filtered"), 2);
	assert_int_equal(count_of(lines, "over_rate"), 2);
	json_decref(lines);
	op_rig_fini(&rig);
}

static void what_finds_no_room_is_counted_and_the_pipeline_goes_on(void **state)
{
	struct tap_query q = {"cut", TAP_BEFORE, NULL, TAP_RATE_MAX, 0};
	static char big[30000];
	op_rig_init(&rig, YAML, "add");
	struct live_tap *t = tap_open(&q);
	memset(big, 'x', sizeof(big) - 1);
	memcpy(big, "{\"n\":\"7\",\"t\":\"", 14);
	memcpy(big + sizeof(big) - 3, "\"}", 2);
	for (unsigned i = 0; i < 100; i++) {
		op_rig_add(&rig, big);
		op_rig_push(&rig);
	}
	json_t *lines = tap_close(t, 4096);
	assert_true(count_of(lines, "no_room") > 50 && count_of(lines, "shown") > 10);
	assert_int_equal(count_of(lines, "no_room") + count_of(lines, "shown"), 100);
	assert_int_equal(rig.n, 100);
	json_decref(lines);
	op_rig_fini(&rig);
}

static void what_cannot_be_is_refused_with_its_place(void **state)
{
	static const struct {
		struct tap_query q;
		int code;
		const char *says;
	} cases[] = {
		{{"sea", TAP_BEFORE, NULL, 9, 0},
		 -ENOENT,
		 "no node or source has this name; there are: cut add app"},
		{{"app", TAP_BEFORE, NULL, 9, 0}, -ENOENT, "a source has no records before it"},
		{{"cut", TAP_BEFORE, "n >", 9, 0}, -EINVAL, "where: at byte"},
		{{"cut", TAP_BEFORE, "1 + 1", 9, 0}, -EINVAL, "expected a condition"},
		{{"add", TAP_AFTER, "t = 'a'", 9, 0}, -EINVAL, "where: at byte 1: "},
	};
	op_rig_init(&rig, YAML, "add");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct live_tap *t;
		struct err e = {0};
		assert_int_equal(live_tap_create(rig.pipeline, &cases[i].q, 2, &t, &e),
				 cases[i].code);
		if (!strstr(e.text, cases[i].says))
			fail_msg("%s", e.text);
	}
	op_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_is_seen_from_both_sides_or_one),
		cmocka_unit_test(a_condition_chooses_and_what_it_fails_on_is_the_taps_own_loss),
		cmocka_unit_test(no_more_than_the_rate_is_shown_in_a_second_of_packet_time),
		cmocka_unit_test(after_so_many_it_is_full),
		cmocka_unit_test(one_that_goes_on_for_another_has_its_records_and_counts),
		cmocka_unit_test(what_finds_no_room_is_counted_and_the_pipeline_goes_on),
		cmocka_unit_test(what_cannot_be_is_refused_with_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
