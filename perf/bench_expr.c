/* bench_expr.c - what does an expression cost a record, beside a loop written by hand?
 *
 * In:     nothing; bursts of 256 rows of a beacon's fields.
 * Out:    two lines an expression: ns a record, median of 9 rounds (min-max). The two are
 * interleaved, so that noise of the machine meets both alike, and the first round is discarded.
 * Owns:   its rows.
 * Runs:   main.
 * Limits: both are checked to give the same before anything is measured.
 */
#include "dataplane/base/text.h"
#include "dataplane/graph/expr.h"
#include "perf/bench.h"

#define N_ROWS   VEC_ROWS_MAX
#define N_ROUNDS 9
#define N_BURSTS 4000

/* The rows, as a loop by hand sees them. */
struct row {
	struct slice t, uid, region, url;
	bool has_uid;
	int64_t dur, size;
};

static const struct expr_column columns[] = {{"t", SQL_TEXT},      {"uid", SQL_TEXT},
					     {"region", SQL_TEXT}, {"url", SQL_TEXT},
					     {"dur", SQL_INT4},    {"size", SQL_INT8}};
static struct row rows[N_ROWS];
static struct arena arena;

/* What a loop leaves behind: as bits or as texts. */
static int64_t out_i[N_ROWS];
static struct slice out_s[N_ROWS];

static void make_rows(void)
{
	static const char *const regions[] = {"CN", "us", "De", "fr", "JP", "BR", "in", "GB"};
	static const char *const hosts[] = {"www.example.com", "cdn.example.net",
					    "api.shop.example"};
	char text[128];
	uint32_t r = 1;
	for (unsigned i = 0; i < N_ROWS; i++) {
		r = r * 1664525 + 1013904223;
		struct row *x = &rows[i];
		int n = snprintf(text, sizeof(text), "%u", (r >> 8) % 3 ? 15 : 20 + (r >> 8) % 7);
		x->t = arena_slice(&arena, arena_copy(&arena, text, (size_t)n), (size_t)n);
		x->has_uid = (r >> 12) % 5 != 0;
		n = snprintf(text, sizeof(text), "u%08x", r);
		x->uid = arena_slice(&arena, arena_copy(&arena, text, (size_t)n), (size_t)n);
		const char *region = regions[(r >> 16) % 8];
		x->region = arena_slice(&arena, arena_copy(&arena, region, 2), 2);
		n = snprintf(text, sizeof(text), "https://%s/v5/%s/%u?session=%08x&q=abc",
			     hosts[(r >> 9) % 3], (r >> 20) % 4 ? "list" : "play", r % 100000, r);
		x->url = arena_slice(&arena, arena_copy(&arena, text, (size_t)n), (size_t)n);
		x->dur = (r >> 7) % 10000;
		x->size = (int64_t)r * 1000;
	}
}

/* ---- loops by hand ---- */

static void hand_filter(void)
{
	for (unsigned i = 0; i < N_ROWS; i++)
		out_i[i] = rows[i].t.len == 2 && memcmp(rows[i].t.ptr, "15", 2) == 0 &&
			   rows[i].has_uid;
}

static void hand_numbers(void)
{
	for (unsigned i = 0; i < N_ROWS; i++)
		out_i[i] = rows[i].dur > 1000 && rows[i].dur * 2 + 1 < 15000 &&
			   rows[i].size >= 1000000;
}

static void hand_in(void)
{
	static const char *const list[] = {"CN", "JP", "KR", "TW", "HK", "SG",
					   "MY", "TH", "VN", "PH", "ID", "in"};
	for (unsigned i = 0; i < N_ROWS; i++) {
		out_i[i] = 0;
		for (unsigned k = 0; k < sizeof(list) / sizeof(list[0]); k++)
			if (rows[i].region.len == 2 &&
			    memcmp(rows[i].region.ptr, list[k], 2) == 0) {
				out_i[i] = 1;
				break;
			}
	}
}

static void hand_like(void)
{
	for (unsigned i = 0; i < N_ROWS; i++)
		out_i[i] = memmem(rows[i].url.ptr, rows[i].url.len, "/play/", 6) != NULL;
}

static void hand_prefix(void)
{
	for (unsigned i = 0; i < N_ROWS; i++)
		out_i[i] = rows[i].url.len >= 11 && memcmp(rows[i].url.ptr, "https://cdn", 11) == 0;
}

static void hand_case(void)
{
	for (unsigned i = 0; i < N_ROWS; i++)
		out_s[i] = rows[i].dur < 1000   ? SLICE_LIT("short")
			   : rows[i].dur < 5000 ? SLICE_LIT("medium")
						: SLICE_LIT("long");
}

static void hand_lower(void)
{
	for (unsigned i = 0; i < N_ROWS; i++) {
		uint32_t off = arena_take(&arena, rows[i].region.len);
		for (size_t k = 0; off && k < rows[i].region.len; k++)
			arena.base[off + k] = text_lower(rows[i].region.ptr[k]);
		out_s[i] = arena_slice(&arena, off, rows[i].region.len);
	}
}

static void hand_seconds(void)
{
	for (unsigned i = 0; i < N_ROWS; i++)
		out_i[i] = rows[i].dur / 1000;
}

