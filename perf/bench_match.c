/* bench_match.c - what does it cost to narrow 20 formats by their prefixes, and to ask 30 or 1,000
 * content rules about a line, one by one, per line, and over a burst?
 *
 * In:     nothing; 4,096 lines of about 200 bytes, made here. Rules are rare: one line in 100 hits.
 * Out:    one line a way: ns a line, median of 5 rounds (min-max); the first round is discarded.
 * Owns:   its lines.
 * Runs:   main; from the root of the sources, for conf/patterns.
 * Limits: all ways are checked to find the same before they are measured.
 */
#include "perf/bench.h"

#include "dataplane/extract/extract.h"
#include "dataplane/extract/grok.h"
#include "dataplane/extract/select.h"
#include "dataplane/match/prefix.h"
#include "dataplane/match/regex.h"
#include "dataplane/match/rules.h"

#define N_LINES   4096
#define N_BURST   64
#define N_ROUNDS  6
#define N_FORMATS 20
#define RULES     1000

static struct batch batch;
static struct rec_builder builder;
static struct frame frames[N_LINES];

/* ---- lines and formats ---- */

static const char *const words[] = {"alpha", "bravo", "charlie", "delta",  "echo",  "foxtrot",
				    "golf",  "hotel", "india",   "juliet", "kilo",  "lima",
				    "mike",  "oscar", "papa",    "quebec", "romeo", "sierra"};
#define N_WORDS (sizeof(words) / sizeof(words[0]))

/* Line i has format i % N_FORMATS: service names tell them apart, as tags do in a syslog stream. */
static size_t put_line(char *out, size_t cap, unsigned i)
{
	unsigned x = i * 2654435761u;
	size_t n = (size_t)snprintf(out, cap, "%s%u[%u]: ", words[i % N_FORMATS % N_WORDS],
				    i % N_FORMATS, x % 30000);
	for (unsigned k = 0; n < 185 + x % 20; k++, x = x * 1664525u + 1013904223u)
		n += (size_t)snprintf(out + n, cap - n, "%s=%u ", words[(x >> 16) % N_WORDS],
				      (x >> 8) % 1000);
	if (i % 100 == 0)
		n += (size_t)snprintf(out + n, cap - n, "fault-%04u", i * 31 % RULES);
	return n;
}

static void make_lines(void)
{
	char text[512];
	arena_reset(&batch.arena);
	for (unsigned i = 0; i < N_LINES; i++) {
		size_t len = put_line(text, sizeof(text), i);
		uint32_t off = arena_copy(&batch.arena, text, len);
		frames[i] = (struct frame){.body = arena_slice(&batch.arena, off, len)};
	}
}

struct prefix_run {
	const struct match_prefix *prefix;
	struct match_prefix_scratch *scratch;
	uint64_t bits;
};

static void find_prefixes(void *arg)
{
	struct prefix_run *r = arg;
	for (unsigned i = 0; i < N_LINES; i++)
		r->bits += *match_prefix_find(r->prefix, r->scratch, frames[i].body);
}

/* By the first of the formats in @may that fits. */
static bool read_line(const struct format_set *fs, struct format_scratch *scratch, uint64_t may,
		      unsigned i)
{
	static const struct schema none;
	rec_begin(&builder, &batch, &none);
	for (; may; may &= may - 1)
		if (format_extract(fs->formats[__builtin_ctzll(may)], scratch, frames[i].body, 0,
				   &builder))
			return true;
	return false;
}

static void bench_prefix(const struct grok *lib)
{
	static char patterns[N_FORMATS][128];
	struct format_def defs[N_FORMATS];
	const struct format_def *order[N_FORMATS];
	struct names *names = names_create();
	struct format_set *fs;
	struct err e;
	double with[N_ROUNDS], without[N_ROUNDS], only[N_ROUNDS];
	size_t used = batch.arena.used;
	for (unsigned i = 0; i < N_FORMATS; i++) {
		snprintf(patterns[i], sizeof(patterns[i]),
			 "%s%u\\[%%{INT:pid}\\]: %%{GREEDYDATA:m}", words[i % N_WORDS], i);
		defs[i] = (struct format_def){
			.name = patterns[i], .kind = FORMAT_GROK, .pattern = patterns[i]};
		order[i] = &defs[i];
	}
	bench_must(format_set_create(order, N_FORMATS, lib, names, &fs, &e) == 0, e.text);
	const char *heads[N_FORMATS];
	struct match_prefix *prefix;
	for (unsigned i = 0; i < N_FORMATS; i++)
		heads[i] = format_beginning(fs->formats[i])->head;
	bench_must(match_prefix_create(heads, N_FORMATS, &prefix, &e) == 0, e.text);
	const struct match_prefix *ps[] = {prefix};
	struct match_prefix_scratch *s = match_prefix_scratch_create(ps, 1);
	struct format_scratch *scratch =
		format_scratch_create((const struct format *const *)fs->formats, N_FORMATS, 1024);
	unsigned n = 0;
	struct prefix_run run = {prefix, s, 0};
	if (bench_counts()) {
		find_prefixes(&run);
		bench_count("prefixes of 20 formats", N_LINES, find_prefixes, &run);
		goto out;
	}
	for (unsigned r = 0; r < N_ROUNDS; r++) {
		double from = bench_now();
		find_prefixes(&run);
		only[r] = bench_now() - from;
		from = bench_now();
		for (unsigned i = 0; i < N_LINES; i++) {
			batch.arena.used = used;
			n += read_line(fs, scratch, *match_prefix_find(prefix, s, frames[i].body),
				       i);
		}
		with[r] = bench_now() - from;
		from = bench_now();
		for (unsigned i = 0; i < N_LINES; i++) {
			batch.arena.used = used;
			n += read_line(fs, scratch, (1u << N_FORMATS) - 1, i);
		}
		without[r] = bench_now() - from;
	}
	bench_must(n == 2 * N_ROUNDS * N_LINES && run.bits, "a line has no format");
	bench_print("20 formats: prefix only, first 64 B", only + 1, N_ROUNDS - 1, N_LINES);
	bench_print("    prefix, then the format's plan", with + 1, N_ROUNDS - 1, N_LINES);
	bench_print("    each format's plan in turn", without + 1, N_ROUNDS - 1, N_LINES);
out:
	format_scratch_destroy(scratch);
	match_prefix_scratch_destroy(s);
	match_prefix_destroy(prefix);
	format_set_destroy(fs);
	names_destroy(names);
}

