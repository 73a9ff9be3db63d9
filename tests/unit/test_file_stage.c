#include "tests/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/sink/file_stage.h"

#define PAGE      4096u
#define MIB       (1u << 20)
#define BYTES_MAX (8 * MIB)
#define GIVEN_MAX 4096

/* A file system behind the calls that a stage makes: it knows O_DIRECT or refuses it, and holds a
 * direct write to what a real one asks for. Its files are in memory.
 */
static struct disk {
	bool tells, refuses_flag, refuses_writes;
	int fails_with;      /* every write: errno */
	size_t most;         /* bytes that a write takes; 0: all */
	uint64_t room;       /* bytes of the file */
	uint64_t ns_per_kib; /* how slow it is */
	uint64_t now_ns;
	bool is_direct;
	unsigned n_direct, n_cached;
	uint64_t direct_bytes;
	uint64_t lent_bytes; /* written from where the stage was given them */
} disk;

/* What the stage was given since all of it was written: memory of exactly that size, so that a copy
 * that reads further is seen.
 */
static struct given {
	uint8_t *map, *p;
	size_t len;
} given[GIVEN_MAX];
static unsigned n_given;

static bool is_lent(const void *p)
{
	for (unsigned i = 0; i < n_given; i++)
		if ((const uint8_t *)p >= given[i].p &&
		    (const uint8_t *)p < given[i].p + given[i].len)
			return true;
	return false;
}

static void free_given(void)
{
	while (n_given > 0)
		free(given[--n_given].map);
}

/* What the test links in place of the C library's. */

int fcntl(int fd, int cmd, ...)
{
	va_list ap;
	va_start(ap, cmd);
	long arg = va_arg(ap, long);
	va_end(ap);
	if (cmd != F_SETFL)
		return (int)syscall(SYS_fcntl, fd, cmd, arg);
	if (arg & O_DIRECT && disk.refuses_flag) {
		errno = EINVAL;
		return -1;
	}
	disk.is_direct = arg & O_DIRECT;
	return 0;
}

int statx(int fd, const char *path, int flags, unsigned mask, struct statx *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->stx_mask = disk.tells ? STATX_DIOALIGN : 0;
	ret->stx_dio_mem_align = ret->stx_dio_offset_align = 512;
	return 0;
}

int clock_gettime(clockid_t id, struct timespec *ret)
{
	ret->tv_sec = (time_t)(disk.now_ns / 1000000000u);
	ret->tv_nsec = (long)(disk.now_ns % 1000000000u);
	return 0;
}

ssize_t writev(int fd, const struct iovec *pieces, int n)
{
	size_t len = 0;
	uint64_t off = (uint64_t)lseek(fd, 0, SEEK_CUR);
	errno = disk.is_direct && disk.refuses_writes ? EINVAL : disk.fails_with;
	if (errno)
		return -1;
	for (int i = 0; i < n; i++) {
		assert_true(pieces[i].iov_len > 0);
		if (disk.is_direct) {
			assert_int_equal((uintptr_t)pieces[i].iov_base % PAGE, 0);
			assert_int_equal(pieces[i].iov_len % PAGE, 0);
		}
		len += pieces[i].iov_len;
	}
	len = disk.most && disk.most < len ? disk.most : len;
	len = disk.room - off < len ? disk.room - off : len;
	errno = ENOSPC;
	if (len == 0)
		return -1;
	if (disk.is_direct) {
		assert_int_equal(off % PAGE, 0);
		len = len / 512 * 512;
		disk.n_direct++;
		disk.direct_bytes += len;
		disk.now_ns += len / 1024 * disk.ns_per_kib;
	} else {
		disk.n_cached++;
	}
	for (size_t left = len; left > 0; pieces++) {
		size_t some = pieces->iov_len < left ? pieces->iov_len : left;
		disk.lent_bytes += is_lent(pieces->iov_base) ? some : 0;
		assert_int_equal(syscall(SYS_write, fd, pieces->iov_base, some), some);
		left -= some;
	}
	return (ssize_t)len;
}

static struct file_stage *s;
static int fd;
static uint8_t *in; /* what goes into the file: in[i] belongs at offset i */
static uint64_t at;

static int set_up(void **unused)
{
	disk = (struct disk){.tells = true, .room = UINT64_MAX};
	in = malloc(BYTES_MAX);
	uint32_t x = 1;
	for (size_t i = 0; i < BYTES_MAX; i++)
		in[i] = (uint8_t)((x = x * 1664525u + 1013904223u) >> 24);
	fd = memfd_create("stage", 0);
	assert_true(fd >= 0);
	at = 0;
	return 0;
}

static int tear_down(void **unused)
{
	file_stage_destroy(s);
	free_given();
	close(fd);
	free(in);
	return 0;
}

static void begin(enum file_stage_mode mode)
{
	s = file_stage_create(mode);
	assert_non_null(s);
	file_stage_begin(s, fd);
}

