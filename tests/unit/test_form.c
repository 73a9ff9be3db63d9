#include "pairs.h"

#include "dataplane/extract/form.h"

struct readers {
	struct form *form;
	struct keys *keys;
	struct pairs *pairs;
};

static int setup(void **state)
{
	static struct readers r;
	r.pairs = pairs_create(4 << 20);
	r.form = form_create();
	r.keys = keys_create(r.pairs->names);
	*state = &r;
	return r.form && r.keys ? 0 : -1;
}

static int teardown(void **state)
{
	struct readers *r = *state;
	form_destroy(r->form);
	keys_destroy(r->keys);
	pairs_destroy(r->pairs);
	return 0;
}

static void expect(struct readers *r, const char *text, const char *pairs)
{
	pairs_reset(r->pairs, NULL);
	form_pairs(r->form, r->keys, pairs_copy(r->pairs, text, strlen(text)), &r->pairs->rb);
	assert_string_equal(pairs_built(r->pairs), pairs);
}

static void parts_become_pairs_of_text(void **state)
{
	expect(*state, "a=1&b=&c&=d&e=x=y", "'a'='1'; 'b'=''; 'c'=''; ''='d'; 'e'='x=y'");
	expect(*state, "", "");
	expect(*state, "&&a=1&&", "'a'='1'");
}

static void percent_and_plus_are_decoded(void **state)
{
	expect(*state, "k%20y=a+b%2Bc%26%3d&u=%e4%bd%a0", "'k y'='a b+c&='; 'u'='\xe4\xbd\xa0'");
}

static void bad_escapes_stay_as_they_are(void **state)
{
	expect(*state, "a=%&b=%4&c=%zz&d=100%25%", "'a'='%'; 'b'='%4'; 'c'='%zz'; 'd'='100%%'");
}

static void a_repeated_key_becomes_an_array(void **state)
{
	expect(*state,
	       "a=1&b=x&a=2&c=y&a=%22&b=", "'a'=[\"1\",\"2\",\"\\\"\"]; 'b'=[\"x\",\"\"]; 'c'='y'");
	expect(*state, "k%5B%5D=1&k[]=2", "'k[]'=[\"1\",\"2\"]");
}

static void keys_with_an_underscore_in_front_get_another(void **state)
{
	expect(*state, "_id=1&%5Fid=2", "'__id'=[\"1\",\"2\"]");
}

static void more_parts_than_a_record_holds_are_counted(void **state)
{
	struct readers *r = *state;
	static char text[REC_PAIRS_MAX * 8];
	size_t len = 0;
	for (unsigned i = 0; i < REC_PAIRS_MAX + 3; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%x=&", i);
	pairs_reset(r->pairs, NULL);
	form_pairs(r->form, r->keys, pairs_copy(r->pairs, text, len), &r->pairs->rb);
	assert_int_equal(r->pairs->rb.n_pairs + r->pairs->rb.n_pairs_lost, REC_PAIRS_MAX + 3);
	assert_true(r->pairs->rb.n_pairs_lost >= 3);
	assert_true(r->pairs->rb.n_pairs_lost < 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parts_become_pairs_of_text),
		cmocka_unit_test(percent_and_plus_are_decoded),
		cmocka_unit_test(bad_escapes_stay_as_they_are),
		cmocka_unit_test(a_repeated_key_becomes_an_array),
		cmocka_unit_test(keys_with_an_underscore_in_front_get_another),
		cmocka_unit_test(more_parts_than_a_record_holds_are_counted),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
