#include "tests/unit/unit.h"

#include <errno.h>

#include "dataplane/rec/rec.h"

static const struct field_def fields[] = {
	{"host", VAL_STR, ""}, {"status", VAL_I64, ""}, {"at", VAL_TIME, ""}};

static struct batch batch;
static struct schema schema;
static struct rec_builder rb;

static int set_up(void **state)
{
	batch.n_recs = 0;
	return arena_init(&batch.arena, 1 << 20) || schema_init(&schema, fields, 3);
}

static int tear_down(void **state)
{
	schema_fini(&schema);
	arena_fini(&batch.arena);
	return 0;
}

static int64_t number_at(struct val v)
{
	int64_t n;
	memcpy(&n, batch.arena.base + v.off, sizeof(n));
	return n;
}

static void a_schema_has_its_names_as_json_keys(void **state)
{
	assert_true(slice_eq(schema.json[0], SLICE_LIT("\"host\":")));
	assert_true(slice_eq(schema.json[2], SLICE_LIT("\"at\":")));
	assert_int_equal(schema.json_bytes, strlen("\"host\":\"status\":\"at\":"));
	static const struct field_def odd[] = {{"a\"b", VAL_STR, "a name of the user's"}};
	struct schema s;
	assert_int_equal(schema_init(&s, odd, 1), 0);
	assert_true(slice_eq(s.json[0], SLICE_LIT("\"a\\\"b\":")));
	schema_fini(&s);
}

static void a_schema_that_is_shared_has_the_same_keys_and_frees_none(void **state)
{
	struct schema s;
	schema_share(&s, &schema);
	assert_ptr_equal(s.keys, schema.keys);
	assert_int_equal(s.n_fields, 3);
	assert_int_equal(s.json_bytes, schema.json_bytes);
	schema_fini(&s); /* ASan sees the keys freed twice, in tear_down */
	assert_null(s.json);
	assert_true(slice_eq(schema.json[0], SLICE_LIT("\"host\":")));
}

static void schemas_are_joined_in_their_order_as_long_as_there_is_room(void **state)
{
	static const struct field_def more[] = {{"rack", VAL_STR, ""}, {"team", VAL_STR, ""}};
	static struct field_def many[SCHEMA_JOINED_MAX - 2];
	static struct schema_room room;
	struct schema added, wide, s;
	assert_int_equal(schema_init(&added, more, 2), 0);
	assert_true(schema_join(&s, &schema, &added, &room));
	assert_int_equal(s.n_fields, 5);
	assert_string_equal(s.fields[2].name, "at");
	assert_string_equal(s.fields[3].name, "rack");
	assert_true(slice_eq(s.json[4], SLICE_LIT("\"team\":")));
	assert_memory_equal(s.keys[3].text, "\",\"rack\":\"", 10);
	assert_int_equal(s.keys[3].len, 10);
	assert_memory_equal(s.keys[5].text, "\"}\n", 3);
	assert_int_equal(s.keys[5].len, 3);
	assert_int_equal(s.json_bytes, schema.json_bytes + added.json_bytes);
	assert_true(s.short_keys);
	for (unsigned i = 0; i < SCHEMA_JOINED_MAX - 2; i++)
		many[i] = (struct field_def){"f", VAL_STR, ""};
	assert_int_equal(schema_init(&wide, many, SCHEMA_JOINED_MAX - 2), 0);
	assert_true(schema_join(&s, &wide, &added, &room));
	assert_false(schema_join(&s, &wide, &schema, &room));
	schema_fini(&wide);
	schema_fini(&added);
}

static void a_record_has_its_fields_and_its_pairs_behind_it(void **state)
{
	rec_begin(&rb, &batch, &schema);
	rec_set_str(&rb, 0, SLICE_LIT("web-1"));
	rec_set_i64(&rb, 1, -404);
	rec_pair(&rb, rec_make_text(&rb, VAL_STR, SLICE_LIT("k")), (struct val){.type = VAL_TRUE});
	struct rec *r = rec_end(&rb);
	assert_ptr_equal(batch.recs[0], r);
	assert_int_equal(batch.n_recs, 1);
	assert_int_equal((uintptr_t)r % 8, 0);
	assert_memory_equal(batch.arena.base + r->vals[0].off, "web-1", r->vals[0].len);
	assert_int_equal(number_at(r->vals[1]), -404);
	assert_int_equal(r->vals[2].type, VAL_ABSENT); /* never set */
	assert_int_equal(r->n_pairs, 1);
	assert_memory_equal(batch.arena.base + rec_pairs(r)[0].off, "k", 1);
	assert_int_equal(rec_pairs(r)[1].type, VAL_TRUE);
}

