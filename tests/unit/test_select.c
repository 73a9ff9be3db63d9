#include "format_files.h"
#include "random.h"

#include "dataplane/base/mem.h"
#include "dataplane/extract/select.h"

/* Formats that are regular expressions, and what tells them apart. */
struct set {
	struct names *names;
	struct format_set *fs;
	struct select_scratch *scratch;
};

static struct set set_of(char (*patterns)[64], unsigned n)
{
	struct format_def *defs = mem_alloc(n * sizeof(*defs));
	const struct format_def **order = mem_alloc(n * sizeof(*order));
	struct grok *lib = patterns_load(NULL);
	struct set s = {.names = names_create()};
	struct err e;
	for (unsigned i = 0; i < n; i++) {
		defs[i] = (struct format_def){
			.name = "f", .kind = FORMAT_REGEX, .pattern = patterns[i]};
		order[i] = &defs[i];
	}
	if (format_set_create(order, n, lib, s.names, &s.fs, &e) < 0)
		fail_msg("%s", e.text);
	const struct select *sets[] = {NULL, s.fs->select};
	s.scratch = select_scratch_create(sets, 2);
	assert_non_null(s.scratch);
	grok_destroy(lib);
	mem_free(defs);
	mem_free(order);
	return s;
}

static void set_free(struct set *s)
{
	select_scratch_destroy(s->scratch);
	format_set_destroy(s->fs);
	names_destroy(s->names);
}

static void expect(const struct set *s, const char *line, const char *numbers)
{
	char padded[256] = {0}, got[256] = {0};
	unsigned n;
	memcpy(padded, line, strlen(line));
	const uint16_t *may =
		select_formats(s->fs->select, s->scratch, slice_of(padded, strlen(line)), &n);
	for (unsigned i = 0; i < n; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), i ? " %u" : "%u", may[i]);
	assert_string_equal(got, numbers);
}

static void a_line_is_tried_with_the_formats_that_begin_as_it_does(void **state)
{
	char patterns[][64] = {"app-1\\[(?<v>.*)", "app-12\\[(?<v>.*)", "(?:GET|PUT) (?<v>.*)",
			       "app-1(?<v>.*)",    "\\d{3} (?<v>.*)",   "(?<v>.*) end"};
	struct set s = set_of(patterns, 6);
	expect(&s, "app-1[7]: x", "0 3 5");
	expect(&s, "app-12[7]: x", "1 3 5");
	expect(&s, "GET /", "2 5");
	expect(&s, "PUT /", "2 5");
	expect(&s, "404 x", "4 5");
	/* The line is over where the tree looks. */
	expect(&s, "app-1", "3 5");
	expect(&s, "a", "5");
	expect(&s, "", "5");
	expect(&s, "\xff\xff\xff\xff\xff\xff\xff\xff", "5");
	set_free(&s);
}

static void of_a_thousand_programs_one_is_tried_and_nothing_is_scanned(void **state)
{
	static char patterns[FORMATS_MAX][64];
	char line[64];
	for (unsigned i = 0; i < FORMATS_MAX; i++)
		snprintf(patterns[i], sizeof(patterns[i]), "app-%u\\[(?<pid>\\d+)\\]: (?<v>.*)", i);
	struct set s = set_of(patterns, FORMATS_MAX);
	assert_false(select_scans(s.fs->select));
	for (unsigned i = 0; i < FORMATS_MAX; i++) {
		char number[16];
		snprintf(line, sizeof(line), "app-%u[1]: x", i);
		snprintf(number, sizeof(number), "%u", i);
		expect(&s, line, number);
	}
	set_free(&s);
}

/* ---- by chance ---- */

static void random_pattern(uint64_t *io_x, char *out, size_t cap)
{
	static const char *const parts[] = {
		"a",         "b",    "ab",    "[ab]", "\\d",        "a?", "\\w+",   "(?:a|bc)",
		"(?:ab|ba)", "a{2}", "[^ab]", "1",    "(?:a|b1)?x", ".",  "(?:|a)", "0{1,2}"};
	unsigned n = 1 + (unsigned)(random_next(io_x) % 6);
	out[0] = 0;
	for (unsigned i = 0; i < n; i++)
		strncat(out, parts[random_next(io_x) % (sizeof(parts) / sizeof(parts[0]))],
			cap - strlen(out) - 16);
	strncat(out, "(?<v>.*)", cap - strlen(out) - 1);
}

