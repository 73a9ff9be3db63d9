#include "tests/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "dataplane/base/mem.h"
#include "dataplane/sink/dead_letter_sink.h"
#include "dataplane/sink/dead_letter_store.h"

static char dir[64];
static struct dead_letter_conf conf;
static void *state;
static struct out_batch batch;
static struct err error;

static void open_sink(void)
{
	state = mem_alloc(sink_dead_letter.state_size);
	assert_non_null(state);
	if (sink_dead_letter.open(state, &conf, &error) < 0)
		fail_msg("%s", error.text);
}

static void close_sink(void)
{
	assert_int_equal(sink_dead_letter.close(state, &error), 0);
	mem_free(state);
	state = NULL;
}

static int set_up(void **unused)
{
	snprintf(dir, sizeof(dir), "/tmp/sluice-dlq-XXXXXX");
	conf = (struct dead_letter_conf){
		.dir = mkdtemp(dir), .bytes_max = 1 << 20, .segment_bytes = 1 << 16, .level = 0};
	error.text[0] = '\0';
	return out_batch_init(&batch, 1 << 20);
}

static void each_file(void (*what)(const char *path))
{
	DIR *d = opendir(dir);
	char path[512];
	assert_non_null(d);
	for (struct dirent *entry; (entry = readdir(d));) {
		snprintf(path, sizeof(path), "%s/%s", dir, entry->d_name);
		if (entry->d_name[0] != '.')
			what(path);
	}
	closedir(d);
}

static void remove_file(const char *path)
{
	unlink(path);
}

static int tear_down(void **unused)
{
	out_batch_fini(&batch);
	each_file(remove_file);
	return rmdir(dir);
}

static void add(const char *reason, size_t raw_bytes)
{
	static uint8_t raw[1 << 19];
	struct dead_letter l = {.kind = DEAD_FRAME, .time_ns = 1000 + batch.n_recs};
	l.text[DEAD_REASON] = slice_str(reason);
	l.text[DEAD_RAW] = slice_of(raw, raw_bytes);
	dead_letter_put(&l, batch.buf + batch.len);
	batch.len += dead_letter_bytes(&l);
	batch.ends[batch.n_recs++] = (uint32_t)batch.len;
}

static enum sink_answer send(void)
{
	enum sink_answer a = sink_dead_letter.write(state, &batch, &error);
	batch.len = batch.n_recs = 0;
	return a;
}

static struct dead_letter_store *open_store(void)
{
	struct dead_letter_store *s;
	if (dead_letter_store_open(&file_ops_real, dir, &s, &error) < 0)
		fail_msg("%s", error.text);
	return s;
}

/* The numbers and reasons of all letters: "0a 1b". */
static const char *listed(struct dead_letter_store *s)
{
	static char text[4096];
	struct dead_letter l;
	uint64_t seq;
	size_t n = 0;
	text[0] = '\0';
	dead_letter_store_rewind(s);
	while (dead_letter_store_next(s, &seq, &l, &error) > 0 && n < sizeof(text) - 64)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%llu%.*s", n ? " " : "",
				      (unsigned long long)seq, (int)l.text[DEAD_REASON].len,
				      (const char *)l.text[DEAD_REASON].ptr);
	return text;
}

static void mark(uint64_t seq, enum dead_state to)
{
	struct dead_letter_store *s = open_store();
	assert_int_equal(dead_letter_store_lock(s, &error), 0);
	assert_int_equal(dead_letter_store_mark(s, seq, to, 1, &error), 0);
	assert_int_equal(dead_letter_store_sync(s, &error), 0);
	dead_letter_store_close(s);
}

