/* A pattern of any bytes (the first line) on a text of any bytes (the rest): a delimiter plan
 * captures as PCRE2 does, or says that it is not sure.
 */
#include "dataplane/extract/grok.h"
#include "dataplane/extract/head.h"
#include "dataplane/extract/plan.h"
#include "dataplane/match/regex.h"
#include "tests/fuzz/fuzz.h"

#define PATTERN_MAX 160
#define TEXT_MAX    2048

static const char library[] =
	"W \\w+\nN [+-]?\\d+\nS \\S+\nD .*?\nG .*\nT (?:%{N}:){2}%{N}(?:[.,]\\d+)?\n"
	"Q [^\"\\\\]*(?:\\\\.[^\"\\\\]*)*\nO (?:%{N:n}|-)\n";

static struct grok *lib;
static struct batch batch;
static struct rec_builder rb;
static const struct schema no_fields;

static void compare(const struct regex *regex, const struct plan *plan, struct slice text)
{
	struct plan_part parts[PLAN_GROUPS_MAX + 1];
	struct regex_scratch *s = regex_scratch_create(regex_n_groups(regex));
	enum regex_result want = regex_match(regex, s, text);
	enum plan_result got = plan_match(plan, text, parts);
	if (got != PLAN_UNSURE && want != REGEX_COSTLY) {
		must((got == PLAN_YES) == (want == REGEX_YES));
		for (unsigned g = 1; got == PLAN_YES && g <= regex_n_groups(regex); g++) {
			struct slice part = regex_group(s, text, g);
			bool set = parts[g].from != PLAN_UNSET;
			must(set == (part.ptr != NULL));
			must(!set || (parts[g].from == (size_t)(part.ptr - text.ptr) &&
				      parts[g].to - parts[g].from == part.len));
		}
	}
	regex_scratch_destroy(s);
}

/* Through format_compile, which refuses groups that PCRE2 does not see as such. */
static void run_format(const char *pattern, struct slice text)
{
	struct format_def def = {.name = "f", .kind = FORMAT_GROK, .pattern = pattern};
	struct names *names = names_create();
	struct format *f;
	struct err e;
	if (format_compile(&def, lib, names, &f, &e) == 0) {
		struct format_scratch *s =
			format_scratch_create((const struct format *const *)&f, 1, 64);
		rec_begin(&rb, &batch, &no_fields);
		format_extract(f, s, text, 0, &rb);
		format_scratch_destroy(s);
		format_destroy(f);
	}
	names_destroy(names);
}

static void run(const char *pattern, struct slice text)
{
	static char head[HEAD_TEXT_MAX];
	struct grok_pattern g;
	struct regex *regex = NULL;
	struct err e;
	size_t at;
	if (grok_expand(lib, pattern, &g, &at, &e) < 0)
		return;
	if (strlen(g.regex) < 4096 &&
	    regex_compile(g.regex, REGEX_WHOLE | REGEX_NAMED, &regex, &at, &e) == 0) {
		struct shape *shape = shape_parse(g.regex, true);
		struct plan *plan = shape ? plan_create(shape_root(shape)) : NULL;
		if (shape)
			head_of(shape_root(shape), head);
		if (plan)
			compare(regex, plan, text);
		plan_destroy(plan);
		shape_destroy(shape);
	}
	regex_destroy(regex);
	grok_pattern_fini(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	char pattern[PATTERN_MAX + 1];
	struct err e;
	if (!lib) {
		lib = grok_create();
		must(grok_add(lib, slice_str(library), "library", &e) == 0);
		must(arena_init(&batch.arena, 1 << 20) == 0);
	}
	const uint8_t *nl = memchr(p, '\n', len);
	size_t n = nl ? (size_t)(nl - p) : len;
	if (n > PATTERN_MAX || len - n > TEXT_MAX || memchr(p, 0, n))
		return 0;
	memcpy(pattern, p, n);
	pattern[n] = 0;
	arena_reset(&batch.arena);
	size_t text_len = nl ? len - n - 1 : 0;
	uint32_t off = arena_copy(&batch.arena, p + len - text_len, text_len);
	run(pattern, arena_slice(&batch.arena, off, text_len));
	run_format(pattern, arena_slice(&batch.arena, off, text_len));
	return 0;
}