static void pairs_stand_behind_their_record_with_and_without_text_in_the_way(void **state)
{
	for (unsigned i = 0; i < 4; i++) {
		bool text = i & 1;
		batch.room = i & 2; /* pairs more */
		rec_begin(&rb, &batch, &schema);
		size_t begin = batch.arena.used;
		rec_set(&rb, 1, (struct val){.type = VAL_FALSE});
		if (text)
			rec_set_str(&rb, 0, SLICE_LIT("web-1"));
		for (unsigned k = 0; k < 3; k++)
			rec_pair(&rb, val_of(VAL_NAME, k, 0), (struct val){.type = VAL_TRUE});
		struct rec *r = rec_end(&rb);
		assert_int_equal(r->vals[1].type, VAL_FALSE);
		assert_int_equal(r->vals[0].type, text ? VAL_STR : VAL_ABSENT);
		for (unsigned k = 0; k < 3; k++) {
			assert_int_equal(rec_pairs(r)[2 * k].off, k);
			assert_int_equal(rec_pairs(r)[2 * k + 1].type, VAL_TRUE);
		}
		if (!text) /* it stays where it is */
			assert_int_equal(batch.arena.used, begin + 6 * sizeof(struct val));
		const struct val *end = rec_pairs(r) + 2 * (r->n_pairs + batch.room);
		assert_ptr_equal(end, batch.arena.base + batch.arena.used);
	}
	batch.room = 0;
}

static void a_record_that_found_no_room_is_set_nowhere(void **state)
{
	batch.arena.used = batch.arena.cap - 40;
	rec_begin(&rb, &batch, &schema);
	rec_set(&rb, 0, (struct val){.type = VAL_TRUE});
	assert_null(rec_end(&rb));
	assert_int_equal(batch.arena.used, batch.arena.cap - 40);
}

static void a_record_knows_nothing_of_the_one_before(void **state)
{
	rec_begin(&rb, &batch, &schema);
	rec_set_time(&rb, 2, 5);
	rec_pair(&rb, (struct val){.type = VAL_NAME}, (struct val){.type = VAL_NULL});
	assert_non_null(rec_end(&rb));
	rec_begin(&rb, &batch, &schema);
	struct rec *r = rec_end(&rb);
	assert_int_equal(r->n_pairs, 0);
	assert_int_equal(r->vals[2].type, VAL_ABSENT);
}

static void pairs_beyond_the_limit_are_counted(void **state)
{
	rec_begin(&rb, &batch, &schema);
	for (unsigned i = 0; i < REC_PAIRS_MAX + 3; i++)
		rec_pair(&rb, (struct val){.type = VAL_NAME}, (struct val){.type = VAL_NULL});
	assert_int_equal(rb.n_pairs_lost, 3);
	assert_int_equal(rec_end(&rb)->n_pairs, REC_PAIRS_MAX);
}

static void a_value_that_does_not_fit_keeps_the_record_out(void **state)
{
	rec_begin(&rb, &batch, &schema);
	arena_take(&batch.arena, arena_left(&batch.arena) - 4);
	rec_set_i64(&rb, 1, 1);
	assert_true(rb.full);
	assert_null(rec_end(&rb));
	assert_int_equal(batch.n_recs, 0);
}

static void a_full_batch_takes_no_more_records(void **state)
{
	for (unsigned i = 0; i < BATCH_RECS_MAX; i++) {
		rec_begin(&rb, &batch, &schema);
		assert_non_null(rec_end(&rb));
	}
	rec_begin(&rb, &batch, &schema);
	assert_null(rec_end(&rb));
	assert_int_equal(batch.n_recs, BATCH_RECS_MAX);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_schema_has_its_names_as_json_keys),
		TEST(a_schema_that_is_shared_has_the_same_keys_and_frees_none),
		TEST(schemas_are_joined_in_their_order_as_long_as_there_is_room),
		TEST(a_record_has_its_fields_and_its_pairs_behind_it),
		TEST(pairs_stand_behind_their_record_with_and_without_text_in_the_way),
		TEST(a_record_that_found_no_room_is_set_nowhere),
		TEST(a_record_knows_nothing_of_the_one_before),
		TEST(pairs_beyond_the_limit_are_counted),
		TEST(a_value_that_does_not_fit_keeps_the_record_out),
		TEST(a_full_batch_takes_no_more_records),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
