/* bench_extract.c - what does a line cost until its fields are captured, by a delimiter plan and by
 * PCRE2 with JIT, and what does a JSON beacon cost until it is a record?
 *
 * In:     nothing; 1,024 lines a kind, made here.
 * Out:    one line a way: ns a line, median of 5 rounds (min-max); the rounds of all ways are
 *         interleaved, and the first is discarded.
 * Owns:   its lines.
 * Runs:   main; from the root of the sources, for conf/patterns.
 * Limits: plan and PCRE2 are checked to capture the same before anything is measured.
 */
#include "perf/bench.h"

#include "dataplane/extract/extract.h"
#include "dataplane/extract/grok.h"
#include "dataplane/extract/json.h"
#include "dataplane/extract/plan.h"
#include "dataplane/match/regex.h"

#define N_LINES  1024
#define N_ROUNDS 6 /* one of them discarded */
#define N_PASSES 64

static struct batch batch;
static struct rec_builder builder;

/* ---- lines ---- */

static size_t put_access(char *out, size_t cap, unsigned i)
{
	return (size_t)snprintf(out, cap,
				"10.%u.%u.%u - - [25/Nov/2026:04:43:%02u +0000] \"GET "
				"/v5/play/%u?vid=%u HTTP/1.1\" "
				"200 %u \"https://www.example.com/%u\" \"Mozilla/5.0 (X11; Linux "
				"x86_64) Gecko/%u\"",
				i & 255, i * 7 & 255, i * 13 & 255, i % 60, i, i * 31,
				i * 977 % 100000, i, i);
}

static size_t put_5424(char *out, size_t cap, unsigned i)
{
	return (size_t)snprintf(
		out, cap,
		"<%u>1 2026-11-25T04:43:%02u.%06uZ web-%u.example.com nginx %u ID%u - "
		"upstream timed out (110: Connection timed out) while connecting to "
		"upstream, client: 10.1.2.%u, server: play, request: GET /v5/%u",
		i % 191, i % 60, i * 977 % 1000000, i % 40, 1000 + i, i % 50, i & 255, i);
}

static size_t put_3164(char *out, size_t cap, unsigned i)
{
	return (size_t)snprintf(
		out, cap,
		"<%u>Nov %2u 04:43:%02u web-%u nginx[%u]: upstream timed out (110: "
		"Connection timed out) while connecting to upstream, client: 10.1.2.%u, "
		"server: play, request: GET /v5/%u HTTP/1.1, host: www.example.com",
		i % 191, 1 + i % 28, i % 60, i % 40, 1000 + i, i & 255, i);
}

/* 509 bytes, ten fields, more or less. */
static size_t put_beacon(char *out, size_t cap, unsigned i)
{
	return (size_t)snprintf(
		out, cap,
		"{\"t\":\"15\",\"uid\":\"u%08x\",\"vid\":\"v%07u\",\"ts\":17640457%05u,\"dur\":%u,"
		"\"ua\":\"Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) "
		"AppleWebKit/605.1.15 "
		"(KHTML, like Gecko) "
		"Mobile/15E148\",\"ref\":\"https://www.example.com/play/%u?from="
		"home&channel=%u&abtest=%u\",\"region\":\"CN-BJ\",\"net\":{\"type\":\"wifi\","
		"\"rtt\":%u,"
		"\"isp\":\"unicom\",\"ip\":\"10.20.%u.%u\"},\"tags\":[\"vip\",\"hd\",\"p%u\",\"r%"
		"u\"],"
		"\"note\":\"the quick brown fox jumps over the lazy dog and does it again until "
		"the "
		"beacon is long enough %05u\"}",
		i * 2654435761u, i, i, i % 3600, i, i % 32, i % 7, i % 200, i & 255, i >> 2 & 255,
		i % 10, i % 20, i);
}

typedef size_t put_fn(char *out, size_t cap, unsigned i);

static struct slice lines[N_LINES];

/* Fills the arena with lines of one kind, and says how long they are. */
static double make_lines(put_fn *put)
{
	char text[1024];
	double sum = 0;
	arena_reset(&batch.arena);
	for (unsigned i = 0; i < N_LINES; i++) {
		size_t len = put(text, sizeof(text), i);
		lines[i] = arena_slice(&batch.arena, arena_copy(&batch.arena, text, len), len);
		sum += (double)len;
	}
	return sum / N_LINES;
}

/* ---- plan against PCRE2 ---- */

struct ways {
	struct regex *regex;
	struct regex_scratch *scratch;
	struct plan *plan;
};

