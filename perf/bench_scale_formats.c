/* bench_scale_formats - what does a line cost a source that has 1 to 1,000 formats?
 *
 * Each format is a pattern of grok for the lines of one program, as tags tell them apart in a
 * stream of syslog; lines of all formats come in turns and become records, all fields captured.
 * From the root of the sources, for conf/patterns.
 */
#include "dataplane/extract/extract.h"
#include "dataplane/extract/grok.h"
#include "perf/bench_scale.h"

#define N_LINES     4000
#define FORMATS_TOP 1000
#define BURST       50

static struct batch batch;
static struct frame frames[N_LINES];
static char patterns[FORMATS_TOP][128];
static const struct parser parser_lines = {.name = "lines"};

struct run {
	struct extract *x;
	size_t used;
};

static void make_lines(unsigned n_formats)
{
	char text[256];
	arena_reset(&batch.arena);
	for (unsigned i = 0; i < N_LINES; i++) {
		size_t len = (size_t)snprintf(
			text, sizeof(text),
			"app-%u[%u]: user %u from 10.0.%u.%u took %u us for request /v5/list/%u "
			"of shard %u, answered by the cache",
			i % n_formats, 1000 + i, i * 31, i & 255, i >> 4 & 255, i * 7, i, i % 16);
		uint32_t off = arena_copy(&batch.arena, text, len);
		struct slice line = arena_slice(&batch.arena, off, len);
		frames[i] = (struct frame){.bytes = line, .body = line, .body_kind = BODY_TEXT};
	}
}

static void read_lines(void *arg)
{
	const struct run *r = arg;
	for (unsigned i = 0; i < N_LINES;) {
		batch.n_recs = 0;
		batch.arena.used = r->used;
		unsigned end = i + BURST;
		i = extract_records(r->x, frames, i, end, NULL, &batch);
		bench_must(i == end, "the batch is full");
	}
}

static void measure(const struct grok *lib, unsigned n_formats)
{
	static struct format_def defs[FORMATS_TOP];
	const struct format_def *order[FORMATS_TOP];
	struct names *names = names_create();
	struct format_set *fs;
	struct run r;
	struct err e;
	for (unsigned i = 0; i < n_formats; i++) {
		snprintf(patterns[i], sizeof(patterns[i]),
			 "app-%u\\[%%{INT:pid}\\]: user %%{INT:user} from %%{NOTSPACE:client} took "
			 "%%{INT:us} us for %%{GREEDYDATA:what}",
			 i);
		defs[i] = (struct format_def){
			.name = patterns[i], .kind = FORMAT_GROK, .pattern = patterns[i]};
		order[i] = &defs[i];
	}
	bench_must(format_set_create(order, n_formats, lib, names, &fs, &e) == 0, e.text);
	struct extract_source source = {
		.parser = &parser_lines, .message_field = -1, .format_field = -1, .formats = fs};
	bench_must(extract_create(&source, 1, 1 << 20, names, &r.x, &e) == 0, e.text);
	make_lines(n_formats);
	r.used = batch.arena.used;
	scale_measure(n_formats, N_LINES, read_lines, &r);
	bench_must(extract_row(r.x, 0)[EXTRACT_no_format] == 0, "a line has no format");
	extract_destroy(r.x);
	format_set_destroy(fs);
	names_destroy(names);
}

int main(int argc, char **argv)
{
	bench_about(
		argc, argv, 0,
		"bench_scale_formats - ns a line for 1 to 1,000 formats of a source. From the root "
		"of the sources");
	struct grok *lib = grok_create();
	struct err e;
	bench_must(arena_init(&batch.arena, 8 << 20) == 0, "no memory");
	bench_must(grok_load(lib, "conf/patterns/base.pat", &e) == 0,
		   "conf/patterns/base.pat: not there");
	scale_head("formats");
	for (unsigned x = 1; x <= FORMATS_TOP; x *= 10)
		measure(lib, x);
	grok_destroy(lib);
	arena_fini(&batch.arena);
	return 0;
}
