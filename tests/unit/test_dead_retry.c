#include "tests/unit/unit.h"

#include <unistd.h>

#include "ctl/dead_retry.h"
#include "dataplane/base/mem.h"
#include "parsers/parsers.h"

static char dir[64];
static struct out_batch out;
static struct batch batch;
static struct source_conf sources[2];
static struct queue_conf queues[1];
static struct config conf;
static struct err error;
static uint64_t n_lost;
static unsigned n_put;
static FILE *quiet;

static int set_up(void **unused)
{
	snprintf(dir, sizeof(dir), "/tmp/sluice-retry-XXXXXX");
	conf.dead_letters = (struct dead_letter_conf){
		.dir = mkdtemp(dir), .bytes_max = 1 << 30, .segment_bytes = 1 << 20};
	sources[0] = (struct source_conf){.name = "app", .parser = &parser_lines};
	sources[1] = (struct source_conf){.name = "shop", .parser = &parser_mysql};
	queues[0].name = "a/b";
	conf.sources = sources;
	conf.n_sources = 2;
	conf.queues = queues;
	conf.n_queues = 1;
	n_lost = n_put = 0;
	error.text[0] = '\0';
	quiet = fopen("/dev/null", "w");
	assert_non_null(quiet);
	assert_int_equal(out_batch_init(&out, 1 << 16), 0);
	return arena_init(&batch.arena, 1 << 16);
}

static int tear_down(void **unused)
{
	static const char *const names[] = {"retried", "retry.lock", "writer.lock",
					    "0000000000000000.seg"};
	char path[256];
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		unlink(path);
	}
	fclose(quiet);
	out_batch_fini(&out);
	arena_fini(&batch.arena);
	return rmdir(dir);
}

static void add_with(enum dead_kind kind, const char *source, const char *id, const char *ground)
{
	struct dead_letter l = {.kind = kind, .time_ns = 7, .stage = DEAD_NODE};
	l.text[DEAD_GROUND] = slice_str(ground);
	l.text[DEAD_REASON] = SLICE_LIT("bad_input");
	l.text[DEAD_RULE] = slice_str(kind == DEAD_RECORD ? source : "slim");
	l.text[DEAD_SOURCE] = slice_str(kind == DEAD_RECORD ? "" : source);
	l.text[DEAD_ID] = slice_str(id);
	l.text[DEAD_RAW] = slice_str("{\"n\":1}");
	l.body_len = 7;
	dead_letter_put(&l, out.buf + out.len);
	out.len += dead_letter_bytes(&l);
	out.ends[out.n_recs++] = (uint32_t)out.len;
}

static void add(enum dead_kind kind, const char *source, const char *id)
{
	add_with(kind, source, id, "");
}

static void write_letters(void)
{
	void *state = mem_alloc(sink_dead_letter.state_size);
	assert_int_equal(sink_dead_letter.open(state, &conf.dead_letters, &error), 0);
	assert_int_equal(sink_dead_letter.write(state, &out, &error), SINK_DONE);
	assert_int_equal(sink_dead_letter.close(state, &error), 0);
	mem_free(state);
}

static bool put(void *arg, unsigned queue, const struct dead_letter *l)
{
	n_put++;
	return true;
}

static uint64_t lost(void *arg)
{
	return n_lost;
}

static struct dead_retry *begin(void)
{
	static const struct dead_retry_path path = {.put = put, .lost = lost};
	static const struct dead_choice all;
	struct dead_retry *d;
	if (dead_retry_open(dir, &all, &conf, &d, &error) < 0)
		fail_msg("%s", error.text);
	dead_retry_path(d, &path);
	return d;
}

/* The next frame, or false. */
static bool next(struct dead_retry *d)
{
	struct frame f;
	struct slice ground;
	arena_reset(&batch.arena);
	bool any = dead_retry_next(d, &batch, &f, &ground);
	mem_seal(false); /* the worker's way */
	if (any) {
		assert_int_equal(f.time_ns, 7);
		assert_true(slice_eq(f.body, SLICE_LIT("{\"n\":1}")));
	}
	return any;
}

static unsigned in_state(enum dead_state state, uint64_t n)
{
	struct dead_letter_store *s;
	unsigned count = 0;
	assert_int_equal(dead_letter_store_open(&file_ops_real, dir, &s, &error), 0);
	for (uint64_t seq = 0; seq < n; seq++)
		count += dead_letter_store_state(s, seq) == state;
	dead_letter_store_close(s);
	return count;
}

static void what_went_through_is_marked_and_not_tried_again(void **unused)
{
	add(DEAD_FRAME, "app", "1");
	add(DEAD_FRAME, "app", "2");
	write_letters();
	struct dead_retry *d = begin();
	assert_int_equal(dead_retry_n(d), 2);
	assert_true(next(d));
	assert_true(next(d));
	assert_false(next(d));
	assert_int_equal(in_state(DEAD_NEW, 2), 2); /* nothing before all is written */
	assert_int_equal(dead_retry_finish(d, true, 0, quiet, &error), 0);
	dead_retry_close(d);
	assert_int_equal(in_state(DEAD_RETRIED, 2), 2);
	d = begin();
	assert_int_equal(dead_retry_n(d), 0);
	dead_retry_close(d);
}

