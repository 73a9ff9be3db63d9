#include "pairs.h"

#include "dataplane/extract/keys.h"

static const struct field_def fields[] = {
	{.name = "host", .type = VAL_STR},
	{.name = "pid", .type = VAL_I64},
};

struct readers {
	struct keys *keys;
	struct pairs *pairs;
	struct schema schema;
};

static int setup(void **state)
{
	static struct readers r;
	r.pairs = pairs_create(4 << 20);
	r.keys = keys_create(r.pairs->names);
	*state = &r;
	return r.keys ? schema_init(&r.schema, fields, 2) : -1;
}

static int teardown(void **state)
{
	struct readers *r = *state;
	schema_fini(&r->schema);
	keys_destroy(r->keys);
	pairs_destroy(r->pairs);
	return 0;
}

static void put(struct pairs *p, const char *key, const char *value)
{
	struct slice k = pairs_copy(p, key, strlen(key));
	rec_pair(&p->rb, keys_of_sender(&p->rb, VAL_JSTR, k),
		 rec_make_text(&p->rb, VAL_STR, slice_str(value)));
}

static void the_last_of_one_name_wins_in_the_place_of_the_first(void **state)
{
	struct readers *r = *state;
	pairs_reset(r->pairs, NULL);
	put(r->pairs, "a", "1");
	put(r->pairs, "b", "2");
	put(r->pairs, "a", "3");
	put(r->pairs, "longer than eight bytes", "4");
	put(r->pairs, "longer than eight bytes", "5");
	assert_int_equal(keys_unique(r->keys, &r->pairs->rb), 0);
	assert_string_equal(pairs_built(r->pairs),
			    "\"a\"='3'; \"b\"='2'; \"longer than eight bytes\"='5'");
}

static void a_name_of_the_table_and_the_same_text_are_one_key(void **state)
{
	struct readers *r = *state;
	uint32_t id = 0;
	pairs_reset(r->pairs, NULL);
	assert_int_equal(names_add(r->pairs->names, SLICE_LIT("level"), &id), 0);
	rec_pair(&r->pairs->rb, val_of(VAL_NAME, id, 0), val_of(VAL_NULL, 0, 0));
	put(r->pairs, "level", "info");
	assert_int_equal(keys_unique(r->keys, &r->pairs->rb), 0);
	assert_string_equal(pairs_built(r->pairs), "level='info'");
}

static void a_pair_takes_the_place_of_a_fixed_field_of_its_name(void **state)
{
	struct readers *r = *state;
	pairs_reset(r->pairs, &r->schema);
	rec_set_str(&r->pairs->rb, 0, SLICE_LIT("of the parser"));
	rec_set_i64(&r->pairs->rb, 1, 7);
	put(r->pairs, "host", "of the sender");
	put(r->pairs, "pid", "x");
	assert_int_equal(keys_unique(r->keys, &r->pairs->rb), 0);
	/* A field that is promised as a number never holds text: it is absent, the pair stays. */
	assert_string_equal(pairs_built(r->pairs), "\"pid\"='x'");
	assert_int_equal(r->pairs->rb.fixed[1].type, VAL_ABSENT);
	assert_int_equal(r->pairs->rb.fixed[0].len, strlen("of the sender"));
}

/* Records in a row with the same keys, of parsers with and without such a field. */
static void keys_of_the_record_before_are_fixed_fields_of_another_parser(void **state)
{
	struct readers *r = *state;
	for (unsigned i = 0; i < 6; i++) {
		bool has_host = i % 3 != 0;
		pairs_reset(r->pairs, has_host ? &r->schema : NULL);
		put(r->pairs, "user", "root");
		put(r->pairs, "host", "h");
		assert_int_equal(keys_unique(r->keys, &r->pairs->rb), 0);
		assert_string_equal(pairs_built(r->pairs),
				    has_host ? "\"user\"='root'" : "\"user\"='root'; \"host\"='h'");
	}
	for (unsigned i = 0; i < 2; i++) {
		pairs_reset(r->pairs, &r->schema);
		put(r->pairs, "user", "root");
		assert_int_equal(keys_unique(r->keys, &r->pairs->rb), 0);
		assert_string_equal(pairs_built(r->pairs), "\"user\"='root'");
	}
}

static void as_many_keys_as_a_record_holds_stay_apart(void **state)
{
	struct readers *r = *state;
	char key[16];
	pairs_reset(r->pairs, NULL);
	for (unsigned i = 0; i < REC_PAIRS_MAX; i++) {
		snprintf(key, sizeof(key), "key%u", i);
		put(r->pairs, key, "");
	}
	assert_int_equal(keys_unique(r->keys, &r->pairs->rb), 0);
	assert_int_equal(r->pairs->rb.n_pairs, REC_PAIRS_MAX);
}

/* Records in a row, as one sender's are, of which the second differs from the first in one byte, in
 * the length of a key or in the number of keys.
 */
static void keys_like_those_of_the_record_before_are_looked_at_all_the_same(void **state)
{
	static const struct {
		const char *keys[3], *built;
	} records[] = {
		{{"a", "b", "sixteen bytes 16"}, "\"a\"='0'; \"b\"='1'; \"sixteen bytes 16\"='2'"},
		{{"a", "b", "sixteen bytes 16"}, "\"a\"='0'; \"b\"='1'; \"sixteen bytes 16\"='2'"},
		{{"a", "a", "sixteen bytes 16"}, "\"a\"='1'; \"sixteen bytes 16\"='2'"},
		{{"a", "b", "a"}, "\"a\"='2'; \"b\"='1'"},
		{{"a", "b", "sixteen bytes 16+"},
		 "\"a\"='0'; \"b\"='1'; \"sixteen bytes 16+\"='2'"},
		{{"b", "b", "sixteen bytes 16"}, "\"b\"='1'; \"sixteen bytes 16\"='2'"},
		{{"a", "a", NULL}, "\"a\"='1'"},
		{{"a", "b", NULL}, "\"a\"='0'; \"b\"='1'"},
		{{"b", "a", NULL}, "\"b\"='0'; \"a\"='1'"},
		{{"a", "aa", NULL}, "\"a\"='0'; \"aa\"='1'"},
		{{"aa", "aa", NULL}, "\"aa\"='1'"},
		{{"", "", NULL}, "\"\"='1'"},
	};
	static const char *const values[] = {"0", "1", "2"};
	struct readers *r = *state;
	for (unsigned i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		pairs_reset(r->pairs, NULL);
		for (unsigned k = 0; k < 3 && records[i].keys[k]; k++)
			put(r->pairs, records[i].keys[k], values[k]);
		assert_int_equal(keys_unique(r->keys, &r->pairs->rb), 0);
		assert_string_equal(pairs_built(r->pairs), records[i].built);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_last_of_one_name_wins_in_the_place_of_the_first),
		cmocka_unit_test(a_name_of_the_table_and_the_same_text_are_one_key),
		cmocka_unit_test(a_pair_takes_the_place_of_a_fixed_field_of_its_name),
		cmocka_unit_test(keys_of_the_record_before_are_fixed_fields_of_another_parser),
		cmocka_unit_test(as_many_keys_as_a_record_holds_stay_apart),
		cmocka_unit_test(keys_like_those_of_the_record_before_are_looked_at_all_the_same),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
