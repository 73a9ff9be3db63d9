#include "tests/unit/unit.h"

#include "dataplane/frame/claim.h"

/* A parser whose answer is its configuration. */
static enum probe answer(const void *conf, const struct parse_in *first)
{
	return *(const enum probe *)conf;
}

static const struct parser both = {
	.name = "both", .transports = PARSER_TCP | PARSER_UDP, .probe = answer};
static const struct parser only_udp = {
	.name = "only_udp", .transports = PARSER_UDP, .probe = answer};
static const enum probe yes = PROBE_YES, no = PROBE_NO, maybe = PROBE_MAYBE, more = PROBE_MORE;

static struct opt_port_range p514 = {514, 514}, p600s = {600, 699};

static int choose(const struct frame_source *s, unsigned n, bool udp, uint16_t port, bool enough)
{
	struct parse_in in = {.data = SLICE_LIT("x"), .port = {40000, port}};
	struct claim *c = claim_create(s, n);
	assert_non_null(c);
	int source = claim_choose(c, udp, &in, enough);
	claim_destroy(c);
	return source;
}

static void the_source_of_the_port_comes_before_one_that_is_surer(void **state)
{
	const struct frame_source s[] = {
		{.parser = &both, .conf = &yes, .probe = true},
		{.parser = &both, .conf = &maybe, .udp = {&p514, 1}, .tcp = {&p600s, 1}},
	};
	assert_int_equal(choose(s, 2, true, 514, false), 1);
	assert_int_equal(choose(s, 2, true, 515, false), 0);
	assert_int_equal(choose(s, 2, false, 514, false), 0); /* its TCP ports are others */
	assert_int_equal(choose(s, 2, false, 600, false), 1);
	assert_int_equal(choose(s, 2, false, 699, false), 1);
	assert_int_equal(choose(s, 2, false, 700, false), 0);
}

static void a_probe_that_is_not_sure_claims_no_session_of_another_port(void **state)
{
	const struct frame_source s[] = {{.parser = &both, .conf = &maybe, .probe = true},
					 {.parser = &both, .conf = &yes}};
	assert_int_equal(choose(s, 2, false, 80, true), CLAIM_NOBODY);
}

static void a_parser_is_never_asked_about_a_transport_that_it_does_not_speak(void **state)
{
	const struct frame_source s[] = {{.parser = &only_udp,
					  .conf = &yes,
					  .tcp = {&p514, 1},
					  .udp = {&p514, 1},
					  .probe = true}};
	assert_int_equal(choose(s, 1, false, 514, true), CLAIM_NOBODY);
	assert_int_equal(choose(s, 1, true, 514, true), 0);
}

static void bytes_are_waited_for_until_there_are_no_more(void **state)
{
	struct frame_source s[] = {{.parser = &both, .conf = &more, .tcp = {&p514, 1}}};
	assert_int_equal(choose(s, 1, false, 514, false), CLAIM_WAIT);
	assert_int_equal(choose(s, 1, false, 514, true), CLAIM_NOBODY);
	s[0].port_decides = true;
	assert_int_equal(choose(s, 1, false, 514, false), CLAIM_WAIT);
	assert_int_equal(choose(s, 1, false, 514, true), 0);
}

static void a_port_does_not_decide_against_a_parser_that_says_no(void **state)
{
	const struct frame_source s[] = {
		{.parser = &both, .conf = &no, .tcp = {&p514, 1}, .port_decides = true},
		{.parser = &both, .conf = &yes, .probe = true},
	};
	assert_int_equal(choose(s, 1, false, 514, true), CLAIM_NOBODY);
	assert_int_equal(choose(s, 2, false, 514, true), 1);
}

/* Ten thousand sources, a port each: what they cost is perf/bench_scale_streams's question. */
static void of_thousands_of_sources_each_has_its_port(void **state)
{
	enum { N = 10000 };
	struct frame_source *s = calloc(N, sizeof(*s));
	struct opt_port_range *ports = calloc(N, sizeof(*ports));
	for (unsigned i = 0; i < N; i++) {
		ports[i] = (struct opt_port_range){(uint16_t)(5000 + i), (uint16_t)(5000 + i)};
		s[i] = (struct frame_source){.parser = &both, .conf = &yes, .udp = {&ports[i], 1}};
	}
	assert_int_equal(choose(s, N, true, 5000, true), 0);
	assert_int_equal(choose(s, N, true, 14999, true), N - 1);
	assert_int_equal(choose(s, N, true, 15000, true), CLAIM_NOBODY);
	assert_int_equal(choose(s, N, false, 5000, true), CLAIM_NOBODY);
	free(ports);
	free(s);
}