static struct ways ways_of(const struct grok *lib, const char *pattern)
{
	struct ways w;
	struct grok_pattern p;
	struct err e = {{0}};
	size_t at;
	bench_must(grok_expand(lib, pattern, &p, NULL, &e) == 0, e.text);
	bench_must(regex_compile(p.regex, REGEX_WHOLE | REGEX_NAMED, &w.regex, &at, &e) == 0,
		   e.text);
	w.scratch = regex_scratch_create(regex_n_groups(w.regex));
	struct shape *shape = shape_parse(p.regex, true);
	bench_must(shape != NULL, "the pattern has no shape");
	w.plan = plan_create(shape_root(shape));
	bench_must(w.plan != NULL, "the pattern has no plan");
	shape_destroy(shape);
	grok_pattern_fini(&p);
	return w;
}

static void ways_free(struct ways *w)
{
	plan_destroy(w->plan);
	regex_scratch_destroy(w->scratch);
	regex_destroy(w->regex);
}

static void check_ways(const struct ways *w)
{
	struct plan_part parts[PLAN_GROUPS_MAX + 1];
	for (unsigned i = 0; i < N_LINES; i++) {
		bench_must(regex_match(w->regex, w->scratch, lines[i]) == REGEX_YES,
			   "pcre2: no match");
		bench_must(plan_match(w->plan, lines[i], parts) == PLAN_YES, "plan: no match");
		for (unsigned g = 1; g <= regex_n_groups(w->regex); g++) {
			struct slice part = regex_group(w->scratch, lines[i], g);
			bench_must(!part.ptr || part.ptr == lines[i].ptr + parts[g].from,
				   "the ways capture different parts");
		}
	}
}

struct plan_run {
	const struct plan *plan;
	unsigned n;
};

static void plan_lines(void *arg)
{
	struct plan_run *r = arg;
	struct plan_part parts[PLAN_GROUPS_MAX + 1];
	for (unsigned i = 0; i < N_LINES; i++)
		r->n += plan_match(r->plan, lines[i], parts);
}

static void bench_ways(const struct grok *lib, const char *name, put_fn *put, const char *pattern)
{
	struct ways w = ways_of(lib, pattern);
	struct plan_run run = {.plan = w.plan};
	double plan[N_ROUNDS], pcre[N_ROUNDS], len = make_lines(put);
	char what[64];
	unsigned n = 0;
	check_ways(&w);
	if (bench_counts()) {
		snprintf(what, sizeof(what), "plan of %s", name);
		bench_count(what, N_LINES, plan_lines, &run);
		ways_free(&w);
		return;
	}
	for (unsigned r = 0; r < N_ROUNDS; r++) {
		double from = bench_cpu();
		for (unsigned k = 0; k < N_PASSES; k++)
			plan_lines(&run);
		plan[r] = bench_cpu() - from;
		from = bench_cpu();
		for (unsigned k = 0; k < N_PASSES; k++)
			for (unsigned i = 0; i < N_LINES; i++)
				n += regex_match(w.regex, w.scratch, lines[i]);
		pcre[r] = bench_cpu() - from;
	}
	bench_must(n + run.n == 2u * N_ROUNDS * N_PASSES * N_LINES, "a line did not match");
	snprintf(what, sizeof(what), "%s, %.0f B, %u fields: plan", name, len,
		 regex_n_groups(w.regex));
	bench_print(what, plan + 1, N_ROUNDS - 1, (double)N_PASSES * N_LINES);
	bench_print("    the same by PCRE2", pcre + 1, N_ROUNDS - 1, (double)N_PASSES * N_LINES);
	ways_free(&w);
}

/* ---- records ---- */

static const struct parser parser_lines = {.name = "lines"};

struct records_run {
	struct extract *x;
	const struct frame *frames;
	size_t used;
};

static void records_pass(void *arg)
{
	const struct records_run *r = arg;
	for (unsigned i = 0; i < N_LINES;) {
		batch.n_recs = 0;
		batch.arena.used = r->used;
		unsigned end = i + 64;
		i = extract_records(r->x, r->frames, i, end, NULL, &batch);
		bench_must(i == end, "the batch is full");
	}
}

static void bench_records(const char *name, put_fn *put, unsigned kind, const struct format_set *fs)
{
	static struct frame frames[N_LINES];
	struct names *names = names_create();
	struct extract_source source = {
		.parser = &parser_lines, .message_field = -1, .format_field = -1, .formats = fs};
	struct extract *x;
	struct err e;
	double s[N_ROUNDS], len = make_lines(put);
	char what[64];
	bench_must(extract_create(&source, 1, 1 << 20, names, &x, &e) == 0, e.text);
	for (unsigned i = 0; i < N_LINES; i++)
		frames[i] = (struct frame){
			.bytes = lines[i], .body = lines[i], .body_kind = (uint8_t)kind};
	struct records_run run = {x, frames, batch.arena.used};
	unsigned n_rounds = bench_counts() ? 1 : N_ROUNDS;
	for (unsigned r = 0; r < n_rounds; r++) {
		double from = bench_cpu();
		for (unsigned k = 0; k < (bench_counts() ? 1 : N_PASSES); k++)
			records_pass(&run);
		s[r] = bench_cpu() - from;
	}
	const uint64_t *row = extract_row(x, 0);
	bench_must(row[EXTRACT_unparsed] == 0 && row[EXTRACT_no_format] == 0, "not all was parsed");
	snprintf(what, sizeof(what), "%s, %.0f B, to a record", name, len);
	if (bench_counts())
		bench_count(what, N_LINES, records_pass, &run);
	else
		bench_print(what, s + 1, N_ROUNDS - 1, (double)N_PASSES * N_LINES);
	extract_destroy(x);
	names_destroy(names);
}

