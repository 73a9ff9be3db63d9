/* The laws that every parser keeps, over the samples of tests/corpus/<parser>/{good,bad}/:
 *
 *   - the same frames at every cut point, and in bursts of one;
 *   - no read beyond the slice (an unreadable page stands behind it);
 *   - progress, or MORE with consumed + needed > len; consumed <= len;
 *   - random and damaged bytes never crash;
 *   - a gap never joins what lies before it to what lies behind it.
 *
 * A sample is what the client sends on one connection. Named *.udp it is one datagram; named
 * *.session it is a dialogue, of parts "C <bytes>\n" or "S <bytes>\n" and that many bytes.
 */
#include "tests/unit/unit.h"

#include <dirent.h>

#include "parsers/parsers.h"
#include "tests/support/parser_run.h"

#define PARTS_MAX        256
#define SAMPLE_BYTES_MAX (64u << 10)
/* Each cut costs a whole run: longer samples are cut at some places only. */
#define CUTS_MAX         1500
#define RANDOM_RUNS      200

struct part {
	unsigned dir;
	struct slice bytes;
};

struct sample {
	char path[512];
	uint8_t *bytes;
	size_t len; /* of all parts */
	bool datagram, good;
	struct part parts[PARTS_MAX];
	unsigned n_parts;
};

/* A generator of our own: the same bytes in every run, on every machine. */
static uint32_t next_number(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)(*seed >> 33);
}

/* --- Samples -----------------------------------------------------------------------------------
 */

static void add_part(struct sample *s, unsigned dir, struct slice bytes)
{
	assert_true(s->n_parts < PARTS_MAX);
	s->parts[s->n_parts++] = (struct part){dir, bytes};
}

static void split_session(struct sample *s)
{
	struct slice rest = slice_of(s->bytes, s->len);
	s->len = 0;
	while (rest.len) {
		const uint8_t *lf = memchr(rest.ptr, '\n', rest.len);
		assert_non_null(lf);
		size_t n = (size_t)strtoul((const char *)rest.ptr + 2, NULL, 10);
		unsigned dir = rest.ptr[0] == 'S';
		rest = slice_from(rest, (size_t)(lf - rest.ptr) + 1);
		assert_true(n <= rest.len);
		add_part(s, dir, slice_of(rest.ptr, n));
		s->len += n;
		rest = slice_from(rest, n);
	}
}

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), m = strlen(end);
	return n >= m && strcmp(name + n - m, end) == 0;
}

static void load(struct sample *s, const char *dir, const char *name)
{
	*s = (struct sample){.datagram = ends_with(name, ".udp")};
	snprintf(s->path, sizeof(s->path), "%s/%s", dir, name);
	FILE *f = fopen(s->path, "rb");
	assert_non_null(f);
	s->bytes = malloc(SAMPLE_BYTES_MAX + 1);
	assert_non_null(s->bytes);
	s->len = fread(s->bytes, 1, SAMPLE_BYTES_MAX, f);
	s->bytes[s->len] = 0;
	fclose(f);
	if (ends_with(name, ".session"))
		split_session(s);
	else
		add_part(s, 0, slice_of(s->bytes, s->len));
}

/* --- Runs --------------------------------------------------------------------------------------
 */

static void check_promises(const struct parser_run *run, const struct sample *s, const char *when)
{
	if (run->broken[0])
		fail_msg("%s, %s, %s: %s", run->parser->name, s->path, when, run->broken);
}

/* Feeds the whole sample; cuts[i] are offsets in it, in rising order. */
static void feed(struct parser_run *run, const struct sample *s, const size_t *cuts, size_t n_cuts)
{
	size_t at = 0, next = 0;
	parser_run_reset(run);
	for (unsigned i = 0; i < s->n_parts; i++) {
		struct slice rest = s->parts[i].bytes;
		if (s->datagram) {
			parser_run_datagram(run, 0, rest.ptr, rest.len);
			continue;
		}
		while (rest.len) {
			while (next < n_cuts && cuts[next] <= at)
				next++;
			size_t n = rest.len;
			if (next < n_cuts && cuts[next] - at < n)
				n = cuts[next] - at;
			parser_run_data(run, s->parts[i].dir, rest.ptr, n);
			rest = slice_from(rest, n);
			at += n;
		}
	}
	parser_run_end(run);
}

