#include "format_files.h"

#include <jansson.h>

static struct pairs *pairs;
static struct grok *lib;

static int setup(void **state)
{
	pairs = pairs_create(4 << 20);
	lib = patterns_load(NULL);
	return 0;
}

static int teardown(void **state)
{
	grok_destroy(lib);
	pairs_destroy(pairs);
	return 0;
}

/* A format with its scratch. */
struct reader {
	struct format *f;
	struct format_scratch *s;
};

static struct reader reader_of(const struct format_def *def)
{
	struct reader r;
	struct err e;
	if (format_compile(def, lib, pairs->names, &r.f, &e) < 0)
		fail_msg("%s", e.text);
	r.s = format_scratch_create((const struct format *const *)&r.f, 1, 1 << 20);
	assert_non_null(r.s);
	return r;
}

static void reader_free(struct reader r)
{
	format_scratch_destroy(r.s);
	format_destroy(r.f);
}

/* What @r makes of a line: its pairs, or "no". */
static const char *read_line(struct reader r, const char *line)
{
	pairs_reset(pairs, NULL);
	struct slice text = pairs_copy(pairs, line, strlen(line));
	return format_extract(r.f, r.s, text, 0, &pairs->rb) ? pairs_built(pairs) : "no";
}

static void expect(const struct format_def *def, const char *line, const char *built)
{
	struct reader r = reader_of(def);
	assert_string_equal(read_line(r, line), built);
	reader_free(r);
}

static void expect_error(const struct format_def *def, const char *why)
{
	struct format *f;
	struct err e;
	assert_true(format_compile(def, lib, pairs->names, &f, &e) < 0);
	assert_string_equal(e.text, why);
}

static void a_grok_pattern_names_and_types_its_fields(void **state)
{
	struct format_def def = {.name = "g",
				 .kind = FORMAT_GROK,
				 .pattern = "%{IP:[client][ip]} %{INT:n:int} (?<rest>.*)"};
	expect(&def, "10.0.0.1 -7 a b", "client.ip='10.0.0.1'; n=i64 -7; rest='a b'");
	expect(&def, "10.0.0.1 -7", "no");
	expect(&def, "x10.0.0.1 -7 a b", "no");
}

static void the_whole_line_must_fit(void **state)
{
	struct format_def def = {.name = "g", .kind = FORMAT_GROK, .pattern = "%{WORD:w}"};
	expect(&def, "abc", "w='abc'");
	expect(&def, "abc ", "no");
	expect(&def, " abc", "no");
}

static void a_group_that_took_no_part_is_absent_and_an_empty_one_is_empty(void **state)
{
	struct format_def def = {
		.name = "g", .kind = FORMAT_REGEX, .pattern = "(?<a>x)?(?<b>y*)(?<c>z)"};
	expect(&def, "z", "b=''; c='z'");
	expect(&def, "xyyz", "a='x'; b='yy'; c='z'");
}

static void of_two_fields_with_one_name_the_one_that_took_part_is_kept(void **state)
{
	struct format_def def = {.name = "g",
				 .kind = FORMAT_GROK,
				 .pattern = "(?:a=%{INT:v}|b=%{WORD:v}) ?(?:%{INT:v})?"};
	expect(&def, "a=1", "v='1'");
	expect(&def, "b=x", "v='x'");
	expect(&def, "b=x 7", "v='7'");
}

static void a_regex_may_refer_back(void **state)
{
	struct format_def def = {
		.name = "g", .kind = FORMAT_REGEX, .pattern = "(['\"])(?<in>.*)\\1"};
	expect(&def, "'a\"b'", "in='a\"b'");
	expect(&def, "'a\"", "no");
}

