#include "format_files.h"

#include <jansson.h>
#include <math.h>

/* ---- the library and the syntax ---- */

static struct grok *lib_of(const char *text)
{
	struct grok *g = grok_create();
	struct err e;
	if (grok_add(g, slice_str(text), "x.pat", &e) < 0)
		fail_msg("%s", e.text);
	return g;
}

static void expect(const struct grok *g, const char *pattern, const char *regex, const char *fields)
{
	struct grok_pattern p;
	struct err e;
	char got[256] = "";
	size_t at = 0;
	if (grok_expand(g, pattern, &p, NULL, &e) < 0)
		fail_msg("%s: %s", pattern, e.text);
	assert_string_equal(p.regex, regex);
	for (unsigned i = 0; i < p.n_fields; i++)
		at += (size_t)snprintf(got + at, sizeof(got) - at, "%s%s:%s", i ? " " : "",
				       p.fields[i].name, p.fields[i].type ? p.fields[i].type : "");
	assert_string_equal(got, fields);
	grok_pattern_fini(&p);
}

static void expect_error(const struct grok *g, const char *pattern, size_t at, const char *why)
{
	struct grok_pattern p;
	struct err e;
	size_t got = 0;
	assert_int_equal(grok_expand(g, pattern, &p, &got, &e), -EINVAL);
	assert_string_equal(e.text, why);
	assert_int_equal(got, at);
}

static void names_are_written_out_and_fields_are_groups(void **state)
{
	struct grok *g = lib_of("# a comment\n\nA a+\nB  %{A}|(?<b>b)\r\nC %{B:c:int}\n");
	assert_int_equal(grok_count(g), 3);
	expect(g, "%{A}", "(?:a+)", "");
	expect(g, "x%{A:one}y", "x(?<f0>a+)y", "one:");
	expect(g, "%{C}", "(?:(?<f0>(?:a+)|(?<f1>b)))", "c:int b:");
	expect(g, "%{A:[x][y]:float} %{A:t:time:%H:%M}", "(?<f0>a+) (?<f1>a+)",
	       "x.y:float t:time:%H:%M");
	expect(g, "(?P<p>x)(?'q'y)(?<!z)(?:w)", "(?<f0>x)(?<f1>y)(?<!z)(?:w)", "p: q:");
	expect(g, "(?<*z)(?<p>x)", "(?<*z)(?<f0>x)", "p:");
	grok_destroy(g);
}

static void what_is_inside_of_classes_and_behind_backslashes_is_no_group(void **state)
{
	struct grok *g = lib_of("A a");
	expect(g, "[(?<x>]\\(?<[]%{A}]", "[(?<x>]\\(?<[]%{A}]", "");
	expect(g, "[[:alpha:]%{A}]%{A}", "[[:alpha:]%{A}](?:a)", "");
	grok_destroy(g);
}

static void a_later_file_gives_a_name_its_new_meaning(void **state)
{
	struct grok *g = lib_of("A a\nA b\n");
	assert_int_equal(grok_count(g), 1);
	expect(g, "%{A}", "(?:b)", "");
	grok_destroy(g);
}

static void mistakes_are_told_with_their_place(void **state)
{
	struct grok *g = lib_of("A %{B}\nB %{A}\nBIG %{TWO}%{TWO}\nTWO %{T3}%{T3}\nT3 x\n");
	expect_error(g, "x %{NOPE}", 2, "no pattern has the name \"NOPE\"");
	expect_error(g, "x %{A", 2, "a %{ without its }");
	expect_error(g, "%{A}", 0, "\"A\" contains itself, or names more than 32 deep");
	struct err e;
	assert_int_equal(grok_add(g, SLICE_LIT("\nA\n"), "x.pat", &e), -EINVAL);
	assert_string_equal(e.text, "x.pat:2: expected NAME and a pattern");
	assert_int_equal(grok_load(g, "/nonexistent/x.pat", &e), -ENOENT);
	grok_destroy(g);
}

static void names_that_double_at_every_level_end_at_the_limit(void **state)
{
	char text[2048];
	size_t n = 0;
	for (unsigned i = 0; i < 30; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "N%u %%{N%u}%%{N%u}\n", i, i + 1,
				      i + 1);
	snprintf(text + n, sizeof(text) - n, "N30 x\n");
	struct grok *g = lib_of(text);
	expect_error(g, "%{N0}", 0,
		     "the pattern is longer than 262144 bytes when it is written out");
	grok_destroy(g);
}

