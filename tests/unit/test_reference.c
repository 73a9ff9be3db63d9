/* The documents in conf/ are what the option tables say, and the tables are sound. */
#include "tests/unit/unit.h"

#include <dirent.h>

#include "ctl/config_read.h"
#include "ctl/reference.h"

static char *source_path(const char *name)
{
	const char *root = getenv("SL_SOURCE_ROOT");
	char *path;
	assert_true(asprintf(&path, "%s/%s", root ? root : ".", name) > 0);
	return path;
}

static char *read_text(const char *name)
{
	uint8_t *bytes = NULL;
	size_t len;
	struct err e;
	char *path = source_path(name);
	if (config_disk.read(NULL, path, &bytes, &len, &e) < 0)
		fail_msg("%s: %s", path, e.text);
	char *text = strndup((const char *)bytes, len);
	free(bytes);
	free(path);
	return text;
}

static char *written(void (*write)(FILE *))
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);
	write(out);
	fclose(out);
	return text;
}

static void assert_same(const char *name, void (*write)(FILE *))
{
	char *have = read_text(name), *want = written(write);
	if (strcmp(have, want) != 0) {
		size_t line = 1, i = 0;
		for (; have[i] && have[i] == want[i]; i++)
			line += have[i] == '\n';
		free(have);
		free(want);
		fail_msg("%s differs in line %zu from the option tables: run scripts/generate.sh",
			 name, line);
	}
	free(have);
	free(want);
}

static void the_sample_in_conf_is_what_the_tables_say(void **state)
{
	assert_same("conf/sluice.yaml", reference_write_yaml);
}

static void the_reference_in_conf_is_what_the_tables_say(void **state)
{
	assert_same("conf/REFERENCE.md", reference_write_md);
}

static void assert_loads(const char *path)
{
	struct config *c = NULL;
	struct err_list errs = {0};
	int r = config_load(path, &c, &errs);
	err_list_print(&errs, stderr);
	assert_int_equal(r, 0);
	assert_int_equal(errs.n_errors + errs.n_warnings, 0);
	config_free(c);
	err_list_fini(&errs);
}

static void the_sample_loads_without_errors_or_warnings(void **state)
{
	char *path = source_path("conf/sluice.yaml");
	assert_loads(path);
	free(path);
}

/* Without its comments the sample says what no file at all would say. */
static void the_sample_changes_no_option(void **state)
{
	char *path = source_path("conf/sluice.yaml");
	struct config *c = NULL;
	struct err_list errs = {0};
	assert_int_equal(config_load(path, &c, &errs), 0);
	const struct {
		const struct opt *opts;
		const void *conf;
	} parts[] = {{config_top_opts, c},
		     {config_capture_opts, &c->capture},
		     {decode_opts, &c->decode},
		     {flow_opts, &c->flow},
		     {frame_opts, &c->frame}};
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		for (const struct opt *o = parts[i].opts; o->name; o++) {
			if (options_differs(o, parts[i].conf))
				fail_msg("%s is not at its default", o->name);
		}
	}
	for (size_t i = 0; i < c->n_sources; i++) {
		const struct source_conf *s = &c->sources[i];
		for (const struct opt *o = s->parser->opts; o && o->name; o++) {
			if (options_differs(o, s->conf))
				fail_msg("%s of %s is not at its default", o->name, s->name);
		}
	}
	config_free(c);
	err_list_fini(&errs);
	free(path);
}

