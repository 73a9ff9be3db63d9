#include "tests/unit/unit.h"

#include "dataplane/base/mem.h"
#include "dataplane/sink/out_hops.h"

static struct batch batch;
static const struct schema none;

/* A record with the field @key of type @type and text @text. */
static struct rec *with(const char *key, enum val_type type, const char *text)
{
	struct rec_builder *rb = mem_alloc(sizeof(*rb));
	assert_non_null(rb);
	arena_reset(&batch.arena);
	batch.n_recs = 0;
	rec_begin(rb, &batch, &none);
	rec_pair(rb, rec_make_text(rb, VAL_JSTR, SLICE_LIT("__hopp")), val_of(VAL_TRUE, 0, 0));
	rec_pair(rb, rec_make_text(rb, VAL_JSTR, slice_str(key)),
		 rec_make_text(rb, type, slice_str(text)));
	struct rec *r = rec_end(rb);
	assert_non_null(r);
	mem_free(rb);
	return r;
}

static void assert_hops(const char *key, enum val_type type, const char *text, unsigned want)
{
	assert_int_equal(out_hops_of(&batch, with(key, type, text)), want);
}

static void the_field_hop_says_through_how_many_queues_a_record_came(void **state)
{
	assert_hops("__hop", VAL_NUM, "3", 3);
	assert_hops("__hop", VAL_JSTR, "3", 3);
	assert_hops("__hop", VAL_STR, "1", 1);
	assert_hops("hop", VAL_NUM, "3", 0);
}

static void what_is_no_number_counts_as_none_and_a_large_one_as_the_most(void **state)
{
	assert_hops("__hop", VAL_NUM, "-1", 0);
	assert_hops("__hop", VAL_NUM, "1.5", 0);
	assert_hops("__hop", VAL_JSTR, "", 0);
	assert_hops("__hop", VAL_JSTR, "x", 0);
	assert_hops("__hop", VAL_JSON, "[3]", 0);
	assert_hops("__hop", VAL_NUM, "100", OUT_HOPS_MAX);
	assert_hops("__hop", VAL_NUM, "18446744073709551615", OUT_HOPS_MAX);
}

static void a_mark_tells_the_id_and_the_number_of_the_queue(void **state)
{
	uint8_t text[OUT_KEY_MAX + OUT_ID_MAX] = "key";
	struct slice hop, id;
	struct out_batch b = {.mark_buf = text};
	for (unsigned hops = 0; hops <= OUT_HOPS_MAX; hops += 50) {
		char want[8];
		struct rec *r = with("a", VAL_NUM, "1");
		r->session_id = UINT64_MAX;
		r->stream_off = UINT64_MAX;
		r->idx = UINT32_MAX;
		r->hops = hops & 127;
		size_t len = out_hops_put_id(r, text + 3);
		assert_true(len <= OUT_ID_MAX);
		struct out_mark m = {.off = 0, .key_len = 3, .id_len = (uint8_t)len};
		id = out_hops_id(&b, &m, &hop);
		snprintf(want, sizeof(want), "%u", hops + 1);
		assert_true(slice_eq(hop, slice_str(want)));
		assert_null(memchr(id.ptr, ';', id.len));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_field_hop_says_through_how_many_queues_a_record_came),
		cmocka_unit_test(what_is_no_number_counts_as_none_and_a_large_one_as_the_most),
		cmocka_unit_test(a_mark_tells_the_id_and_the_number_of_the_queue),
	};
	if (arena_init(&batch.arena, 1 << 16) < 0)
		return 1;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	arena_fini(&batch.arena);
	return rc;
}