static void all_patterns_of_the_library_compile(void **state)
{
	static const char *const folders[] = {NULL, "ecs"};
	for (unsigned k = 0; k < 2; k++) {
		struct grok *g = patterns_load(folders[k]);
		struct names *names = names_create();
		unsigned n_plans = 0;
		for (size_t i = 0; i < grok_count(g); i++) {
			char pattern[128];
			struct format *f;
			struct err e;
			snprintf(pattern, sizeof(pattern), "%%{%s}", grok_name(g, i));
			struct format_def def = {
				.name = grok_name(g, i), .kind = FORMAT_GROK, .pattern = pattern};
			if (format_compile(&def, g, names, &f, &e) < 0)
				fail_msg("%s", e.text);
			n_plans += strcmp(format_engine(f), "plan") == 0;
			format_destroy(f);
		}
		print_message("%s: %zu patterns, %u have a plan\n",
			      folders[k] ? folders[k] : "short", grok_count(g), n_plans);
		names_destroy(names);
		grok_destroy(g);
	}
}

/* ---- facts of another grok, gathered by its authors' tests ---- */

struct facts {
	struct grok *lib;
	struct pairs *pairs;
	bool matched;
	char why[512]; /* the first disagreement; empty: none */
};

/* The value of a field, NULL when it is absent or empty, as that grok has it. */
static const char *field_text(struct facts *f, const char *name)
{
	static char text[8192];
	for (unsigned i = 0; f->matched && i < f->pairs->rb.n_pairs; i++) {
		struct val key = f->pairs->rb.pairs[2 * i], v = f->pairs->rb.pairs[2 * i + 1];
		if (!slice_eq(names_text(f->pairs->names, key.off), slice_str(name)) || !v.len)
			continue;
		if (v.type == VAL_I64) {
			int64_t n;
			memcpy(&n, f->pairs->b.arena.base + v.off, 8);
			snprintf(text, sizeof(text), "%" PRId64, n);
		} else {
			snprintf(text, sizeof(text), "%.*s", (int)v.len,
				 (const char *)f->pairs->b.arena.base + v.off);
		}
		return text;
	}
	return NULL;
}

/* A field of this name, or one inside of it. */
static bool has_field(struct facts *f, const char *name)
{
	size_t len = strlen(name);
	for (unsigned i = 0; f->matched && i < f->pairs->rb.n_pairs; i++) {
		struct slice key = names_text(f->pairs->names, f->pairs->rb.pairs[2 * i].off);
		if (f->pairs->rb.pairs[2 * i + 1].len && key.len >= len &&
		    memcmp(key.ptr, name, len) == 0 && (key.len == len || key.ptr[len] == '.'))
			return true;
	}
	return false;
}

static void disagree(struct facts *f, const char *name, const char *want)
{
	const char *got = field_text(f, name);
	if (!f->why[0])
		snprintf(f->why, sizeof(f->why), "%s is %s, expected %s", name,
			 got ? got : "absent", want);
}

static void check_value(struct facts *f, const char *name, json_t *want)
{
	if (json_is_object(want)) {
		const char *key;
		json_t *in;
		json_object_foreach(want, key, in)
		{
			char inner[256];
			snprintf(inner, sizeof(inner), "%s%s%s", name, name[0] ? "." : "", key);
			check_value(f, inner, in);
		}
		return;
	}
	/* A field that matched twice is a list there; here the last one is kept. `message` is the
	 * whole input there, when the pattern has no such field.
	 */
	if (json_is_array(want))
		want = json_array_get(want, json_array_size(want) - 1);
	else if (strcmp(name, "message") == 0 || strcmp(name, "@version") == 0)
		return;
	char shown[64];
	const char *got = field_text(f, name);
	if (json_is_string(want)) {
		if (!got || strcmp(got, json_string_value(want)) != 0)
			disagree(f, name, json_string_value(want));
	} else if (json_is_number(want)) {
		double d = json_number_value(want);
		snprintf(shown, sizeof(shown), "%g", d);
		if (!got || fabs(strtod(got, NULL) - d) > 1e-9 * fabs(d))
			disagree(f, name, shown);
	}
}

static void check_absent(struct facts *f, const char *prefix, json_t *names)
{
	char name[512];
	size_t n = json_is_array(names) ? json_array_size(names) : 1;
	for (size_t i = 0; i < n; i++) {
		json_t *one = json_is_array(names) ? json_array_get(names, i) : names;
		snprintf(name, sizeof(name), "%s%s%s", prefix, prefix[0] ? "." : "",
			 json_string_value(one));
		if (has_field(f, name))
			disagree(f, name, "absent");
	}
}

/* The path by dots, without #keys, #last and the index of a list: false for the first of a list,
 * which is the input itself there.
 */
static bool path_of(json_t *path, char *out, size_t cap, bool *ret_keys)
{
	size_t at = 0;
	out[0] = 0;
	*ret_keys = false;
	for (size_t i = 0; i < json_array_size(path); i++) {
		json_t *one = json_array_get(path, i);
		const char *text = json_string_value(one);
		if ((text && strcmp(text, "0") == 0) ||
		    (json_is_integer(one) && json_integer_value(one) == 0))
			return false;
		if (text && strcmp(text, "#keys") == 0)
			*ret_keys = true;
		else if (text && text[0] != '#' && strcmp(text, "1") != 0)
			at += (size_t)snprintf(out + at, cap - at, "%s%s", at ? "." : "", text);
	}
	return true;
}