static void every_example_loads_without_errors_or_warnings(void **state)
{
	char *folder = source_path("conf/examples");
	DIR *dir = opendir(folder);
	assert_non_null(dir);
	size_t n = 0;
	for (struct dirent *d; (d = readdir(dir));) {
		char path[4096];
		if (!strstr(d->d_name, ".yaml"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", folder, d->d_name);
		assert_loads(path);
		n++;
	}
	closedir(dir);
	free(folder);
	assert_true(n > 0);
}

/* ---- the tables ---- */

static void check_option(const struct opt *opts, const struct opt *o, const char *where)
{
	for (const char *c = o->name; *c; c++) {
		if (!((*c >= 'a' && *c <= 'z') || *c == '_' || (*c >= '0' && *c <= '9')))
			fail_msg("%s: %s is not in small letters, digits and _", where, o->name);
	}
	for (const struct opt *other = opts; other != o; other++) {
		if (strcmp(other->name, o->name) == 0)
			fail_msg("%s: %s is there twice", where, o->name);
	}
	if (!o->help || !o->help[0] || strchr(o->help, '\n'))
		fail_msg("%s: %s needs a line of help", where, o->name);
	if (o->help[strlen(o->help) - 1] != '.')
		fail_msg("%s: the help of %s is no sentence", where, o->name);
	if (o->max && o->max < o->min)
		fail_msg("%s: the range of %s is empty", where, o->name);
	if (o->type == OPT_ENUM && !o->choices)
		fail_msg("%s: %s has no choices", where, o->name);
	bool number = o->type == OPT_INT || o->type == OPT_BYTES || o->type == OPT_DURATION ||
		      o->type == OPT_BOOL || o->type == OPT_ENUM;
	if (number && !o->def && !o->required)
		fail_msg("%s: %s has no default", where, o->name);
}

static void check_table(const struct opt *opts, size_t conf_size, const char *where)
{
	if (!opts)
		return;
	for (const struct opt *o = opts; o->name; o++)
		check_option(opts, o, where);
	struct memlist mem = {0};
	struct err_list errs = {0};
	struct option_reader r = {.mem = &mem, .errs = &errs, .file = where, .dir = ""};
	void *conf = calloc(1, conf_size ? conf_size : 1);
	if (!options_default(&r, opts, conf)) {
		err_list_print(&errs, stderr);
		fail_msg("%s: a default is wrong", where);
	}
	free(conf);
	err_list_fini(&errs);
	memlist_fini(&mem);
}

static void every_option_table_is_sound(void **state)
{
	check_table(config_top_opts, sizeof(struct config), "top level");
	check_table(config_capture_opts, sizeof(struct capture_conf), "capture");
	check_table(config_port_opts, sizeof(struct capture_port_conf), "capture.ports");
	check_table(config_source_opts, sizeof(struct source_conf), "sources");
	check_table(config_match_opts, sizeof(struct source_conf), "match");
	check_table(config_kv_opts, sizeof(struct format_def), "kv");
	check_table(config_csv_opts, sizeof(struct format_def), "csv");
	check_table(config_format_opts, sizeof(struct format_def), "formats");
	check_table(config_queue_opts, sizeof(struct queue_conf), "queues");
	check_table(config_test_opts, sizeof(struct test_conf), "tests");
	check_table(decode_opts, sizeof(struct decode_conf), "decode");
	check_table(flow_opts, sizeof(struct flow_conf), "flow");
	check_table(frame_opts, sizeof(struct frame_conf), "frame");
	for (size_t i = 0; parsers[i]; i++)
		check_table(parsers[i]->opts, parsers[i]->conf_size, parsers[i]->name);
	for (size_t i = 0; sinks[i]; i++)
		check_table(sinks[i]->opts, sinks[i]->conf_size, sinks[i]->name);
}

static void no_option_of_a_parser_has_the_name_of_a_key_of_sources(void **state)
{
	for (size_t i = 0; parsers[i]; i++) {
		for (const struct opt *o = parsers[i]->opts; o && o->name; o++) {
			assert_string_not_equal(o->name, "match");
			for (const struct opt *s = config_source_opts; s->name; s++)
				assert_string_not_equal(o->name, s->name);
			for (const struct opt *m = config_match_opts; m->name; m++)
				assert_string_not_equal(o->name, m->name);
		}
	}
}

static void the_default_configuration_has_every_parser_and_stdout(void **state)
{
	struct config *c = NULL;
	struct err_list errs = {0};
	assert_int_equal(config_default(&c, &errs), 0);
	assert_int_equal(errs.n_errors, 0);
	size_t n = 0;
	while (parsers[n])
		n++;
	assert_int_equal(c->n_sources, n);
	assert_non_null(c->sinks[c->queues[0].sink].ops);
	config_free(c);
	err_list_fini(&errs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_option_table_is_sound),
		cmocka_unit_test(no_option_of_a_parser_has_the_name_of_a_key_of_sources),
		cmocka_unit_test(the_default_configuration_has_every_parser_and_stdout),
		cmocka_unit_test(the_sample_in_conf_is_what_the_tables_say),
		cmocka_unit_test(the_reference_in_conf_is_what_the_tables_say),
		cmocka_unit_test(the_sample_loads_without_errors_or_warnings),
		cmocka_unit_test(the_sample_changes_no_option),
		cmocka_unit_test(every_example_loads_without_errors_or_warnings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
