#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#include "tests/support/op_rig.h"

static struct op_rig rig;

/* What comes out of branch @node of @branches for @objects, as one text. */
static const char *routed(const char *branches, const char *node, const char *const *objects,
			  unsigned n)
{
	static char yaml[16384], out[65536];
	snprintf(yaml, sizeof(yaml),
		 "pipeline: { r: { op: route, from: app, rest: other, branches: { %s } } }\n",
		 branches);
	op_rig_init(&rig, yaml, node);
	op_rig_feed(&rig, objects, n);
	out[0] = '\0';
	for (unsigned i = 0; i < rig.n; i++) {
		strcat(out, rig.got[i]);
		strcat(out, "\n");
	}
	return out;
}

#define N(a) (sizeof(a) / sizeof((a)[0]))

static const char *const regions[] = {
	"{\"r\":\"cn\",\"n\":1}", "{\"r\":\"us\",\"n\":2}", "{\"r\":\"a long region\",\"n\":3}",
	"{\"r\":\"fr\",\"n\":4}", "{\"r\":null,\"n\":5}",   "{\"n\":6}",
	"{\"r\":\"\",\"n\":7}",   "{\"r\":\"cn\",\"n\":8}", "{\"r\":\"a long regiom\",\"n\":9}"};

/* Constants of one field are looked up together: the answer is that of one after the other. */
#define REGIONS                                                                        \
	"big: \"n::int > 7\", a: \"r IN ('cn', 'hk')\", b: \"r = 'us'\", c: \"r = 'a " \
	"long region'\", d: \"r = 'cn'\", e: \"r = ''\""

static void a_record_takes_the_first_branch_that_has_its_constant(void **state)
{
	assert_string_equal(routed(REGIONS, "r.a", regions, N(regions)),
			    "{\"r\":\"cn\",\"n\":1}\n");
	op_rig_fini(&rig);
	assert_string_equal(routed(REGIONS, "r.b", regions, N(regions)),
			    "{\"r\":\"us\",\"n\":2}\n");
	op_rig_fini(&rig);
	assert_string_equal(routed(REGIONS, "r.c", regions, N(regions)),
			    "{\"r\":\"a long region\",\"n\":3}\n");
	op_rig_fini(&rig);
	assert_string_equal(routed(REGIONS, "r.d", regions, N(regions)), "");
	op_rig_fini(&rig);
	assert_string_equal(routed(REGIONS, "r.e", regions, N(regions)), "{\"r\":\"\",\"n\":7}\n");
	op_rig_fini(&rig);
}

static void a_branch_before_the_constants_comes_before_them(void **state)
{
	assert_string_equal(routed(REGIONS, "r.big", regions, N(regions)),
			    "{\"r\":\"cn\",\"n\":8}\n{\"r\":\"a long regiom\",\"n\":9}\n");
	op_rig_fini(&rig);
}

static void a_null_is_no_constant_and_goes_to_the_rest(void **state)
{
	assert_string_equal(routed(REGIONS, "r.other", regions, N(regions)),
			    "{\"r\":\"fr\",\"n\":4}\n{\"r\":null,\"n\":5}\n{\"n\":6}\n");
	assert_int_equal(op_rig_row(&rig, "r", "rest"), 3);
	op_rig_fini(&rig);
}

static void a_field_is_looked_up_where_another_branch_asks_whether_it_is_null(void **state)
{
	static const char branches[] =
		"none: \"r IS NULL\", a: \"r = 'cn'\", b: \"r = 'us'\", c: \"r = 'jp'\"";
	assert_string_equal(routed(branches, "r.none", regions, N(regions)),
			    "{\"r\":null,\"n\":5}\n{\"n\":6}\n");
	op_rig_fini(&rig);
	assert_string_equal(routed(branches, "r.b", regions, N(regions)),
			    "{\"r\":\"us\",\"n\":2}\n");
	op_rig_fini(&rig);
}