static void letters_are_numbered_over_batches_and_restarts(void **unused)
{
	open_sink();
	add("a", 10);
	add("b", 0);
	assert_int_equal(send(), SINK_DONE);
	add("c", 10);
	assert_int_equal(send(), SINK_DONE);
	struct dead_letter_store *s = open_store(); /* while it is written */
	assert_string_equal(listed(s), "0a 1b 2c");
	dead_letter_store_close(s);
	close_sink();
	open_sink();
	add("d", 10);
	assert_int_equal(send(), SINK_DONE);
	close_sink();
	s = open_store();
	assert_string_equal(listed(s), "0a 1b 2c 3d");
	assert_int_equal(dead_letter_store_damaged(s, NULL), 0);
	assert_int_equal(dead_letter_store_end(s), 4);
	dead_letter_store_close(s);
}

static void a_mark_stays_and_the_last_one_counts(void **unused)
{
	open_sink();
	add("a", 10);
	add("b", 10);
	send();
	close_sink();
	mark(1, DEAD_FAILED);
	mark(0, DEAD_FAILED);
	mark(1, DEAD_RETRIED);
	struct dead_letter_store *s = open_store();
	assert_int_equal(dead_letter_store_state(s, 0), DEAD_FAILED);
	assert_int_equal(dead_letter_store_state(s, 1), DEAD_RETRIED);
	assert_int_equal(dead_letter_store_state(s, 2), DEAD_NEW);
	dead_letter_store_close(s);
}

static void half_a_mark_is_none_and_is_written_over(void **unused)
{
	char path[128];
	open_sink();
	add("a", 10);
	send();
	close_sink();
	mark(0, DEAD_RETRIED);
	snprintf(path, sizeof(path), "%s/retried", dir);
	assert_int_equal(truncate(path, 31), 0); /* the machine stopped inside the write */
	struct dead_letter_store *s = open_store();
	assert_int_equal(dead_letter_store_state(s, 0), DEAD_NEW);
	dead_letter_store_close(s);
	mark(0, DEAD_FAILED);
	s = open_store();
	assert_int_equal(dead_letter_store_state(s, 0), DEAD_FAILED);
	dead_letter_store_close(s);
}

static void one_process_retries_at_a_time(void **unused)
{
	open_sink();
	struct dead_letter_store *a = open_store(), *b = open_store();
	assert_int_equal(dead_letter_store_lock(a, &error), 0);
	assert_int_equal(dead_letter_store_lock(b, &error), -EBUSY);
	assert_non_null(strstr(error.text, "tries its letters again"));
	dead_letter_store_close(a);
	dead_letter_store_close(b);
	close_sink();
}

static void two_processes_never_write_into_one_folder(void **unused)
{
	open_sink();
	void *other = mem_alloc(sink_dead_letter.state_size);
	assert_int_equal(sink_dead_letter.open(other, &conf, &error), -EBUSY);
	assert_non_null(strstr(error.text, "writes its letters there"));
	sink_dead_letter.close(other, &error);
	mem_free(other);
	close_sink();
}

static void a_full_folder_refuses_letters_and_says_so_once(void **unused)
{
	unsigned n = 0;
	struct sink_report r;
	open_sink();
	do {
		add("x", 1 << 18);
		n++;
	} while (send() == SINK_DONE && n < 100);
	assert_int_equal(n, 4); /* three of 256 KiB fit in 1 MiB, heads and all */
	assert_true(sink_dead_letter.report(state, &r));
	assert_non_null(strstr(r.why.text, "is full"));
	add("x", 1 << 18);
	assert_int_equal(send(), SINK_REJECT);
	assert_false(sink_dead_letter.report(state, &r));
	/* Letters that have gone through make room, by whole segments. */
	for (uint64_t seq = 0; seq < 2; seq++)
		mark(seq, DEAD_RETRIED);
	add("y", 1 << 18);
	assert_int_equal(send(), SINK_DONE);
	close_sink();
	struct dead_letter_store *s = open_store();
	assert_string_equal(listed(s), "2x 3y");
	dead_letter_store_close(s);
}