static void check_same(const struct parser_run *whole, const struct parser_run *run,
		       const struct sample *s, const char *when)
{
	check_promises(run, s, when);
	size_t n = whole->n_frames < run->n_frames ? whole->n_frames : run->n_frames;
	for (size_t i = 0; i < n; i++)
		if (!run_frame_same(&whole->frames[i], &run->frames[i]))
			fail_msg("%s, %s, %s: frame %zu differs: '%.*s' and '%.*s'",
				 run->parser->name, s->path, when, i, (int)whole->frames[i].len,
				 (char *)whole->frames[i].bytes, (int)run->frames[i].len,
				 (char *)run->frames[i].bytes);
	if (whole->n_frames != run->n_frames)
		fail_msg("%s, %s, %s: %zu frames, not %zu", run->parser->name, s->path, when,
			 run->n_frames, whole->n_frames);
	if (whole->skipped != run->skipped || whole->left_over != run->left_over)
		fail_msg("%s, %s, %s: skipped %zu, not %zu; left over %zu, not %zu",
			 run->parser->name, s->path, when, run->skipped, whole->skipped,
			 run->left_over, whole->left_over);
}

/* --- Laws --------------------------------------------------------------------------------------
 */

struct law_runs {
	struct parser_run whole, run;
};

static void law_cuts(struct law_runs *l, const struct sample *s)
{
	char when[64];
	uint64_t seed = s->len;
	size_t cuts[64];
	size_t step = s->len > CUTS_MAX ? s->len / CUTS_MAX + 1 : 1;
	feed(&l->whole, s, NULL, 0);
	check_promises(&l->whole, s, "whole");
	if (s->datagram)
		return;
	for (cuts[0] = 1; cuts[0] < s->len; cuts[0] += step) {
		snprintf(when, sizeof(when), "cut at %zu", cuts[0]);
		feed(&l->run, s, cuts, 1);
		check_same(&l->whole, &l->run, s, when);
	}
	for (unsigned i = 0; i < 50; i++) {
		size_t n = 0, at = 0;
		while (n < 64 && (at += 1 + next_number(&seed) % (s->len / 8 + 2)) < s->len)
			cuts[n++] = at;
		snprintf(when, sizeof(when), "random cuts %u", i);
		feed(&l->run, s, cuts, n);
		check_same(&l->whole, &l->run, s, when);
	}
}

static void law_byte_by_byte(struct law_runs *l, const struct sample *s)
{
	if (s->datagram || s->len > 16384)
		return;
	size_t *cuts = malloc((s->len + 1) * sizeof(*cuts));
	assert_non_null(cuts);
	for (size_t i = 0; i < s->len; i++)
		cuts[i] = i + 1;
	feed(&l->run, s, cuts, s->len);
	check_same(&l->whole, &l->run, s, "byte by byte");
	free(cuts);
}

static void law_bursts_of_one(struct law_runs *l, const struct sample *s)
{
	l->run.burst = 1;
	feed(&l->run, s, NULL, 0);
	check_same(&l->whole, &l->run, s, "bursts of one");
	l->run.burst = 64;
}

/* Not by offset: when a gap takes the count in front of a message, that begins behind it. */
static bool is_known(const struct parser_run *whole, const struct run_frame *f)
{
	for (size_t i = 0; i < whole->n_frames; i++) {
		const struct run_frame *k = &whole->frames[i];
		if (k->len == f->len && memcmp(k->bytes, f->bytes, f->len) == 0)
			return true;
	}
	return false;
}

/* @len bytes at @off are missing. What comes out of a good sample then, and is not marked as cut,
 * came out of the whole stream too.
 */
static void check_gap(struct law_runs *l, const struct sample *s, size_t off, size_t len)
{
	struct slice bytes = s->parts[0].bytes;
	parser_run_reset(&l->run);
	parser_run_data(&l->run, 0, bytes.ptr, off);
	parser_run_gap(&l->run, 0, len);
	size_t before = l->run.n_frames;
	parser_run_data(&l->run, 0, bytes.ptr + off + len, bytes.len - off - len);
	parser_run_end(&l->run);
	char when[64];
	snprintf(when, sizeof(when), "gap of %zu at %zu", len, off);
	check_promises(&l->run, s, when);
	for (size_t i = 0; i < l->run.n_frames; i++) {
		const struct run_frame *f = &l->run.frames[i];
		if (i >= before && f->stream_off < off + len)
			fail_msg("%s, %s, %s: frame %zu begins before the gap and ends behind it",
				 l->run.parser->name, s->path, when, i);
		if (s->good && !f->cut && !f->unparsed && !is_known(&l->whole, f))
			fail_msg("%s, %s, %s: '%.*s' is no frame of the whole stream",
				 l->run.parser->name, s->path, when, (int)f->len, (char *)f->bytes);
	}
}

static void law_gap(struct law_runs *l, const struct sample *s)
{
	if (s->datagram || s->n_parts != 1)
		return;
	static const size_t lens[] = {1, 7, 60};
	size_t step = s->len > CUTS_MAX ? s->len / CUTS_MAX + 1 : 1;
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		for (size_t off = 0; off + lens[i] <= s->len; off += step)
			check_gap(l, s, off, lens[i]);
}