static void a_retry_that_was_stopped_leaves_the_rest_as_it_was(void **unused)
{
	add(DEAD_FRAME, "app", "1");
	add(DEAD_FRAME, "app", "2");
	add(DEAD_FRAME, "app", "3");
	write_letters();
	struct dead_retry *d = begin();
	assert_true(next(d));
	assert_true(next(d)); /* the first is through, the second in the path, the third to come */
	assert_int_equal(dead_retry_finish(d, true, 0, quiet, &error), 2);
	dead_retry_close(d);
	assert_int_equal(in_state(DEAD_RETRIED, 3), 1);
	assert_int_equal(in_state(DEAD_NEW, 3), 2);
}

static void a_loss_that_nobody_can_name_marks_nothing_as_retried(void **unused)
{
	add(DEAD_FRAME, "app", "1");
	add(DEAD_FRAME, "app", "2");
	write_letters();
	for (unsigned how = 0; how < 2; how++) {
		struct dead_retry *d = begin();
		while (next(d))
			;
		/* A sink failed; or the ledger has lost more than the worker told. */
		assert_int_equal(dead_retry_finish(d, how == 1, how == 1, quiet, &error), 2);
		dead_retry_close(d);
		assert_int_equal(in_state(DEAD_RETRIED, 2), 0);
	}
}

static void a_loss_in_the_worker_is_of_the_letter_at_hand(void **unused)
{
	add(DEAD_FRAME, "app", "1");
	add(DEAD_FRAME, "app", "2");
	add(DEAD_FRAME, "app", "3");
	write_letters();
	struct dead_retry *d = begin();
	assert_true(next(d));
	assert_true(next(d));
	n_lost = 1;
	assert_true(next(d));
	assert_false(next(d));
	assert_int_equal(dead_retry_finish(d, true, 1, quiet, &error), 1);
	dead_retry_close(d);
	assert_int_equal(in_state(DEAD_RETRIED, 3), 2);
	assert_int_equal(in_state(DEAD_FAILED, 3), 1);
}

static void letters_of_one_record_are_tried_once_and_have_one_outcome(void **unused)
{
	struct dead_letter again = {.kind = DEAD_FRAME, .stage = DEAD_NODE};
	add(DEAD_FRAME, "app", "1");
	add(DEAD_FRAME, "app", "2");
	add(DEAD_FRAME, "app", "1");
	write_letters();
	struct dead_retry *d = begin();
	assert_true(next(d));
	again.text[DEAD_ID] = SLICE_LIT("1");
	dead_retry_failed(d, &again);
	assert_true(next(d));
	assert_false(next(d));
	assert_int_equal(dead_retry_finish(d, true, 0, quiet, &error), 2);
	dead_retry_close(d);
	assert_int_equal(in_state(DEAD_FAILED, 3), 2);
	assert_int_equal(in_state(DEAD_RETRIED, 3), 1);
}

static void what_a_sink_refuses_later_fails_again(void **unused)
{
	struct dead_letter refused = {.kind = DEAD_RECORD, .stage = DEAD_SINK};
	add(DEAD_RECORD, "a/b", "1");
	add(DEAD_RECORD, "no/queue", "2");
	write_letters();
	struct dead_retry *d = begin();
	assert_false(next(d)); /* records go straight to their queue */
	assert_int_equal(n_put, 1);
	refused.text[DEAD_ID] = SLICE_LIT("1");
	dead_retry_failed(d, &refused);
	assert_int_equal(dead_retry_finish(d, true, 0, quiet, &error), 2);
	dead_retry_close(d);
	assert_int_equal(in_state(DEAD_FAILED, 2), 1);
	assert_int_equal(in_state(DEAD_NEW, 2), 1); /* it could not be tried */
}

/* A letter of a rows event has the id of its first row. */
static void a_record_that_fails_is_of_every_letter_that_may_have_made_it(void **unused)
{
	struct dead_letter seventh = {.kind = DEAD_FRAME, .stage = DEAD_NODE};
	add_with(DEAD_FRAME, "shop", "a-s-100-0", "g");
	add_with(DEAD_FRAME, "shop", "a-s-200-0", "g");
	add_with(DEAD_FRAME, "shop", "a-s-200-5", "g");
	write_letters();
	struct dead_retry *d = begin();
	for (unsigned i = 0; i < 3; i++)
		assert_true(next(d));
	seventh.text[DEAD_ID] = SLICE_LIT("a-s-200-7");
	dead_retry_failed(d, &seventh);
	assert_false(next(d));
	assert_int_equal(dead_retry_finish(d, true, 0, quiet, &error), 2);
	dead_retry_close(d);
	assert_int_equal(in_state(DEAD_RETRIED, 3), 1);
	assert_int_equal(in_state(DEAD_FAILED, 3), 2);
}

static void what_the_configuration_has_no_more_cannot_be_tried(void **unused)
{
	add(DEAD_FRAME, "gone", "1");
	add(DEAD_FRAME, "shop", "2"); /* row changes, with nothing to read them again */
	write_letters();
	struct dead_retry *d = begin();
	assert_false(next(d));
	assert_int_equal(dead_retry_finish(d, true, 0, quiet, &error), 2);
	dead_retry_close(d);
	assert_int_equal(in_state(DEAD_NEW, 2), 2);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_went_through_is_marked_and_not_tried_again),
		CASE(a_retry_that_was_stopped_leaves_the_rest_as_it_was),
		CASE(a_loss_that_nobody_can_name_marks_nothing_as_retried),
		CASE(a_loss_in_the_worker_is_of_the_letter_at_hand),
		CASE(letters_of_one_record_are_tried_once_and_have_one_outcome),
		CASE(what_a_sink_refuses_later_fails_again),
		CASE(a_record_that_fails_is_of_every_letter_that_may_have_made_it),
		CASE(what_the_configuration_has_no_more_cannot_be_tried),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
