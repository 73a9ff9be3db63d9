/* Segments: what is written is read; what is damaged is found, named and left out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "dataplane/sink/segment.h"

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
		assert_int_equal(out_batch_init_marks(b), 0);
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
			assert_memory_equal(&fr, &frames[i], sizeof(fr));
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
	assert_int_equal(out_batch_init_marks(&b), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(a_batch_that_is_smaller_than_a_frame_takes_it_in_parts),
	};
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
