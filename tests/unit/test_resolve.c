/* resolve.c, fns.c */
#include "unit.h"

#include "dataplane/graph/resolve.h"

static const struct fn *call(const char *name, uint8_t a, uint8_t b)
{
	uint8_t types[2] = {a, b};
	enum resolve_fault fault;
	return resolve(name, types, 2, &fault);
}

static void operators_take_the_smallest_type_that_holds_both(void **state)
{
	assert_int_equal(call("+", SQL_INT2, SQL_INT2)->ret, SQL_INT2);
	assert_int_equal(call("+", SQL_INT2, SQL_INT4)->ret, SQL_INT4);
	assert_int_equal(call("+", SQL_INT4, SQL_INT8)->ret, SQL_INT8);
	assert_int_equal(call("+", SQL_INT8, SQL_NUMERIC)->ret, SQL_NUMERIC);
	assert_int_equal(call("+", SQL_NUMERIC, SQL_FLOAT8)->ret, SQL_FLOAT8);
	assert_int_equal(call("+", SQL_FLOAT4, SQL_INT4)->ret, SQL_FLOAT8);
	assert_int_equal(call("=", SQL_DATE, SQL_TIMESTAMP)->args[0], SQL_TIMESTAMP);
	assert_int_equal(call("=", SQL_TIMESTAMP, SQL_TIMESTAMPTZ)->args[0], SQL_TIMESTAMPTZ);
	assert_null(call("=", SQL_TEXT, SQL_INT4));
	assert_null(call("+", SQL_TEXT, SQL_TEXT));
}

static void a_literal_is_taken_for_what_the_other_is(void **state)
{
	assert_int_equal(call("=", SQL_INT4, SQL_UNKNOWN)->args[1], SQL_INT4);
	assert_int_equal(call("<<", SQL_INET, SQL_UNKNOWN)->args[1], SQL_INET);
	assert_int_equal(call("||", SQL_UNKNOWN, SQL_UNKNOWN)->ret, SQL_TEXT);
	assert_int_equal(call("->", SQL_JSON, SQL_UNKNOWN)->args[1], SQL_TEXT);
}

static void branches_have_a_common_type(void **state)
{
	enum sql_type t;
	unsigned at;
	assert_true(resolve_common((uint8_t[]){SQL_INT4, SQL_NUMERIC}, 2, &t, &at));
	assert_int_equal(t, SQL_NUMERIC);
	assert_true(resolve_common((uint8_t[]){SQL_UNKNOWN, SQL_UNKNOWN}, 2, &t, &at));
	assert_int_equal(t, SQL_TEXT);
	assert_true(
		resolve_common((uint8_t[]){SQL_DATE, SQL_UNKNOWN, SQL_TIMESTAMPTZ}, 3, &t, &at));
	assert_int_equal(t, SQL_TIMESTAMPTZ);
	assert_false(resolve_common((uint8_t[]){SQL_INT4, SQL_TEXT}, 2, &t, &at));
	assert_int_equal(at, 1);
}

static void names_that_are_nearly_right_are_found(void **state)
{
	assert_string_equal(resolve_nearest_fn("lenght"), "length");
	assert_string_equal(resolve_nearest_fn("strat_with"), "starts_with");
	assert_null(resolve_nearest_fn("frobnicate"));
	assert_string_equal(resolve_nearest_type("integr"), "integer");
}

/* A row that nobody can reach, or whose kernel is missing, is a slip of the pen. */
static void every_row_of_the_tables_is_complete_and_found_by_its_own_types(void **state)
{
	unsigned n = 0;
	for (unsigned t = 0; t < fn_n_tables; t++)
		for (unsigned i = 0; i < fn_tables[t]->n; i++, n++) {
			const struct fn *f = &fn_tables[t]->fns[i];
			enum resolve_fault fault;
			assert_true(f->ret < SQL_N_TYPES);
			assert_true(f->row || f->vec || f->prepare);
			if (strcmp(f->name, "::") == 0)
				assert_ptr_equal(resolve_cast(f->args[0], f->ret), f);
			else if (resolve(f->name, f->args, f->n_args, &fault) != f)
				fail_msg("%s is there twice", f->name);
		}
	assert_true(n > 400);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operators_take_the_smallest_type_that_holds_both),
		cmocka_unit_test(a_literal_is_taken_for_what_the_other_is),
		cmocka_unit_test(branches_have_a_common_type),
		cmocka_unit_test(names_that_are_nearly_right_are_found),
		cmocka_unit_test(every_row_of_the_tables_is_complete_and_found_by_its_own_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
