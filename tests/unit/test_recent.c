#include "tests/unit/unit.h"

#include "dataplane/sink/recent.h"

static struct slice id_text(unsigned i, char out[32])
{
	return slice_of((const uint8_t *)out,
			(size_t)snprintf(out, 32, "0123456789abcdef-c-%u-0", i));
}

static void add(struct recent *r, struct out_batch *b, unsigned first, unsigned n, int64_t offset)
{
	b->len = 0;
	b->n_recs = 0;
	for (unsigned i = 0; i < n; i++) {
		char id[32];
		struct slice text = id_text(first + i, id);
		int len = snprintf((char *)b->buf + b->len, b->cap - b->len,
				   "{\"_id\":\"%.*s\",\"n\":1}\n", (int)text.len,
				   (const char *)text.ptr);
		out_batch_add(b, (size_t)len, 1);
	}
	recent_add(r, b, 0, n, 3, offset);
}

static int64_t find(const struct recent *r, unsigned i)
{
	char id[32];
	int32_t partition;
	int64_t offset;
	if (!recent_find(r, id_text(i, id), &partition, &offset))
		return -1;
	assert_int_equal(partition, 3);
	return offset;
}

static void the_records_of_a_message_are_at_its_offset(void **state)
{
	struct recent *r = recent_create(1);
	struct out_batch b = {0};
	assert_int_equal(out_batch_init(&b, OUT_BATCH_BYTES), 0);
	add(r, &b, 1, 100, 7);
	add(r, &b, 101, 1, 8);
	assert_int_equal(find(r, 1), 7);
	assert_int_equal(find(r, 100), 7);
	assert_int_equal(find(r, 101), 8);
	assert_int_equal(find(r, 102), -1);
	add(r, &b, 1, 1, 9); /* written again: its later place */
	assert_int_equal(find(r, 1), 9);
	out_batch_fini(&b);
	recent_destroy(r);
}

static void older_records_make_room_and_nothing_wrong_is_told(void **state)
{
	struct recent *r = recent_create(1);
	struct out_batch b = {0};
	unsigned n_new = 0, n_old = 0;
	assert_int_equal(out_batch_init(&b, OUT_BATCH_BYTES), 0);
	for (unsigned i = 0; i < 300000; i += 1000)
		add(r, &b, i, 1000, i);
	for (unsigned i = 0; i < 300000; i++) {
		int64_t at = find(r, i);
		assert_true(at == -1 || at == i / 1000 * 1000);
		n_new += at >= 0 && i >= 290000;
		n_old += at >= 0 && i < 100000;
	}
	assert_true(n_new > 9000 && n_old < 10000);
	out_batch_fini(&b);
	recent_destroy(r);
}

static void ten_thousand_queues_share_the_memory_of_some(void **state)
{
	struct recent *one = recent_create(1), *few = recent_create(80),
		      *many = recent_create(10000);
	struct out_batch b = {0};
	assert_int_equal(out_batch_init(&b, OUT_BATCH_BYTES), 0);
	assert_int_equal(recent_bytes(few), recent_bytes(one));
	assert_true(recent_bytes(many) * 10000 <= RECENT_BYTES);
	assert_true(recent_bytes(many) * 10000 > RECENT_BYTES / 2);
	for (unsigned i = 0; i < 10000; i += 10)
		add(many, &b, i, 10, i);
	assert_int_equal(find(many, 9999), 9990); /* the last one of all */
	assert_int_equal(find(many, 1), -1);
	out_batch_fini(&b);
	recent_destroy(one);
	recent_destroy(few);
	recent_destroy(many);
}

static void a_batch_without_ids_is_passed_over(void **state)
{
	struct recent *r = recent_create(1);
	struct out_batch b = {0};
	assert_int_equal(out_batch_init(&b, OUT_BATCH_BYTES), 0);
	memcpy(b.buf, "{\"op\":\"c\"}\n", 11);
	out_batch_add(&b, 11, 1);
	recent_add(r, &b, 0, 1, 1, 1);
	assert_int_equal(find(r, 0), -1);
	out_batch_fini(&b);
	recent_destroy(r);
	recent_destroy(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_records_of_a_message_are_at_its_offset),
		cmocka_unit_test(older_records_make_room_and_nothing_wrong_is_told),
		cmocka_unit_test(ten_thousand_queues_share_the_memory_of_some),
		cmocka_unit_test(a_batch_without_ids_is_passed_over),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
