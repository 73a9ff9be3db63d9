#include "tests/unit/unit.h"

#include "tests/support/op_rig.h"

static struct op_rig rig;

static void assert_projected(const char *options, const char *object, const char *want)
{
	char yaml[1024];
	snprintf(yaml, sizeof(yaml), "pipeline: { p: { op: project, from: app, %s } }\n", options);
	op_rig_init(&rig, yaml, "p");
	op_rig_feed(&rig, &object, 1);
	assert_int_equal(rig.n, want != NULL);
	if (want)
		assert_string_equal(rig.got[0], want);
	op_rig_fini(&rig);
}

static void a_record_has_the_fields_asked_for_in_their_order(void **state)
{
	assert_projected("select: \"b, upper(a) AS u, n::int + 1 AS m\"",
			 "{\"a\":\"x\",\"b\":\"y\",\"n\":\"41\",\"c\":1}",
			 "{\"b\":\"y\",\"u\":\"X\",\"m\":42}");
}

static void a_field_that_is_not_there_is_null(void **state)
{
	assert_projected("select: \"a, b, b AS c\"", "{\"a\":\"x\"}",
			 "{\"a\":\"x\",\"b\":null,\"c\":null}");
}

/* A field of a sender's is text to SQL, whatever it was on the wire. */
static void a_number_that_is_handed_on_as_text_is_text(void **state)
{
	assert_projected("select: \"a, b\"", "{\"a\":5,\"b\":\"x\"}", "{\"a\":\"5\",\"b\":\"x\"}");
}

static void a_text_that_is_handed_on_keeps_its_meaning(void **state)
{
	assert_projected("select: \"a\"", "{\"a\":\"q\\\"\\u00e9\\n\"}",
			 "{\"a\":\"q\\\"\\u00e9\\n\"}");
}

/* Handed on as it is in one field, and read by an expression in another. */
static void a_field_may_be_handed_on_and_read(void **state)
{
	assert_projected("select: \"a, length(a) AS n, a AS again\"", "{\"a\":\"\\u00e9x\"}",
			 "{\"a\":\"\\u00e9x\",\"n\":2,\"again\":\"\\u00e9x\"}");
}

static void records_of_one_burst_may_carry_a_field_differently(void **state)
{
	static const char *const objects[] = {"{\"a\":\"x\"}", "{\"z\":1,\"a\":7}", "{}",
					      "{\"a\":null}", "{\"b\":0,\"c\":0,\"a\":\"w\"}"};
	static const char *const want[] = {"{\"a\":\"x\"}", "{\"a\":\"7\"}", "{\"a\":null}",
					   "{\"a\":null}", "{\"a\":\"w\"}"};
	op_rig_init(&rig, "pipeline: { p: { op: project, from: app, select: a } }\n", "p");
	op_rig_feed(&rig, objects, 5);
	assert_int_equal(rig.n, 5);
	for (unsigned i = 0; i < 5; i++)
		assert_string_equal(rig.got[i], want[i]);
	/* and the next burst again as it was */
	op_rig_feed(&rig, objects, 1);
	assert_string_equal(rig.got[5], want[0]);
	op_rig_fini(&rig);
}

/* A burst is no part of the input: with more workers others stand beside a record. */
static void what_a_record_hands_on_does_not_hang_on_the_others_of_its_burst(void **state)
{
	static const char *const objects[] = {"{\"a\":7}", "{\"a\":\"\\u0041\"}",
					      "{\"a\":\"\\u0000\"}"};
	static const char *const want[] = {"{\"a\":\"7\"}", "{\"a\":\"\\u0041\"}",
					   "{\"a\":\"\\u0000\"}"};
	op_rig_init(&rig, "pipeline: { p: { op: project, from: app, select: a } }\n", "p");
	op_rig_feed(&rig, objects, 3);
	assert_int_equal(rig.n, 3);
	for (unsigned i = 0; i < 3; i++)
		assert_string_equal(rig.got[i], want[i]);
	op_rig_fini(&rig);
	for (unsigned i = 1; i < 3; i++)
		assert_projected("select: a", objects[i], want[i]);
}

static void a_star_keeps_the_rest_and_items_take_the_place_of_fields(void **state)
{
	assert_projected("select: \"*, upper(a) AS a, 1 AS one\"", "{\"a\":\"x\",\"b\":2}",
			 "{\"a\":\"X\",\"b\":2,\"one\":1}");
}

