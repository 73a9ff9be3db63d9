/* Fields of a record that was JSON: of the types of their source again. */
#include "tests/unit/unit.h"

#include "dataplane/extract/json.h"
#include "dataplane/extract/own.h"

static const struct field_def fields[] = {
	{"name", VAL_STR, ""},    {"when", VAL_TIME, ""}, {"n", VAL_I64, ""},
	{"object", VAL_JSON, ""}, {"on", VAL_TRUE, ""},   {"raw", VAL_BYTES, ""},
};

static struct schema schema;
static struct batch b;
static struct rec_builder rb;

static void read_back(const char *text)
{
	bool repaired = false;
	struct json *j = json_create(1 << 16);
	arena_reset(&b.arena);
	uint32_t off = arena_take(&b.arena, strlen(text) + SL_PAD);
	memcpy(b.arena.base + off, text, strlen(text));
	rec_begin(&rb, &b, &schema);
	assert_null(json_pairs(j, arena_slice(&b.arena, off, strlen(text)), &rb, &repaired));
	own_fields(&rb, 0);
	json_destroy(j);
}

static int set_up(void **state)
{
	assert_int_equal(schema_init(&schema, fields, 6), 0);
	return arena_init(&b.arena, 1 << 20);
}

static int tear_down(void **state)
{
	schema_fini(&schema);
	arena_fini(&b.arena);
	return 0;
}

static int64_t number(unsigned i)
{
	int64_t v;
	memcpy(&v, b.arena.base + rb.fixed[i].off, 8);
	return v;
}

static void fixed_fields_have_the_types_of_their_source(void **state)
{
	read_back("{\"name\":\"a\\u0001\",\"when\":\"1970-01-01T00:00:01.5Z\",\"n\":-7,"
		  "\"object\":{\"a\":[1]},\"on\":false}");
	assert_int_equal(rb.n_pairs, 0);
	assert_int_equal(rb.fixed[0].type, VAL_JSTR);
	assert_int_equal(rb.fixed[1].type, VAL_TIME);
	assert_int_equal(number(1), 1500000000);
	assert_int_equal(rb.fixed[2].type, VAL_I64);
	assert_int_equal(number(2), -7);
	assert_int_equal(rb.fixed[3].type, VAL_JSON);
	assert_int_equal(rb.fixed[4].type, VAL_FALSE);
	assert_int_equal(rb.fixed[5].type, VAL_ABSENT);
}

static void a_value_that_a_field_does_not_take_stays_a_pair(void **state)
{
	read_back("{\"name\":5,\"when\":\"yesterday\",\"n\":9223372036854775808,\"object\":\"x\","
		  "\"on\":null,\"raw\":\"AAAA\"}");
	for (unsigned i = 0; i < 6; i++)
		assert_int_equal(rb.fixed[i].type, i == 4 ? VAL_NULL : VAL_ABSENT);
	assert_int_equal(rb.n_pairs, 5);
}

static void keys_of_sluice_and_of_the_sender_are_as_they_were(void **state)
{
	static const char *const keys[] = {"_http", "__id", "_", "plain"};
	read_back("{\"_http\":{},\"__id\":1,\"_\":2,\"plain\":3}");
	assert_int_equal(rb.n_pairs, 4);
	for (unsigned i = 0; i < 4; i++) {
		struct val key = rb.pairs[2 * i];
		assert_true(slice_eq(arena_slice(&b.arena, key.off, key.len), slice_str(keys[i])));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fixed_fields_have_the_types_of_their_source),
		cmocka_unit_test(a_value_that_a_field_does_not_take_stays_a_pair),
		cmocka_unit_test(keys_of_sluice_and_of_the_sender_are_as_they_were),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