static const struct {
	const char *expression;
	void (*hand)(void);
	bool text;
} cases[] = {
	{"t = '15' AND uid IS NOT NULL", hand_filter, false},
	{"dur > 1000 AND dur * 2 + 1 < 15000 AND size >= 1000000", hand_numbers, false},
	{"region IN ('CN','JP','KR','TW','HK','SG','MY','TH','VN','PH','ID','in')", hand_in, false},
	{"url LIKE '%/play/%'", hand_like, false},
	{"url LIKE 'https://cdn%'", hand_prefix, false},
	{"CASE WHEN dur < 1000 THEN 'short' WHEN dur < 5000 THEN 'medium' ELSE 'long' END",
	 hand_case, true},
	{"lower(region)", hand_lower, true},
	{"dur / 1000", hand_seconds, false},
	/* Without a loop beside it. */
	{"url ~ '^https://[a-z.]+/v5/play/\\d+'", NULL, false},
	{"md5(uid)", NULL, true},
	{"split_part(url, '/', 3)", NULL, true},
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

/* ---- */

static void fill(const struct expr_set *s, struct expr_run *r)
{
	unsigned n;
	const struct expr_column *inputs = expr_set_inputs(s, &n);
	for (unsigned k = 0; k < n; k++) {
		struct vec *v = expr_run_input(r, k);
		for (unsigned i = 0; i < N_ROWS; i++) {
			const struct row *x = &rows[i];
			v->state[i] = VEC_VALUE;
			if (v->type == SQL_INT4)
				v->i[i] = x->dur;
			else if (v->type == SQL_INT8)
				v->i[i] = x->size;
			else if (strcmp(inputs[k].name, "uid") == 0) {
				v->s[i] = x->uid;
				v->state[i] = x->has_uid ? VEC_VALUE : VEC_NULL;
			} else
				v->s[i] = strcmp(inputs[k].name, "t") == 0     ? x->t
					  : strcmp(inputs[k].name, "url") == 0 ? x->url
									       : x->region;
		}
	}
}

static void check_same(unsigned k, const struct vec *v)
{
	for (unsigned i = 0; i < N_ROWS && cases[k].hand; i++)
		bench_must(v->state[i] == VEC_VALUE && (cases[k].text ? slice_eq(v->s[i], out_s[i])
								      : v->i[i] == out_i[i]),
			   cases[k].expression);
}

struct burst {
	struct expr_run *r;
	size_t used;
};

static void run_burst(void *arg)
{
	const struct burst *b = arg;
	arena.used = b->used;
	expr_run_all(b->r, N_ROWS, &arena);
}

static double run_s(struct expr_run *r, void (*hand)(void), size_t used)
{
	struct burst b = {r, used};
	double from = bench_now();
	for (unsigned i = 0; i < N_BURSTS; i++) {
		arena.used = used;
		if (hand) {
			hand();
			__asm__ volatile("" : : "r"(out_i), "r"(out_s) : "memory");
		} else {
			run_burst(&b);
		}
	}
	return bench_now() - from;
}

static void bench_case(unsigned k)
{
	struct expr_scope scope = {.columns = columns,
				   .n_columns = sizeof(columns) / sizeof(columns[0])};
	struct expr_set *s;
	struct expr_run *r;
	struct expr_place at;
	struct err e;
	bench_must(expr_set_create(&scope, &s, &e) == 0 &&
			   expr_set_add(s, slice_str(cases[k].expression), &at, &e) == 0 &&
			   expr_set_finish(s, &e) == 0 && expr_run_create(s, &r, &e) == 0,
		   cases[k].expression);
	fill(s, r);
	size_t used = arena.used;
	if (cases[k].hand)
		cases[k].hand();
	expr_run_all(r, N_ROWS, &arena);
	check_same(k, expr_run_result(r, 0));
	double ours[N_ROUNDS], hand[N_ROUNDS];
	if (bench_counts()) {
		bench_count(cases[k].expression, N_ROWS, run_burst, &(struct burst){r, used});
		goto out;
	}
	for (int round = -1; round < N_ROUNDS; round++) {
		ours[round < 0 ? 0 : round] = run_s(r, NULL, used);
		if (cases[k].hand)
			hand[round < 0 ? 0 : round] = run_s(r, cases[k].hand, used);
	}
	printf("%s\n", cases[k].expression);
	bench_print("    expression", ours, N_ROUNDS, (double)N_BURSTS * N_ROWS);
	if (cases[k].hand)
		bench_print("    loop by hand", hand, N_ROUNDS, (double)N_BURSTS * N_ROWS);
out:
	arena.used = used;
	expr_run_destroy(r);
	expr_set_destroy(s);
}

int main(int argc, char **argv)
{
	bench_about(argc, argv, 0,
		    "bench_expr - what does an expression cost a record, beside a loop written by "
		    "hand?");
	bench_must(arena_init(&arena, 16u << 20) == 0, "out of memory");
	arena_reset(&arena);
	make_rows();
	for (unsigned k = 0; k < N_CASES; k++)
		bench_case(k);
	arena_fini(&arena);
	return 0;
}
