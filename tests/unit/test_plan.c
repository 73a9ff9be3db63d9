#include "format_files.h"
#include "random.h"

#include "dataplane/extract/plan_run.h"
#include "dataplane/match/regex.h"

/* One pattern read both ways. */
struct both {
	struct regex *regex;
	struct regex_scratch *scratch;
	struct plan *plan;
	unsigned n_groups;
	const char *pattern;
	unsigned n_yes, n_no, n_unsure;
};

static struct both both_of(const char *pattern, bool named_only)
{
	struct both b = {.pattern = pattern};
	struct err e;
	size_t at;
	if (regex_compile(pattern, REGEX_WHOLE | (named_only ? REGEX_NAMED : 0), &b.regex, &at,
			  &e) < 0)
		fail_msg("%s: %s", pattern, e.text);
	b.n_groups = regex_n_groups(b.regex);
	b.scratch = regex_scratch_create(b.n_groups);
	struct shape *shape = shape_parse(pattern, named_only);
	if (shape)
		b.plan = plan_create(shape_root(shape));
	shape_destroy(shape);
	return b;
}

static void both_free(struct both *b)
{
	plan_destroy(b->plan);
	regex_scratch_destroy(b->scratch);
	regex_destroy(b->regex);
}

/* The plan gives the captures of PCRE2, or says that it is not sure. */
static void compare(struct both *b, const char *text, size_t len)
{
	static uint8_t line[1 << 16];
	struct plan_part parts[PLAN_GROUPS_MAX + 1];
	assert_true(len + SL_PAD <= sizeof(line));
	memcpy(line, text, len);
	/* What lies behind the line must not matter. */
	memset(line + len, 'a' + (int)any(26), SL_PAD);
	struct slice s = slice_of(line, len);
	enum regex_result want = regex_match(b->regex, b->scratch, s);
	enum plan_result got = plan_match(b->plan, s, parts);
	b->n_unsure += got == PLAN_UNSURE;
	if (got == PLAN_UNSURE || want == REGEX_COSTLY)
		return;
	b->n_yes += got == PLAN_YES;
	b->n_no += got == PLAN_NO;
	if ((got == PLAN_YES) != (want == REGEX_YES))
		fail_msg("%s on \"%.*s\": plan %d, pcre2 %d", b->pattern, (int)len, text, got,
			 want);
	for (unsigned g = 1; got == PLAN_YES && g <= b->n_groups; g++) {
		struct slice part = regex_group(b->scratch, s, g);
		bool set = parts[g].from != PLAN_UNSET;
		if (set != (part.ptr != NULL) ||
		    (set && (parts[g].from != (size_t)(part.ptr - line) ||
			     parts[g].to - parts[g].from != part.len)))
			fail_msg("%s on \"%.*s\": group %u is %d..%d, expected %.*s", b->pattern,
				 (int)len, text, g, (int)parts[g].from, (int)parts[g].to,
				 (int)part.len, (const char *)part.ptr);
	}
}

static void expect(const char *pattern, bool planned)
{
	struct both b = both_of(pattern, true);
	if ((b.plan != NULL) != planned)
		fail_msg("%s: plan %d", pattern, b.plan != NULL);
	both_free(&b);
}

static void fields_that_are_ended_by_what_follows_have_a_plan(void **state)
{
	expect("(?<a>\\S+) (?<b>[^\"]*)\" (?<c>\\d+)", true);
	expect("(?<a>\\S+): (?<b>.*)", true);
	expect("(?<a>.*?) - (?<b>.*?)\\s*", true);
	expect("(?<a>\\d{1,3}(?:\\.\\d{1,3}){3})(?::(?<p>\\d+))? x", true);
	expect("\\[(?<t>(?:Jan|Feb) +\\d+)\\] (?:(?<n>\\d+)|-)", true);
	expect("\"(?<q>[^\"\\\\]*(?:\\\\.[^\"\\\\]*)*)\"", true);
	expect("(?<a>\\w+)(?<b>\\W+)(?<c>.*)", true);
}

