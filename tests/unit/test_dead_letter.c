#include "tests/unit/unit.h"

#include "dataplane/base/mem.h"
#include "dataplane/sink/dead_letter.h"

static struct batch batch;
static const struct schema no_fields;

static int set_up(void **state)
{
	return arena_init(&batch.arena, 1 << 16);
}

static int tear_down(void **state)
{
	arena_fini(&batch.arena);
	return 0;
}

/* `POST / ...` with its body at 7, and the record that was made of it. */
static struct rec *make(struct frame *ret_f)
{
	static const char http[] = "{\"method\":\"POST\"}";
	arena_reset(&batch.arena);
	batch.n_recs = 0;
	uint32_t off = arena_copy(&batch.arena, "POST /\n{\"a\":1", 13);
	uint32_t meta = arena_copy(&batch.arena, http, strlen(http));
	uint32_t origin = arena_copy(&batch.arena, "\"_src\":\"x\"", 10);
	*ret_f = (struct frame){.bytes = arena_slice(&batch.arena, off, 13),
				.body = arena_slice(&batch.arena, off + 7, 6),
				.meta = val_of(VAL_JSON, meta, strlen(http)),
				.meta_name = "_http",
				.body_kind = BODY_JSON};
	struct rec_builder *rb = mem_alloc(sizeof(*rb));
	assert_non_null(rb);
	rec_begin(rb, &batch, &no_fields);
	struct rec *r = rec_end(rb);
	mem_free(rb);
	assert_non_null(r);
	r->time_ns = 1764045796123456789;
	r->session_id = 0xfedcba9876543210;
	r->stream_off = 1ull << 40;
	r->idx = 3;
	r->dir = 1;
	r->flags = REC_UNPARSED | REC_CUT;
	r->frame_off = off;
	r->frame_len = 13;
	r->origin_off = origin;
	r->origin_len = 10;
	return r;
}

static uint8_t *written(const struct dead_letter *l)
{
	uint8_t *bytes = mem_alloc(dead_letter_bytes(l));
	assert_non_null(bytes);
	dead_letter_put(l, bytes);
	return bytes;
}

static void is_text(const struct dead_letter *l, enum dead_text i, const char *want)
{
	assert_true(slice_eq(l->text[i], slice_str(want)));
}

static void a_letter_is_read_as_it_was_written(void **state)
{
	struct frame f;
	struct dead_letter l, got;
	struct rec *r = make(&f);
	dead_letter_of(&l, &batch, r, &f);
	l.stage = DEAD_NODE;
	l.text[DEAD_REASON] = SLICE_LIT("division_by_zero");
	l.text[DEAD_RULE] = SLICE_LIT("slim");
	l.text[DEAD_SOURCE] = SLICE_LIT("web");
	uint8_t *bytes = written(&l);
	assert_true(dead_letter_read(slice_of(bytes, dead_letter_bytes(&l)), &got));
	assert_int_equal(got.kind, DEAD_FRAME);
	assert_int_equal(got.stage, DEAD_NODE);
	assert_int_equal(got.dir, 1);
	assert_int_equal(got.flags, DEAD_CUT);
	assert_int_equal(got.time_ns, r->time_ns);
	assert_true(got.session_id == r->session_id && got.stream_off == r->stream_off);
	assert_int_equal(got.idx, 3);
	assert_int_equal(got.body_kind, BODY_JSON);
	assert_int_equal(got.body_off, 7);
	assert_int_equal(got.body_len, 6);
	is_text(&got, DEAD_REASON, "division_by_zero");
	is_text(&got, DEAD_RULE, "slim");
	is_text(&got, DEAD_SOURCE, "web");
	is_text(&got, DEAD_STREAM, "");
	is_text(&got, DEAD_ORIGIN, "\"_src\":\"x\"");
	is_text(&got, DEAD_META_NAME, "_http");
	is_text(&got, DEAD_META, "{\"method\":\"POST\"}");
	is_text(&got, DEAD_RAW, "POST /\n{\"a\":1");
	mem_free(bytes);
}