/* The file is the first bytes of what went in, and nothing else, and as many as it is said. */
static void expect_file(void)
{
	uint64_t n = file_stage_written(s);
	struct stat about;
	fstat(fd, &about);
	assert_int_equal(about.st_size, n);
	if (n == 0)
		return;
	uint8_t *got = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(got, MAP_FAILED);
	assert_memory_equal(got, in, n);
	munmap(got, n);
}

/* So many bytes @skew behind the place in a page that the file will have them at. */
static void add_at(size_t skew, size_t len)
{
	while (len > 0) {
		struct given *g = &given[n_given++];
		assert_true(n_given <= GIVEN_MAX);
		size_t place = (at + skew) % PAGE;
		g->len = len;
		assert_int_equal(posix_memalign((void **)&g->map, PAGE, place + len), 0);
		g->p = memcpy(g->map + place, in + at, len);
		size_t n = file_stage_add(s, g->p, len);
		at += n;
		len -= n;
		if (file_stage_is_full(s))
			assert_int_equal(file_stage_write(s), 0);
		if (file_stage_held(s) == 0)
			free_given();
	}
}

static void add(size_t len)
{
	add_at(1, len);
}

static void write_all(void)
{
	assert_int_equal(file_stage_write(s), 0);
	assert_int_equal(file_stage_written(s), at);
	expect_file();
	free_given();
}

static void pass(size_t len)
{
	size_t done = 0;
	assert_int_equal(file_stage_pass(s, in + at, len, &done), 0);
	assert_int_equal(done, len);
	at += len;
}

static void a_full_block_is_one_direct_write(void **unused)
{
	begin(FILE_STAGE_AUTO);
	assert_true(file_stage_wants(s));
	add(FILE_STAGE_BYTES - 1);
	assert_int_equal(file_stage_written(s), 0);
	add(1);
	assert_int_equal(disk.n_direct, 1);
	assert_int_equal(disk.n_cached, 0);
	assert_int_equal(file_stage_held(s), 0);
	expect_file();
}

static void what_does_not_fill_pages_goes_by_the_page_cache_and_pads_nothing(void **unused)
{
	begin(FILE_STAGE_AUTO);
	pass(1000);
	add(MIB);
	write_all();
	assert_int_equal(disk.n_cached, 3);
	assert_int_equal(disk.n_direct, 1);
	assert_int_equal(disk.direct_bytes, (1000 + MIB) / PAGE * PAGE - PAGE);
	add(FILE_STAGE_BYTES);
	write_all();
}

static void a_block_that_is_small_is_not_worth_a_direct_write(void **unused)
{
	begin(FILE_STAGE_AUTO);
	for (unsigned i = 0; i < 20; i++) {
		add(50000 + i);
		write_all();
	}
	assert_int_equal(disk.n_direct, 0);
	assert_int_equal(disk.n_cached, 20);
}

static void bytes_of_any_lengths_come_out_as_they_went_in(void **unused)
{
	uint32_t x = 7;
	begin(FILE_STAGE_ON);
	while (at < BYTES_MAX - MIB) {
		x = x * 1664525u + 1013904223u;
		size_t len = 1 + (x >> 8) % (x >> 30 ? 300 : 300000);
		if (file_stage_held(s) == 0 && x >> 31)
			pass(len);
		else
			add(len);
		if ((x >> 20) % 16 == 0)
			write_all();
	}
	write_all();
	assert_true(disk.n_direct > 3 && disk.n_cached > 20);
}

static void what_lies_where_the_file_has_it_is_written_from_there(void **unused)
{
	begin(FILE_STAGE_AUTO);
	for (unsigned i = 0; i < 8; i++)
		add_at(0, 263144 + 1000 * i);
	assert_int_equal(disk.n_direct, 1);
	assert_int_equal(disk.n_cached, 0);
	/* All but the pages that two of them share. */
	assert_int_equal(disk.lent_bytes, FILE_STAGE_BYTES - 7 * PAGE);
	write_all();
}

static void what_lies_elsewhere_or_is_short_is_copied(void **unused)
{
	begin(FILE_STAGE_AUTO);
	for (unsigned i = 1; i < 5; i++)
		add_at(i * PAGE / 5, 262144);
	for (unsigned i = 0; i < 100; i++)
		add_at(0, 32767);
	write_all();
	assert_true(disk.n_direct > 0);
	assert_int_equal(disk.lent_bytes, 0);
}

static void bytes_come_out_as_they_went_in_wherever_they_lie(void **unused)
{
	uint32_t x = 11;
	begin(FILE_STAGE_ON);
	while (at < BYTES_MAX - MIB) {
		x = x * 1664525u + 1013904223u;
		size_t len = 1 + (x >> 8) % (x >> 30 ? 300000 : 300);
		if ((x >> 10) % 8 == 0)
			disk.most = 512 * (1 + (x >> 13) % 700);
		if (file_stage_held(s) == 0 && (x >> 5) % 8 == 0)
			pass(len);
		else
			add_at((x >> 16) % 4 ? 0 : x % PAGE, len);
		if ((x >> 20) % 16 == 0)
			write_all();
	}
	write_all();
	assert_true(disk.lent_bytes > MIB && disk.lent_bytes < at - MIB);
}

