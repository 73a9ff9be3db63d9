#include "tests/unit/unit.h"

#include "dataplane/graph/op_parts.h"

static const struct field_def fields[] = {{"op", VAL_STR, ""}, {"after", VAL_JSON, ""}};
static struct schema schema;
static struct names *names;
static struct batch batch;

/* A copy of a change of a row, in which @field is @v. */
static struct rec *with(const char *field, struct val v)
{
	static const struct change change = {.kind = CHANGE_ROW};
	struct column c;
	arena_reset(&batch.arena);
	struct rec head = {.schema = &schema, .change = &change};
	struct rec *from = op_rec(&batch, &head, &schema, 0);
	assert_non_null(from);
	from->vals[0] = from->vals[1] = val_of(VAL_NULL, 0, 0);
	assert_int_equal(column_init(&c, field, names, NULL), 0);
	struct rec *r = op_rec_copy(&batch, from, 1);
	assert_non_null(r);
	assert_ptr_equal(r->change, &change);
	op_rec_put(&c, &batch, r, v);
	assert_ptr_equal(from->change, &change);
	assert_int_equal(from->vals[1].type, VAL_NULL);
	return r;
}

static void a_field_more_leaves_a_change_what_it_is(void **state)
{
	struct rec *r = with("more", val_of(VAL_TRUE, 0, 0));
	assert_non_null(r->change);
	assert_int_equal(r->n_pairs, 1);
	assert_int_equal(rec_pairs(r)[1].type, VAL_TRUE);
}

/* Formats of changes read before and after as objects of the table's columns. */
static void a_record_whose_after_is_another_is_no_change_any_more(void **state)
{
	struct rec *r = with("after", val_of(VAL_TRUE, 0, 0));
	assert_null(r->change);
	assert_int_equal(r->n_pairs, 0);
	assert_int_equal(r->vals[1].type, VAL_TRUE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_field_more_leaves_a_change_what_it_is),
		cmocka_unit_test(a_record_whose_after_is_another_is_no_change_any_more),
	};
	if (schema_init(&schema, fields, 2) < 0 || arena_init(&batch.arena, 1 << 16) < 0 ||
	    !(names = names_create()))
		return 1;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	names_destroy(names);
	arena_fini(&batch.arena);
	schema_fini(&schema);
	return rc;
}
