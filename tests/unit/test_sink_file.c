#include "tests/unit/unit.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "dataplane/base/mem.h"
#include "dataplane/sink/file_stage.h"
#include "dataplane/sink/sinks.h"
#include "tests/support/sink_peer.h"

static char *dir, *path;
static void *conf, *state;

static void set_path(const char *name)
{
	free(path);
	path = malloc(1024);
	snprintf(path, 1024, "%s/%s", dir, name);
	conf_text(&sink_file, conf, "path", path);
}

static int set_up(void **unused)
{
	dir = dir_make();
	conf = calloc(1, sink_file.conf_size);
	conf_number(&sink_file, conf, "frame_bytes", 4 << 20);
	conf_number(&sink_file, conf, "level", 1);
	state = mem_alloc(sink_file.state_size);
	set_path("out.ndjson");
	return 0;
}

static int tear_down(void **unused)
{
	sink_file.close(state, NULL);
	mem_free(state);
	free(conf);
	free(path);
	path = NULL;
	dir_remove(dir);
	return 0;
}

static void open_sink(void)
{
	struct err e = {0};
	if (sink_file.open(state, conf, &e) < 0)
		fail_msg("%s", e.text);
}

static void write_recs(unsigned from, unsigned to)
{
	struct err e = {0};
	struct out_batch *b = batch_of(from, to);
	if (sink_file.write(state, b, &e) != SINK_DONE)
		fail_msg("%s", e.text);
	batch_free(b);
}

static void close_sink(void)
{
	struct err e = {0};
	if (sink_file.close(state, &e) < 0)
		fail_msg("%s", e.text);
}

static void expect_list(const char *want)
{
	struct text t = dir_list(dir);
	assert_string_equal(t.p, want);
	free(t.p);
}

/* All files together hold the records 0 to @n - 1 in order. Returns the number of files. */
static unsigned expect_recs(unsigned n, bool zstd)
{
	unsigned n_files;
	struct text want = text_of(0, n), got = dir_text(dir, zstd, &n_files);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	free(want.p);
	free(got.p);
	return n_files;
}

