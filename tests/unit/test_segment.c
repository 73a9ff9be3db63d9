/* Segments: what is written is read; what is damaged is found, named and left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/sink/seg_check.h"
#include "tests/support/disk.h"

static char dir[64];

static int make_dir(void **state)
{
	snprintf(dir, sizeof(dir), "/tmp/sl_segment_XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	char command[128];
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static const char *path_of(const char *name)
{
	static char path[128];
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

/* Record @i is the same wherever it stands: text of any length, and sometimes none. */
static size_t rec_text(uint64_t i, char *out)
{
	size_t len = i % 7 == 3 ? 0 : (size_t)(i * 37 % 251);
	for (size_t k = 0; k < len; k++)
		out[k] = (char)('a' + (i + k * k) % 26);
	return len;
}

static void batch_make(struct out_batch *b, uint64_t first, uint32_t n, bool marks)
{
	b->len = b->n_recs = b->mark_len = 0;
	b->first_ns = first * 1000;
	b->last_ns = (first + n) * 1000;
	for (uint32_t i = 0; i < n; i++) {
		b->len += rec_text(first + i, (char *)b->buf + b->len);
		b->ends[b->n_recs] = (uint32_t)b->len;
		if (marks) {
			char *m = (char *)b->mark_buf + b->mark_len;
			int key = i % 3 ? snprintf(m, 32, "key-%u", i) : 0;
			int id = snprintf(m + key, 32, "id-%llu", (unsigned long long)(first + i));
			b->marks[i] = (struct out_mark){b->mark_len, (uint16_t)key, (uint8_t)id};
			b->mark_len += (uint32_t)(key + id);
		}
		b->n_recs++;
	}
}

static void batch_init(struct out_batch *b, bool marks)
{
	assert_int_equal(out_batch_init(b, 1 << 20), 0);
	if (marks)
		out_batch_init_marks(b);
}

#define FRAMES 5
#define RECS   100

/* A segment of FRAMES frames of RECS records from 1000 on; its bytes in *ret. */
static void write_segment(const char *path, int level, bool marks, bool finish)
{
	struct out_batch b;
	struct err e = {0};
	struct seg_writer *w;
	struct seg_head h = {
		.kind = SEG_RECORDS, .created_ns = 7, .first_seq = 1000, .name_len = 9};
	snprintf(h.name, sizeof(h.name), "shop/beer");
	batch_init(&b, marks);
	assert_int_equal(seg_writer_create(&file_ops_real, level, &w), 0);
	assert_int_equal(seg_writer_begin(w, path, &h, &e), 0);
	for (uint64_t i = 0; i < FRAMES; i++) {
		batch_make(&b, 1000 + i * RECS, RECS, marks);
		assert_int_equal(seg_writer_append(w, &b, 1000 + i * RECS, &e), 0);
	}
	assert_int_equal(seg_writer_sync(w, &e), 0);
	if (finish)
		assert_int_equal(seg_writer_finish(w, &e), 0);
	seg_writer_destroy(w);
	out_batch_fini(&b);
}

static void check_frame(struct seg_file *f, const struct seg_frame *fr, bool marks)
{
	struct err e = {0};
	struct seg_rec r;
	char text[256], want[32];
	assert_int_equal(seg_file_load(f, fr, &e), 0);
	for (uint32_t i = 0; i < fr->n_recs; i++) {
		assert_true(seg_file_next(f, &r));
		size_t len = rec_text(fr->seq + i, text);
		assert_int_equal(r.bytes.len, len);
		assert_memory_equal(r.bytes.ptr, text, len);
		if (!marks)
			continue;
		int n = i % 3 ? snprintf(want, sizeof(want), "key-%u", i) : 0;
		assert_true(slice_eq(r.key, slice_of(want, (size_t)n)));
		n = snprintf(want, sizeof(want), "id-%llu", (unsigned long long)(fr->seq + i));
		assert_true(slice_eq(r.id, slice_of(want, (size_t)n)));
	}
	assert_false(seg_file_next(f, &r));
}