/* The plus or minus of what follows is none of a number. */
static void a_number_ends_at_the_sign_of_what_follows(void **state)
{
	static const char *const patterns[] = {"(?<n>[+-]?\\d+)-(?<m>.*)",
					       "(?<n>[+-]?\\d+)-OK (?<m>.*)", "(?<n>-?\\d+)1x"};
	static const char *const lines[] = {"200-OK fine", "-200-OK fine", "+1--2", "1-", "-",
					    "--1-x",       "12-OK",        "111x",  "-1x"};
	for (unsigned i = 0; i < 3; i++) {
		struct both b = both_of(patterns[i], true);
		assert_non_null(b.plan);
		for (unsigned k = 0; k < sizeof(lines) / sizeof(lines[0]); k++)
			compare(&b, lines[k], strlen(lines[k]));
		if (i < 2)
			assert_true(b.n_yes >= 2);
		both_free(&b);
	}
	(void)state;
}

static void fields_that_need_search_have_none(void **state)
{
	expect("(?<a>\\w+)(?<b>\\w+)", false);
	expect("(?=x)x", false);
	expect("(?<a>x)\\1", false);
	expect("(?>x+)y", false);
	expect("x++y", false);
	expect("(?i)x", false);
	expect("(?:(?<a>\\d),)*x", false);
	expect("\\bx", false);
}

static void a_choice_that_leads_nowhere_is_left_to_pcre2(void **state)
{
	struct both b = both_of("(?<a>.*?): (?<b>\\d+)", true);
	struct plan_part parts[3];
	uint8_t line[64 + SL_PAD] = "x: y: 12";
	assert_non_null(b.plan);
	assert_int_equal(plan_match(b.plan, slice_of(line, 8), parts), PLAN_UNSURE);
	memcpy(line, "x: 12   ", 8);
	assert_int_equal(plan_match(b.plan, slice_of(line, 5), parts), PLAN_YES);
	memcpy(line, "x 12    ", 8);
	assert_int_equal(plan_match(b.plan, slice_of(line, 4), parts), PLAN_NO);
	both_free(&b);
}

static void an_empty_alternative_is_a_choice(void **state)
{
	struct both b = both_of("x||\\[(?<f0>.*?)y*", true);
	compare(&b, "[a]y", 4);
	compare(&b, "", 0);
	assert_int_equal(b.n_unsure, 1);
	both_free(&b);
	b = both_of("(?:(?<f0>a)b)?? ?(?:a(?<f1>b))?", true);
	compare(&b, "ab", 2);
	compare(&b, "ab ab", 5);
	both_free(&b);
}

static void a_loop_that_looks_at_the_rest_in_every_round_is_left_to_pcre2(void **state)
{
	enum { LEN = 1 << 20 };
	struct both b = both_of("(?:a[^b]*b|ac)*;(?<x>.*)", true);
	struct plan_part parts[2];
	uint8_t *line = malloc(LEN + SL_PAD);
	for (unsigned i = 0; i < LEN + SL_PAD; i++)
		line[i] = i % 2 ? 'c' : 'a';
	/* Within milliseconds, where it would take minutes. */
	assert_non_null(b.plan);
	assert_int_equal(plan_match(b.plan, slice_of(line, LEN), parts), PLAN_UNSURE);
	free(line);
	both_free(&b);
}

/* ---- random patterns on random lines ---- */

static const char *const parts_of_patterns[] = {
	"a",       "b",        " ",          ":",      ": ",           "-",         "ab",
	"\\d+",    "\\S+",     "\\S*",       "\\w+",   "[^:]+",        "[^:]*?",    ".*?",
	".*",      " *",       " +",         "\\s*",   "a?",           "[ab]{2}",   "\\d{1,2}",
	"(?:a|b)", "(?:ab|a)", "(?:-|\\d+)", "(?:|a)", "(?:a*|b)",     "(?:a|)",    "(?:b+)??",
	"(?: :)?", "\\.",      "x*",         "[^ ]+",  "(?:\\.\\d+)*", "(?:a|bc)?", "[a-c]+?",
	".",
};

