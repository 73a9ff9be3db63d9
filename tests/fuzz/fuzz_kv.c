/* key=value, logfmt and CSV of any bytes: the first byte says which, and how they are separated. */
#include "dataplane/extract/csv.h"
#include "dataplane/extract/kv.h"
#include "tests/fuzz/fuzz.h"

static struct batch batch;
static struct rec_builder rb;
static const struct schema no_fields;

static void check_pairs(void)
{
	for (unsigned i = 0; i < 2 * rb.n_pairs; i++) {
		struct val v = rb.pairs[i];
		must(v.type == VAL_TRUE || v.off + v.len <= batch.arena.used);
	}
}

static void read_kv(uint8_t how, struct slice line)
{
	static const struct slice seps[] = {SLICE_LIT(" "), SLICE_LIT("="),  SLICE_LIT(", "),
					    SLICE_LIT(":"), SLICE_LIT("\n"), SLICE_LIT("\"")};
	static const struct typed_name types[] = {
		{SLICE_LIT("n"), {.kind = TYPE_INT}},
		{SLICE_LIT("f"), {.kind = TYPE_FLOAT}},
		{SLICE_LIT("t"), {.kind = TYPE_TIME, .layout = "%b %e %Y %H:%M:%S.%f %z"}},
	};
	struct kv kv = {.logfmt = how & 1,
			.pair_sep = seps[(how >> 1) % 6],
			.kv_sep = seps[(how >> 4) % 6],
			.types = types,
			.n_types = 3};
	uint64_t failed = 0;
	kv_pairs(&kv, line, &rb, 0, &failed);
	must(!rb.full);
	check_pairs();
}

static void read_csv(uint8_t how, struct slice line)
{
	struct slice columns[8];
	struct csv c = {.sep = how & 2 ? '\t' : ',', .quote = how & 4 ? -1 : '"'};
	unsigned n = 1 + how / 32;
	size_t sum = 0;
	if (!csv_split(&c, line, &rb, n, columns))
		return;
	for (unsigned i = 0; i < n; i++) {
		must(columns[i].ptr >= batch.arena.base &&
		     columns[i].ptr + columns[i].len <= batch.arena.base + batch.arena.used);
		sum += columns[i].len;
	}
	must(sum + n - 1 <= line.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (!batch.arena.base)
		must(arena_init(&batch.arena, 1 << 20) == 0);
	if (len < 1 || len > 16384)
		return 0;
	arena_reset(&batch.arena);
	rec_begin(&rb, &batch, &no_fields);
	uint32_t off = arena_copy(&batch.arena, p + 1, len - 1);
	struct slice line = arena_slice(&batch.arena, off, len - 1);
	if (p[0] & 8)
		read_csv(p[0], line);
	else
		read_kv(p[0], line);
	return 0;
}