static void what_is_written_is_read(void **state)
{
	for (int k = 0; k < 8; k++) {
		int level = k & 1;
		bool marks = k & 2, finish = k & 4;
		char name[16];
		snprintf(name, sizeof(name), "%d.seg", k);
		write_segment(path_of(name), level, marks, finish);
		if (!finish)
			snprintf(name, sizeof(name), "%d.seg.open", k);
		struct seg_file *f;
		struct err e = {0};
		assert_int_equal(seg_file_open(&file_ops_real, path_of(name), &f, &e), 0);
		assert_string_equal(seg_file_head(f)->name, "shop/beer");
		assert_int_equal(seg_file_head(f)->created_ns, 7);
		assert_int_equal(seg_file_head(f)->first_seq, 1000);
		assert_null(seg_file_head_why(f));
		assert_int_equal(seg_file_indexed(f), finish);
		struct seg_frame *frames = calloc(SEG_FRAMES_MAX, sizeof(*frames)), fr;
		assert_int_equal(seg_file_frames(f, frames, &e), FRAMES);
		uint64_t off = 0;
		struct seg_damage d;
		for (unsigned i = 0; i < FRAMES; i++) {
			assert_int_equal(seg_file_scan(f, &off, &fr, &d, &e), SEG_FOUND_FRAME);
			assert_int_equal(fr.off, frames[i].off);
			assert_int_equal(fr.stored_bytes, frames[i].stored_bytes);
			assert_int_equal(fr.rec_bytes, frames[i].rec_bytes);
			assert_int_equal(fr.n_recs, RECS);
			assert_int_equal(fr.seq, 1000 + i * RECS);
			assert_int_equal(fr.first_ns, fr.seq * 1000);
			assert_int_equal(fr.last_ns, (fr.seq + RECS) * 1000);
			check_frame(f, &fr, marks);
		}
		assert_int_equal(seg_file_scan(f, &off, &fr, &d, &e), SEG_FOUND_END);
		seg_file_close(f);
		free(frames);
	}
}

static void a_batch_that_is_smaller_than_a_frame_takes_it_in_parts(void **state)
{
	struct out_batch b;
	struct err e = {0};
	struct seg_file *f;
	uint64_t off = 0;
	struct seg_frame fr;
	struct seg_damage d;
	char text[256];
	write_segment(path_of("parts.seg"), 1, true, true);
	assert_int_equal(out_batch_init(&b, 512), 0);
	out_batch_init_marks(&b);
	assert_int_equal(seg_file_open(&file_ops_real, path_of("parts.seg"), &f, &e), 0);
	assert_int_equal(seg_file_scan(f, &off, &fr, &d, &e), SEG_FOUND_FRAME);
	assert_int_equal(seg_file_load(f, &fr, &e), 0);
	uint32_t got = 0;
	for (int n; (n = seg_file_fill(f, &b)) != 0; got += (uint32_t)n) {
		assert_true(n > 0);
		for (int i = 0; i < n; i++) {
			uint32_t begin = i ? b.ends[i - 1] : 0;
			size_t len = rec_text(fr.seq + got + (unsigned)i, text);
			assert_int_equal(b.ends[i] - begin, len);
			assert_memory_equal(b.buf + begin, text, len);
		}
	}
	assert_int_equal(got, RECS);
	seg_file_seek(f, RECS - 1);
	assert_int_equal(seg_file_fill(f, &b), 1);
	seg_file_close(f);
	out_batch_fini(&b);
}

/* A segment on a disk in memory. */
static struct disk *disk_with(bool finish)
{
	struct disk *d = disk_create();
	struct out_batch b;
	struct err e = {0};
	struct seg_writer *w;
	struct seg_head h = {.kind = SEG_RECORDS, .first_seq = 1000, .name_len = 1, .name = "q"};
	batch_init(&b, false);
	assert_int_equal(seg_writer_create(disk_ops(d), 0, &w), 0);
	assert_int_equal(seg_writer_begin(w, "/d/s", &h, &e), 0);
	for (uint64_t i = 0; i < FRAMES; i++) {
		batch_make(&b, 1000 + i * RECS, RECS, false);
		assert_int_equal(seg_writer_append(w, &b, 1000 + i * RECS, &e), 0);
	}
	if (finish)
		assert_int_equal(seg_writer_finish(w, &e), 0);
	seg_writer_destroy(w);
	out_batch_fini(&b);
	return d;
}

struct told {
	struct seg_damage d[8];
	unsigned n;
};

static void tell(void *ctx, const struct seg_damage *d)
{
	struct told *t = ctx;
	assert_true(t->n < 8);
	t->d[t->n++] = *d;
}