enum { N_PARTS = sizeof(parts_of_patterns) / sizeof(parts_of_patterns[0]) };

static void make_pattern(char *out, size_t cap)
{
	size_t at = 0;
	unsigned n_groups = 0;
	for (unsigned i = 1 + any(7); i > 0; i--) {
		bool group = any(3) == 0, optional = group && any(4) == 0;
		if (group)
			at += (size_t)snprintf(out + at, cap - at, "%s(?<f%u>",
					       optional ? "(?:" : "", n_groups++);
		for (unsigned k = 1 + any(2); k > 0; k--)
			at += (size_t)snprintf(out + at, cap - at, "%s",
					       parts_of_patterns[any(N_PARTS)]);
		if (group)
			at += (size_t)snprintf(out + at, cap - at, optional ? ") ?)?" : ")");
	}
}

static void random_patterns_read_as_pcre2_does(void **state)
{
	static const char letters[] = "aabbc  ::--11.2x\n\"";
	unsigned n_plans = 0, n_patterns = 0, n_yes = 0, n_no = 0, n_unsure = 0;
	while (n_plans < 1500 && n_patterns < 100000) {
		char pattern[256], line[64];
		make_pattern(pattern, sizeof(pattern));
		struct both b = both_of(pattern, true);
		n_patterns++;
		for (unsigned i = 0; b.plan && i < 200; i++) {
			unsigned len = any(i < 100 ? 8 : 40);
			for (unsigned k = 0; k < len; k++)
				line[k] = letters[any(sizeof(letters) - 1)];
			compare(&b, line, len);
		}
		n_plans += b.plan != NULL;
		n_yes += b.n_yes;
		n_no += b.n_no;
		n_unsure += b.n_unsure;
		both_free(&b);
	}
	print_message("%u of %u patterns have a plan: %u lines fit, %u do not, %u are left to "
		      "pcre2\n",
		      n_plans, n_patterns, n_yes, n_no, n_unsure);
	assert_true(n_yes > 5000);
}

static size_t mutate(char *line, size_t len, size_t cap)
{
	static const char bytes[] = " :[]\"-.\\a0\xff\n";
	for (unsigned i = 1 + any(3); i > 0; i--) {
		size_t at = len ? any((unsigned)len) : 0;
		switch (any(4)) {
		case 0:
			if (len)
				line[at] = bytes[any(sizeof(bytes) - 1)];
			break;
		case 1:
			if (len)
				memmove(line + at, line + at + 1, --len - at);
			break;
		case 2:
			if (len + 1 < cap) {
				memmove(line + at + 1, line + at, len - at);
				line[at] = bytes[any(sizeof(bytes) - 1)];
				len++;
			}
			break;
		default:
			len = at;
		}
	}
	return len;
}

/* ---- rows of tokens, which go by marks (plan_scan.h), on lines that nearly fit ---- */

/* A token and texts for it, of which the last ones do not fit. */
static const struct token {
	const char *pattern, *texts[5];
} tokens[] = {
	{"\\S+", {"web-1", "x", "[", "", "a b"}},
	{"[^\" ]*", {"GET", "", "/v5/play?a=b&c=d[0]", "\xc3\xa9", "a\"b"}},
	{"\\d+", {"4711", "0", "12345678901234567890", "", "1a"}},
	{"[+-]?\\d+", {"-1", "+20", "300", "+", "--1"}},
	{"[+-]?[^ +-]+", {"-1", "+a\"b", "x", "+", "--1"}},
	{"\\d{1,3}", {"1", "22", "333", "4444", ""}},
	{"[^\\]]*", {"25/Nov/2026:04:43:16 +0000", "", "a b", "]", "[]"}},
	{"[^\"]*",
	 {"Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/115.0 and more than that", "",
	  "-", "a\"", "\""}},
	{"[\\w.-]+", {"a.example.org", "x_1", "-", "", "\xff"}},
	{"(?:\\d+|-)", {"12", "-", "0", "", "x"}},
	{"(?:[+-]?\\d+|-)", {"-", "-5", "7", "", "+"}},
	{"(?:\\[\\d+\\])?", {"", "[12]", "[1]", "[]", "[x]"}},
	{"(?:Jan(?:uary)?|Nov(?:ember)?) +(?:[12]\\d|3[01]|0?[1-9]) \\d\\d:[0-5]\\d(?::[0-5]\\d)?",
	 {"Nov 25 04:43:16", "Jan  1 23:59:59", "November 3 04:43", "Nov 32 04:43:16",
	  "Nov 25 04:43:1"}},
	{".*", {"", "the rest of it", "\n", "\"a\" b", "]"}},
};

