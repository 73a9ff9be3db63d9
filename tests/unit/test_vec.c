/* vec.c, fn.c */
#include "unit.h"

#include "dataplane/graph/fn.h"

static struct arena arena;

static int setup(void **state)
{
	return arena_init(&arena, 1 << 16);
}

static int teardown(void **state)
{
	arena_fini(&arena);
	return 0;
}

static struct val text(enum val_type t, const char *s)
{
	return val_of(t, arena_copy(&arena, s, strlen(s)), strlen(s));
}

static struct val word(enum val_type t, int64_t v)
{
	uint32_t off = arena_take8(&arena, 8);
	memcpy(arena.base + off, &v, 8);
	return val_of(t, off, 8);
}

static struct val real(double f)
{
	int64_t v;
	memcpy(&v, &f, 8);
	return word(VAL_F64, v);
}

/* Puts @v into a column of type @t and takes it out again: its bytes; "NULL"; an error's name. */
static const char *through(enum sql_type t, struct val v)
{
	static char out[256];
	struct vec c;
	assert_int_equal(vec_init(&c, t), 0);
	vec_put(&c, 0, v, &arena);
	struct val got = vec_get(&c, 0, &arena);
	const char *p = (const char *)arena.base + got.off;
	int64_t w = 0;
	double f;
	if (c.state[0] >= VEC_ERROR) {
		snprintf(out, sizeof(out), "%s", vec_error_name(c.state[0]));
	} else if (got.type == VAL_NULL) {
		snprintf(out, sizeof(out), "NULL");
	} else if (got.type == VAL_TRUE || got.type == VAL_FALSE) {
		snprintf(out, sizeof(out), "%d", got.type == VAL_TRUE);
	} else if (got.type == VAL_I64 || got.type == VAL_TIME) {
		memcpy(&w, p, 8);
		snprintf(out, sizeof(out), "%lld", (long long)w);
	} else if (got.type == VAL_F64) {
		memcpy(&f, p, 8);
		snprintf(out, sizeof(out), "%g", f);
	} else {
		snprintf(out, sizeof(out), "%.*s", (int)got.len, p);
	}
	vec_fini(&c);
	return out;
}

static void text_takes_every_value_as_it_would_be_printed(void **state)
{
	arena_reset(&arena);
	assert_string_equal(through(SQL_TEXT, text(VAL_STR, "h\xc3\xa4")), "h\xc3\xa4");
	assert_string_equal(through(SQL_TEXT, text(VAL_STR, "a\xff\"b")), "a\xef\xbf\xbd\"b");
	assert_string_equal(through(SQL_TEXT, text(VAL_JSTR, "a\\n\\u00e4")), "a\n\xc3\xa4");
	assert_string_equal(through(SQL_TEXT, text(VAL_NUM, "1.50")), "1.50");
	assert_string_equal(through(SQL_TEXT, text(VAL_JSON, "{\"a\":1}")), "{\"a\":1}");
	assert_string_equal(through(SQL_TEXT, word(VAL_I64, -7)), "-7");
	assert_string_equal(through(SQL_TEXT, word(VAL_U64, -1)), "18446744073709551615");
	assert_string_equal(through(SQL_TEXT, real(0.5)), "0.5");
	assert_string_equal(through(SQL_TEXT, word(VAL_TIME, 0)), "1970-01-01T00:00:00Z");
	assert_string_equal(through(SQL_TEXT, text(VAL_BYTES, "abc")), "YWJj");
	assert_string_equal(through(SQL_TEXT, (struct val){.type = VAL_TRUE}), "true");
	assert_string_equal(through(SQL_TEXT, (struct val){.type = VAL_ABSENT}), "NULL");
	assert_string_equal(through(SQL_TEXT, (struct val){.type = VAL_NULL}), "NULL");
}

static void a_value_that_the_type_does_not_take_is_an_error(void **state)
{
	arena_reset(&arena);
	assert_string_equal(through(SQL_INT4, text(VAL_STR, "12")), "bad_input");
	assert_string_equal(through(SQL_INT4, text(VAL_NUM, "12")), "12");
	assert_string_equal(through(SQL_INT4, text(VAL_NUM, "1.5")), "bad_input");
	assert_string_equal(through(SQL_INT4, word(VAL_I64, 1LL << 40)), "out_of_range");
	assert_string_equal(through(SQL_INT2, word(VAL_I64, -32769)), "out_of_range");
	assert_string_equal(through(SQL_INT8, word(VAL_U64, -1)), "out_of_range");
	assert_string_equal(through(SQL_INT8, word(VAL_I64, INT64_MIN)), "-9223372036854775808");
	assert_string_equal(through(SQL_BOOL, word(VAL_I64, 1)), "bad_input");
	assert_string_equal(through(SQL_BOOL, (struct val){.type = VAL_FALSE}), "0");
	assert_string_equal(through(SQL_BYTEA, text(VAL_STR, "abc")), "bad_input");
	assert_string_equal(through(SQL_INET, text(VAL_STR, "10.0.0.256")), "bad_input");
	assert_string_equal(through(SQL_DATE, text(VAL_STR, "today")), "bad_input");
}

