/* What of the sources only a restart changes, and which of them go on. */
#include "tests/unit/unit.h"

#include "ctl/config_compare.h"

struct conf {
	const char *state;
	bool more;
};

static const struct opt opts[] = {
	{.name = "state", .type = OPT_PATH, .off = offsetof(struct conf, state), .live = true},
	{.name = "more", .type = OPT_BOOL, .off = offsetof(struct conf, more), .live = true},
	OPT_END,
};

static int pool_create(const void *conf, void *keep, void **ret_pool, struct err *e)
{
	return 0;
}

static int keep_create(const void *conf, void **ret_keep, struct err *e)
{
	return 0;
}

static const struct parser plain = {.name = "plain", .opts = opts};
static const struct parser pooled = {.name = "pooled",
				     .opts = opts,
				     .bytes_max = 1 << 20,
				     .together = true,
				     .pool_create = pool_create,
				     .keep_create = keep_create};
static struct opt_port_range p1 = {1, 1}, p2 = {2, 9};
static char said[256];

static void note(void *arg, const char *path)
{
	snprintf(said + strlen(said), sizeof(said) - strlen(said), "%s ", path);
}

static struct source_conf source(const char *name, const struct parser *p, struct conf *c,
				 struct opt_port_range *tcp)
{
	return (struct source_conf){.name = name, .parser = p, .conf = c, .tcp = {tcp, 1}};
}

static const char *restarts(struct source_conf *was, size_t n_was, struct source_conf *is,
			    size_t n_is, int64_t workers)
{
	struct config a = {.path = "a", .sources = was, .n_sources = n_was};
	struct config b = {.path = "b", .sources = is, .n_sources = n_is};
	a.frame.bytes_max = b.frame.bytes_max = 4096;
	a.capture.workers = b.capture.workers = workers;
	said[0] = '\0';
	config_each_restart(&a, &b, note, NULL);
	return said;
}

static void sources_come_and_go_without_a_restart(void **state)
{
	struct conf c = {0}, other = {.more = true};
	struct source_conf was[] = {source("a", &plain, &c, &p1), source("b", &pooled, &c, &p1)};
	struct source_conf is[] = {source("b", &plain, &other, &p2), source("c", &pooled, &c, &p1)};
	assert_string_equal(restarts(was, 2, is, 2, 2), "");
	assert_string_equal(restarts(was, 2, is, 1, 2), "");
}

static void a_parser_of_longer_frames_than_there_is_room_for_needs_one(void **state)
{
	struct conf c = {0};
	struct source_conf was[] = {source("a", &plain, &c, &p1)};
	struct source_conf is[] = {source("b", &pooled, &c, &p1)};
	assert_string_equal(restarts(was, 1, is, 1, 1), "sources.b.parser ");
}

static void ports_that_are_not_shared_out_need_one_where_there_are_workers(void **state)
{
	struct conf c = {0};
	struct source_conf was[] = {source("a", &pooled, &c, &p1)};
	struct source_conf is[] = {source("a", &pooled, &c, &p2)};
	assert_string_equal(restarts(was, 1, is, 1, 1), "");
	assert_string_equal(restarts(was, 1, is, 1, 2), "sources.a.tcp ");
}

static void a_state_file_is_not_read_while_another_writes_it(void **state)
{
	struct conf c = {.state = "/s"}, more = {.state = "/s", .more = true},
		    away = {.state = "/t"};
	struct source_conf was[] = {source("a", &pooled, &c, &p1)};
	struct source_conf same[] = {source("b", &pooled, &away, &p1), was[0]};
	struct source_conf changed[] = {source("a", &pooled, &more, &p1)};
	struct source_conf renamed[] = {source("b", &pooled, &c, &p1)};
	assert_string_equal(restarts(was, 1, same, 2, 1), "");
	assert_string_equal(restarts(was, 1, changed, 1, 1), "sources.a.state ");
	assert_string_equal(restarts(was, 1, renamed, 1, 1), "sources.b.state ");
}

static void a_source_goes_on_by_its_name_and_parser_and_what_its_pool_is_made_of(void **state)
{
	struct conf c = {0}, more = {.more = true};
	struct source_conf all[] = {source("a", &plain, &c, &p1), source("b", &pooled, &c, &p1)};
	struct config was = {.sources = all, .n_sources = 2};
	struct source_conf is[] = {source("b", &pooled, &c, &p2), source("a", &plain, &more, &p2),
				   source("b", &pooled, &more, &p1), source("a", &pooled, &c, &p1),
				   source("c", &plain, &c, &p1)};
	const struct source_conf *want[] = {&all[1], &all[0], NULL, NULL, NULL};
	size_t hint = 0;
	for (unsigned i = 0; i < 5; i++)
		assert_ptr_equal(config_source_before(&was, &is[i], &hint), want[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sources_come_and_go_without_a_restart),
		cmocka_unit_test(a_parser_of_longer_frames_than_there_is_room_for_needs_one),
		cmocka_unit_test(ports_that_are_not_shared_out_need_one_where_there_are_workers),
		cmocka_unit_test(a_state_file_is_not_read_while_another_writes_it),
		cmocka_unit_test(
			a_source_goes_on_by_its_name_and_parser_and_what_its_pool_is_made_of),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
