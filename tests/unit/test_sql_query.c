#include "tests/unit/unit.h"

#include "dataplane/graph/sql_query.h"

static struct sql_query q;
static struct err e;

static int read_query(const char *text, size_t *ret_off)
{
	return sql_query_read(&q, text, ret_off, &e);
}

static void a_query_comes_apart_with_every_part_at_its_place(void **state)
{
	static const char text[] =
		"SELECT p.uid, v.title AS t FROM play p LEFT JOIN video v ON p.vid = v.vid "
		"WHERE p.a IS DISTINCT FROM 'from' -- a comment: where\n;";
	size_t off;
	assert_int_equal(read_query(text, &off), 0);
	assert_string_equal(q.items.text, "  uid, v.title AS t");
	assert_int_equal(q.items.off, 7);
	assert_string_equal(q.where.text, "  a IS DISTINCT FROM 'from'");
	assert_memory_equal(text + q.where.off, "p.a", 3);
	assert_int_equal(q.n_joins, 1);
	assert_string_equal(q.joins[0].dimension, "video");
	assert_string_equal(q.joins[0].prefix, "v.");
	assert_string_equal(q.joins[0].key_column, "vid");
	assert_string_equal(q.joins[0].key.text, "  vid");
	assert_true(q.joins[0].left);
	assert_false(q.where_joined);
	assert_false(q.grouped);
	assert_true(sql_query_bare(&q, "uid", &off) == false);
	sql_query_fini(&q);
}

static void groups_and_aggregates_become_fields_where_they_stand(void **state)
{
	size_t off;
	assert_int_equal(
		read_query("SELECT upper(r), sum(x) / count(*) AS m, v.c FROM a "
			   "GROUP BY tumble(at, '90 s'), upper(r), v.c HAVING count(*) > sum(y)",
			   &off),
		0);
	assert_string_equal(q.items.text, "\"upper\" , \"sum\"  / \"count\"  AS m, \"c\"");
	assert_string_equal(q.having.text, "\"count\"  > a3    ");
	assert_string_equal(q.time.text, "at");
	assert_int_equal(q.window_ns, 90000000000);
	assert_int_equal(q.n_groups, 2);
	assert_string_equal(q.groups[0].part.text, "upper(r)");
	assert_int_equal(q.n_aggregates, 3);
	assert_string_equal(q.aggregates[2].part.text, "sum(y)");
	sql_query_fini(&q);
}

/* Whatever stands there, cut anywhere: a query or a text that says what is wrong, at a place in it.
 */
static void a_query_that_is_cut_anywhere_is_read_or_refused(void **state)
{
	static const char text[] =
		"SELECT a, count(*) FROM x p JOIN v ON p.k = v.k LEFT OUTER JOIN w z ON z.i = k "
		"WHERE (a = ')') GROUP BY tumble(_time, '1 minute'), a HAVING max(b) > 1";
	char cut[sizeof(text)];
	for (size_t len = 0; len < sizeof(text); len++) {
		size_t off;
		memcpy(cut, text, len);
		cut[len] = '\0';
		e.text[0] = '\0';
		int rc = read_query(cut, &off);
		assert_true(rc == 0 || (rc == -EINVAL && e.text[0] && off <= len));
		sql_query_fini(&q);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_query_comes_apart_with_every_part_at_its_place),
		cmocka_unit_test(groups_and_aggregates_become_fields_where_they_stand),
		cmocka_unit_test(a_query_that_is_cut_anywhere_is_read_or_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