enum { N_TOKENS = sizeof(tokens) / sizeof(tokens[0]) };

/* The same for choices, with groups inside: "@" stands for what opens one. */
static const struct token choices[] = {
	{"(?:\\[@\\d+)\\])?", {"", "[12]", "[1]", "[]", "[x]"}},
	{"(?:@[+-]?\\d+)|-)", {"-", "-5", "7", "", "+"}},
	{"(?:@\\d+)|none)", {"none", "1", "42", "nine", ""}},
	{"(?: x=@\\S+))?", {"", " x=1", " x=a", " x=", " x"}},
	{"(?:\"@[^\"]*)\"|@[^ \"]+))", {"\"a b\"", "ab", "\"\"", "\"a", ""}},
	{"(?:\\[@\\S+)\\]|<@[^>]+)>|-)", {"[1]", "<a b>", "-", "[", "<>"}},
	{"(?:@[a-c]+)|@\\d+))", {"ab", "12", "c", "x", "1a"}},
};

enum { N_CHOICES = sizeof(choices) / sizeof(choices[0]) };

static const struct token *token_of(unsigned i)
{
	return i < N_TOKENS ? &tokens[i] : &choices[i - N_TOKENS];
}

static const char *const between[] = {" ", "\"",       " [", "] \"", ">",  ": ", "\" \"",
				      "|", "\xc3\xa9", "-",  "+",    "-a", ""};

enum { N_BETWEEN = sizeof(between) / sizeof(between[0]) };

/* The same row as a pattern and, later, as lines. */
struct row {
	unsigned n, token[12], behind[12];
};

static void row_pattern(const struct row *r, char *out, size_t cap)
{
	size_t at = 0;
	unsigned n_groups = 0;
	for (unsigned i = 0; i < r->n; i++) {
		bool choice = r->token[i] >= N_TOKENS;
		at += (size_t)snprintf(out + at, cap - at, choice ? "" : "(?<f%u>", n_groups);
		n_groups += !choice;
		for (const char *c = token_of(r->token[i])->pattern; *c; c++) {
			if (choice && *c == '@')
				at += (size_t)snprintf(out + at, cap - at, "(?<f%u>", n_groups++);
			else
				out[at++] = *c;
		}
		at += (size_t)snprintf(out + at, cap - at, choice ? "" : ")");
		for (const char *c = between[r->behind[i]]; *c; c++)
			at += (size_t)snprintf(out + at, cap - at,
					       strchr("[]|+", *c) ? "\\%c" : "%c", *c);
	}
}

static size_t row_line(const struct row *r, unsigned n_good, char *out, size_t cap)
{
	size_t at = 0;
	for (unsigned i = 0; i < r->n; i++)
		at += (size_t)snprintf(out + at, cap - at, "%s%s",
				       token_of(r->token[i])->texts[any(n_good)],
				       between[r->behind[i]]);
	return at;
}

/* The ways of plan_row that this processor has. */
static unsigned row_ways(plan_row_fn *ways[3])
{
	unsigned n = 0;
	ways[n++] = plan_row_sse;
	if (cpu_has_avx2())
		ways[n++] = plan_row_avx2;
	if (cpu_has_avx512())
		ways[n++] = plan_row_avx512;
	return n;
}

/* From anywhere in the line, which ends with its buffer. Of long texts one may know less than
 * another. Returns how many have found a row.
 */