static void law_damage(struct law_runs *l, const struct sample *s)
{
	uint64_t seed = 7 + s->len;
	size_t cuts[8];
	for (unsigned i = 0; i < RANDOM_RUNS && s->len; i++) {
		struct sample bad = *s;
		uint8_t *copy = malloc(SAMPLE_BYTES_MAX + 1);
		assert_non_null(copy);
		memcpy(copy, s->bytes, SAMPLE_BYTES_MAX);
		for (unsigned j = 0; j < bad.n_parts; j++) {
			size_t at = (size_t)(s->parts[j].bytes.ptr - s->bytes);
			bad.parts[j].bytes.ptr = copy + at;
			for (unsigned k = 0; k < 3 && bad.parts[j].bytes.len; k++)
				copy[at + next_number(&seed) % bad.parts[j].bytes.len] =
					(uint8_t)next_number(&seed);
		}
		size_t n = 0, at = 0;
		while (n < 8 && (at += 1 + next_number(&seed) % (s->len + 1)) < s->len)
			cuts[n++] = at;
		feed(&l->run, &bad, cuts, n);
		check_promises(&l->run, s, "damaged");
		free(copy);
	}
}

/* Each sample with pools of its own: what one has left there (a schema) may be seen by the next. */
static void begin_runs(struct law_runs *l, const struct parser *p)
{
	parser_run_init(&l->whole, p);
	parser_run_init(&l->run, p);
	l->whole.keep_records = l->run.keep_records = p->pool_create != NULL;
}

static void end_runs(struct law_runs *l)
{
	parser_run_fini(&l->whole);
	parser_run_fini(&l->run);
}

static void run_laws(struct law_runs *l, const struct parser *p, const struct sample *s)
{
	begin_runs(l, p);
	law_cuts(l, s);
	law_byte_by_byte(l, s);
	law_bursts_of_one(l, s);
	law_gap(l, s);
	law_damage(l, s);
	end_runs(l);
}

/* Bytes of a few letters only, so that lines, counts and quotes come about. */
static void law_random_bytes(struct law_runs *l)
{
	static const char letters[] = "<>0123456789 \n\r\"\\[]{}:,aGET/=-.%";
	uint64_t seed = 1;
	uint8_t bytes[512];
	for (unsigned i = 0; i < 10 * RANDOM_RUNS; i++) {
		size_t len = next_number(&seed) % sizeof(bytes);
		bool text = next_number(&seed) % 2;
		for (size_t j = 0; j < len; j++)
			bytes[j] =
				text ? (uint8_t)letters[next_number(&seed) % (sizeof(letters) - 1)]
				     : (uint8_t)next_number(&seed);
		struct sample s = {.path = "random bytes", .bytes = bytes, .len = len};
		s.datagram = i % 4 == 0 && (l->run.parser->transports & PARSER_UDP);
		add_part(&s, i % 3 == 0, slice_of(bytes, len));
		size_t cuts[2] = {len / 3, len / 2};
		feed(&l->run, &s, cuts, 2);
		check_promises(&l->run, &s, "random");
	}
}

static unsigned run_folder(struct law_runs *l, const struct parser *p, const char *folder,
			   bool good)
{
	static struct sample s;
	struct dirent **names;
	unsigned count = 0;
	int n = scandir(folder, &names, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		if (names[i]->d_name[0] != '.') {
			load(&s, folder, names[i]->d_name);
			s.good = good;
			run_laws(l, p, &s);
			free(s.bytes);
			count++;
		}
		free(names[i]);
	}
	if (n >= 0)
		free(names);
	return count;
}

static void check_parser(const struct parser *p)
{
	struct law_runs *l = calloc(1, sizeof(*l));
	assert_non_null(l);
	const char *root = getenv("SL_SOURCE_ROOT");
	char folder[512];
	snprintf(folder, sizeof(folder), "%s/tests/corpus/%s/good", root ? root : ".", p->name);
	unsigned good = run_folder(l, p, folder, true);
	snprintf(folder, sizeof(folder), "%s/tests/corpus/%s/bad", root ? root : ".", p->name);
	unsigned bad = run_folder(l, p, folder, false);
	begin_runs(l, p);
	law_random_bytes(l);
	end_runs(l);
	printf("%s: %u good samples, %u bad ones\n", p->name, good, bad);
	free(l);
	if (good == 0)
		fail_msg("%s has no samples: %s", p->name, folder);
}

static void the_example_keeps_the_laws(void **state)
{
	check_parser(&parser_template);
}

static void every_parser_keeps_the_laws(void **state)
{
	for (size_t i = 0; parsers[i]; i++)
		check_parser(parsers[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_example_keeps_the_laws),
		cmocka_unit_test(every_parser_keeps_the_laws),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