/* A number that is used twice would let a new letter pass for one that was retried. */
static void a_number_is_never_used_again_also_when_all_is_removed(void **unused)
{
	open_sink();
	add("a", 10);
	send();
	close_sink();
	mark(0, DEAD_RETRIED);
	open_sink(); /* removes what is done with */
	struct dead_letter_store *s = open_store();
	assert_string_equal(listed(s), "");
	dead_letter_store_close(s);
	add("b", 10);
	send();
	close_sink();
	s = open_store();
	assert_string_equal(listed(s), "1b");
	assert_int_equal(dead_letter_store_state(s, 1), DEAD_NEW);
	dead_letter_store_close(s);
}

static void letters_that_are_too_old_are_removed_and_told_of(void **unused)
{
	struct sink_report r;
	open_sink();
	add("a", 10);
	add("b", 10);
	send();
	close_sink();
	mark(0, DEAD_RETRIED);
	conf.age_max_ns = 3600000000000; /* an hour: it is younger */
	open_sink();
	assert_false(sink_dead_letter.report(state, &r));
	close_sink();
	conf.age_max_ns = 1;
	open_sink();
	assert_true(sink_dead_letter.report(state, &r));
	assert_non_null(strstr(r.why.text, "2 letters older than dead_letters.age_max"));
	assert_non_null(strstr(r.why.text, "1 of them never retried"));
	close_sink();
	struct dead_letter_store *s = open_store();
	assert_string_equal(listed(s), "");
	dead_letter_store_close(s);
}

static void cut_last_bytes(const char *path)
{
	int fd = strstr(path, ".seg") ? open(path, O_RDWR) : -1;
	if (fd < 0)
		return;
	off_t len = lseek(fd, 0, SEEK_END);
	assert_int_equal(ftruncate(fd, len - 5), 0);
	close(fd);
}

static void a_letter_that_a_crash_cut_is_left_out_and_the_others_are_kept(void **unused)
{
	open_sink();
	add("a", 10);
	send();
	add("b", 10);
	send();
	each_file(cut_last_bytes); /* inside of b; the segment is still NAME.open */
	struct dead_letter_store *s = open_store();
	uint64_t cut;
	assert_string_equal(listed(s), "0a");
	assert_int_equal(dead_letter_store_damaged(s, &cut), 0); /* it was not counted as written */
	assert_int_not_equal(cut, 0);
	dead_letter_store_close(s);
	close_sink();
}

static void spoil(const char *path)
{
	int fd = strstr(path, ".seg") ? open(path, O_RDWR) : -1;
	if (fd < 0)
		return;
	assert_int_equal(pwrite(fd, "xxxxxxxx", 8, 0), 8);   /* the head */
	assert_int_equal(pwrite(fd, "xxxxxxxx", 8, 100), 8); /* and the only frame */
	assert_int_equal(ftruncate(fd, 200), 0);
	close(fd);
}

static void a_finished_segment_that_is_none_any_more_is_damage(void **unused)
{
	open_sink();
	add("a", 100);
	send();
	close_sink();
	each_file(spoil);
	struct dead_letter_store *s = open_store();
	assert_string_equal(listed(s), "");
	assert_int_equal(dead_letter_store_damaged(s, NULL), 200);
	dead_letter_store_close(s);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(letters_are_numbered_over_batches_and_restarts),
		CASE(a_mark_stays_and_the_last_one_counts),
		CASE(half_a_mark_is_none_and_is_written_over),
		CASE(one_process_retries_at_a_time),
		CASE(two_processes_never_write_into_one_folder),
		CASE(a_full_folder_refuses_letters_and_says_so_once),
		CASE(a_number_is_never_used_again_also_when_all_is_removed),
		CASE(letters_that_are_too_old_are_removed_and_told_of),
		CASE(a_finished_segment_that_is_none_any_more_is_damage),
		CASE(a_letter_that_a_crash_cut_is_left_out_and_the_others_are_kept),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