static void put_file(const char *name, const char *text)
{
	char full[1024];
	snprintf(full, sizeof(full), "%s/%s", dir, name);
	FILE *f = fopen(full, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static void a_file_has_its_name_only_when_it_is_complete(void **unused)
{
	open_sink();
	expect_list("");
	write_recs(0, 10);
	expect_list("out-000000.ndjson.part\n");
	write_recs(10, 20);
	close_sink();
	expect_list("out-000000.ndjson\n");
	assert_int_equal(expect_recs(20, false), 1);
}

static void no_record_makes_no_file(void **unused)
{
	open_sink();
	assert_int_equal(sink_file.poll(state, NULL), SINK_DONE);
	assert_int_equal(sink_file.flush(state, NULL), 0);
	close_sink();
	expect_list("");
}

static void rotation_by_size_never_splits_a_record_and_never_passes_the_size(void **unused)
{
	conf_number(&sink_file, conf, "rotate_bytes", 3000);
	open_sink();
	write_recs(0, 100);
	write_recs(100, 101);
	write_recs(101, 300);
	close_sink();
	assert_true(expect_recs(300, false) > 20);
	struct dirent **names;
	int n = scandir(dir, &names, not_hidden, alphasort);
	for (int i = 0; i < n; i++) {
		struct text t = {0};
		char full[1024];
		snprintf(full, sizeof(full), "%s/%s", dir, names[i]->d_name);
		text_append_file(&t, full);
		assert_true(t.len <= 3000);
		assert_int_equal(t.p[0], '{');
		assert_int_equal(t.p[t.len - 1], '\n');
		free(t.p);
		free(names[i]);
	}
	free(names);
}

static void a_record_larger_than_a_file_has_a_file_of_its_own(void **unused)
{
	conf_number(&sink_file, conf, "rotate_bytes", 10);
	open_sink();
	write_recs(0, 7);
	close_sink();
	assert_int_equal(expect_recs(7, false), 7);
}

static void rotation_by_time_finishes_the_file_without_a_record(void **unused)
{
	conf_number(&sink_file, conf, "rotate_every", 1);
	open_sink();
	write_recs(0, 10);
	assert_int_equal(sink_file.poll(state, NULL), SINK_DONE);
	expect_list("out-000000.ndjson\n");
	assert_int_equal(sink_file.poll(state, NULL), SINK_DONE);
	write_recs(10, 20);
	close_sink();
	assert_int_equal(expect_recs(20, false), 2);
}

static void existing_files_are_never_written_over(void **unused)
{
	put_file("out-000000.ndjson", "mine");
	put_file("out-000001.ndjson.part", "mine too");
	open_sink();
	write_recs(0, 10);
	close_sink();
	expect_list("out-000000.ndjson\nout-000001.ndjson.part\nout-000002.ndjson\n");
	struct text t = {0};
	char full[1024];
	snprintf(full, sizeof(full), "%s/out-000000.ndjson", dir);
	text_append_file(&t, full);
	assert_string_equal(t.p, "mine");
	free(t.p);
}

static void a_name_that_was_taken_meanwhile_is_left_to_its_owner(void **unused)
{
	open_sink();
	write_recs(0, 10);
	put_file("out-000000.ndjson", "");
	put_file("out-000001.ndjson", "");
	close_sink();
	expect_list("out-000000.ndjson\nout-000001.ndjson\nout-000002.ndjson\n");
	expect_recs(10, false);
}

static void unfinished_files_of_an_earlier_run_are_told_and_left(void **unused)
{
	struct err e = {0};
	put_file("out-000000.ndjson.part", "half a rec");
	assert_int_equal(sink_file.open(state, conf, &e), 0);
	assert_non_null(strstr(e.text, "1 unfinished"));
	assert_non_null(strstr(e.text, "out-000000.ndjson.part"));
	write_recs(0, 1);
	close_sink();
	expect_list("out-000000.ndjson.part\nout-000001.ndjson\n");
}

static void a_file_that_is_being_written_is_no_leftover_to_the_next_sink(void **unused)
{
	struct err e = {0};
	void *next = mem_alloc(sink_file.state_size);
	open_sink();
	write_recs(0, 1);
	assert_int_equal(sink_file.open(next, conf, &e), 0);
	assert_string_equal(e.text, "");
	sink_file.close(next, &e);
	put_file("out-000007.ndjson.part", "half a rec");
	assert_int_equal(sink_file.open(next, conf, &e), 0);
	assert_non_null(strstr(e.text, "1 unfinished"));
	assert_non_null(strstr(e.text, "out-000007.ndjson.part"));
	sink_file.close(next, &e);
	mem_free(next);
	close_sink();
}

static void dates_in_directories_make_directories(void **unused)
{
	set_path("%Y/%m/%d/%H-%n.ndjson");
	open_sink();
	write_recs(0, 10);
	close_sink();
	struct text t = {0}, want = text_of(0, 10);
	char full[1024];
	snprintf(full, sizeof(full), "%s/2026/11/25/04-000000.ndjson", dir);
	text_append_file(&t, full);
	assert_string_equal(t.p, want.p);
	free(t.p);
	free(want.p);
}

static void zstd_files_hold_the_same_lines_in_frames(void **unused)
{
	conf_choice(&sink_file, conf, "compress", 1);
	conf_number(&sink_file, conf, "frame_bytes", 64 << 10);
	open_sink();
	for (unsigned i = 0; i < 40; i++)
		write_recs(i * 100, i * 100 + 100);
	close_sink();
	expect_list("out-000000.ndjson.zst\n");
	assert_int_equal(expect_recs(4000, true), 1);
	struct text t = {0};
	char full[1024];
	snprintf(full, sizeof(full), "%s/out-000000.ndjson.zst", dir);
	text_append_file(&t, full);
	unsigned n_frames = 0;
	for (size_t at = 0; at < t.len; n_frames++) {
		size_t len = ZSTD_findFrameCompressedSize(t.p + at, t.len - at);
		assert_false(ZSTD_isError(len));
		at += len;
	}
	assert_true(n_frames > 8);
	free(t.p);
}

static void zstd_files_rotate_by_their_own_size(void **unused)
{
	conf_choice(&sink_file, conf, "compress", 1);
	conf_number(&sink_file, conf, "rotate_bytes", 2000);
	open_sink();
	for (unsigned i = 0; i < 20; i++)
		write_recs(i * 100, i * 100 + 100);
	close_sink();
	assert_true(expect_recs(2000, true) > 3);
}

static void a_crash_leaves_every_batch_that_was_done_readable(void **unused)
{
	conf_choice(&sink_file, conf, "compress", 1);
	open_sink();
	write_recs(0, 10);
	write_recs(10, 11);
	write_recs(11, 500);
	struct text got = {0}, want = text_of(0, 500);
	char full[1024];
	snprintf(full, sizeof(full), "%s/out-000000.ndjson.zst.part", dir);
	text_append_zstd(&got, full);
	assert_int_equal(got.len, want.len);
	assert_memory_equal(got.p, want.p, want.len);
	free(got.p);
	free(want.p);
	close_sink();
}

/* A limit of the process stands for the disk: write(2) is short, then fails with EFBIG. */
static void set_limit(uint64_t bytes)
{
	struct rlimit limit;
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &limit);
	limit.rlim_cur = bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void write_against_a_wall(bool zstd, unsigned n)
{
	struct err e = {0};
	conf_choice(&sink_file, conf, "compress", zstd);
	open_sink();
	uint64_t limit = 1001;
	for (unsigned i = 0; i < n; i += 50) {
		struct out_batch *b = batch_of(i, i + 50);
		unsigned n_busy = 0;
		set_limit(limit);
		enum sink_answer answer;
		while ((answer = sink_file.write(state, b, &e)) == SINK_BUSY) {
			assert_non_null(strstr(e.text, "File too large"));
			limit += 1777;
			set_limit(limit);
			n_busy++;
		}
		set_limit(RLIM_INFINITY);
		assert_int_equal(answer, SINK_DONE);
		batch_free(b);
	}
	close_sink();
	assert_int_equal(expect_recs(n, zstd), 1);
}

static void a_full_disk_is_busy_and_each_record_is_written_once(void **unused)
{
	write_against_a_wall(false, 500);
}

static void a_full_disk_is_busy_for_zstd_too(void **unused)
{
	write_against_a_wall(true, 500);
}

static void a_batch_that_was_given_up_leaves_whole_records_only(void **unused)
{
	struct err e = {0};
	open_sink();
	write_recs(0, 10);
	struct out_batch *b = batch_of(10, 60);
	set_limit(4000);
	assert_int_equal(sink_file.write(state, b, &e), SINK_BUSY);
	close_sink();
	set_limit(RLIM_INFINITY);
	batch_free(b);
	expect_recs(10, false);
}

static void a_compressed_batch_that_was_given_up_leaves_the_part_and_says_so(void **unused)
{
	struct err e = {0};
	conf_choice(&sink_file, conf, "compress", 1);
	open_sink();
	write_recs(0, 10);
	struct out_batch *b = batch_of(10, 600);
	set_limit(1200);
	assert_int_equal(sink_file.write(state, b, &e), SINK_BUSY);
	assert_int_equal(sink_file.close(state, &e), -EIO);
	assert_non_null(strstr(e.text, "out-000000.ndjson.zst.part is left"));
	set_limit(RLIM_INFINITY);
	batch_free(b);
	struct text got = {0}, want = text_of(0, 10);
	char full[1024];
	snprintf(full, sizeof(full), "%s/out-000000.ndjson.zst.part", dir);
	text_append_zstd(&got, full);
	assert_string_equal(got.p, want.p);
	free(got.p);
	free(want.p);
}

/* Full batches, which are gathered: number i has the records from i * PER_FULL on. */
#define PER_FULL 1200
#define N_FULL   30

static struct out_batch *full[N_FULL];
static unsigned n_reported, n_failed;

/* Behind @pos bytes, as a worker lays it down. */
static void lay(struct out_batch *b, uint64_t pos)
{
	const uint8_t *p = b->buf;
	out_batch_lay(b, pos);
	memmove(b->buf, p, b->len);
}

/* Two of three lie where their file has them, and are written from there. */
static void gathers(void)
{
	uint64_t pos = 0;
	conf_choice(&sink_file, conf, "direct", FILE_STAGE_ON);
	n_reported = n_failed = 0;
	for (unsigned i = 0; i < N_FULL; i++) {
		full[i] = batch_of(i * PER_FULL, (i + 1) * PER_FULL);
		assert_true(full[i]->len >= OUT_BATCH_BYTES);
		lay(full[i], pos + i % 3 / 2);
		pos += full[i]->len;
	}
}

static void free_full(void)
{
	for (unsigned i = 0; i < N_FULL; i++)
		batch_free(full[i]);
}

static void expect_in_part(unsigned n_recs)
{
	struct text want = text_of(0, n_recs), got = {0};
	char full_name[1024];
	snprintf(full_name, sizeof(full_name), "%s/out-000000.ndjson.part", dir);
	text_append_file(&got, full_name);
	assert_true(got.len >= want.len);
	assert_memory_equal(got.p, want.p, want.len);
	free(want.p);
	free(got.p);
}

/* In the order in which they were written; what is reported as written is in the file. */
static void take_reports(void)
{
	struct sink_report r;
	while (sink_file.report(state, &r)) {
		assert_ptr_equal(r.b, full[n_reported]);
		assert_int_equal(r.recs[SINK_WRITTEN] + r.recs[SINK_FAILED], PER_FULL);
		n_failed += r.recs[SINK_FAILED] > 0;
		assert_true(n_failed == 0 || r.why.text[0]);
		n_reported++;
		if (n_failed == 0)
			expect_in_part(n_reported * PER_FULL);
		memset(r.b->buf, '#', r.b->len); /* it is its worker's again */
	}
}

static void queue_full(unsigned i)
{
	struct err e = {0};
	if (sink_file.write(state, full[i], &e) != SINK_QUEUED)
		fail_msg("%s", e.text);
	take_reports();
}

static void a_full_batch_is_reported_when_its_block_is_in_the_file(void **unused)
{
	gathers();
	open_sink();
	for (unsigned i = 0; i < N_FULL; i++) {
		queue_full(i);
		assert_true(i + 1 - n_reported <= sink_file.holds * 2);
	}
	assert_true(n_reported > N_FULL / 2 && n_reported < N_FULL);
	assert_int_equal(sink_file.flush(state, NULL), 0);
	assert_false(n_reported == N_FULL);
	close_sink();
	assert_int_equal(expect_recs(N_FULL * PER_FULL, false), 1);
	free_full();
}

static void a_full_batch_alone_is_in_the_file_after_milliseconds(void **unused)
{
	gathers();
	open_sink();
	queue_full(0);
	assert_int_equal(n_reported, 0);
	for (unsigned i = 0; n_reported == 0; i++) {
		assert_true(i < 1000);
		pause_ms(1);
		assert_int_equal(sink_file.poll(state, NULL), SINK_DONE);
		take_reports();
	}
	close_sink();
	free_full();
}

static void a_batch_that_is_not_full_takes_along_what_was_gathered(void **unused)
{
	struct err e = {0};
	gathers();
	open_sink();
	queue_full(0);
	assert_int_equal(n_reported, 0);
	struct out_batch *b = batch_of(PER_FULL, PER_FULL + 1);
	assert_int_equal(sink_file.write(state, b, &e), SINK_QUEUED);
	expect_in_part(PER_FULL + 1);
	struct sink_report r;
	assert_true(sink_file.report(state, &r));
	assert_ptr_equal(r.b, full[0]);
	assert_true(sink_file.report(state, &r));
	assert_ptr_equal(r.b, b);
	assert_int_equal(r.recs[SINK_WRITTEN], 1);
	assert_int_equal(r.bytes_written, b->len);
	assert_false(sink_file.report(state, &r));
	batch_free(b);
	/* And it is as it was before: one alone is done at once. */
	write_recs(PER_FULL + 1, PER_FULL + 3);
	close_sink();
	expect_recs(PER_FULL + 3, false);
	free_full();
}

static void gathered_records_are_never_split_between_files(void **unused)
{
	conf_number(&sink_file, conf, "rotate_bytes", 1000003);
	gathers();
	open_sink();
	struct err e = {0};
	for (unsigned i = 0; i < N_FULL; i++)
		assert_int_not_equal(sink_file.write(state, full[i], &e), SINK_BUSY);
	close_sink();
	assert_int_equal(expect_recs(N_FULL * PER_FULL, false), 10);
	struct dirent **names;
	int n = scandir(dir, &names, not_hidden, alphasort);
	for (int i = 0; i < n; i++) {
		struct text t = {0};
		char name[1024];
		snprintf(name, sizeof(name), "%s/%s", dir, names[i]->d_name);
		text_append_file(&t, name);
		assert_in_range(t.len, i < n - 1 ? 999000 : 1, 1000003);
		assert_int_equal(t.p[t.len - 1], '\n');
		if (i == n - 1) {
			const struct out_batch *b = full[N_FULL - 1];
			assert_int_equal((b->pos + b->len + b->skew - t.len) % OUT_BATCH_PAGE, 0);
		}
		free(t.p);
		free(names[i]);
	}
	free(names);
	free_full();
}

static void what_was_gathered_and_given_up_is_failed_and_not_in_the_file(void **unused)
{
	gathers();
	open_sink();
	for (unsigned i = 0; i < 11; i++)
		queue_full(i);
	assert_in_range(n_reported, 1, 10);
	unsigned n_written = n_reported;
	sink_file.give_up(state);
	take_reports();
	assert_int_equal(n_reported, 11);
	assert_int_equal(n_failed, 11 - n_written);
	close_sink();
	expect_recs(n_written * PER_FULL, false);
	free_full();
}

/* What of it was gathered for the file that could not be finished is in no file. */
static void a_batch_that_was_given_up_between_two_files_is_in_neither(void **unused)
{
	struct err e = {0};
	conf_number(&sink_file, conf, "rotate_bytes", 100003);
	gathers();
	open_sink();
	set_limit(50001);
	assert_int_equal(sink_file.write(state, full[0], &e), SINK_BUSY);
	set_limit(RLIM_INFINITY);
	close_sink();
	expect_list("");
	free_full();
}

static void a_full_disk_is_busy_for_what_is_gathered_too(void **unused)
{
	struct err e = {0};
	uint64_t limit = 100001;
	unsigned n_busy = 0;
	gathers();
	open_sink();
	for (unsigned i = 0; i < N_FULL; i++) {
		enum sink_answer answer;
		set_limit(limit);
		while ((answer = sink_file.write(state, full[i], &e)) == SINK_BUSY) {
			assert_non_null(strstr(e.text, "File too large"));
			limit += 377777;
			set_limit(limit);
			n_busy++;
		}
		set_limit(RLIM_INFINITY);
		assert_int_not_equal(answer, SINK_FATAL);
		take_reports();
	}
	assert_true(n_busy > 10);
	close_sink();
	assert_int_equal(expect_recs(N_FULL * PER_FULL, false), 1);
	free_full();
}

static void what_is_gathered_and_cannot_be_written_is_told_until_it_can(void **unused)
{
	struct err e = {0};
	gathers();
	open_sink();
	queue_full(0);
	set_limit(1000);
	pause_ms(5);
	for (unsigned i = 0; i < 3; i++) {
		e.text[0] = '\0';
		assert_int_equal(sink_file.poll(state, &e), SINK_BUSY);
		assert_non_null(strstr(e.text, "File too large"));
		take_reports();
	}
	assert_int_equal(n_reported, 0);
	set_limit(RLIM_INFINITY);
	WAIT_UP_TO(1000, 1, sink_file.poll(state, &e) == SINK_DONE);
	take_reports();
	assert_int_equal(n_reported, 1);
	assert_int_equal(n_failed, 0);
	close_sink();
	expect_recs(PER_FULL, false);
	free_full();
}

/* Writes until it is killed, and tells how many batches were reported. */
static void write_and_tell(int to)
{
	struct err e = {0};
	struct sink_report r;
	unsigned n = 0;
	if (sink_file.open(state, conf, &e) < 0)
		_exit(1);
	for (unsigned i = 0;; i = (i + 1) % N_FULL) {
		while (sink_file.write(state, full[i], &e) == SINK_BUSY)
			;
		while (sink_file.report(state, &r)) {
			n++;
			if (write(to, &n, sizeof(n)) != sizeof(n))
				_exit(1);
		}
	}
}

/* @t is full batches one behind the other, the last one cut or not: how many are whole. */
static unsigned expect_full_ones(const struct text *t)
{
	unsigned n = 0;
	for (size_t at = 0; at < t->len; n++) {
		const struct out_batch *b = full[n % N_FULL];
		size_t left = t->len - at;
		assert_memory_equal(t->p + at, b->buf, left < b->len ? left : b->len);
		if (left < b->len)
			break;
		at += b->len;
	}
	return n;
}

static void a_process_that_is_killed_leaves_all_that_was_reported_and_nothing_else(void **unused)
{
	gathers();
	for (unsigned round = 0; round < 5; round++) {
		int from[2];
		unsigned n = 0, more;
		assert_int_equal(pipe(from), 0);
		pid_t child = fork();
		if (child == 0)
			write_and_tell(from[1]);
		close(from[1]);
		while (n < 20 + 9 * round && read(from[0], &n, sizeof(n)) == sizeof(n))
			;
		kill(child, SIGKILL);
		waitpid(child, NULL, 0);
		while (read(from[0], &more, sizeof(more)) == sizeof(more))
			n = more;
		close(from[0]);
		char part[1024];
		snprintf(part, sizeof(part), "%s/out-%06u.ndjson.part", dir, round);
		struct text got = {0};
		text_append_file(&got, part);
		assert_true(expect_full_ones(&got) >= n);
		free(got.p);
	}
	free_full();
}

/* The disk is full in the middle of a batch; when it has room again, the file has become old. */
static void a_file_that_becomes_old_in_the_middle_of_a_batch_ends_behind_it(void **unused)
{
	struct err e = {0};
	unsigned i = 0;
	conf_number(&sink_file, conf, "rotate_every", 1000000);
	gathers();
	open_sink();
	set_limit(100001);
	while (sink_file.write(state, full[i], &e) == SINK_QUEUED)
		i++;
	assert_non_null(strstr(e.text, "File too large"));
	set_limit(RLIM_INFINITY);
	pause_ms(150);
	sink_file.poll(state, &e);
	assert_int_not_equal(sink_file.write(state, full[i], &e), SINK_BUSY);
	close_sink();
	for (struct sink_report r; sink_file.report(state, &r);)
		n_reported++;
	assert_int_equal(n_reported, i + 1);
	assert_int_equal(expect_recs((i + 1) * PER_FULL, false), 1);
	free_full();
}

static void a_directory_that_is_not_there_is_an_error_that_names_it(void **unused)
{
	struct err e = {0};
	set_path("nowhere/out.ndjson");
	assert_int_equal(sink_file.open(state, conf, &e), -ENOENT);
	assert_non_null(strstr(e.text, "/nowhere: No such file or directory"));
}

static void a_directory_that_may_not_be_written_is_an_error_that_names_it(void **unused)
{
	struct err e = {0};
	assert_int_equal(chmod(dir, 0555), 0);
	bool root = geteuid() == 0;
	if (root)
		assert_int_equal(seteuid(65534), 0);
	int rc = sink_file.open(state, conf, &e);
	if (root)
		assert_int_equal(seteuid(0), 0);
	chmod(dir, 0755);
	assert_int_equal(rc, -EACCES);
	assert_non_null(strstr(e.text, dir));
	assert_non_null(strstr(e.text, "Permission denied"));
}

static void a_directory_that_goes_away_is_busy_until_it_is_back(void **unused)
{
	struct err e = {0};
	char moved[1024];
	set_path("sub/out.ndjson");
	char sub[1024];
	snprintf(sub, sizeof(sub), "%s/sub", dir);
	snprintf(moved, sizeof(moved), "%s/moved", dir);
	assert_int_equal(mkdir(sub, 0755), 0);
	open_sink();
	rename(sub, moved);
	struct out_batch *b = batch_of(0, 5);
	assert_int_equal(sink_file.write(state, b, &e), SINK_BUSY);
	assert_non_null(strstr(e.text, "sub/out-000000.ndjson"));
	rename(moved, sub);
	assert_int_equal(sink_file.write(state, b, &e), SINK_DONE);
	batch_free(b);
	close_sink();
}

static void a_wrong_template_is_refused_at_the_start(void **unused)
{
	struct err e = {0};
	set_path("out-%q");
	assert_int_equal(sink_file.open(state, conf, &e), -EINVAL);
	assert_non_null(strstr(e.text, "%q is none of %Y"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_has_its_name_only_when_it_is_complete),
		TEST(no_record_makes_no_file),
		TEST(rotation_by_size_never_splits_a_record_and_never_passes_the_size),
		TEST(a_record_larger_than_a_file_has_a_file_of_its_own),
		TEST(rotation_by_time_finishes_the_file_without_a_record),
		TEST(existing_files_are_never_written_over),
		TEST(a_name_that_was_taken_meanwhile_is_left_to_its_owner),
		TEST(unfinished_files_of_an_earlier_run_are_told_and_left),
		TEST(a_file_that_is_being_written_is_no_leftover_to_the_next_sink),
		TEST(dates_in_directories_make_directories),
		TEST(zstd_files_hold_the_same_lines_in_frames),
		TEST(zstd_files_rotate_by_their_own_size),
		TEST(a_crash_leaves_every_batch_that_was_done_readable),
		TEST(a_full_disk_is_busy_and_each_record_is_written_once),
		TEST(a_full_disk_is_busy_for_zstd_too),
		TEST(a_batch_that_was_given_up_leaves_whole_records_only),
		TEST(a_compressed_batch_that_was_given_up_leaves_the_part_and_says_so),
		TEST(a_full_batch_is_reported_when_its_block_is_in_the_file),
		TEST(a_full_batch_alone_is_in_the_file_after_milliseconds),
		TEST(a_batch_that_is_not_full_takes_along_what_was_gathered),
		TEST(gathered_records_are_never_split_between_files),
		TEST(what_was_gathered_and_given_up_is_failed_and_not_in_the_file),
		TEST(a_batch_that_was_given_up_between_two_files_is_in_neither),
		TEST(a_full_disk_is_busy_for_what_is_gathered_too),
		TEST(what_is_gathered_and_cannot_be_written_is_told_until_it_can),
		TEST(a_file_that_becomes_old_in_the_middle_of_a_batch_ends_behind_it),
		TEST(a_process_that_is_killed_leaves_all_that_was_reported_and_nothing_else),
		TEST(a_directory_that_is_not_there_is_an_error_that_names_it),
		TEST(a_directory_that_may_not_be_written_is_an_error_that_names_it),
		TEST(a_directory_that_goes_away_is_busy_until_it_is_back),
		TEST(a_wrong_template_is_refused_at_the_start),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