static void an_error_drops_the_record_or_makes_a_null(void **state)
{
	assert_projected("select: \"a, n::int AS n\"", "{\"a\":\"x\",\"n\":\"y\"}", NULL);
	assert_projected("select: \"a, n::int AS n\", on_error: \"null\"",
			 "{\"a\":\"x\",\"n\":\"y\"}", "{\"a\":\"x\",\"n\":null}");
}

/* Every spelling that PostgreSQL takes for an integer, around the ones that are digits alone. */
static void text_is_cast_to_an_integer_in_all_its_spellings(void **state)
{
	assert_projected("select: \"a::int AS a, b::bigint AS b, c::smallint AS c\"",
			 "{\"a\":\" -2147483648 \",\"b\":\"9223372036854775807\",\"c\":\"+32767\"}",
			 "{\"a\":-2147483648,\"b\":9223372036854775807,\"c\":32767}");
	assert_projected("select: \"a::int AS a\"", "{\"a\":\"2147483648\"}", NULL);
	assert_projected("select: \"a::smallint AS a\"", "{\"a\":\"32768\"}", NULL);
	assert_projected("select: \"a::bigint AS a\"", "{\"a\":\"9223372036854775808\"}", NULL);
	assert_projected("select: \"a::bigint AS a\"", "{\"a\":\"000000000000000000007\"}",
			 "{\"a\":7}");
	assert_projected("select: \"a::int AS a\"", "{\"a\":\"1:\"}", NULL);
	assert_projected("select: \"a::int AS a\"", "{\"a\":\"\"}", NULL);
}

/* Up to eight digits are read at once: of every length, and a byte that is none at every place. */
static void digits_are_an_integer_only_where_all_of_them_are_digits(void **state)
{
	char object[64], want[64];
	for (size_t len = 1; len <= 10; len++) {
		snprintf(want, sizeof(want), "{\"a\":%.*s}", (int)len, "9070503918");
		snprintf(object, sizeof(object), "{\"a\":\"%.*s\"}", (int)len, "9070503918");
		assert_projected("select: \"a::bigint AS a\"", object, want);
		for (size_t i = 0; i < len; i++) {
			object[6 + i] = i % 2 ? ':' : '/';
			assert_projected("select: \"a::bigint AS a\"", object, NULL);
			object[6 + i] = "9070503918"[i];
		}
	}
}

static void texts_of_every_length_are_put_in_capitals(void **state)
{
	static const char text[] = "abc@[`{zAZ09\xc3\xa9-xyzzy-0123456789-qwertyuiop";
	char object[128], want[128];
	for (size_t len = 0; len < sizeof(text); len++) {
		if (len == 13) /* inside of a character */
			continue;
		snprintf(object, sizeof(object), "{\"a\":\"%.*s\"}", (int)len, text);
		snprintf(want, sizeof(want), "{\"a\":\"%.*s\"}", (int)len, text);
		for (char *p = want + 6; *p; p++)
			*p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
		assert_projected("select: \"upper(a) AS a\"", object, want);
	}
}

static void a_name_of_sluices_own_is_refused(void **state)
{
	op_rig_build(&rig, "pipeline: { p: { op: project, from: app, select: a AS _a } }\n");
	assert_non_null(strstr(rig.says, "names that begin with \"_\" are sluice's own"));
	op_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_has_the_fields_asked_for_in_their_order),
		cmocka_unit_test(a_field_that_is_not_there_is_null),
		cmocka_unit_test(a_number_that_is_handed_on_as_text_is_text),
		cmocka_unit_test(a_text_that_is_handed_on_keeps_its_meaning),
		cmocka_unit_test(a_field_may_be_handed_on_and_read),
		cmocka_unit_test(records_of_one_burst_may_carry_a_field_differently),
		cmocka_unit_test(what_a_record_hands_on_does_not_hang_on_the_others_of_its_burst),
		cmocka_unit_test(a_star_keeps_the_rest_and_items_take_the_place_of_fields),
		cmocka_unit_test(an_error_drops_the_record_or_makes_a_null),
		cmocka_unit_test(text_is_cast_to_an_integer_in_all_its_spellings),
		cmocka_unit_test(digits_are_an_integer_only_where_all_of_them_are_digits),
		cmocka_unit_test(texts_of_every_length_are_put_in_capitals),
		cmocka_unit_test(a_name_of_sluices_own_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