static void a_record_whose_frame_is_gone_has_its_bytes_and_says_so(void **state)
{
	struct frame f;
	struct dead_letter l;
	dead_letter_of(&l, &batch, make(&f), NULL);
	assert_int_equal(l.flags, DEAD_CUT | DEAD_BARE);
	is_text(&l, DEAD_RAW, "POST /\n{\"a\":1");
	is_text(&l, DEAD_META, "");
}

static void what_was_kept_about_a_frame_makes_its_letter_whole(void **state)
{
	struct frame f;
	struct dead_letter l, whole;
	struct rec *r = make(&f);
	dead_letter_of(&whole, &batch, r, &f);
	struct slice about = dead_letter_about(&batch, &f, SLICE_LIT("ground"));
	assert_int_not_equal(about.len, 0);
	dead_letter_of(&l, &batch, r, NULL);
	dead_letter_recall(&l, about);
	assert_int_equal(l.flags, whole.flags);
	assert_int_equal(l.body_kind, BODY_JSON);
	assert_int_equal(l.body_off, 7);
	assert_int_equal(l.body_len, 6);
	is_text(&l, DEAD_META_NAME, "_http");
	is_text(&l, DEAD_META, "{\"method\":\"POST\"}");
	is_text(&l, DEAD_GROUND, "ground");
}

/* Of version 1: as now, without the length of the last text. */
static void a_letter_of_the_first_version_is_read_still(void **state)
{
	struct frame f;
	struct dead_letter l, got;
	dead_letter_of(&l, &batch, make(&f), &f);
	size_t len = dead_letter_bytes(&l);
	uint8_t *bytes = written(&l);
	bytes[0] = 1;
	memmove(bytes + DEAD_HEAD_BYTES - 4, bytes + DEAD_HEAD_BYTES, len - DEAD_HEAD_BYTES);
	assert_true(dead_letter_read(slice_of(bytes, len - 4), &got));
	is_text(&got, DEAD_RAW, "POST /\n{\"a\":1");
	is_text(&got, DEAD_GROUND, "");
	assert_false(dead_letter_read(slice_of(bytes, len), &got));
	mem_free(bytes);
}

static void a_letter_that_is_cut_or_too_long_is_none(void **state)
{
	struct frame f;
	struct dead_letter l, got;
	dead_letter_of(&l, &batch, make(&f), &f);
	size_t len = dead_letter_bytes(&l);
	uint8_t *bytes = written(&l), *longer = mem_alloc(len + 1);
	memcpy(longer, bytes, len);
	for (size_t n = 0; n < len; n++)
		assert_false(dead_letter_read(slice_of(bytes, n), &got));
	assert_false(dead_letter_read(slice_of(longer, len + 1), &got));
	mem_free(longer);
	mem_free(bytes);
}

static void a_body_outside_of_its_frame_is_no_letter(void **state)
{
	struct frame f;
	struct dead_letter l, got;
	dead_letter_of(&l, &batch, make(&f), &f);
	size_t len = dead_letter_bytes(&l);
	uint8_t *bytes = written(&l);
	bytes[36] = 8; /* body_off: the body's last byte is behind the frame now */
	assert_false(dead_letter_read(slice_of(bytes, len), &got));
	bytes[36] = 7;
	assert_true(dead_letter_read(slice_of(bytes, len), &got));
	bytes[0] = 3; /* a version that is not known */
	assert_false(dead_letter_read(slice_of(bytes, len), &got));
	mem_free(bytes);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(a_letter_is_read_as_it_was_written),
		CASE(a_record_whose_frame_is_gone_has_its_bytes_and_says_so),
		CASE(what_was_kept_about_a_frame_makes_its_letter_whole),
		CASE(a_letter_of_the_first_version_is_read_still),
		CASE(a_letter_that_is_cut_or_too_long_is_none),
		CASE(a_body_outside_of_its_frame_is_no_letter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