static struct seg_check check(struct disk *d, const char *path, struct told *t)
{
	struct seg_frame *frames = calloc(SEG_FRAMES_MAX, sizeof(*frames));
	struct seg_check c;
	struct seg_file *f;
	struct err e = {0};
	t->n = 0;
	assert_int_equal(seg_file_open(disk_ops(d), path, &f, &e), 0);
	assert_int_equal(seg_check(f, frames, &c, tell, t, &e), 0);
	seg_file_close(f);
	free(frames);
	return c;
}

static uint64_t frame_off(struct disk *d, unsigned i)
{
	struct seg_file *f;
	struct seg_frame fr;
	struct seg_damage dam;
	struct err e = {0};
	uint64_t off = 0;
	assert_int_equal(seg_file_open(disk_ops(d), "/d/s.open", &f, &e), 0);
	for (unsigned k = 0; k <= i; k++)
		assert_int_equal(seg_file_scan(f, &off, &fr, &dam, &e), SEG_FOUND_FRAME);
	seg_file_close(f);
	return fr.off;
}

static void a_damaged_frame_is_named_with_its_place_and_its_records(void **state)
{
	struct disk *d = disk_with(false);
	struct told t;
	size_t len;
	uint64_t off = frame_off(d, 2);
	disk_bytes(d, "/d/s.open", &len)[off + SEG_FRAME_HEAD + 500] ^= 8;
	struct seg_check c = check(d, "/d/s.open", &t);
	assert_int_equal(c.n_frames, FRAMES - 1);
	assert_int_equal(c.corrupt_recs, RECS);
	assert_int_equal(c.torn_bytes, 0);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.d[0].off, off);
	assert_int_equal(t.d[0].seq, 1000 + 2 * RECS);
	assert_int_equal(t.d[0].n_recs, RECS);
	assert_true(t.d[0].known);
	disk_destroy(d);
}

static void what_lies_between_sound_frames_is_found_by_their_numbers(void **state)
{
	struct disk *d = disk_with(false);
	struct told t;
	size_t len;
	uint64_t from = frame_off(d, 1), to = frame_off(d, 3);
	uint8_t *bytes = disk_bytes(d, "/d/s.open", &len);
	memset(bytes + from, 0x55, to - from);
	struct seg_check c = check(d, "/d/s.open", &t);
	assert_int_equal(c.n_frames, FRAMES - 2);
	assert_int_equal(c.corrupt_recs, 2 * RECS);
	assert_int_equal(t.n, 1);
	assert_int_equal(t.d[0].off, from);
	assert_int_equal(t.d[0].bytes, to - from);
	assert_int_equal(t.d[0].seq, 1000 + RECS);
	assert_false(t.d[0].known);
	disk_destroy(d);
}

static void an_end_that_was_being_written_is_torn_and_not_lost(void **state)
{
	struct disk *d = disk_with(false);
	struct told t;
	size_t len;
	uint8_t *bytes = disk_bytes(d, "/d/s.open", &len);
	uint64_t off = frame_off(d, FRAMES - 1);
	bytes[len - 1] ^= 1;
	struct seg_check c = check(d, "/d/s.open", &t);
	assert_int_equal(c.n_frames, FRAMES - 1);
	assert_int_equal(c.corrupt_recs, 0);
	assert_int_equal(c.torn_recs, RECS);
	assert_int_equal(c.torn_bytes, len - off);
	assert_int_equal(c.data_end, off);
	assert_int_equal(c.end_seq, 1000 + FRAMES * RECS);
	assert_true(t.d[0].torn);
	disk_destroy(d);
}

static void a_sealed_segment_has_its_index_and_what_was_sound(void **state)
{
	struct disk *d = disk_with(false);
	struct told t;
	size_t len;
	struct err e = {0};
	uint8_t *bytes = disk_bytes(d, "/d/s.open", &len);
	bytes[frame_off(d, 2) + 100] ^= 8;
	bytes[len - 1] ^= 1;
	struct seg_frame *frames = calloc(SEG_FRAMES_MAX, sizeof(*frames));
	struct seg_check c;
	struct seg_file *f;
	assert_int_equal(seg_file_open(disk_ops(d), "/d/s.open", &f, &e), 0);
	assert_int_equal(seg_check(f, frames, &c, NULL, NULL, &e), 0);
	uint64_t id = seg_file_head(f)->id;
	seg_file_close(f);
	assert_int_equal(seg_seal(disk_ops(d), "/d/s.open", "/d/s", id, frames, &c, &e), 0);
	free(frames);
	assert_null(disk_bytes(d, "/d/s.open", &len));
	c = check(d, "/d/s", &t);
	assert_int_equal(c.n_frames, FRAMES - 2);
	assert_int_equal(c.n_recs, (FRAMES - 2) * RECS);
	assert_int_equal(c.n_damages, 0);
	assert_int_equal(c.torn_bytes, 0);
	disk_destroy(d);
}

