/* What sluicectl says of a spool on the disk, and what it changes there. */
#include "tests/unit/unit.h"

#include <unistd.h>

#include "ctl/spool_files.h"
#include "dataplane/sink/spool.h"
#include "tests/support/sink_peer.h"

#define SECOND 1000000000ull

static char *dir, queue_dir[600];
static struct spool_conf conf;
static struct spool *spool;

static void open_spool(void)
{
	struct err e = {0};
	if (spool_open(&conf, "shop/beer", &file_ops_real, SECOND, &spool, &e) < 0)
		fail_msg("%s", e.text);
}

/* Records 0 to 999, in files of some hundred; the first 250 are delivered. */
static int set_up(void **unused)
{
	struct err e = {0};
	dir = dir_make();
	snprintf(queue_dir, sizeof(queue_dir), "%s/shop@beer", dir);
	conf = (struct spool_conf){.dir = dir, .bytes_max = 1 << 30, .segment_bytes = 40000};
	open_spool();
	for (unsigned i = 0; i < 1000; i += 50) {
		struct out_batch *b = batch_of(i, i + 50);
		assert_int_equal(spool_append(spool, b, i, &e), 0);
		batch_free(b);
	}
	spool_ack(spool, 250);
	assert_int_equal(spool_close(spool, &e), 0);
	spool = NULL;
	return 0;
}

static int tear_down(void **unused)
{
	spool_close(spool, NULL);
	spool = NULL;
	dir_remove(dir);
	return 0;
}

static json_int_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

static const json_t *row(const json_t *reply, size_t i)
{
	return json_array_get(json_object_get(reply, "rows"), i);
}

static void a_list_says_what_waits(void **unused)
{
	struct err e = {0};
	json_t *r = json_object();
	assert_int_equal(spool_ls(dir, r, &e), 0);
	assert_int_equal(number(r, "waiting"), 750);
	assert_true(number(r, "records") >= 750 && number(r, "records") < 1000);
	assert_int_equal(number(r, "files"), json_array_size(json_object_get(r, "rows")));
	assert_string_equal(json_string_value(json_object_get(row(r, 0), "queue")), "shop/beer");
	assert_string_equal(json_string_value(json_object_get(row(r, 0), "state")), "finished");
	json_decref(r);
}

static const char *file(unsigned i)
{
	static char path[1024];
	struct err e = {0};
	json_t *r = json_object();
	assert_int_equal(spool_ls(queue_dir, r, &e), 0);
	snprintf(path, sizeof(path), "%s", json_string_value(json_object_get(row(r, i), "file")));
	json_decref(r);
	return path;
}

static void change_byte(const char *path, off_t at)
{
	uint8_t c;
	int fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, &c, 1, at), 1);
	c ^= 0x10;
	assert_int_equal(pwrite(fd, &c, 1, at), 1);
	close(fd);
}

/* vector#19154, #20561: a check of the buffer that says what is wrong, and where. */
static void a_check_names_the_file_the_place_and_the_records(void **unused)
{
	struct err e = {0};
	json_t *r = json_object();
	assert_int_equal(spool_fsck(dir, false, r, &e), 0);
	assert_true(json_is_true(json_object_get(r, "sound")));
	json_decref(r);
	change_byte(file(1), 500);
	r = json_object();
	assert_int_equal(spool_fsck(dir, false, r, &e), 0);
	assert_false(json_is_true(json_object_get(r, "sound")));
	assert_int_equal(number(r, "lost"), 50);
	assert_string_equal(json_string_value(json_object_get(row(r, 0), "file")), file(1));
	assert_int_equal(number(row(r, 0), "offset"), 64);
	assert_int_equal(number(row(r, 0), "records"), 50);
	assert_string_equal(json_string_value(json_object_get(row(r, 0), "what")),
			    "the records of a frame are damaged");
	json_decref(r);
}

static void a_repair_cuts_what_is_torn_and_leaves_the_rest(void **unused)
{
	struct err e = {0};
	char path[1024];
	snprintf(path, sizeof(path), "%s", file(0));
	assert_int_equal(truncate(path, 20000), 0);
	for (unsigned i = 0; i < 2; i++) {
		json_t *r = json_object();
		assert_int_equal(spool_fsck(dir, true, r, &e), 0);
		assert_int_equal(json_is_true(json_object_get(r, "sound")), i == 1);
		assert_int_equal(number(r, "repaired"), i == 0);
		json_decref(r);
	}
}

static void a_spool_in_use_is_read_and_not_changed(void **unused)
{
	struct err e = {0};
	json_t *r = json_object();
	open_spool();
	change_byte(file(1), 500);
	assert_int_equal(spool_fsck(dir, true, r, &e), -EBUSY);
	assert_non_null(strstr(e.text, "is in use by process"));
	assert_int_equal(spool_cut(queue_dir, 300, r, &e), -EBUSY);
	json_decref(r);
}

static void a_cut_says_how_many_records_are_forgotten(void **unused)
{
	struct err e = {0};
	json_t *r = json_object();
	assert_int_equal(spool_cut(queue_dir, 600, r, &e), 0);
	assert_int_equal(number(r, "cut"), 350);
	assert_int_equal(number(r, "left"), 400);
	json_decref(r);
	open_spool();
	assert_int_equal(spool_held(spool), 400);
}

static void a_cut_is_of_one_queue_of_a_spool(void **unused)
{
	struct err e = {0};
	json_t *r = json_object();
	assert_int_equal(spool_cut("/tmp/nowhere", 1, r, &e), -ENOENT);
	assert_int_equal(spool_cut("/usr/lib", 1, r, &e), -EINVAL);
	json_decref(r);
}

struct seen {
	uint64_t next, n;
};

static bool see(void *ctx, const struct seg_head *h, uint64_t seq, const struct seg_rec *rec)
{
	struct seen *s = ctx;
	struct text want = text_of((unsigned)seq, (unsigned)seq + 1);
	assert_int_equal(seq, s->next);
	assert_int_equal(rec->bytes.len, want.len);
	assert_memory_equal(rec->bytes.ptr, want.p, want.len);
	free(want.p);
	s->next++;
	return ++s->n < 100;
}

static void records_are_read_from_a_number_on(void **unused)
{
	struct err e = {0};
	struct seen seen = {.next = 777};
	const struct spool_reader to = {.rec = see, .ctx = &seen, .from = 777};
	uint64_t lost;
	assert_int_equal(spool_cat(dir, &to, &lost, &e), 0);
	assert_int_equal(seen.n, 100);
	assert_int_equal(lost, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_list_says_what_waits),
		TEST(a_check_names_the_file_the_place_and_the_records),
		TEST(a_repair_cuts_what_is_torn_and_leaves_the_rest),
		TEST(a_spool_in_use_is_read_and_not_changed),
		TEST(a_cut_says_how_many_records_are_forgotten),
		TEST(a_cut_is_of_one_queue_of_a_spool),
		TEST(records_are_read_from_a_number_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