static size_t random_line(uint64_t *io_x, uint8_t *out)
{
	static const char bytes[] = "aaabbbcx01 \x80";
	size_t len = random_next(io_x) % 12;
	for (size_t i = 0; i < len; i++)
		out[i] = (uint8_t)bytes[random_next(io_x) % (sizeof(bytes) - 1)];
	return len;
}

/* Each format that fits is among those that are tried, and they come in their order: so the first
 * that fits is the one that would have been found by trying all.
 */
static void try_all(const struct set *s, struct format_scratch *fscratch, struct pairs *pairs,
		    const uint8_t *line, size_t len, unsigned *io_tried)
{
	unsigned n, k = 0;
	pairs_reset(pairs, NULL);
	struct slice text = pairs_copy(pairs, line, len);
	const uint16_t *may = select_formats(s->fs->select, s->scratch, text, &n);
	for (unsigned i = 0; i < s->fs->n_formats; i++) {
		bool tried = k < n && may[k] == i;
		k += tried;
		if (!tried && format_extract(s->fs->formats[i], fscratch, text, 0, &pairs->rb))
			fail_msg("format %u fits, but was left out: %.*s", i, (int)len, line);
	}
	assert_int_equal(k, n);
	*io_tried += n;
}

static void random_formats_that_overlap_are_never_left_out(void **state)
{
	static char patterns[90][64];
	static const unsigned sizes[] = {1, 2, 5, 20, 64, 65, 90};
	struct pairs *pairs = pairs_create(1 << 20);
	uint64_t x = 42;
	unsigned tried = 0, all = 0, scanned = 0;
	for (unsigned round = 0; round < 14; round++) {
		unsigned n = sizes[round % 7];
		for (unsigned i = 0; i < n; i++)
			random_pattern(&x, patterns[i], sizeof(patterns[i]));
		struct set s = set_of(patterns, n);
		struct format_scratch *fscratch =
			format_scratch_create((const struct format *const *)s.fs->formats, n, 1024);
		scanned += select_scans(s.fs->select);
		for (unsigned i = 0; i < 100; i++) {
			uint8_t line[16];
			size_t len = random_line(&x, line);
			try_all(&s, fscratch, pairs, line, len, &tried);
			all += n;
		}
		format_scratch_destroy(fscratch);
		set_free(&s);
	}
	print_message("%u of %u formats are tried\n", tried, all);
	assert_true(tried * 2 < all);
	assert_in_range(scanned, 1, 13);
	pairs_destroy(pairs);
}

/* Sets that overlap in all places have no tree of a bearable size: it ends early. */
static void a_tree_has_its_bound(void **state)
{
	static struct select_format formats[FORMATS_MAX];
	uint8_t line[SL_PAD + 16];
	uint64_t x = 7;
	unsigned n, n_tried = 0, n_fit = 0;
	struct select *s;
	struct err e;
	for (unsigned i = 0; i < FORMATS_MAX; i++) {
		struct head_bytes *h = &formats[i].bytes;
		for (h->n = 0; h->n < 12; h->n++) {
			byte_set_add(&h->at[h->n], 'b');
			byte_set_add(&h->at[h->n], random_next(&x) % 2 ? 'a' : 'c');
		}
	}
	assert_int_equal(select_create(formats, FORMATS_MAX, &s, &e), 0);
	for (unsigned k = 0; k < 200; k++) {
		for (unsigned i = 0; i < 12; i++)
			line[i] = (uint8_t)('a' + random_next(&x) % 3);
		const uint16_t *may = select_formats(s, NULL, slice_of(line, 12), &n);
		n_tried += n;
		for (unsigned f = 0; f < FORMATS_MAX; f++) {
			bool fits = true;
			for (unsigned i = 0; i < 12; i++)
				fits = fits && byte_set_has(&formats[f].bytes.at[i], line[i]);
			while (n && *may < f) {
				may++;
				n--;
			}
			assert_true(!fits || (n && *may == f));
			n_fit += fits;
		}
	}
	assert_true(n_fit > 0 && n_tried >= n_fit);
	select_destroy(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_line_is_tried_with_the_formats_that_begin_as_it_does),
		cmocka_unit_test(of_a_thousand_programs_one_is_tried_and_nothing_is_scanned),
		cmocka_unit_test(random_formats_that_overlap_are_never_left_out),
		cmocka_unit_test(a_tree_has_its_bound),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