static void a_file_system_that_refuses_gets_all_by_the_page_cache(void **unused)
{
	disk.refuses_flag = true;
	begin(FILE_STAGE_ON);
	add(3 * MIB);
	write_all();
	assert_int_equal(disk.n_direct, 0);
	assert_false(file_stage_wants(s));
}

static void one_that_refuses_the_write_gets_all_by_the_page_cache(void **unused)
{
	disk.refuses_writes = true;
	begin(FILE_STAGE_AUTO);
	add(3 * MIB);
	write_all();
	assert_int_equal(disk.n_direct, 0);
	assert_false(file_stage_wants(s));
}

static void one_that_does_not_say_that_it_can_is_not_tried(void **unused)
{
	disk.tells = false;
	begin(FILE_STAGE_AUTO);
	assert_false(file_stage_wants(s));
	file_stage_destroy(s);
	begin(FILE_STAGE_ON);
	assert_true(file_stage_wants(s));
	disk.tells = true;
	file_stage_destroy(s);
	begin(FILE_STAGE_OFF);
	assert_false(file_stage_wants(s));
}

static void a_slow_disk_gets_the_next_bytes_by_the_page_cache(void **unused)
{
	disk.ns_per_kib = 9000;
	begin(FILE_STAGE_AUTO);
	add(FILE_STAGE_BYTES);
	assert_int_equal(disk.n_direct, 1);
	assert_false(file_stage_wants(s));
	/* In the next file, too. */
	int other = memfd_create("next", 0);
	disk.is_direct = false;
	file_stage_begin(s, other);
	assert_false(file_stage_wants(s));
	for (at = 0; file_stage_written(s) < 30 * MIB; at = 0)
		pass(MIB);
	assert_false(file_stage_wants(s));
	at = 0;
	pass(2 * MIB);
	assert_true(file_stage_wants(s));
	close(other);
}

static void who_asks_for_direct_writes_gets_them_of_a_slow_disk_too(void **unused)
{
	disk.ns_per_kib = 1000000;
	begin(FILE_STAGE_ON);
	add(2 * FILE_STAGE_BYTES);
	assert_int_equal(disk.n_direct, 2);
	assert_true(file_stage_wants(s));
}

static void a_full_disk_takes_what_fits_and_the_rest_when_there_is_room(void **unused)
{
	begin(FILE_STAGE_AUTO);
	pass(777);
	for (disk.room = 100000; at < BYTES_MAX - MIB; disk.room += 333333) {
		size_t len = MIB / 2, n = file_stage_add(s, in + at, len);
		at += n;
		while (file_stage_write(s) == -ENOSPC) {
			expect_file();
			assert_int_equal(file_stage_written(s) + file_stage_held(s), at);
			disk.room += 100001;
		}
		expect_file();
		assert_int_equal(file_stage_held(s), 0);
	}
	assert_true(disk.n_direct > 5);
}

static void writes_that_take_a_part_go_on_behind_it(void **unused)
{
	begin(FILE_STAGE_ON);
	for (disk.most = 3 * 512; disk.most < 200000; disk.most = disk.most * 3 + 1) {
		add(MIB + 5);
		write_all();
	}
}

static void an_error_is_told_and_what_was_gathered_stays(void **unused)
{
	begin(FILE_STAGE_AUTO);
	add(MIB);
	disk.fails_with = EIO;
	assert_int_equal(file_stage_write(s), -EIO);
	assert_int_equal(file_stage_held(s), MIB);
	expect_file();
	disk.fails_with = 0;
	write_all();
}

static void what_is_forgotten_is_not_written(void **unused)
{
	begin(FILE_STAGE_AUTO);
	pass(500);
	add(MIB);
	file_stage_forget(s);
	assert_int_equal(file_stage_write(s), 0);
	assert_int_equal(file_stage_written(s), 500);
	expect_file();
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_full_block_is_one_direct_write),
		TEST(what_does_not_fill_pages_goes_by_the_page_cache_and_pads_nothing),
		TEST(a_block_that_is_small_is_not_worth_a_direct_write),
		TEST(bytes_of_any_lengths_come_out_as_they_went_in),
		TEST(what_lies_where_the_file_has_it_is_written_from_there),
		TEST(what_lies_elsewhere_or_is_short_is_copied),
		TEST(bytes_come_out_as_they_went_in_wherever_they_lie),
		TEST(a_file_system_that_refuses_gets_all_by_the_page_cache),
		TEST(one_that_refuses_the_write_gets_all_by_the_page_cache),
		TEST(one_that_does_not_say_that_it_can_is_not_tried),
		TEST(a_slow_disk_gets_the_next_bytes_by_the_page_cache),
		TEST(who_asks_for_direct_writes_gets_them_of_a_slow_disk_too),
		TEST(a_full_disk_takes_what_fits_and_the_rest_when_there_is_room),
		TEST(writes_that_take_a_part_go_on_behind_it),
		TEST(an_error_is_told_and_what_was_gathered_stays),
		TEST(what_is_forgotten_is_not_written),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
