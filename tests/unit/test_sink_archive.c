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

static enum sink_answer write_rec(void *sink, struct err *e)
{
	struct out_batch *b = batch_of(0, 10);
	b->queue = 3;
	b->first_ns = b->last_ns = 1764045796ull * 1000000000;
	enum sink_answer answer = sink_archive.write(sink, b, e);
	batch_free(b);
	return answer;
}

static void the_sink_of_a_reload_waits_for_the_one_before_it(void **unused)
{
	static const struct sink_queue after = {.name = "shop/beer", .succeeds = true};
	struct err e = {0};
	void *next = mem_alloc(sink_archive.state_size), *last = mem_alloc(sink_archive.state_size);
	open_sink();
	write_recs(0, 0, 50);
	assert_int_equal(sink_archive.open(next, conf, &e), 0);
	assert_int_equal(sink_archive.queue(next, 3, &after, &e), 0);
	assert_string_equal(e.text, "");
	assert_int_equal(write_rec(next, &e), SINK_BUSY);
	assert_non_null(strstr(e.text, "is in use by process"));
	close_sink();
	/* One more, before it has written: it takes nothing from it. */
	assert_int_equal(sink_archive.open(last, conf, &e), 0);
	assert_int_equal(sink_archive.queue(last, 3, &after, &e), 0);
	assert_int_equal(write_rec(next, &e), SINK_DONE);
	assert_int_equal(write_rec(last, &e), SINK_BUSY);
	assert_int_equal(sink_archive.close(next, &e), 0);
	assert_int_equal(write_rec(last, &e), SINK_DONE);
	assert_int_equal(sink_archive.close(last, &e), 0);
	assert_int_equal(expect_in_files("shop@beer/*-000000.seg", "shop/beer", 0, 50), 1);
	assert_int_equal(expect_in_files("shop@beer/*-000001.seg", "shop/beer", 0, 10), 1);
	assert_int_equal(expect_in_files("shop@beer/*-000002.seg", "shop/beer", 0, 10), 1);
	mem_free(next);
	mem_free(last);
}

static void a_directory_in_use_keeps_a_sink_from_its_start(void **unused)
{
	static const struct sink_queue after = {.name = "shop/beer", .succeeds = true};
	struct err e = {0};
	char path[1024];
	void *next = mem_alloc(sink_archive.state_size);
	open_sink();
	assert_int_equal(sink_archive.open(next, conf, &e), 0);
	assert_int_equal(sink_archive.queue(next, 3, &queues[0], &e), -EBUSY);
	sink_archive.close(next, &e);
	/* The same of a reload, when another process has it. */
	snprintf(path, sizeof(path), "%s/shop@beer/lock", dir);
	FILE *f = fopen(path, "w");
	fputs("1\n", f);
	fclose(f);
	memset(next, 0, sink_archive.state_size);
	assert_int_equal(sink_archive.open(next, conf, &e), 0);
	assert_int_equal(sink_archive.queue(next, 3, &after, &e), -EBUSY);
	assert_non_null(strstr(e.text, "is in use by process 1"));
	sink_archive.close(next, &e);
	mem_free(next);
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
		TEST(the_sink_of_a_reload_waits_for_the_one_before_it),
		TEST(a_directory_in_use_keeps_a_sink_from_its_start),
		TEST(a_directory_that_is_not_there_is_said_so),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
