#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#include "dataplane/graph/op_parts.h"

#define BURST_MAX 100

static const struct field_def second[] = {{"other", VAL_STR, ""}, {"f", VAL_STR, ""}};
static const struct field_def first[] = {{"f", VAL_STR, ""}};
static const struct field_def none[] = {{"other", VAL_STR, ""}};
static struct schema schemas[3];
static struct names *names;
static struct batch batch;

static struct val any_text(enum val_type type, size_t len, bool ascii)
{
	static const char letters[] = "abcdefghijklmnopq \xc3\xa4\xe2\x82";
	uint32_t off = arena_take(&batch.arena, len);
	for (size_t i = 0; i < len; i++)
		batch.arena.base[off + i] = (uint8_t)letters[any(ascii ? 18 : 22)];
	return val_of(type, off, len);
}

/* Of JSON, with what stands for another byte at any place. */
static struct val any_escaped(void)
{
	struct val v = any_text(VAL_JSTR, 2 + any(60), true);
	memcpy(batch.arena.base + v.off + any(v.len - 1), "\\n", 2);
	return v;
}

/* Mostly a text that stands for itself, of type @usual. */
static struct val any_value(enum val_type usual, unsigned odds)
{
	unsigned kind = any(odds);
	if (kind == 0)
		return val_of(VAL_NULL, 0, 0);
	if (kind == 1)
		return (struct val){0};
	if (kind == 2)
		return any_text(VAL_STR, any(70), false);
	if (kind == 3)
		return any_text(VAL_JSTR, any(40), true);
	if (kind == 4) {
		uint32_t off = arena_take8(&batch.arena, 8);
		*(int64_t *)(batch.arena.base + off) = 17;
		return val_of(VAL_I64, off, 8);
	}
	if (kind == 5)
		return any_escaped();
	return any_text(usual, any(kind == 6 ? 100 : 20), true);
}

/* @shape: of three schemas; the last one's field is a pair, or there is none. */
static struct rec *any_rec(unsigned shape, enum val_type usual, unsigned odds)
{
	uint32_t name_id;
	struct rec head = {0};
	struct val v = any_value(usual, odds);
	assert_int_equal(names_add(names, slice_str("f"), &name_id), 0);
	struct rec *r = op_rec(&batch, &head, &schemas[shape], shape == 2 && any(4));
	assert_non_null(r);
	r->vals[0] = any_text(VAL_STR, 3, true);
	if (r->n_pairs)
		r->vals[1] = val_of(VAL_NAME, name_id, 0);
	if (shape < 2 || r->n_pairs)
		r->vals[shape == 0 ? 1 : shape == 1 ? 0 : 2] = v;
	return r;
}

/* A column that has seen no record looks for its field by name. */
static void check_row(struct rec *r, const struct vec *v, unsigned i, struct vec *one)
{
	struct column c;
	assert_int_equal(column_init(&c, "f", names, NULL), 0);
	column_fill(&c, &batch, &r, 1, one);
	assert_int_equal(v->state[i], one->state[0]);
	if (one->state[0] == VEC_VALUE)
		assert_true(slice_eq(v->s[i], one->s[0]));
}

static void fields_of_shapes_that_change_within_a_burst_are_those_of_each_record(void **state)
{
	struct column c;
	struct vec v, one;
	struct rec *recs[BURST_MAX];
	assert_int_equal(column_init(&c, "f", names, NULL), 0);
	assert_true(vec_init(&v, SQL_TEXT) == 0 && vec_init(&one, SQL_TEXT) == 0);
	for (unsigned round = 0; round < 2000; round++) {
		unsigned n = any(BURST_MAX + 1), shape = any(3), changes = 2 + any(100);
		unsigned odds = 7 + any(200);
		enum val_type usual = any(2) ? VAL_STR : VAL_JSTR;
		arena_reset(&batch.arena);
		for (unsigned i = 0; i < n; i++) {
			if (any(changes) == 0)
				shape = any(3);
			recs[i] = any_rec(shape, usual, odds);
		}
		memset(v.state, 0xee, n);
		column_fill(&c, &batch, recs, n, &v);
		for (unsigned i = 0; i < n; i++)
			check_row(recs[i], &v, i, &one);
	}
	vec_fini(&v);
	vec_fini(&one);
}

static void a_text_beyond_ascii_is_read_as_utf8_wherever_the_byte_stands(void **state)
{
	struct column c;
	struct vec v;
	assert_int_equal(column_init(&c, "f", names, NULL), 0);
	assert_int_equal(vec_init(&v, SQL_TEXT), 0);
	for (size_t len = 1; len < 70; len++) {
		for (size_t at = 0; at < len; at++) {
			arena_reset(&batch.arena);
			struct rec *recs[2] = {any_rec(1, VAL_STR, 100), any_rec(1, VAL_STR, 100)};
			struct val text = any_text(VAL_STR, len, true);
			batch.arena.base[text.off + at] = 0xff;
			recs[1]->vals[0] = text;
			column_fill(&c, &batch, recs, 2, &v);
			assert_int_equal(v.state[1], VEC_VALUE);
			assert_int_equal(v.s[1].len, len + 2);
			assert_memory_equal(v.s[1].ptr + at, "\xef\xbf\xbd", 3);
		}
	}
	vec_fini(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			fields_of_shapes_that_change_within_a_burst_are_those_of_each_record),
		cmocka_unit_test(a_text_beyond_ascii_is_read_as_utf8_wherever_the_byte_stands),
	};
	if (schema_init(&schemas[0], second, 2) < 0 || schema_init(&schemas[1], first, 1) < 0 ||
	    schema_init(&schemas[2], none, 1) < 0 || arena_init(&batch.arena, 1 << 20) < 0 ||
	    !(names = names_create()))
		return 1;
	int rc = cmocka_run_group_tests(tests, NULL, NULL);
	names_destroy(names);
	arena_fini(&batch.arena);
	for (unsigned i = 0; i < 3; i++)
		schema_fini(&schemas[i]);
	return rc;
}
