#include "tests/unit/unit.h"

#include "dataplane/graph/held.h"

#define NONE ((struct slice){0})

static const struct field_def fields[] = {{"a", VAL_STR, ""}, {"n", VAL_I64, ""}, {NULL}};
static struct schema schema;
static struct batch batch, later;

/* A record whose frame is @text; a is a part of it, n stands beside, and there is a pair of text of
 * its own.
 */
static struct rec *make(const char *text, int64_t n)
{
	static struct rec_builder rb;
	static const struct change change;
	size_t len = strlen(text);
	uint32_t frame = arena_copy(&batch.arena, text, len);
	rec_begin(&rb, &batch, &schema);
	rb.change = &change;
	rec_set(&rb, 0, val_of(VAL_STR, frame + 1, len - 1));
	rec_set_i64(&rb, 1, n);
	rb.stream = rec_make_text(&rb, VAL_STR, SLICE_LIT("stream"));
	rec_pair(&rb, val_of(VAL_NAME, 7, 0), val_of(VAL_TRUE, 0, 0));
	rec_pair(&rb, rec_make_text(&rb, VAL_STR, SLICE_LIT("key")),
		 rec_make_text(&rb, VAL_STR, SLICE_LIT("value")));
	uint32_t origin = arena_copy(&batch.arena, "\"_src\":\"x\"", 10);
	struct rec *r = rec_end(&rb);
	assert_non_null(r);
	r->time_ns = (uint64_t)n;
	r->frame_off = frame;
	r->frame_len = (uint32_t)len;
	r->origin_off = origin;
	r->origin_len = 10;
	return r;
}

static void is_text(struct val v, const char *want)
{
	assert_int_equal(v.len, strlen(want));
	assert_memory_equal(later.arena.base + v.off, want, v.len);
}

static void is(const struct rec *r, const char *text, int64_t n)
{
	const struct val *pairs = rec_pairs((struct rec *)r);
	assert_non_null(r);
	assert_null(r->change);
	assert_int_equal(r->time_ns, n);
	assert_memory_equal(later.arena.base + r->frame_off, text, r->frame_len);
	assert_memory_equal(later.arena.base + r->origin_off, "\"_src\":\"x\"", 10);
	is_text(r->vals[0], text + 1);
	assert_int_equal(r->vals[0].off, r->frame_off + 1);
	assert_memory_equal(later.arena.base + r->vals[1].off, &n, sizeof(n));
	is_text(r->stream, "stream");
	assert_int_equal(pairs[0].type, VAL_NAME);
	assert_int_equal(pairs[0].off, 7);
	assert_int_equal(pairs[1].type, VAL_TRUE);
	is_text(pairs[2], "key");
	is_text(pairs[3], "value");
}

static void reset(void)
{
	arena_reset(&batch.arena);
	arena_reset(&later.arena);
	batch.n_recs = 0;
}

static void a_record_comes_back_whole_after_its_batch(void **state)
{
	struct held *h = held_create(4, 1 << 12);
	reset();
	assert_true(held_put(h, &batch, make("xhello", 5), SLICE_LIT("k"), SLICE_LIT("about"), 50));
	assert_true(held_put(h, &batch, make("ybye", 6), SLICE_LIT(""), NONE, 60));
	memset(batch.arena.base + 8, 0xee, 2000);
	assert_int_equal(held_n(h), 2);
	assert_true(slice_eq(held_key(h, 0), SLICE_LIT("k")));
	assert_int_equal(held_key(h, 1).len, 0);
	assert_true(slice_eq(held_about(h, 0), SLICE_LIT("about")));
	assert_int_equal(held_about(h, 1).len, 0);
	assert_int_equal(held_until_ns(h, 1), 60);
	arena_take(&later.arena, 13);
	is(held_take(h, 1, &later), "ybye", 6);
	held_trim(h);
	assert_int_equal(held_n(h), 2);
	assert_true(held_is_taken(h, 1));
	is(held_take(h, 0, &later), "xhello", 5);
	held_trim(h);
	assert_int_equal(held_n(h), 0);
	held_destroy(h);
}

