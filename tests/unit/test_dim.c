#include <stdio.h>
#include <unistd.h>

#include "tests/support/dim_make.h"
#include "tests/unit/unit.h"

static char folder[] = "/tmp/sluice-dim-XXXXXX";
static char path[64], beside[64];

static void rename_into_place(const char *text)
{
	FILE *f = fopen(beside, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(beside, path), 0);
}

static struct dim_spec spec_of_file(void)
{
	struct dim_spec s = dim_make("file");
	dim_make_set(&s, "path", path);
	dim_make_set(&s, "separator", ",");
	return s;
}

static bool has(struct dim *d, int reader, const char *key)
{
	struct slice k = slice_str(key);
	const struct dim_row *r;
	dim_table_find(dim_enter(d, reader), &k, 1, &r);
	bool there = r != NULL;
	dim_leave(d, reader);
	return there;
}

static void a_new_file_takes_the_place_of_the_old(void **state)
{
	struct dim_spec s = spec_of_file();
	struct dim *d;
	struct err e;
	uint64_t row[DIM_N_COLS];
	rename_into_place("k,name,n\na,x,1\n");
	assert_int_equal(dim_create(&s, &d, &e), 0);
	int reader = dim_join(d);
	assert_int_equal(dim_refresh(d, &e), 0);
	rename_into_place("k,name,n\nb,x,1\n");
	assert_int_equal(dim_version(d), 1);
	assert_int_equal(dim_refresh(d, &e), 1);
	assert_false(has(d, reader, "a"));
	assert_true(has(d, reader, "b"));
	dim_row(d, row);
	assert_int_equal(row[DIM_version], 2);
	assert_int_equal(row[DIM_loads], 2);
	assert_int_equal(ledger_imbalance(&dim_ledger, row), 0);
	dim_destroy(d);
	dim_make_free(&s);
}

static void a_broken_file_leaves_the_old_rows_and_is_read_once(void **state)
{
	struct dim_spec s = spec_of_file();
	struct dim *d;
	struct err e;
	uint64_t row[DIM_N_COLS];
	rename_into_place("k,name,n\na,x,1\n");
	assert_int_equal(dim_create(&s, &d, &e), 0);
	int reader = dim_join(d);
	rename_into_place("k,name,n\nb,\"x,1\n");
	assert_int_equal(dim_refresh(d, &e), -EINVAL);
	assert_non_null(strstr(e.text, "dimension d: "));
	assert_non_null(strstr(e.text, ":2: a quote is not closed"));
	assert_int_equal(dim_refresh(d, &e), 0);
	assert_true(has(d, reader, "a"));
	unlink(path);
	assert_int_equal(dim_refresh(d, &e), -ENOENT);
	assert_int_equal(dim_refresh(d, &e), -ENOENT);
	dim_row(d, row);
	assert_int_equal(row[DIM_loads_failed], 3);
	assert_int_equal(row[DIM_loads], 1);
	assert_int_equal(row[DIM_keys], 1);
	rename_into_place("k,name,n\nc,x,1\n");
	assert_int_equal(dim_refresh(d, &e), 1);
	assert_true(has(d, reader, "c"));
	dim_destroy(d);
	dim_make_free(&s);
}

static void a_file_that_is_not_there_is_no_dimension(void **state)
{
	struct dim_spec s = spec_of_file();
	struct dim *d = NULL;
	struct err e;
	unlink(path);
	assert_int_equal(dim_create(&s, &d, &e), -ENOENT);
	assert_null(d);
	dim_make_free(&s);
}

int main(void)
{
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/rows.csv", folder);
	snprintf(beside, sizeof(beside), "%s/new.csv", folder);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_new_file_takes_the_place_of_the_old),
		cmocka_unit_test(a_broken_file_leaves_the_old_rows_and_is_read_once),
		cmocka_unit_test(a_file_that_is_not_there_is_no_dimension),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	rmdir(folder);
	return rc;
}