static void bench_json_alone(void)
{
	struct json *j = json_create(1 << 20);
	static const struct schema none;
	double s[N_ROUNDS], c[N_ROUNDS], len = make_lines(put_beacon);
	char what[64];
	bool repaired;
	size_t used = batch.arena.used;
	for (unsigned r = 0; r < N_ROUNDS; r++) {
		double from = bench_cpu();
		for (unsigned k = 0; k < N_PASSES; k++)
			for (unsigned i = 0; i < N_LINES; i++) {
				batch.arena.used = used;
				rec_begin(&builder, &batch, &none);
				bench_must(!json_pairs(j, lines[i], &builder, &repaired),
					   "bad JSON");
			}
		s[r] = bench_cpu() - from;
		from = bench_cpu();
		for (unsigned k = 0; k < N_PASSES; k++)
			for (unsigned i = 0; i < N_LINES; i++)
				bench_must(!json_check(j, lines[i]), "bad JSON");
		c[r] = bench_cpu() - from;
	}
	snprintf(what, sizeof(what), "JSON beacon, %.0f B, to pairs", len);
	bench_print(what, s + 1, N_ROUNDS - 1, (double)N_PASSES * N_LINES);
	bench_print("    checked only", c + 1, N_ROUNDS - 1, (double)N_PASSES * N_LINES);
	json_destroy(j);
}

static struct format_set *one_format(const struct grok *lib, struct names *names,
				     const char *pattern)
{
	const struct format_def def = {.name = "f", .kind = FORMAT_GROK, .pattern = pattern};
	const struct format_def *defs[] = {&def};
	struct format_set *fs;
	struct err e;
	bench_must(format_set_create(defs, 1, lib, names, &fs, &e) == 0, e.text);
	return fs;
}

int main(int argc, char **argv)
{
	static const char access[] =
		"%{NOTSPACE:client} %{NOTSPACE:ident} %{NOTSPACE:user} \\[(?<time>[^\\]]*)\\] "
		"\"(?<verb>[^ \"]+) (?<path>[^ \"]+) (?<proto>[^ \"]+)\" %{INT:status} "
		"(?:%{INT:bytes}|-) \"(?<referer>[^\"]*)\" \"(?<agent>[^\"]*)\"";
	static const char rfc5424[] =
		"<%{NONNEGINT:pri}>%{NONNEGINT:version} %{NOTSPACE:time} %{NOTSPACE:host} "
		"%{NOTSPACE:app} %{NOTSPACE:proc} %{NOTSPACE:msgid} %{NOTSPACE:sd} "
		"%{GREEDYDATA:msg}";
	static const char rfc3164[] =
		"<%{NONNEGINT:pri}>%{SYSLOGTIMESTAMP:time} %{NOTSPACE:host} "
		"(?<app>[^\\[: ]+)(?:\\[%{NONNEGINT:pid}\\])?: %{GREEDYDATA:msg}";
	bench_about(argc, argv, 0,
		    "bench_extract - what does a line cost until its fields are captured? From the "
		    "root of the sources");
	struct grok *lib = grok_create();
	struct names *names = names_create();
	struct err e;
	bench_must(arena_init(&batch.arena, 8 << 20) == 0, "no memory");
	bench_must(grok_load(lib, "conf/patterns/base.pat", &e) == 0,
		   "conf/patterns/base.pat: not there");
	bench_ways(lib, "RFC 3164", put_3164, rfc3164);
	bench_ways(lib, "RFC 5424", put_5424, rfc5424);
	bench_ways(lib, "access log", put_access, access);
	struct format_set *fs = one_format(lib, names, access);
	bench_records("access log", put_access, BODY_TEXT, fs);
	bench_records("text line", put_access, BODY_TEXT, NULL);
	if (!bench_counts())
		bench_json_alone();
	bench_records("JSON beacon", put_beacon, BODY_AUTO, NULL);
	format_set_destroy(fs);
	names_destroy(names);
	grok_destroy(lib);
	arena_fini(&batch.arena);
	return 0;
}
