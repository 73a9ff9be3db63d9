#include "tests/unit/unit.h"

#include "tests/support/op_rig.h"

static struct op_rig rig;

#define MASK(fields) "pipeline: { m: { op: mask, from: app, secret: s, fields: { " fields " } } }\n"

static void assert_masked(const char *yaml, const char *object, const char *want)
{
	op_rig_init(&rig, yaml, "m");
	op_rig_feed(&rig, &object, 1);
	op_rig_assert(&rig, want);
}

static void texts_are_cut_replaced_or_gone(void **state)
{
	assert_masked(MASK("a: truncate 2, b: redact, c: redact gone"),
		      "{\"a\":\"äöü\",\"b\":1,\"c\":{},\"d\":\"as it is\"}",
		      "{\"a\":\"äö\",\"b\":\"***\",\"c\":\"gone\",\"d\":\"as it is\"}\n");
	assert_int_equal(op_rig_row(&rig, "m", "masked"), 3);
	op_rig_fini(&rig);
}

/* printf 5 | openssl dgst -sha256 -hmac s */
static void a_hash_is_hmac_sha_256_of_the_printed_value(void **state)
{
	assert_masked(MASK("a: hash 16, b: hash 16"), "{\"a\":5,\"b\":\"5\"}",
		      "{\"a\":\"4c9a1e37aef7bf0d\",\"b\":\"4c9a1e37aef7bf0d\"}\n");
	op_rig_fini(&rig);
}

static void an_address_keeps_its_network(void **state)
{
	assert_masked(MASK("a: ip, b: ip 16 32, c: ip"),
		      "{\"a\":\"192.0.2.77\",\"b\":\"2001:db8:1:2::3\",\"c\":\"none\"}",
		      "{\"a\":\"192.0.2.0\",\"b\":\"2001:db8::\",\"c\":\"***\"}\n");
	assert_int_equal(op_rig_row(&rig, "m", "no_address"), 1);
	op_rig_fini(&rig);
}

static void what_is_not_there_or_null_is_left_alone(void **state)
{
	assert_masked(MASK("a: redact, b: redact"), "{\"a\":null}", "{\"a\":null}\n");
	assert_int_equal(op_rig_row(&rig, "m", "absent"), 2);
	op_rig_fini(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_cut_replaced_or_gone),
		cmocka_unit_test(a_hash_is_hmac_sha_256_of_the_printed_value),
		cmocka_unit_test(an_address_keeps_its_network),
		cmocka_unit_test(what_is_not_there_or_null_is_left_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
