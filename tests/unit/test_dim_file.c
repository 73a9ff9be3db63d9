#include <stdio.h>
#include <unistd.h>

#include "tests/support/dim_make.h"
#include "tests/unit/unit.h"

static char path[] = "/tmp/sluice-dim-file-XXXXXX";
static uint64_t row[DIM_N_COLS];
static struct err why;

static void write_file(const char *text, size_t len)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
}

struct loaded {
	struct dim_spec spec;
	struct dim *d;
	int reader;
};

static int load(struct loaded *l, const char *text, size_t len)
{
	*l = (struct loaded){.spec = dim_make("file")};
	write_file(text, len);
	dim_make_set(&l->spec, "path", path);
	dim_make_set(&l->spec, "separator", ",");
	int rc = dim_create(&l->spec, &l->d, &why);
	if (rc < 0)
		return rc;
	dim_row(l->d, row);
	assert_int_equal(ledger_imbalance(&dim_ledger, row), 0);
	l->reader = dim_join(l->d);
	return 0;
}

static void done(struct loaded *l)
{
	dim_destroy(l->d);
	dim_make_free(&l->spec);
}

/* The row of @key is @name (NULL: null) and @n (-1: null). */
static void has(struct loaded *l, struct slice key, const char *name, int64_t n)
{
	const struct dim_row *r;
	dim_table_find(dim_enter(l->d, l->reader), &key, 1, &r);
	assert_non_null(r);
	struct val v = r->vals[0];
	assert_int_equal(v.type, name ? VAL_STR : VAL_NULL);
	if (name)
		assert_true(slice_eq(slice_of((const uint8_t *)r + v.off, v.len), slice_str(name)));
	assert_int_equal(r->vals[1].type, n < 0 ? VAL_NULL : VAL_I64);
	if (n >= 0)
		assert_memory_equal((const uint8_t *)r + r->vals[1].off, &n, sizeof(n));
	dim_leave(l->d, l->reader);
}

#define LOAD(l, text) load(l, text, sizeof(text) - 1)

static void a_csv_has_quotes_with_separators_lines_and_quotes(void **state)
{
	struct loaded l;
	assert_int_equal(LOAD(&l, "k,name,n\r\n"
				  "a,\"x, \"\"y\"\"\r\nz\",1\r\n"
				  "\"b\",\"\",\"2\"\r\n"
				  "\r\n\n"
				  "c,d\r,"),
			 0);
	assert_int_equal(row[DIM_keys], 3);
	has(&l, SLICE_LIT("a"), "x, \"y\"\r\nz", 1);
	has(&l, SLICE_LIT("b"), "", 2);
	has(&l, SLICE_LIT("c"), "d\r", -1);
	done(&l);
}

static void a_file_of_a_spreadsheet_begins_with_a_mark(void **state)
{
	struct loaded l;
	assert_int_equal(LOAD(&l, "\xef\xbb\xbfk,name,n\r\na,x,1\r\n"), 0);
	has(&l, SLICE_LIT("a"), "x", 1);
	done(&l);
	assert_int_equal(LOAD(&l, "\xef\xbb\xbf{\"k\":\"a\",\"name\":\"x\",\"n\":2}"), 0);
	has(&l, SLICE_LIT("a"), "x", 2);
	done(&l);
}

static void the_last_row_of_a_key_counts(void **state)
{
	struct loaded l;
	assert_int_equal(LOAD(&l, "k,name,n\na,x,1\nb,y,2\na,z,3\nb,y,2\n"), 0);
	assert_int_equal(row[DIM_rows_in], 4);
	assert_int_equal(row[DIM_keys], 2);
	assert_int_equal(row[DIM_replaced], 2);
	has(&l, SLICE_LIT("a"), "z", 3);
	done(&l);
}

static void a_nul_is_a_byte_like_others(void **state)
{
	struct loaded l;
	assert_int_equal(LOAD(&l, "k,name,n\na\0b,x,1\na,y,2\n"), 0);
	has(&l, SLICE_LIT("a\0b"), "x", 1);
	has(&l, SLICE_LIT("a"), "y", 2);
	done(&l);
	assert_int_equal(LOAD(&l, "{\"k\":\"a\\u0000b\",\"name\":\"x\"}"), -EINVAL);
	assert_non_null(strstr(why.text, ":1:"));
	done(&l);
}