static void a_branch_that_ends_in_an_error_before_one_holds_loses_the_record(void **state)
{
	static const char *const objects[] = {"{\"r\":\"cn\",\"n\":\"x\"}",
					      "{\"r\":\"cn\",\"n\":1}",
					      "{\"r\":\"us\",\"n\":\"x\"}"};
	static const char branches[] =
		"u: \"r = 'us'\", e: \"n::int = 7\", a: \"r = 'cn'\", b: \"r = 'de'\"";
	assert_string_equal(routed(branches, "r.a", objects, 3), "{\"r\":\"cn\",\"n\":1}\n");
	assert_int_equal(op_rig_row(&rig, "r", "bad_input"), 1);
	op_rig_fini(&rig);
	assert_string_equal(routed(branches, "r.u", objects, 3), "{\"r\":\"us\",\"n\":\"x\"}\n");
	op_rig_fini(&rig);
}

/* Two hundred branches of one field, and as many records. */
static void many_constants_each_find_their_own_branch(void **state)
{
	static char branches[16384], objects[200][32], node[16];
	const char *list[200];
	size_t at = 0;
	for (unsigned i = 0; i < 200; i++) {
		at += (size_t)snprintf(branches + at, sizeof(branches) - at,
				       "%sb%u: \"r = '%0*u'\"", i ? ", " : "", i, (int)(i % 20), i);
		snprintf(objects[i], sizeof(objects[i]), "{\"r\":\"%0*u\"}", (int)(i % 20), i);
		list[i] = objects[i];
	}
	for (unsigned i = 0; i < 200; i += 37) {
		char want[40];
		snprintf(node, sizeof(node), "r.b%u", i);
		snprintf(want, sizeof(want), "%s\n", objects[i]);
		assert_string_equal(routed(branches, node, list, 200), want);
		op_rig_fini(&rig);
	}
}

/* Few branches are divided in another way than many: more of them, which nothing goes into, change
 * nothing, however many records there are, some of which end in an error.
 */
static void branches_that_get_nothing_change_nothing_for_the_others(void **state)
{
	static const char few[] = "a: \"r = 'a'\", n: \"n::int = 1\", b: \"r IN ('b', 'c')\"";
	static const char *const nodes[] = {"r.a", "r.n", "r.b", "r.other"};
	static char many[1024], objects[100][40], want[65536];
	const char *list[100];
	int at = snprintf(many, sizeof(many), "%s", few);
	for (int i = 0; i < 12; i++)
		at += snprintf(many + at, sizeof(many) - (size_t)at, ", x%d: \"r = 'x%d'\"", i, i);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(objects[i], sizeof(objects[i]), "{\"r\":\"%c\",\"n\":\"%s\",\"i\":%u}",
			 "abcd"[any(4)],
			 any(9)   ? "2"
			 : any(2) ? "1"
				  : "no",
			 i);
		list[i] = objects[i];
	}
	for (unsigned i = 0; i < 40; i++) {
		unsigned n = i < 36 ? i : 25 * (i - 35);
		snprintf(want, sizeof(want), "%s", routed(few, nodes[i % 4], list, n));
		uint64_t n_bad = op_rig_row(&rig, "r", "bad_input");
		op_rig_fini(&rig);
		assert_string_equal(routed(many, nodes[i % 4], list, n), want);
		assert_int_equal(op_rig_row(&rig, "r", "bad_input"), n_bad);
		op_rig_fini(&rig);
	}
}

static void a_branch_of_the_rests_name_is_refused_at_its_place(void **state)
{
	op_rig_build(&rig,
		     "pipeline: { r: { op: route, from: app, rest: a, branches: { a: \"true\" "
		     "} } }\n");
	assert_non_null(strstr(rig.says, "a branch has the name of the rest"));
	op_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_takes_the_first_branch_that_has_its_constant),
		cmocka_unit_test(a_branch_before_the_constants_comes_before_them),
		cmocka_unit_test(a_null_is_no_constant_and_goes_to_the_rest),
		cmocka_unit_test(a_field_is_looked_up_where_another_branch_asks_whether_it_is_null),
		cmocka_unit_test(a_branch_that_ends_in_an_error_before_one_holds_loses_the_record),
		cmocka_unit_test(many_constants_each_find_their_own_branch),
		cmocka_unit_test(branches_that_get_nothing_change_nothing_for_the_others),
		cmocka_unit_test(a_branch_of_the_rests_name_is_refused_at_its_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
