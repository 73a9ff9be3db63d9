#include "format_files.h"

#include "dataplane/extract/select.h"
#include "dataplane/match/prefix.h"

static void texts_are_narrowed_by_how_they_begin(void **state)
{
	static const char *const patterns[] = {"GET |PUT ", NULL, "\\d{1,3}\\.", "(?=x)x", "a{5}b"};
	struct match_prefix *p;
	struct err e;
	assert_int_equal(match_prefix_create(patterns, 5, &p, &e), 0);
	const struct match_prefix *ps[] = {NULL, p};
	struct match_prefix_scratch *s = match_prefix_scratch_create(ps, 2);
	assert_non_null(s);
	/* 1 has no pattern, and 3 one that Hyperscan does not take: they are always possible. */
	assert_int_equal(*match_prefix_find(p, s, SLICE_LIT("GET /")), 1 << 0 | 1 << 1 | 1 << 3);
	assert_int_equal(*match_prefix_find(p, s, SLICE_LIT("10.0.0.1")), 1 << 2 | 1 << 1 | 1 << 3);
	assert_int_equal(*match_prefix_find(p, s, SLICE_LIT("x GET /")), 1 << 1 | 1 << 3);
	assert_int_equal(*match_prefix_find(p, s, SLICE_LIT("")), 1 << 1 | 1 << 3);
	match_prefix_scratch_destroy(s);
	match_prefix_destroy(p);
}

static void all_formats_may_be_without_a_prefix(void **state)
{
	static const char *const patterns[] = {NULL, NULL};
	struct match_prefix *p;
	struct err e;
	assert_int_equal(match_prefix_create(patterns, 2, &p, &e), 0);
	const struct match_prefix *ps[] = {p};
	struct match_prefix_scratch *s = match_prefix_scratch_create(ps, 1);
	assert_int_equal(*match_prefix_find(p, s, SLICE_LIT("x")), 3);
	match_prefix_scratch_destroy(s);
	match_prefix_destroy(p);
}

static void of_a_thousand_prefixes_only_those_that_fit_may_be(void **state)
{
	static char texts[MATCH_PREFIX_MAX][16];
	const char *patterns[MATCH_PREFIX_MAX];
	struct match_prefix *p;
	struct err e;
	for (unsigned i = 0; i < MATCH_PREFIX_MAX; i++) {
		snprintf(texts[i], sizeof(texts[i]), "app%04u: ", i);
		patterns[i] = i % 100 == 99 ? NULL : texts[i];
	}
	assert_int_equal(match_prefix_create(patterns, MATCH_PREFIX_MAX, &p, &e), 0);
	const struct match_prefix *ps[] = {p};
	struct match_prefix_scratch *s = match_prefix_scratch_create(ps, 1);
	for (unsigned i = 0; i < MATCH_PREFIX_MAX; i += 61) {
		const uint64_t *may = match_prefix_find(p, s, slice_str(texts[i]));
		for (unsigned k = 0; k < MATCH_PREFIX_MAX; k++)
			assert_int_equal(may[k / 64] >> k % 64 & 1, k == i || k % 100 == 99);
	}
	match_prefix_scratch_destroy(s);
	match_prefix_destroy(p);
	assert_int_equal(match_prefix_create(patterns, MATCH_PREFIX_MAX + 1, &p, &e), -EINVAL);
}

/* ---- prefixes of formats ---- */

static const char *head_of_grok(struct grok *lib, struct names *names, const char *pattern,
				struct format **ret_f)
{
	struct format_def def = {.name = "f", .kind = FORMAT_GROK, .pattern = pattern};
	struct err e;
	if (format_compile(&def, lib, names, ret_f, &e) < 0)
		fail_msg("%s", e.text);
	return format_beginning(*ret_f)->head;
}

static void expect_head(const char *pattern, const char *head)
{
	struct grok *lib = patterns_load(NULL);
	struct names *names = names_create();
	struct format *f;
	const char *got = head_of_grok(lib, names, pattern, &f);
	if (head)
		assert_string_equal(got ? got : "none", head);
	else
		assert_null(got);
	format_destroy(f);
	names_destroy(names);
	grok_destroy(lib);
}

static void a_prefix_is_bounded_and_holds_for_every_line(void **state)
{
	expect_head("ab", "[\\x61][\\x62]");
	expect_head("(?:a|bc)d", "(?:[\\x61]|[\\x62][\\x63])[\\x64]");
	expect_head("a?b", "(?:[\\x61]){0,1}[\\x62]");
	/* A run longer than what is looked at decides nothing. */
	expect_head("\\d+ x", "(?:[\\x30-\\x39]{21}|[\\x30-\\x39]{1,20}[\\x20][\\x78])");
	/* Inside of alternatives it ends the prefix. */
	expect_head("(?:\\d+|-) x", "(?:[\\x30-\\x39]{1}|[\\x2d])");
	expect_head("(?:ab)+c", "[\\x61][\\x62]");
	/* What may be empty, or has no shape, tells nothing. */
	expect_head(".*x", "(?:[\\x00-\\xff]{21}|[\\x00-\\xff]{0,20}[\\x78])");
	expect_head("x*", NULL);
	expect_head("(?=a)a", NULL);
}

