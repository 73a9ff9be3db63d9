#include "tests/unit/unit.h"

#include "dataplane/rec/later.h"
#include "dataplane/sink/encode.h"

static const struct field_def fields[] = {{"now", VAL_STR, ""}, {"then", VAL_JSON, ""}};

static struct batch batch;
static struct schema schema;
static struct rec_builder rb;

/* A kind that writes how often it was asked. */
struct asked {
	struct later later;
	unsigned n, len;
};

static uint8_t *put_asked(struct later *l, uint8_t *out)
{
	struct asked *a = (struct asked *)l;
	a->n++;
	*out++ = '"';
	memset(out, 'x', a->len);
	out += a->len;
	*out++ = '"';
	memset(out, 0xee, LATER_SLACK);
	return out;
}

/* The keys that were asked for. */
static uint8_t *put_picked(struct later *l, struct later_pick *pick, uint8_t *out)
{
	*out++ = '[';
	for (unsigned i = 0; i < pick->n; i++) {
		memcpy(out, pick->keys[i].ptr, pick->keys[i].len);
		out += pick->keys[i].len;
	}
	*out++ = ']';
	return out;
}

static const struct later_kind asked_kind = {.put = put_asked};
static const struct later_kind picked_kind = {put_asked, put_picked};

static int set_up(void **state)
{
	batch.n_recs = 0;
	return arena_init(&batch.arena, 4096) || schema_init(&schema, fields, 2);
}

static int tear_down(void **state)
{
	schema_fini(&schema);
	arena_fini(&batch.arena);
	return 0;
}

static struct asked *asked_of(const struct rec *r)
{
	return (struct asked *)(batch.arena.base + r->vals[1].off);
}

static struct rec *make(unsigned len)
{
	arena_reset(&batch.arena);
	batch.n_recs = 0;
	rec_begin(&rb, &batch, &schema);
	rec_set_str(&rb, 0, SLICE_LIT("here"));
	uint32_t off = arena_take8(&batch.arena, sizeof(struct asked));
	*(struct asked *)(batch.arena.base + off) =
		(struct asked){.later = {&asked_kind}, .len = len};
	rec_set(&rb, 1, later_val(off, len + 2));
	rb.later = true;
	return rec_end(&rb);
}

static void a_value_that_nobody_asks_for_is_not_written(void **state)
{
	struct rec *r = make(10);
	assert_true(r->flags & REC_LATER);
	assert_int_equal(asked_of(r)->n, 0);
}

static void a_settled_record_is_a_copy_and_the_record_stays_as_it_was(void **state)
{
	struct rec *r = make(10);
	struct rec *s = rec_settled(&batch, r);
	assert_non_null(s);
	assert_ptr_not_equal(s, r);
	assert_int_equal(r->vals[1].type, VAL_LATER);
	assert_int_equal(s->vals[1].type, VAL_JSON);
	assert_int_equal(s->vals[1].len, 12);
	assert_memory_equal(batch.arena.base + s->vals[1].off, "\"xxxxxxxxxx\"", 12);
	assert_int_equal(s->vals[0].type, VAL_STR);
	assert_false(s->flags & REC_LATER);
	assert_ptr_equal(rec_settled(&batch, s), s);
	assert_int_equal(asked_of(r)->n, 1);
}

static void without_room_for_the_longest_text_nothing_is_settled(void **state)
{
	struct rec *r = make(10);
	batch.arena.used = batch.arena.cap - sizeof(*r) - 2 * sizeof(struct val) - 8;
	size_t used = batch.arena.used;
	assert_null(rec_settled(&batch, r));
	batch.arena.used = used;
	assert_int_equal(asked_of(r)->n, 0);
	batch.arena.used = batch.arena.cap;
	assert_int_equal(later_settle(&batch.arena, r->vals[1]).type, VAL_ABSENT);
}

/* What bounds text of other types must bound this one: an encoder has one factor for all. */
static void the_bound_of_a_value_is_not_below_its_text(void **state)
{
	for (unsigned len = 0; len < 200; len++) {
		struct rec *r = make(len);
		assert_true((size_t)JSON_TEXT_FACTOR * r->vals[1].len >= len + 2);
		assert_true((size_t)JSON_TEXT_FACTOR * r->vals[1].len < len + 2 + JSON_TEXT_FACTOR);
	}
}

static void a_kind_that_can_writes_only_the_members_that_are_wanted(void **state)
{
	static const struct slice keys[] = {SLICE_LIT("1"), SLICE_LIT("2")};
	struct later_pick pick = {.keys = keys, .n = 2};
	struct rec *r = make(10);
	struct val v = later_settle_some(&batch.arena, r->vals[1], &pick);
	assert_int_equal(v.len, 12); /* this kind cannot */
	asked_of(r)->later.kind = &picked_kind;
	v = later_settle_some(&batch.arena, r->vals[1], &pick);
	assert_int_equal(v.type, VAL_JSON);
	assert_true(slice_eq(arena_slice(&batch.arena, v.off, v.len), SLICE_LIT("[12]")));
	assert_int_equal(later_settle(&batch.arena, r->vals[1]).len, 12);
}

static void the_json_encoder_writes_it_in_its_place(void **state)
{
	static const char text[64 + SL_PAD] = "\"_source\":\"s\",";
	struct slice source = slice_str(text);
	struct encode_ctx ctx = {.source_json = &source, .source_only = &source};
	struct rec *r = make(3);
	uint8_t out[4096];
	size_t len = encode_json(&ctx, &batch, r, out);
	out[len] = 0;
	assert_non_null(strstr((char *)out, ",\"now\":\"here\",\"then\":\"xxx\"}\n"));
	assert_true(len <= encode_json_max(&ctx, &batch, r));
	assert_int_equal(asked_of(r)->n, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_value_that_nobody_asks_for_is_not_written),
		cmocka_unit_test(a_settled_record_is_a_copy_and_the_record_stays_as_it_was),
		cmocka_unit_test(without_room_for_the_longest_text_nothing_is_settled),
		cmocka_unit_test(the_bound_of_a_value_is_not_below_its_text),
		cmocka_unit_test(a_kind_that_can_writes_only_the_members_that_are_wanted),
		cmocka_unit_test(the_json_encoder_writes_it_in_its_place),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