/* ---- rules ---- */

static unsigned scan_bursts(struct rules_scratch *s, unsigned burst)
{
	unsigned n = 0;
	for (unsigned i = 0; i < N_LINES; i += burst)
		n += rules_scan(s, frames + i, burst)->n;
	return n;
}

static void scan_all(void *arg)
{
	scan_bursts(arg, N_BURST);
}

static unsigned search_each(struct regex *const *regex, unsigned n_rules, struct regex_scratch *s,
			    unsigned n_lines)
{
	unsigned n = 0;
	for (unsigned i = 0; i < n_lines; i++)
		for (unsigned k = 0; k < n_rules; k++)
			n += regex_match(regex[k], s, frames[i].body);
	return n;
}

/* A third literals, the rest with classes and alternatives; or literals all. */
static const char *const mixed[] = {"fault-%04u", "fault-%04u\\b", "f[au]+lt-(?:%04u|x\\d+)"};
static const char *const literal[] = {"fault-%04u", "fault-%04u", "fault-%04u"};

static void bench_rules(unsigned n_rules, const char *const shapes[3])
{
	static char patterns[RULES][64];
	static struct rule_def defs[RULES];
	static struct regex *regex[RULES];
	struct regex_scratch *alone = regex_scratch_create(0);
	struct rules *r;
	struct err e;
	double burst[N_ROUNDS], line[N_ROUNDS], each[N_ROUNDS];
	char what[64];
	size_t at;
	/* Searching one rule after the other is so slow that a few lines must do. */
	unsigned n_few = n_rules > 100 ? 128 : N_LINES;
	for (unsigned i = 0; i < n_rules; i++) {
		snprintf(patterns[i], sizeof(patterns[i]), shapes[i % 3], i);
		defs[i] = (struct rule_def){.name = patterns[i], .pattern = patterns[i]};
		bench_must(regex_compile(patterns[i], 0, &regex[i], &at, &e) == 0, e.text);
	}
	double from = bench_now();
	bench_must(rules_create(defs, n_rules, &r, &e) == 0, e.text);
	double compile_s = bench_now() - from;
	struct rules_scratch *s = rules_scratch_create(r);
	unsigned n_hits = scan_bursts(s, N_BURST);
	if (bench_counts()) {
		snprintf(what, sizeof(what), "%u rules over a burst", n_rules);
		bench_count(what, N_LINES, scan_all, s);
		goto out;
	}
	bench_must(n_hits == scan_bursts(s, 1), "lines and bursts hit differently");
	bench_must(n_few < N_LINES || n_hits == search_each(regex, n_rules, alone, N_LINES),
		   "bursts and PCRE2 hit differently");
	for (unsigned k = 0; k < N_ROUNDS; k++) {
		from = bench_now();
		scan_bursts(s, N_BURST);
		burst[k] = bench_now() - from;
		from = bench_now();
		scan_bursts(s, 1);
		line[k] = bench_now() - from;
		from = bench_now();
		search_each(regex, n_rules, alone, n_few);
		each[k] = bench_now() - from;
	}
	printf("%u rules by %s compile in %.2f s; %u hits\n", n_rules, rules_engine(r, 0),
	       compile_s, n_hits);
	snprintf(what, sizeof(what), "%u rules: over a burst of %d", n_rules, N_BURST);
	bench_print(what, burst + 1, N_ROUNDS - 1, N_LINES);
	bench_print("    per line", line + 1, N_ROUNDS - 1, N_LINES);
	bench_print("    PCRE2, one rule after the other", each + 1, N_ROUNDS - 1, n_few);
out:
	rules_scratch_destroy(s);
	rules_destroy(r);
	regex_scratch_destroy(alone);
	for (unsigned i = 0; i < n_rules; i++)
		regex_destroy(regex[i]);
}

int main(int argc, char **argv)
{
	bench_about(argc, argv, 0,
		    "bench_match - what do prefixes and content rules cost? From the root of the "
		    "sources");
	struct grok *lib = grok_create();
	struct err e;
	bench_must(arena_init(&batch.arena, 8 << 20) == 0, "no memory");
	bench_must(grok_load(lib, "conf/patterns/base.pat", &e) == 0,
		   "conf/patterns/base.pat: not there");
	make_lines();
	bench_prefix(lib);
	bench_rules(30, mixed);
	if (!bench_counts()) {
		bench_rules(RULES, mixed);
		bench_rules(30, literal);
	}
	grok_destroy(lib);
	arena_fini(&batch.arena);
	return 0;
}