static void a_head_that_is_damaged_costs_no_record(void **state)
{
	struct disk *d = disk_with(true);
	struct told t;
	struct err e = {0};
	struct seg_file *f;
	size_t len;
	disk_bytes(d, "/d/s", &len)[3] ^= 8;
	assert_int_equal(seg_file_open(disk_ops(d), "/d/s", &f, &e), 0);
	assert_non_null(seg_file_head_why(f));
	assert_int_equal(seg_file_head(f)->first_seq, 1000);
	seg_file_close(f);
	assert_int_equal(check(d, "/d/s", &t).n_recs, FRAMES * RECS);
	disk_destroy(d);
}

/* Who sends segments over a wire that is captured must not have them taken for the spool's own. */
static void bytes_of_a_record_that_look_like_a_frame_are_not_taken_for_one(void **state)
{
	struct disk *other = disk_with(false), *d = disk_create();
	size_t len;
	const uint8_t *bytes = disk_bytes(other, "/d/s.open", &len);
	struct out_batch b;
	struct err e = {0};
	struct seg_writer *w;
	struct told t;
	struct seg_head h = {.kind = SEG_RECORDS, .created_ns = 5, .name_len = 1, .name = "q"};
	batch_init(&b, false);
	assert_int_equal(seg_writer_create(disk_ops(d), 0, &w), 0);
	assert_int_equal(seg_writer_begin(w, "/d/s", &h, &e), 0);
	for (unsigned i = 0; i < 2; i++) {
		b.n_recs = 1;
		b.len = len;
		b.ends[0] = (uint32_t)len;
		memcpy(b.buf, bytes, len);
		assert_int_equal(seg_writer_append(w, &b, i, &e), 0);
	}
	seg_writer_destroy(w);
	out_batch_fini(&b);
	uint8_t *mine = disk_bytes(d, "/d/s.open", &len);
	mine[48 + 8 + 4] ^=
		1; /* the head of the first frame: now the search goes through its record */
	struct seg_check c = check(d, "/d/s.open", &t);
	assert_int_equal(c.n_frames, 1);
	assert_int_equal(c.n_recs, 1);
	disk_destroy(other);
	disk_destroy(d);
}

static void what_is_no_segment_is_said_to_be_none(void **state)
{
	struct disk *d = disk_create();
	struct seg_file *f;
	struct err e = {0};
	disk_put(d, "/d/a", "", 0);
	assert_int_equal(seg_file_open(disk_ops(d), "/d/a", &f, &e), -EBADMSG);
	disk_put(d, "/d/b", "{\"a\":1}\n{\"a\":2}\n{\"a\":1}\n{\"a\":2}\n{\"a\":1}\n{\"a\":2}\n",
		 48);
	assert_int_equal(seg_file_open(disk_ops(d), "/d/b", &f, &e), -EBADMSG);
	assert_non_null(strstr(e.text, "/d/b: no segment"));
	assert_int_equal(seg_file_open(disk_ops(d), "/d/c", &f, &e), -ENOENT);
	disk_destroy(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_batch_that_is_smaller_than_a_frame_takes_it_in_parts),
		cmocka_unit_test(a_damaged_frame_is_named_with_its_place_and_its_records),
		cmocka_unit_test(what_lies_between_sound_frames_is_found_by_their_numbers),
		cmocka_unit_test(an_end_that_was_being_written_is_torn_and_not_lost),
		cmocka_unit_test(a_sealed_segment_has_its_index_and_what_was_sound),
		cmocka_unit_test(a_head_that_is_damaged_costs_no_record),
		cmocka_unit_test(bytes_of_a_record_that_look_like_a_frame_are_not_taken_for_one),
		cmocka_unit_test(what_is_no_segment_is_said_to_be_none),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