static unsigned compare_ways(const struct plan *p, const char *text, size_t len)
{
	plan_row_fn *ways[3];
	unsigned n_ways = row_ways(ways), n_found = 0;
	uint8_t *line = malloc(len + SL_PAD);
	memcpy(line, text, len);
	memset(line + len, "\" 1]"[any(4)], SL_PAD);
	for (unsigned i = 0; i < p->n_ops; i++) {
		const struct plan_op *op = &p->ops[i];
		struct plan_part want[PLAN_GROUPS_MAX + 1], got[PLAN_GROUPS_MAX + 1];
		size_t first = PLAN_NOWHERE, at = i == 0 ? 0 : any((unsigned)len + 1);
		if (op->kind != OP_ROW)
			continue;
		const struct plan_row *r = &p->rows[op->dfa];
		for (unsigned w = 0; w < n_ways; w++) {
			memset(got, 0x55, sizeof(got));
			size_t to = ways[w](r, op, slice_of(line, len), at, got);
			assert_true(to == PLAN_NOWHERE || to <= len);
			if (to == PLAN_NOWHERE && (r->texts || first == PLAN_NOWHERE))
				continue;
			if (w > 0 && first == PLAN_NOWHERE)
				assert_true(r->texts);
			if (first == PLAN_NOWHERE) {
				first = to;
				memcpy(want, got, sizeof(want));
			}
			assert_int_equal(to, first);
			assert_memory_equal(got, want, sizeof(want));
			n_found++;
		}
	}
	free(line);
	return n_found;
}

/* Plans of rows by chance, of which one token in @choice_in is a choice. */
static unsigned compare_rows(unsigned n_rows, unsigned choice_in)
{
	plan_row_fn *ways[3];
	unsigned n_found = 0, n_ways = row_ways(ways), n_plans = 0, n_several = 0;
	unsigned n_yes = 0, n_no = 0, n_unsure = 0;
	for (unsigned k = 0; k < n_rows; k++) {
		struct row r = {.n = 4 + any(9)};
		char pattern[1024], line[2048];
		for (unsigned i = 0; i < r.n; i++) {
			bool choice = choice_in && any(choice_in) == 0;
			r.token[i] = choice ? N_TOKENS + any(N_CHOICES) : any(N_TOKENS);
			r.behind[i] = any(8) ? any(4) : any(N_BETWEEN);
		}
		row_pattern(&r, pattern, sizeof(pattern));
		struct both b = both_of(pattern, true);
		for (unsigned i = 0; b.plan && i < 60; i++) {
			size_t len = row_line(&r, i % 4 ? 3 : 5, line, sizeof(line) / 2);
			if (i % 3 == 0)
				len = mutate(line, len, sizeof(line));
			b.plan->row = ways[i % n_ways];
			compare(&b, line, len);
			n_found += compare_ways(b.plan, line, len);
		}
		for (unsigned i = 0; b.plan && i < b.plan->n_rows; i++)
			n_several += b.plan->rows[i].n_ways > 1;
		n_plans += b.plan != NULL;
		n_yes += b.n_yes;
		n_no += b.n_no;
		n_unsure += b.n_unsure;
		both_free(&b);
	}
	print_message("%u plans, %u rows over choices: %u lines fit, %u do not, %u are left to "
		      "pcre2; %u rows fit as one\n",
		      n_plans, n_several, n_yes, n_no, n_unsure, n_found);
	assert_true(n_yes > 3 * n_rows && n_no > 3 * n_rows && n_found > 3 * n_rows);
	return n_several;
}

static void rows_of_tokens_read_as_pcre2_does(void **state)
{
	compare_rows(3000, 0);
}

static void rows_over_choices_read_as_pcre2_does(void **state)
{
	assert_true(compare_rows(3000, 4) > 200);
}

/* ---- the shipped formats on real lines, whole and damaged ---- */

static void compare_file(struct both *b, const char *set)
{
	char path[256], *line = NULL, copy[8192];
	size_t cap = 0;
	ssize_t n;
	snprintf(path, sizeof(path), "data/logs/loghub/%s_2k.log", set);
	FILE *f = pairs_open_shared(path);
	if (!f)
		skip();
	while ((n = getline(&line, &cap, f)) > 0) {
		size_t len = (size_t)n - (line[n - 1] == '\n');
		len = len > 4096 ? 4096 : len;
		compare(b, line, len);
		for (unsigned i = 0; i < 4; i++) {
			memcpy(copy, line, len);
			compare(b, copy, mutate(copy, len, sizeof(copy)));
		}
	}
	free(line);
	fclose(f);
}