static void check_fact(struct facts *f, json_t *fact)
{
	const char *op = json_string_value(json_object_get(fact, "op"));
	json_t *value = json_object_get(fact, "value");
	char path[256];
	bool keys;
	if (!path_of(json_object_get(fact, "path"), path, sizeof(path), &keys))
		return;
	bool pass = strcmp(op, "pass") == 0 ||
		    (strcmp(path, "tags") == 0 && strcmp(op, "include") != 0);
	if (pass || strcmp(op, "not pass") == 0 || strcmp(path, "tags") == 0) {
		if (f->matched != pass && !f->why[0])
			snprintf(f->why, sizeof(f->why), pass ? "does not match" : "matches");
	} else if (keys || strcmp(op, "not have_key") == 0) {
		check_absent(f, path, value);
	} else if (strcmp(op, "be_nil") == 0 || strcmp(op, "be") == 0) {
		if (has_field(f, path))
			disagree(f, path, "absent");
	} else if (strcmp(op, "include") == 0 || strcmp(op, "eq") == 0 || strcmp(op, "eql") == 0) {
		if (json_is_object(value) && json_object_get(value, "match"))
			return; /* not of grok */
		check_value(f, path, value);
	}
}

/* Reads one input by one pattern; a search where the fact is not anchored. */
static void check_case(struct facts *f, json_t *one)
{
	const char *pattern = json_string_value(json_object_get(one, "pattern"));
	json_t *input = json_object_get(one, "input"), *fact;
	bool anchored = json_is_true(json_object_get(one, "anchored"));
	char name[128], text[256];
	struct format *fmt;
	struct err e;
	size_t i;
	snprintf(name, sizeof(name), "%.*s", (int)strcspn(pattern, " "), pattern);
	snprintf(text, sizeof(text), anchored ? "%%{%s}" : "(?s:.*?)%%{%s}(?s:.*)", name);
	f->why[0] = 0;
	f->matched = false;
	struct format_def def = {.name = name, .kind = FORMAT_GROK, .pattern = text};
	if (format_compile(&def, f->lib, f->pairs->names, &fmt, &e) < 0) {
		snprintf(f->why, sizeof(f->why), "%s", e.text);
		return;
	}
	struct format_scratch *s =
		format_scratch_create((const struct format *const *)&fmt, 1, 4096);
	pairs_reset(f->pairs, NULL);
	struct slice line =
		pairs_copy(f->pairs, json_string_value(input), json_string_length(input));
	f->matched = format_extract(fmt, s, line, 0, &f->pairs->rb);
	json_array_foreach(json_object_get(one, "expect"), i, fact) check_fact(f, fact);
	format_scratch_destroy(s);
	format_destroy(fmt);
}

static void facts_of_another_grok(void **state)
{
	FILE *in = pairs_open_shared("data/vectors/grok.jsonl");
	if (!in)
		skip();
	struct facts f = {.pairs = pairs_create(1 << 20)};
	struct grok *libs[] = {patterns_load(NULL), patterns_load("ecs")};
	unsigned n[2] = {0}, agree[2] = {0}, line_no = 0;
	char *line = NULL;
	size_t cap = 0;
	for (; getline(&line, &cap, in) > 0; line_no++) {
		json_t *one = json_loads(line, 0, NULL);
		const char *mode = json_string_value(json_object_get(one, "mode"));
		unsigned ecs = mode && strcmp(mode, "ecs-v1") == 0;
		f.lib = libs[ecs];
		check_case(&f, one);
		n[ecs]++;
		agree[ecs] += !f.why[0];
		if (f.why[0])
			print_message("  %u %s (%s): %s\n", line_no,
				      json_string_value(json_object_get(one, "pattern")),
				      mode ? mode : "any", f.why);
		json_decref(one);
	}
	print_message("%u of %u facts with short names agree, %u of %u with those of ECS\n",
		      agree[0], n[0], agree[1], n[1]);
	assert_true(agree[0] >= 134 && agree[1] >= 111);
	free(line);
	fclose(in);
	grok_destroy(libs[0]);
	grok_destroy(libs[1]);
	pairs_destroy(f.pairs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_written_out_and_fields_are_groups),
		cmocka_unit_test(what_is_inside_of_classes_and_behind_backslashes_is_no_group),
		cmocka_unit_test(a_later_file_gives_a_name_its_new_meaning),
		cmocka_unit_test(mistakes_are_told_with_their_place),
		cmocka_unit_test(names_that_double_at_every_level_end_at_the_limit),
		cmocka_unit_test(all_patterns_of_the_library_compile),
		cmocka_unit_test(facts_of_another_grok),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