static size_t damage(char *line, size_t len, unsigned i)
{
	static const char bytes[] = " :[]\"-.\\a0";
	if (len && i)
		line[i * 7919 % (len < 70 ? len : 70)] = bytes[i % (sizeof(bytes) - 1)];
	return i % 5 == 4 ? len * i / 40 : len;
}

/* The prefixes of a set, whether it uses them or not. */
static struct match_prefix *prefixes_of(const struct format_set *fs)
{
	const char *heads[FORMATS_MAX];
	struct match_prefix *p;
	struct err e;
	for (unsigned i = 0; i < fs->n_formats; i++)
		heads[i] = format_beginning(fs->formats[i])->head;
	assert_int_equal(match_prefix_create(heads, fs->n_formats, &p, &e), 0);
	return p;
}

static void no_format_that_fits_is_ever_left_out(void **state)
{
	static const char *const files[] = {"loghub-android",
					    "loghub-apache",
					    "loghub-bgl",
					    "loghub-hdfs",
					    "loghub-hpc",
					    "loghub-hadoop",
					    "loghub-linux",
					    "loghub-mac",
					    "loghub-openssh",
					    "loghub-openstack",
					    "loghub-zookeeper",
					    "access",
					    "json",
					    "logfmt"};
	static const char *const sets[] = {"Android", "Apache",    "BGL",      "HDFS",
					   "HPC",     "Hadoop",    "Linux",    "Mac",
					   "OpenSSH", "OpenStack", "Zookeeper"};
	enum { N_FILES = sizeof(files) / sizeof(files[0]) };
	pairs_need_shared("data/logs/loghub/Android_2k.log");
	struct grok *lib = patterns_load(NULL);
	struct pairs *pairs = pairs_create(1 << 20);
	struct format_file *ff[N_FILES];
	const struct format_def *defs[N_FILES];
	struct format_set *fs;
	struct err e;
	for (unsigned i = 0; i < N_FILES; i++) {
		ff[i] = format_file_load(files[i]);
		defs[i] = &ff[i]->defs[0];
	}
	if (format_set_create(defs, N_FILES, lib, pairs->names, &fs, &e) < 0)
		fail_msg("%s", e.text);
	struct match_prefix *prefix = prefixes_of(fs);
	const struct match_prefix *ps[] = {prefix};
	struct match_prefix_scratch *s = match_prefix_scratch_create(ps, 1);
	struct format_scratch *fscratch = format_scratch_create(
		(const struct format *const *)fs->formats, fs->n_formats, 1 << 20);
	unsigned n_lines = 0, n_candidates = 0, n_fit = 0;
	for (unsigned k = 0; k < sizeof(sets) / sizeof(sets[0]); k++) {
		char path[256], line[8192];
		snprintf(path, sizeof(path), "data/logs/loghub/%s_2k.log", sets[k]);
		FILE *f = pairs_open_shared(path);
		if (!f)
			skip();
		for (unsigned i = 0; fgets(line, sizeof(line), f); i++) {
			size_t len = damage(line, strcspn(line, "\r\n"), i % 20);
			pairs_reset(pairs, NULL);
			struct slice text = pairs_copy(pairs, line, len);
			uint64_t may = *match_prefix_find(prefix, s, text);
			for (unsigned b = 0; b < N_FILES; b++) {
				bool fits = format_extract(fs->formats[b], fscratch, text, 0,
							   &pairs->rb);
				if (fits && !(may >> b & 1))
					fail_msg("%s fits, but was left out: %.*s", files[b],
						 (int)len, line);
				n_fit += fits;
			}
			n_candidates += (unsigned)__builtin_popcountll(may);
			n_lines++;
		}
		fclose(f);
	}
	print_message("%u lines: %.2f of %d formats are candidates, %.2f fit\n", n_lines,
		      (double)n_candidates / n_lines, N_FILES, (double)n_fit / n_lines);
	assert_true(n_candidates < 8 * n_lines);
	format_scratch_destroy(fscratch);
	match_prefix_scratch_destroy(s);
	match_prefix_destroy(prefix);
	format_set_destroy(fs);
	for (unsigned i = 0; i < N_FILES; i++)
		format_file_free(ff[i]);
	pairs_destroy(pairs);
	grok_destroy(lib);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_are_narrowed_by_how_they_begin),
		cmocka_unit_test(all_formats_may_be_without_a_prefix),
		cmocka_unit_test(of_a_thousand_prefixes_only_those_that_fit_may_be),
		cmocka_unit_test(a_prefix_is_bounded_and_holds_for_every_line),
		cmocka_unit_test(no_format_that_fits_is_ever_left_out),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