static void shipped_formats_read_real_lines_as_pcre2_does(void **state)
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
		{"Linux", "access"},
	};
	pairs_need_shared("data/logs/loghub/Android_2k.log");
	struct grok *lib = patterns_load(NULL);
	for (unsigned i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct format_file *ff = format_file_load(sets[i][1]);
		struct grok_pattern p;
		struct err e;
		assert_int_equal(grok_expand(lib, ff->defs[0].pattern, &p, NULL, &e), 0);
		struct both b = both_of(p.regex, true);
		if (!b.plan)
			fail_msg("%s has no plan", sets[i][1]);
		compare_file(&b, sets[i][0]);
		print_message("%s: %u fit, %u do not, %u are left to pcre2\n", sets[i][1], b.n_yes,
			      b.n_no, b.n_unsure);
		both_free(&b);
		grok_pattern_fini(&p);
		format_file_free(ff);
	}
	grok_destroy(lib);
}

static void every_single_pattern_of_the_library_reads_as_pcre2_does(void **state)
{
	static const char *const lines[] = {
		"10.0.0.1",
		"::1",
		"fe80::1%eth0",
		"2000:6a0:b:315:10:23:4:13",
		"a.example.org",
		"Nov 25 04:43:16",
		"2026-11-25T04:43:16.5+01:00",
		"10/Oct/2000:13:55:36 -0700",
		"/a/b c",
		"http://u@h:80/p?q=1",
		"\"a \\\" b\"",
		"-12.5e",
		"0x1f",
		"a@b.c",
		"00:19:bb:2e:85:42",
		"INFO",
	};
	struct grok *lib = patterns_load(NULL);
	unsigned n_plans = 0, n_yes = 0;
	for (size_t i = 0; i < grok_count(lib); i++) {
		char pattern[128], copy[128];
		struct grok_pattern p;
		struct err e;
		snprintf(pattern, sizeof(pattern), "%%{%s}", grok_name(lib, i));
		if (grok_expand(lib, pattern, &p, NULL, &e) < 0)
			fail_msg("%s: %s", pattern, e.text);
		struct both b = both_of(p.regex, true);
		for (unsigned k = 0; b.plan && k < 2000; k++) {
			const char *line = lines[k % (sizeof(lines) / sizeof(lines[0]))];
			size_t len = strlen(line);
			memcpy(copy, line, len);
			compare(&b, copy, k < 16 ? len : mutate(copy, len, sizeof(copy)));
		}
		n_plans += b.plan != NULL;
		n_yes += b.n_yes;
		both_free(&b);
		grok_pattern_fini(&p);
	}
	print_message("%u of %zu patterns of the library have a plan; %u lines fit\n", n_plans,
		      grok_count(lib), n_yes);
	assert_true(n_plans > 50);
	grok_destroy(lib);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_that_are_ended_by_what_follows_have_a_plan),
		cmocka_unit_test(a_number_ends_at_the_sign_of_what_follows),
		cmocka_unit_test(fields_that_need_search_have_none),
		cmocka_unit_test(a_choice_that_leads_nowhere_is_left_to_pcre2),
		cmocka_unit_test(an_empty_alternative_is_a_choice),
		cmocka_unit_test(a_loop_that_looks_at_the_rest_in_every_round_is_left_to_pcre2),
		cmocka_unit_test(random_patterns_read_as_pcre2_does),
		cmocka_unit_test(rows_of_tokens_read_as_pcre2_does),
		cmocka_unit_test(rows_over_choices_read_as_pcre2_does),
		cmocka_unit_test(shipped_formats_read_real_lines_as_pcre2_does),
		cmocka_unit_test(every_single_pattern_of_the_library_reads_as_pcre2_does),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