static void where_ranges_overlap_the_first_source_of_a_port_is_asked_first(void **state)
{
	static struct opt_port_range over[] = {{10, 30}, {20, 40}},
				     last[] = {{65535, 65535}, {0, 0}};
	const struct frame_source s[] = {
		{.parser = &both, .conf = &no, .udp = {over, 2}},
		{.parser = &both, .conf = &yes, .udp = {over, 2}},
		{.parser = &both, .conf = &yes, .udp = {over, 1}},
		{.parser = &both, .conf = &yes, .udp = {last, 2}},
	};
	for (uint16_t port = 10; port <= 40; port++)
		assert_int_equal(choose(s, 4, true, port, true), 1);
	assert_int_equal(choose(s, 4, true, 9, true), CLAIM_NOBODY);
	assert_int_equal(choose(s, 4, true, 41, true), CLAIM_NOBODY);
	assert_int_equal(choose(s, 4, true, 65535, true), 3);
	assert_int_equal(choose(s, 4, true, 0, true), 3);
}

/* 100 sources of all ports are more pairs than are listed. */
static void what_is_not_listed_is_found_all_the_same(void **state)
{
	static struct opt_port_range every = {0, 65535};
	struct frame_source s[100];
	for (unsigned i = 0; i < 100; i++)
		s[i] = (struct frame_source){
			.parser = &both, .conf = i == 98 ? &yes : &no, .tcp = {&every, 1}};
	assert_int_equal(choose(s, 100, false, 77, true), 98);
	assert_int_equal(choose(s, 98, false, 77, true), CLAIM_NOBODY);
}

static bool moves(const struct frame_source *was, unsigned n_was, const struct frame_source *is,
		  unsigned n_is, const uint16_t *next_of, struct claim_moves *m)
{
	struct claim *a = claim_create(was, n_was), *b = claim_create(is, n_is);
	bool any = claim_compare(a, b, next_of, m);
	claim_destroy(a);
	claim_destroy(b);
	return any;
}

static void only_ports_whose_sources_are_others_are_told_to_have_moved(void **state)
{
	static struct claim_moves m;
	const struct frame_source was[] = {
		{.parser = &both, .conf = &yes, .udp = {&p514, 1}, .tcp = {&p514, 1}},
		{.parser = &both, .conf = &yes, .tcp = {&p600s, 1}},
	};
	const struct frame_source turned[] = {was[1], was[0]};
	const struct frame_source other[] = {
		{.parser = &both, .conf = &yes, .udp = {&p514, 1}, .tcp = {&p600s, 1}}, was[1]};
	const uint16_t same[] = {0, 1}, across[] = {1, 0}, gone[] = {CLAIM_GONE, 1};
	assert_false(moves(was, 2, was, 2, same, &m));
	assert_false(moves(was, 2, turned, 2, across, &m));
	assert_true(moves(was, 2, was, 2, gone, &m));
	assert_true(claim_moved(&m, true, 514) && claim_moved(&m, false, 514));
	assert_false(claim_moved(&m, false, 600) || claim_moved(&m, true, 600));
	assert_true(moves(was, 2, other, 2, same, &m));
	assert_true(claim_moved(&m, false, 514) && claim_moved(&m, false, 699));
	assert_false(claim_moved(&m, true, 514) || claim_moved(&m, false, 700));
}

static void another_source_of_any_port_moves_all_of_them(void **state)
{
	static struct claim_moves m;
	const struct frame_source was[] = {{.parser = &both, .conf = &yes, .udp = {&p514, 1}}};
	const struct frame_source is[] = {was[0], {.parser = &both, .conf = &yes, .probe = true}};
	const uint16_t same[] = {0};
	assert_true(moves(was, 1, is, 2, same, &m));
	assert_true(claim_moved(&m, true, 514) && claim_moved(&m, false, 65535));
	assert_true(claim_takes(&is[0], true, 514) && claim_takes(&is[1], true, 1));
	assert_false(claim_takes(&is[0], false, 514) || claim_takes(&is[0], true, 515));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_source_of_the_port_comes_before_one_that_is_surer),
		cmocka_unit_test(a_probe_that_is_not_sure_claims_no_session_of_another_port),
		cmocka_unit_test(a_parser_is_never_asked_about_a_transport_that_it_does_not_speak),
		cmocka_unit_test(bytes_are_waited_for_until_there_are_no_more),
		cmocka_unit_test(a_port_does_not_decide_against_a_parser_that_says_no),
		cmocka_unit_test(of_thousands_of_sources_each_has_its_port),
		cmocka_unit_test(where_ranges_overlap_the_first_source_of_a_port_is_asked_first),
		cmocka_unit_test(what_is_not_listed_is_found_all_the_same),
		cmocka_unit_test(only_ports_whose_sources_are_others_are_told_to_have_moved),
		cmocka_unit_test(another_source_of_any_port_moves_all_of_them),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