static void a_pattern_that_backtracks_for_ever_gives_up_and_is_counted(void **state)
{
	struct format_def def = {
		.name = "g", .kind = FORMAT_REGEX, .pattern = "(?=a)(?<a>(?:a+)+)$"};
	struct reader r = reader_of(&def);
	assert_string_equal(read_line(r, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab"), "no");
	assert_int_equal(format_counts_take(r.s).too_costly, 1);
	assert_int_equal(format_counts_take(r.s).too_costly, 0);
	reader_free(r);
}

static void values_that_are_not_of_their_type_stay_text_and_are_counted(void **state)
{
	struct opt_pair types[] = {{.key = "n", .value = "int"},
				   {.key = "t", .value = "time:%H:%M"}};
	struct format_def def = {.name = "g",
				 .kind = FORMAT_GROK,
				 .pattern = "%{NOTSPACE:n:float} %{NOTSPACE:t}",
				 .types = {.items = types, .n = 2}};
	struct reader r = reader_of(&def);
	assert_string_equal(read_line(r, "7 00:01"), "n=i64 7; t=time 60000000000");
	assert_int_equal(format_counts_take(r.s).not_converted, 0);
	assert_string_equal(read_line(r, "x 24:61"), "n='x'; t='24:61'");
	assert_int_equal(format_counts_take(r.s).not_converted, 2);
	/* Of a line that does not fit nothing is counted. */
	assert_string_equal(read_line(r, "x 24:61 more"), "no");
	assert_int_equal(format_counts_take(r.s).not_converted, 0);
	reader_free(r);
}

static void columns_are_counted_and_typed(void **state)
{
	const char *columns[] = {"a", "b", "c"};
	struct opt_pair types[] = {{.key = "b", .value = "int"}};
	struct format_def def = {.name = "c",
				 .kind = FORMAT_CSV,
				 .columns = {.items = columns, .n = 3},
				 .types = {.items = types, .n = 1}};
	expect(&def, "x,1,\"y,\"\"z\"\"\"", "a='x'; b=i64 1; c='y,\"z\"'");
	expect(&def, "x,1", "no");
	expect(&def, "x,1,2,3", "no");
	def.kind = FORMAT_TSV;
	expect(&def, "x\t1\t\"y", "a='x'; b=i64 1; c='\"y'");
}

static void a_json_line_is_an_object(void **state)
{
	struct format_def def = {.name = "j", .kind = FORMAT_JSON};
	expect(&def, " {\"a\":1}", "\"a\"=1");
	expect(&def, "[1]", "no");
	expect(&def, "{\"a\":}", "no");
}

static void pairs_of_kv_are_typed_by_their_key(void **state)
{
	struct opt_pair types[] = {{.key = "n", .value = "int"}};
	struct format_def def = {.name = "k",
				 .kind = FORMAT_KV,
				 .pair_sep = ";",
				 .kv_sep = ":",
				 .types = {.items = types, .n = 1}};
	expect(&def, "n: 1; _s: x", "'n'=i64 1; '__s'='x'");
	expect(&def, "nothing", "no");
}

static void mistakes_are_told_with_their_place(void **state)
{
	struct format_def def = {
		.name = "g", .kind = FORMAT_GROK, .file = "x.yaml", .line = 3, .col = 9};
	def.pattern = "a %{NOPE:x}";
	expect_error(&def,
		     "x.yaml:3:9: format g: at character 3 of the pattern: no pattern has the "
		     "name \"NOPE\"");
	def.pattern = "a %{WORD:x";
	expect_error(&def,
		     "x.yaml:3:9: format g: at character 3 of the pattern: a %{ without its }");
	def.pattern = "a \\Q%{WORD:x}";
	expect_error(&def,
		     "x.yaml:3:9: format g: groups inside of \\Q...\\E or a comment; expected "
		     "them escaped");
	def.pattern = "%{WORD:x:integer}";
	expect_error(&def, "x.yaml:3:9: format g: field x: \"integer\" is no type; expected int, "
			   "float, bool, string or time:LAYOUT");
	def.kind = FORMAT_REGEX;
	def.pattern = "(a";
	expect_error(&def, "x.yaml:3:9: format g: at character 3 of the pattern: missing closing "
			   "parenthesis");
	struct opt_pair types[] = {{.key = "y", .value = "int"}};
	def.pattern = "(?<x>a)";
	def.types.items = types;
	def.types.n = 1;
	expect_error(&def, "x.yaml:3:9: format g: types: the pattern has no field y");
	def.types.n = 0;
	def.kind = FORMAT_CSV;
	def.quote = "xx";
	expect_error(&def, "x.yaml:3:9: format g: quote: expected one character, or none");
}

/* ---- the formats that are shipped, on lines that others have labelled ---- */

/* The next cell of a CSV row at *io_p, unquoted in place; NULL behind the last. */
static char *next_cell(char **io_p)
{
	char *p = *io_p, *from, *o;
	if (!p)
		return NULL;
	if (*p != '"') {
		char *comma = strchr(p, ',');
		*io_p = comma ? comma + 1 : NULL;
		if (comma)
			*comma = 0;
		return p;
	}
	from = o = ++p;
	for (; *p && !(p[0] == '"' && p[1] != '"'); p++) {
		p += *p == '"';
		*o++ = *p;
	}
	*io_p = p[0] && p[1] == ',' ? p + 2 : NULL;
	*o = 0;
	return from;
}

/* The value of field @name among the pairs, as text; "" when it is absent. */
static struct slice value_of(const char *name)
{
	for (unsigned i = 0; i < pairs->rb.n_pairs; i++) {
		struct val key = pairs->rb.pairs[2 * i], v = pairs->rb.pairs[2 * i + 1];
		if (slice_eq(names_text(pairs->names, key.off), slice_str(name)))
			return arena_slice(&pairs->b.arena, v.off, v.len);
	}
	return (struct slice){(const uint8_t *)"", 0};
}

/* Reads a line without its end. */
static bool get_line(FILE *f, char **line, size_t *cap)
{
	ssize_t n = getline(line, cap, f);
	while (n > 0 && ((*line)[n - 1] == '\n' || (*line)[n - 1] == '\r'))
		(*line)[--n] = 0;
	return n >= 0;
}

/* All fields of all lines of one data set. */
static void expect_data_set(const char *set, const char *file)
{
	char path[256], *row = NULL, *line = NULL, *head = NULL;
	size_t row_cap = 0, line_cap = 0, head_cap = 0;
	char *names[32];
	unsigned n_names = 0, n_lines = 0, n_fields = 0;
	snprintf(path, sizeof(path), "data/logs/loghub/%s_2k.log", set);
	FILE *log = pairs_open_shared(path);
	snprintf(path, sizeof(path), "data/oracle/logs/loghub/%s_2k.log_structured.csv", set);
	FILE *oracle = pairs_open_shared(path);
	if (!log || !oracle)
		skip();
	struct format_file *ff = format_file_load(file);
	struct reader r = reader_of(&ff->defs[0]);
	assert_true(get_line(oracle, &head, &head_cap));
	for (char *p = head, *c; (c = next_cell(&p));)
		names[n_names++] = c;
	while (get_line(log, &line, &line_cap) && get_line(oracle, &row, &row_cap)) {
		if (strcmp(read_line(r, line), "no") == 0)
			fail_msg("%s does not fit: %s", set, line);
		char *p = row;
		for (unsigned i = 0; i < n_names; i++) {
			char *cell = next_cell(&p);
			if (strcmp(names[i], "LineId") == 0 || strncmp(names[i], "Event", 5) == 0)
				continue;
			if (!slice_eq(value_of(names[i]), slice_str(cell)))
				fail_msg("%s line %u field %s: %s, expected %s", set, n_lines + 1,
					 names[i], pairs->text, cell);
			n_fields++;
		}
		n_lines++;
	}
	print_message("%s: %u lines, %u fields agree, read by %s\n", set, n_lines, n_fields,
		      format_engine(r.f));
	assert_int_equal(n_lines, 2000);
	reader_free(r);
	format_file_free(ff);
	free(head);
	free(row);
	free(line);
	fclose(log);
	fclose(oracle);
}

static void all_fields_of_the_loghub_data_sets_agree(void **state)
{
	static const char *const sets[][2] = {
		{"Android", "loghub-android"},
		{"Apache", "loghub-apache"},
		{"BGL", "loghub-bgl"},
		{"HDFS", "loghub-hdfs"},
		{"HPC", "loghub-hpc"},
		{"Hadoop", "loghub-hadoop"},
		{"Linux", "loghub-linux"},
		{"Mac", "loghub-mac"},
		{"OpenSSH", "loghub-openssh"},
		{"OpenStack", "loghub-openstack"},
		{"Zookeeper", "loghub-zookeeper"},
	};
	pairs_need_shared("data/logs/loghub/Android_2k.log");
	for (unsigned i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		expect_data_set(sets[i][0], sets[i][1]);
}

static void access_logs_are_read_with_types(void **state)
{
	struct format_file *ff = format_file_load("access");
	assert_int_equal(ff->n, 2);
	expect(&ff->defs[0],
	       "10.0.0.1 - bob [10/Oct/2000:13:55:36 -0700] \"GET /a?b=c HTTP/1.1\" 200 2326 \"-\" "
	       "\"curl/7.0 (\\\"x\\\")\"",
	       "client='10.0.0.1'; ident='-'; user='bob'; time=time 971211336000000000; "
	       "method='GET'; path='/a?b=c'; protocol='HTTP/1.1'; status=i64 200; bytes=i64 2326; "
	       "referer='-'; agent='curl/7.0 (\\\"x\\\")'");
	expect(&ff->defs[0],
	       "::1 - - [10/Oct/2000:13:55:36 -0700] \"\\x16\\x03\\\" 1\" 400 - \"\" \"\" "
	       "\"10.1.2.3\"",
	       "client='::1'; ident='-'; user='-'; time=time 971211336000000000; "
	       "request='\\x16\\x03\\\" 1'; status=i64 400; referer=''; agent=''; "
	       "forwarded_for='10.1.2.3'");
	expect(&ff->defs[1], "::1 - - [10/Oct/2000:13:55:36 -0700] \"GET / HTTP/1.0\" 304 -",
	       "client='::1'; ident='-'; user='-'; time=time 971211336000000000; method='GET'; "
	       "path='/'; protocol='HTTP/1.0'; status=i64 304");
	format_file_free(ff);
}

static void expect_text(json_t *want, const char *name, const char *field, unsigned line)
{
	const char *text = json_string_value(json_object_get(want, name));
	if (text && !slice_eq(value_of(field), slice_str(text)))
		fail_msg("line %u, %s: expected %s in %s", line, field, text, pairs->text);
}

/* lnav's reading of an access log of nginx. */
static void a_shops_access_log_agrees_with_lnav(void **state)
{
	pairs_need_shared("data/logs/lnav/logfile_shop_access_log.0");
	FILE *log = pairs_open_shared("data/logs/lnav/logfile_shop_access_log.0");
	FILE *oracle =
		pairs_open_shared("data/oracle/logs/lnav/logfile_shop_access_log.0.lnav.jsonl");
	struct format_file *ff = format_file_load("access");
	struct reader r = reader_of(&ff->defs[0]);
	char *line = NULL, *row = NULL, path[16384];
	size_t line_cap = 0, row_cap = 0;
	unsigned n = 0;
	if (!log || !oracle)
		skip();
	for (; get_line(log, &line, &line_cap) && get_line(oracle, &row, &row_cap); n++) {
		json_t *want = json_loads(row, 0, NULL);
		const char *stem = json_string_value(json_object_get(want, "cs_uri_stem"));
		const char *query = json_string_value(json_object_get(want, "cs_uri_query"));
		if (strcmp(read_line(r, line), "no") == 0)
			fail_msg("does not fit: %s", line);
		snprintf(path, sizeof(path), "%s%s%s", stem, query ? "?" : "", query ? query : "");
		assert_true(slice_eq(value_of("path"), slice_str(path)));
		expect_text(want, "c_ip", "client", n);
		expect_text(want, "cs_method", "method", n);
		expect_text(want, "cs_version", "protocol", n);
		expect_text(want, "cs_referer", "referer", n);
		expect_text(want, "cs_user_agent", "agent", n);
		int64_t status, bytes;
		memcpy(&status, value_of("status").ptr, 8);
		memcpy(&bytes, value_of("bytes").ptr, 8);
		assert_int_equal(status, json_integer_value(json_object_get(want, "sc_status")));
		assert_int_equal(bytes, json_integer_value(json_object_get(want, "sc_bytes")));
		json_decref(want);
	}
	assert_int_equal(n, 1000);
	assert_string_equal(format_engine(r.f), "plan");
	free(line);
	free(row);
	reader_free(r);
	format_file_free(ff);
	fclose(log);
	fclose(oracle);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_grok_pattern_names_and_types_its_fields),
		cmocka_unit_test(the_whole_line_must_fit),
		cmocka_unit_test(a_group_that_took_no_part_is_absent_and_an_empty_one_is_empty),
		cmocka_unit_test(of_two_fields_with_one_name_the_one_that_took_part_is_kept),
		cmocka_unit_test(a_regex_may_refer_back),
		cmocka_unit_test(a_pattern_that_backtracks_for_ever_gives_up_and_is_counted),
		cmocka_unit_test(values_that_are_not_of_their_type_stay_text_and_are_counted),
		cmocka_unit_test(columns_are_counted_and_typed),
		cmocka_unit_test(a_json_line_is_an_object),
		cmocka_unit_test(pairs_of_kv_are_typed_by_their_key),
		cmocka_unit_test(mistakes_are_told_with_their_place),
		cmocka_unit_test(all_fields_of_the_loghub_data_sets_agree),
		cmocka_unit_test(access_logs_are_read_with_types),
		cmocka_unit_test(a_shops_access_log_agrees_with_lnav),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
