/* test_file_block.c - the window over a file: what it holds, where it is, what it counts. */
#include "tests/support/capture_bytes.h"

#include "dataplane/capture/file_block.h"

static struct bytes some_bytes(size_t n)
{
	struct bytes b = {0};
	put_payload(&b, 1, n);
	return b;
}

static void the_window_moves_over_every_byte_at_any_need_and_read_size(void **state)
{
	struct bytes b = some_bytes(10000);
	struct temp t = temp_file(b.ptr, b.len);
	static const size_t sizes[] = {64, 100, 4096, 65536};
	for (int i = 0; i < 4; i++) {
		struct block k = {0};
		struct capture_stats stats = {0};
		struct err e;
		assert_int_equal(block_init_file(&k, t.path, sizes[i], &stats, &e), 0);
		for (int pass = 0; pass < 2; pass++) {
			size_t at = 0;
			for (size_t need = 1; block_fill(&k, need) == 0;
			     need = need * 7 % 501 + 1) {
				assert_int_equal(block_offset(&k), at);
				assert_memory_equal(k.at, b.ptr + at, need);
				k.at += need;
				at += need;
			}
			/* What is left at the end is still there. */
			assert_int_equal(block_left(&k), b.len - at);
			assert_memory_equal(k.at, b.ptr + at, b.len - at);
			k.at = k.end;
			assert_int_equal(block_fill(&k, 1), -ENODATA);
			assert_int_equal(atomic_load(&stats.bytes), b.len * (unsigned)(pass + 1));
			assert_int_equal(block_rewind(&k), 0);
		}
		block_fini(&k);
	}
	temp_remove(&t);
	bytes_fini(&b);
}

static void the_window_of_a_small_file_is_small(void **state)
{
	struct bytes b = some_bytes(1000);
	struct temp t = temp_file(b.ptr, b.len);
	struct block k = {0};
	struct capture_stats stats = {0};
	struct err e;
	assert_int_equal(block_init_file(&k, t.path, 4096, &stats, &e), 0);
	assert_int_equal(k.cap, 1000 + 4096);
	assert_int_equal(block_fill(&k, BLOCK_NEED_MAX), -ENODATA);
	assert_int_equal(block_left(&k), 1000);
	block_fini(&k);
	temp_remove(&t);
	bytes_fini(&b);
}

static void a_file_that_grows_while_it_is_read_is_told_and_never_overruns_the_window(void **state)
{
	struct bytes b = some_bytes(100000);
	struct temp t = temp_file(b.ptr, 1000);
	struct block k = {0};
	struct capture_stats stats = {0};
	struct err e;
	assert_int_equal(block_init_file(&k, t.path, 64, &stats, &e), 0);
	int fd = open(t.path, O_WRONLY | O_APPEND);
	assert_int_equal(write(fd, b.ptr, b.len), (ssize_t)b.len);
	close(fd);
	assert_int_equal(block_fill(&k, 50000), -EBADMSG);
	assert_non_null(strstr(k.err.text, "grew"));
	block_fini(&k);
	temp_remove(&t);
	bytes_fini(&b);
}

static void memory_is_read_where_it_lies(void **state)
{
	struct bytes b = some_bytes(1000);
	struct block k = {0};
	struct capture_stats stats = {0};
	struct err e;
	assert_int_equal(block_init_memory(&k, slice_of(b.ptr, b.len), &stats, &e), 0);
	assert_ptr_equal(k.at, b.ptr);
	assert_int_equal(block_left(&k), 1000);
	k.at += 990;
	assert_int_equal(block_fill(&k, 11), -ENODATA);
	assert_int_equal(block_offset(&k), 990);
	assert_int_equal(block_rewind(&k), 0);
	assert_ptr_equal(k.at, b.ptr);
	block_fini(&k);
	bytes_fini(&b);
}

static void a_read_error_has_file_place_and_reason(void **state)
{
	struct bytes b = some_bytes(1000);
	struct temp t = temp_file(b.ptr, b.len);
	struct block k = {0};
	struct capture_stats stats = {0};
	struct err e;
	assert_int_equal(block_init_file(&k, t.path, 64, &stats, &e), 0);
	close(k.fd);
	k.fd = open("/tmp", O_RDONLY); /* reading a directory fails */
	assert_int_equal(block_fill(&k, 65), -EISDIR);
	char want[128];
	snprintf(want, sizeof(want), "%s: offset 64: cannot read: Is a directory", t.path);
	assert_string_equal(k.err.text, want);
	assert_int_equal(block_fill(&k, 65), -EISDIR);
	block_fini(&k);
	temp_remove(&t);
	bytes_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_window_moves_over_every_byte_at_any_need_and_read_size),
		cmocka_unit_test(the_window_of_a_small_file_is_small),
		cmocka_unit_test(
			a_file_that_grows_while_it_is_read_is_told_and_never_overruns_the_window),
		cmocka_unit_test(memory_is_read_where_it_lies),
		cmocka_unit_test(a_read_error_has_file_place_and_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
