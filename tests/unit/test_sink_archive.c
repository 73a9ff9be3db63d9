#include "tests/unit/unit.h"

#include <glob.h>
#include <sys/stat.h>

#include "dataplane/base/mem.h"
#include "dataplane/sink/segment.h"
#include "dataplane/sink/sinks.h"
#include "tests/support/sink_peer.h"

static char *dir;
static void *conf, *state;
static const struct sink_queue queues[] = {{.name = "shop/beer"}, {.name = "shop/wine"}};

static int set_up(void **unused)
{
	dir = dir_make();
	conf = calloc(1, sink_archive.conf_size);
	state = mem_alloc(sink_archive.state_size);
	conf_text(&sink_archive, conf, "dir", dir);
	conf_number(&sink_archive, conf, "level", 1);
	conf_number(&sink_archive, conf, "rotate_bytes", 64 << 10);
	return 0;
}

static int tear_down(void **unused)
{
	sink_archive.close(state, NULL);
	mem_free(state);
	free(conf);
	dir_remove(dir);
	return 0;
}

static void open_sink(void)
{
	struct err e = {0};
	if (sink_archive.open(state, conf, &e) < 0)
		fail_msg("%s", e.text);
	for (unsigned q = 0; q < 2; q++)
		if (sink_archive.queue(state, q + 3, &queues[q], &e) < 0)
			fail_msg("%s", e.text);
}

static void write_recs(unsigned queue, unsigned from, unsigned to)
{
	struct err e = {0};
	struct out_batch *b = batch_of(from, to);
	b->queue = (uint16_t)(queue + 3);
	b->first_ns = 1764045796ull * 1000000000 + from;
	b->last_ns = b->first_ns + to - from;
	if (sink_archive.write(state, b, &e) != SINK_DONE)
		fail_msg("%s", e.text);
	batch_free(b);
}

static void close_sink(void)
{
	struct err e = {0};
	if (sink_archive.close(state, &e) < 0)
		fail_msg("%s", e.text);
}

/* All records of the files of a queue, in the order of their names, and how many files. */
static unsigned expect_in_files(const char *pattern, const char *queue, unsigned from, unsigned to)
{
	char path[1024];
	glob_t found;
	struct err e = {0};
	struct text want = text_of(from, to);
	size_t at = 0;
	uint64_t seq = 0;
	snprintf(path, sizeof(path), "%s/%s", dir, pattern);
	if (glob(path, 0, NULL, &found) != 0)
		fail_msg("no file is like %s", path);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct seg_file *f;
		struct seg_frame fr;
		struct seg_damage d;
		struct seg_rec r;
		uint64_t off = 0;
		assert_int_equal(seg_file_open(&file_ops_real, found.gl_pathv[i], &f, &e), 0);
		assert_string_equal(seg_file_head(f)->name, queue);
		assert_int_equal(seg_file_head(f)->first_seq, seq);
		while (seg_file_scan(f, &off, &fr, &d, &e) == SEG_FOUND_FRAME) {
			assert_int_equal(fr.seq, seq);
			assert_int_equal(seg_file_load(f, &fr, &e), 0);
			for (; seg_file_next(f, &r); seq++) {
				assert_true(at + r.bytes.len <= want.len);
				assert_memory_equal(r.bytes.ptr, want.p + at, r.bytes.len);
				at += r.bytes.len;
			}
		}
		seg_file_close(f);
	}
	assert_int_equal(at, want.len);
	free(want.p);
	unsigned n = (unsigned)found.gl_pathc;
	globfree(&found);
	return n;
}

static void each_queue_has_its_directory_and_files_named_by_packet_time(void **unused)
{
	open_sink();
	write_recs(0, 0, 50);
	write_recs(1, 100, 130);
	write_recs(0, 50, 60);
	close_sink();
	unsigned n = expect_in_files("shop@beer/20251125T044316Z-000000.seg", "shop/beer", 0, 60);
	assert_int_equal(n, 1);
	n = expect_in_files("shop@wine/20251125T044316Z-000000.seg", "shop/wine", 100, 130);
	assert_int_equal(n, 1);
}

static void files_are_rotated_by_size_and_numbers_go_on(void **unused)
{
	conf_number(&sink_archive, conf, "level", 0);
	open_sink();
	for (unsigned i = 0; i < 20; i++)
		write_recs(0, i * 500, i * 500 + 500);
	close_sink();
	assert_true(expect_in_files("shop@beer/*.seg", "shop/beer", 0, 10000) > 1);
}

static void a_file_that_is_there_is_not_written_over(void **unused)
{
	for (unsigned i = 0; i < 2; i++) {
		memset(state, 0, sink_archive.state_size);
		open_sink();
		write_recs(0, 0, 50);
		close_sink();
	}
	assert_int_equal(expect_in_files("shop@beer/*-000000.seg", "shop/beer", 0, 50), 1);
	assert_int_equal(expect_in_files("shop@beer/*-000001.seg", "shop/beer", 0, 50), 1);
}

static void files_are_rotated_by_time_when_nothing_comes(void **unused)
{
	struct err e = {0};
	conf_number(&sink_archive, conf, "rotate_every", 1);
	open_sink();
	write_recs(0, 0, 50);
	assert_int_equal(sink_archive.poll(state, &e), SINK_DONE);
	assert_int_equal(expect_in_files("shop@beer/*.seg", "shop/beer", 0, 50), 1);
}

static void a_directory_that_is_not_there_is_said_so(void **unused)
{
	struct err e = {0};
	conf_text(&sink_archive, conf, "dir", "/nowhere/at/all");
	assert_int_equal(sink_archive.open(state, conf, &e), -ENOENT);
	assert_string_equal(e.text, "directory /nowhere/at/all: No such file or directory");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_queue_has_its_directory_and_files_named_by_packet_time),
		TEST(files_are_rotated_by_size_and_numbers_go_on),
		TEST(a_file_that_is_there_is_not_written_over),
		TEST(files_are_rotated_by_time_when_nothing_comes),
		TEST(a_directory_that_is_not_there_is_said_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
