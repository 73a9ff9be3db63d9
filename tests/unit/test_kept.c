/* What goes on over reloads owes nothing to the configurations that it came with. */
#include <stdio.h>
#include <unistd.h>

#include "tests/support/live_worker.h"

#include "ctl/options.h"

static char folder[] = "/tmp/sluice-kept-XXXXXX";
static char rows[64], state_file[64];

/* ---- options ---- */

struct all {
	bool on;
	int64_t n;
	const char *text, *none, *secret, *path;
	struct opt_strings strings;
	struct opt_ports ports;
	struct opt_map map;
};

static const struct opt opts[] = {
	{.name = "on", .type = OPT_BOOL, .off = offsetof(struct all, on)},
	{.name = "n", .type = OPT_INT, .off = offsetof(struct all, n)},
	{.name = "text", .type = OPT_STRING, .off = offsetof(struct all, text)},
	{.name = "none", .type = OPT_STRING, .off = offsetof(struct all, none)},
	{.name = "secret", .type = OPT_SECRET, .off = offsetof(struct all, secret)},
	{.name = "path", .type = OPT_PATH, .off = offsetof(struct all, path)},
	{.name = "strings", .type = OPT_STRINGS, .off = offsetof(struct all, strings)},
	{.name = "ports", .type = OPT_PORTS, .off = offsetof(struct all, ports)},
	{.name = "map", .type = OPT_MAP, .off = offsetof(struct all, map)},
	OPT_END,
};

static void a_copy_of_options_shares_nothing_with_what_it_was_made_of(void **state)
{
	char text[] = "text", secret[] = "secret", path[] = "/p", one[] = "one", two[] = "two";
	const char *items[] = {one, two};
	struct opt_port_range ranges[] = {{1, 2}, {7, 7}};
	struct opt_pair pairs[] = {{one, two, 3, 4}};
	struct all conf = {.on = true,
			   .n = 7,
			   .text = text,
			   .secret = secret,
			   .path = path,
			   .strings = {items, 2},
			   .ports = {ranges, 2},
			   .map = {pairs, 1}};
	struct memlist mem = {0};
	struct all *copy = options_copy(&mem, opts, &conf, sizeof(conf));
	assert_non_null(copy);
	for (const struct opt *o = opts; o->name; o++)
		assert_true(options_equal(o, copy, &conf));
	text[0] = secret[0] = path[0] = one[0] = two[0] = 'x';
	items[0] = items[1] = "gone";
	ranges[0].lo = ranges[1].hi = 9;
	pairs[0].key = "gone";
	assert_string_equal(copy->text, "text");
	assert_null(copy->none);
	assert_string_equal(copy->secret, "secret");
	assert_string_equal(copy->path, "/p");
	assert_string_equal(copy->strings.items[0], "one");
	assert_string_equal(copy->strings.items[1], "two");
	assert_int_equal(copy->ports.items[0].lo, 1);
	assert_int_equal(copy->ports.items[1].hi, 7);
	assert_string_equal(copy->map.items[0].key, "one");
	assert_string_equal(copy->map.items[0].value, "two");
	assert_int_equal(copy->map.items[0].line, 3);
	memlist_fini(&mem);
}

/* ---- generations ---- */

static void write_rows(const char *text)
{
	FILE *f = fopen(rows, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static struct generation *build(const char *tables, const char *dim, struct generation *before)
{
	char text[1024];
	snprintf(text, sizeof(text),
		 "sources:\n"
		 "  shop: { match: { tcp: 3306 }, parser: mysql, state: %s, tables: [\"%s\"] }\n"
		 "dimensions:\n"
		 "  %s: { from: { file: { path: %s } }, key: k, fields: { n: int } }\n"
		 "sinks: { out: { \"null\": {} } }\n"
		 "queues: { q/all: { from: shop, sink: out } }\n",
		 state_file, tables, dim, rows);
	return live_generation(text, before);
}

static void a_dimension_and_a_keeper_outlive_what_they_came_with(void **state)
{
	write_rows("k,n\na,1\n");
	struct generation *first = build("a.*", "d", NULL);
	struct dim *dim = first->pipeline->dims[0];
	struct frame_source was = first->pipeline->frame_sources[0];
	assert_non_null(was.keep);
	struct generation *last = first;
	for (int i = 0; i < 3; i++) {
		struct generation *next = build("a.*", "d", last);
		generation_put(last);
		last = next;
	}
	assert_ptr_equal(last->pipeline->dims[0], dim);
	assert_true(last->pipeline->dims_lent[0]);
	assert_ptr_equal(last->pipeline->frame_sources[0].keep, was.keep);
	assert_ptr_equal(last->pipeline->frame_sources[0].conf, was.conf);
	struct err e;
	write_rows("k,n\na,1\nbb,2\n");
	assert_int_equal(dim_refresh(dim, &e), 1);
	uint64_t row[DIM_N_COLS];
	dim_row(dim, row);
	assert_int_equal(row[DIM_keys], 2);
	assert_string_equal(dim_spec_of(dim)->name, "d");
	void *pool = NULL;
	assert_int_equal(was.parser->pool_create(was.conf, was.keep, &pool, &e), 0);
	was.parser->pool_destroy(pool);
	generation_put(last);
}

static void what_has_changed_is_made_anew(void **state)
{
	write_rows("k,n\na,1\n");
	struct generation *first = build("a.*", "d", NULL);
	struct generation *other = build("a.*", "e", first);
	assert_ptr_not_equal(other->pipeline->dims[0], first->pipeline->dims[0]);
	assert_false(other->pipeline->dims_lent[0]);
	generation_put(first);
	assert_string_equal(dim_spec_of(other->pipeline->dims[0])->name, "e");
	generation_put(other);
}

static int make_folder(void **state)
{
	if (!mkdtemp(folder))
		return -1;
	snprintf(rows, sizeof(rows), "%s/rows.csv", folder);
	snprintf(state_file, sizeof(state_file), "%s/shop.state", folder);
	return 0;
}

static int remove_folder(void **state)
{
	unlink(rows);
	unlink(state_file);
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_copy_of_options_shares_nothing_with_what_it_was_made_of),
		cmocka_unit_test(a_dimension_and_a_keeper_outlive_what_they_came_with),
		cmocka_unit_test(what_has_changed_is_made_anew),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