static void numbers_keep_their_value_in_other_types_of_number(void **state)
{
	arena_reset(&arena);
	assert_string_equal(through(SQL_NUMERIC, text(VAL_NUM, "1.50")), "1.50");
	assert_string_equal(through(SQL_NUMERIC, word(VAL_U64, -1)), "18446744073709551615");
	assert_string_equal(through(SQL_NUMERIC, real(0.1)), "0.1");
	assert_string_equal(through(SQL_FLOAT8, text(VAL_NUM, "1e3")), "1000");
	assert_string_equal(through(SQL_FLOAT8, word(VAL_I64, -2)), "-2");
	assert_string_equal(through(SQL_FLOAT4, real(0.1)), "0.1");
	assert_string_equal(through(SQL_NUMERIC, text(VAL_STR, "1")), "bad_input");
}

static void times_addresses_and_json_go_through(void **state)
{
	arena_reset(&arena);
	assert_string_equal(through(SQL_TIMESTAMPTZ, word(VAL_TIME, 12345)), "12345");
	assert_string_equal(through(SQL_TIMESTAMPTZ, text(VAL_STR, "1970-01-01T00:00:01Z")),
			    "1000000000");
	assert_string_equal(through(SQL_TIMESTAMP, text(VAL_STR, "2026-11-25 04:43:16.5")),
			    "2026-11-25 04:43:16.5");
	assert_string_equal(through(SQL_DATE, text(VAL_JSTR, "2026-11-25")), "2026-11-25");
	assert_string_equal(through(SQL_TIME, text(VAL_STR, "04:43:16")), "04:43:16");
	assert_string_equal(through(SQL_INTERVAL, text(VAL_STR, "P1D")), "1 day");
	assert_string_equal(through(SQL_INET, text(VAL_STR, "10.0.0.1")), "10.0.0.1");
	assert_string_equal(through(SQL_JSON, text(VAL_JSON, "[1]")), "[1]");
	assert_string_equal(through(SQL_JSON, text(VAL_STR, "a\"b")), "\"a\\\"b\"");
	assert_string_equal(through(SQL_JSON, text(VAL_JSTR, "a\\nb")), "\"a\\nb\"");
	assert_string_equal(through(SQL_JSON, text(VAL_NUM, "1.50")), "1.50");
	assert_string_equal(through(SQL_JSON, (struct val){.type = VAL_TRUE}), "true");
	assert_string_equal(through(SQL_BYTEA, text(VAL_BYTES, "ab")), "ab");
}

static void text_of_the_arena_is_not_copied_when_it_goes_back(void **state)
{
	struct vec c;
	arena_reset(&arena);
	assert_int_equal(vec_init(&c, SQL_TEXT), 0);
	struct val v = text(VAL_STR, "abc");
	vec_put(&c, 0, v, &arena);
	size_t used = arena.used;
	assert_int_equal(vec_get(&c, 0, &arena).off, v.off);
	assert_int_equal(arena.used, used);
	c.s[0] = SLICE_LIT("elsewhere");
	assert_int_equal(vec_get(&c, 0, &arena).off, used);
	vec_fini(&c);
}

static void a_full_arena_is_told(void **state)
{
	struct vec c;
	arena_reset(&arena);
	assert_int_equal(vec_init(&c, SQL_TEXT), 0);
	struct val number = word(VAL_I64, 5);
	struct val bad = text(VAL_STR, "\xff");
	arena_take(&arena, arena_left(&arena));
	vec_put(&c, 0, number, &arena);
	vec_put(&c, 1, bad, &arena);
	assert_int_equal(c.state[0], VEC_NO_ROOM);
	assert_int_equal(c.state[1], VEC_NO_ROOM);
	c.state[0] = VEC_VALUE;
	c.s[0] = SLICE_LIT("elsewhere");
	assert_int_equal(vec_get(&c, 0, &arena).type, VAL_ABSENT);
	vec_fini(&c);
	arena_reset(&arena);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_takes_every_value_as_it_would_be_printed),
		cmocka_unit_test(a_value_that_the_type_does_not_take_is_an_error),
		cmocka_unit_test(numbers_keep_their_value_in_other_types_of_number),
		cmocka_unit_test(times_addresses_and_json_go_through),
		cmocka_unit_test(text_of_the_arena_is_not_copied_when_it_goes_back),
		cmocka_unit_test(a_full_arena_is_told),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