static void a_number_of_a_wrong_type_is_null_and_counted(void **state)
{
	struct loaded l;
	assert_int_equal(LOAD(&l, "n,k,name\n1x,a,\xff\n,b,y\n"), 0);
	assert_int_equal(row[DIM_bad_values], 2);
	assert_int_equal(row[DIM_keys], 2);
	done(&l);
}

static void json_lines_may_be_empty_and_values_of_any_kind(void **state)
{
	struct loaded l;
	assert_int_equal(LOAD(&l, "{\"k\":\"a\",\"name\":{\"x\":[1]},\"n\":7}\r\n\n  \n"
				  "{\"k\":12,\"name\":null}\n{\"k\":\"\",\"name\":\"\xc3\xa9\"}"),
			 0);
	has(&l, SLICE_LIT("a"), "{\"x\":[1]}", 7);
	has(&l, SLICE_LIT("12"), NULL, -1);
	has(&l, SLICE_LIT(""), "\xc3\xa9", -1);
	done(&l);
}

static void a_price_in_json_has_the_digits_that_it_was_written_with(void **state)
{
	struct loaded l;
	assert_int_equal(LOAD(&l, "{\"k\":0.1,\"name\":9.99,\"n\":1}\n"
				  "{\"k\":1.0,\"name\":12345.678901234567,\"n\":2}"),
			 0);
	has(&l, SLICE_LIT("0.1"), "9.99", 1);
	has(&l, SLICE_LIT("1.0"), "12345.678901234567", 2);
	done(&l);
}

static void what_is_wrong_is_told_with_its_line(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{"k,name,n\na,b,1\nc,\"d,1\n", ":3: a quote is not closed"},
		{"k,name,n\na,\"b\nc\",1\nd,e\n", ":4: 2 columns; expected 3"},
		{"k,name\n", "no column is named n"},
		{"name,n\n", "no column is named k, which is the key"},
		{"{\"k\":\"a\"}\n{\"name\":1}\n", ":2: no k, which is the key"},
		{"{\"k\":\"a\"}\n[1]\n", ":2: expected a JSON object"},
		{"{\"k\":\"a\"}\n{\"k\":\n", ":2:"},
	};
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct loaded l;
		assert_int_equal(load(&l, cases[i].text, strlen(cases[i].text)), -EINVAL);
		if (!strstr(why.text, cases[i].want))
			fail_msg("expected %s in %s", cases[i].want, why.text);
		done(&l);
	}
}

static void rows_that_do_not_fit_are_counted(void **state)
{
	static char text[(2 << 20) + 100];
	size_t big = 2 << 20, len = 0;
	struct loaded l;
	len += (size_t)sprintf(text, "k,name,n\na,");
	memset(text + len, 'x', big);
	len += big;
	len += (size_t)sprintf(text + len, ",1\nb,y,2\n");
	assert_int_equal(load(&l, text, len), 0);
	assert_int_equal(row[DIM_no_room], 1);
	assert_int_equal(row[DIM_keys], 1);
	has(&l, SLICE_LIT("b"), "y", 2);
	done(&l);
}

int main(void)
{
	int fd = mkstemp(path);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_csv_has_quotes_with_separators_lines_and_quotes),
		cmocka_unit_test(a_file_of_a_spreadsheet_begins_with_a_mark),
		cmocka_unit_test(the_last_row_of_a_key_counts),
		cmocka_unit_test(a_nul_is_a_byte_like_others),
		cmocka_unit_test(a_number_of_a_wrong_type_is_null_and_counted),
		cmocka_unit_test(json_lines_may_be_empty_and_values_of_any_kind),
		cmocka_unit_test(a_price_in_json_has_the_digits_that_it_was_written_with),
		cmocka_unit_test(what_is_wrong_is_told_with_its_line),
		cmocka_unit_test(rows_that_do_not_fit_are_counted),
	};
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	close(fd);
	unlink(path);
	return rc;
}