static void a_full_ring_says_so(void **state)
{
	struct held *h = held_create(2, 1 << 12);
	reset();
	assert_true(held_put(h, &batch, make("a1", 1), SLICE_LIT("k"), NONE, 1));
	assert_true(held_put(h, &batch, make("a2", 2), SLICE_LIT("k"), NONE, 2));
	assert_false(held_put(h, &batch, make("a3", 3), SLICE_LIT("k"), NONE, 3));
	held_destroy(h);
	h = held_create(100, 64);
	assert_false(held_put(h, &batch, make("a1", 1), SLICE_LIT("k"), NONE, 1));
	assert_int_equal(held_n(h), 0);
	held_destroy(h);
}

/* Sizes of all kinds go round and round; what comes out is what went in. */
static void records_of_all_sizes_go_round_the_ring(void **state)
{
	struct held *h = held_create(16, 3000);
	char text[600];
	int64_t in = 0, out = 0;
	for (int64_t i = 0; i < 5000; i++) {
		reset();
		size_t len = 1 + (size_t)(in * 37 % 500);
		memset(text, 'a' + (int)(in % 26), len);
		text[len] = '\0';
		if (held_put(h, &batch, make(text, in), slice_of(text, len % 50), NONE,
			     (uint64_t)in)) {
			in++;
			if (i % 3)
				continue;
		}
		assert_int_not_equal(held_n(h), 0);
		len = 1 + (size_t)(out * 37 % 500);
		memset(text, 'a' + (int)(out % 26), len);
		text[len] = '\0';
		assert_true(slice_eq(held_key(h, 0), slice_of(text, len % 50)));
		is(held_take(h, 0, &later), text, out++);
		held_trim(h);
	}
	assert_true(out > 1000);
	held_destroy(h);
}

static void a_batch_without_room_gets_nothing(void **state)
{
	struct held *h = held_create(2, 1 << 12);
	reset();
	assert_true(held_put(h, &batch, make("a1", 1), SLICE_LIT("k"), NONE, 1));
	arena_take(&later.arena, arena_left(&later.arena));
	assert_null(held_take(h, 0, &later));
	held_trim(h);
	assert_int_equal(held_n(h), 0);
	held_destroy(h);
}

static void a_record_that_moves_has_the_number_that_its_source_has_now(void **state)
{
	static const uint16_t sources[] = {3, 0};
	struct names *names = names_create();
	struct held *h = held_create(4, 1 << 12), *to = held_create(4, 1 << 12);
	uint32_t id = 0;
	reset();
	while (id < 7) { /* the record has a name of this number */
		struct slice name = slice_of(&"abcdefgh"[names_count(names)], 1);
		assert_int_equal(names_add(names, name, &id), 0);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct rec *r = make("xhello", 5);
		r->source = (uint16_t)i;
		assert_true(held_put(h, &batch, r, NONE, NONE, 50));
		assert_true(held_move(h, i, to, names, sources, &later));
	}
	assert_int_equal(held_take(to, 0, &later)->source, 3);
	assert_int_equal(held_take(to, 1, &later)->source, 0);
	held_destroy(h);
	held_destroy(to);
	names_destroy(names);
}

int main(void)
{
	schema_init(&schema, fields, 2);
	arena_init(&batch.arena, 1 << 16);
	arena_init(&later.arena, 1 << 16);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_comes_back_whole_after_its_batch),
		cmocka_unit_test(a_full_ring_says_so),
		cmocka_unit_test(records_of_all_sizes_go_round_the_ring),
		cmocka_unit_test(a_batch_without_room_gets_nothing),
		cmocka_unit_test(a_record_that_moves_has_the_number_that_its_source_has_now),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_fini(&batch.arena);
	arena_fini(&later.arena);
	schema_fini(&schema);
	return rc;
}
