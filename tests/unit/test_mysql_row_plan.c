#include "mysql_events.h"

#include "dataplane/rec/later.h"
#include "parsers/mysql/row_plan.h"
#include "parsers/mysql/value.h"

static struct rig *rig;
static uint32_t random_state = 1;

static int setup(void **state)
{
	rig = rig_create();
	return 0;
}

static int teardown(void **state)
{
	rig_destroy(rig);
	return 0;
}

static uint8_t random_byte(void)
{
	random_state = random_state * 1664525u + 1013904223u;
	return (uint8_t)(random_state >> 24);
}

/* Tables of one column: type, metadata, optional metadata, bytes of a value (0: up to 40). */
static const struct {
	const char *type, *meta, *optional;
	uint8_t bytes, len_bytes;
} columns[] = {
	{"01", "", "01 01 00", 1, 0},
	{"01", "", "01 01 80", 1, 0},
	{"02", "", "01 01 00", 2, 0},
	{"09", "", "01 01 00", 3, 0},
	{"09", "", "01 01 80", 3, 0},
	{"03", "", "01 01 00", 4, 0},
	{"08", "", "01 01 00", 8, 0},
	{"08", "", "01 01 80", 8, 0},
	{"05", "08", "", 8, 0},
	{"0a", "", "", 3, 0},
	{"f6", "0a02", "01 01 00", 5, 0},
	{"f6", "0e04", "01 01 00", 7, 0},
	{"f6", "1205", "01 01 00", 9, 0},
	{"f6", "0303", "01 01 00", 2, 0},
	{"f6", "1b09", "01 01 00", 12, 0},
	{"f6", "1200", "01 01 00", 8, 0},
	{"f6", "4100", "01 01 00", 29, 0},
	{"f6", "1e1e", "01 01 00", 14, 0},
	{"11", "00", "", 4, 0},
	{"11", "06", "", 7, 0},
	{"12", "00", "", 5, 0},
	{"12", "03", "", 7, 0},
	{"13", "06", "", 6, 0},
	{"0d", "", "", 1, 0},
	{"fe", "f701", "06 06 02 01 61 02 22 62 | 02 01 2d", 1, 0},
	{"0f", "2800", "02 01 2d", 0, 1},
	{"0f", "2800", "02 01 3f", 0, 1},
	{"0f", "2800", "02 01 08", 0, 1},
	{"0f", "2800", "", 0, 1},
	{"fc", "02", "02 01 2d", 0, 2},
	{"fc", "04", "02 01 3f", 0, 4},
	{"fe", "fe28", "02 01 3f", 0, 1},
	{"10", "0008", "", 8, 0},
};
#define N_COLUMNS (sizeof(columns) / sizeof(columns[0]))

/* The same columns without a comma in front of an end, within the bound that encoders go by. */
static void check_later(struct slice image, const uint8_t *want, size_t len, bool want_invalid)
{
	const struct mysql_table *t = rig->table;
	if (!t->room)
		return;
	size_t max = t->room + JSON_TEXT_FACTOR * image.len;
	bool invalid = false, guessed = false;
	memset(rig->text, 0xee, 8192);
	uint8_t *end = row_plan_text(t, image, rig->text, &invalid, &guessed);
	assert_int_equal(end - rig->text, len);
	assert_true(len <= max);
	assert_memory_equal(rig->text, want, len);
	assert_int_equal(rig->text[max + LATER_SLACK], 0xee);
	assert_int_equal(invalid, want_invalid);
	assert_int_equal(row_plan_valid(t, image), !want_invalid);
}

/* An image with one value; half of the texts are plain. */
static struct slice make_image(unsigned kind, uint8_t *image)
{
	size_t n = 0, len = columns[kind].bytes ? columns[kind].bytes : random_byte() % 41;
	bool plain = random_byte() & 1;
	image[n++] = 0xfe; /* not NULL */
	if (columns[kind].len_bytes)
		image[n] = (uint8_t)len;
	n += columns[kind].len_bytes;
	for (size_t i = 0; i < len; i++) {
		uint8_t byte = random_byte();
		image[n++] = plain && !columns[kind].bytes ? 'a' + byte % 26 : byte;
	}
	return slice_of(image, n);
}

static struct mysql_out begin(size_t cap)
{
	memset(rig->text, 0xee, 4096);
	return (struct mysql_out){.buf = rig->text, .cap = cap};
}

static void a_planned_value_is_what_value_put_writes(void **state)
{
	for (unsigned kind = 0; kind < N_COLUMNS; kind++) {
		rig_table(rig, columns[kind].type, columns[kind].meta, columns[kind].optional);
		const struct mysql_column *c = &rig->table->columns[0];
		for (unsigned i = 0; i < 3000; i++) {
			uint8_t image[128] = {0}, want[4096];
			struct slice all = make_image(kind, image);
			struct slice value = slice_from(all, 1 + columns[kind].len_bytes);
			struct mysql_out out = begin(4000);
			enum mysql_fault fault = out_padded(&out, c->key, c->key_len);
			if (!fault)
				fault = value_put(&rig->dec, c, value, &out);
			bool invalid = out.invalid_text, guessed = out.guessed;
			size_t len = out.len;
			memcpy(want, rig->text, len);
			out = begin(4000);
			assert_int_equal(row_plan_put(&rig->dec, rig->table, all, &out), fault);
			assert_int_equal(out.len, len);
			assert_memory_equal(rig->text, want, len);
			assert_int_equal(out.invalid_text, invalid);
			assert_int_equal(out.guessed, guessed);
			if (!fault)
				check_later(all, want, len, invalid);
		}
	}
}

static void text_that_just_fits_is_written_and_one_byte_less_is_no_room(void **state)
{
	/* id bigint unsigned, t varchar(40) utf8mb4, price decimal(10,2), b varbinary(40) */
	rig_table(rig, "08 0f f6 0f", "2800 0a02 2800",
		  "01 01 80 | 03 02 2d 3f | 04 0d 02 69 64 01 74 05 70 72 69 63 65 01 62");
	uint8_t image[128 + SL_PAD] = {0};
	size_t n = hex_read("f0 | 0100000000000000 | 05 61 22 0a c3a9 | 8000000a05 | 03 010203",
			    image);
	static const char text[] = ",\"id\":1,\"t\":\"a\\\"\\n\xc3\xa9\",\"price\":\"10.05\","
				   "\"b\":\"AQID\"";
	size_t len = sizeof(text) - 1;
	for (size_t cap = 0; cap < len + 600; cap++) {
		struct mysql_out out = begin(cap);
		enum mysql_fault fault =
			row_plan_put(&rig->dec, rig->table, slice_of(image, n), &out);
		if (cap > len + 3 * VALUE_NUM_MAX)
			assert_int_equal(fault, MYSQL_F_OK);
		if (cap < len)
			assert_int_equal(fault, MYSQL_F_NO_ROOM);
		if (fault == MYSQL_F_OK) {
			assert_int_equal(out.len, len);
			assert_memory_equal(rig->text, text, len);
		}
		assert_int_equal(rig->text[cap + JSON_TEXT_SLACK], 0xee);
	}
}

static void some_columns_of_an_image_are_written_as_with_all_others(void **state)
{
	rig_table(rig, "08 0f f6 0f 03", "2800 0a02 2800",
		  "01 01 80 | 03 02 2d 3f | 04 0f 02 69 64 01 74 05 70 72 69 63 65 01 62 01 6e");
	static const char *const texts[] = {",\"id\":1", ",\"t\":\"hi\"", ",\"price\":\"10.05\"",
					    ",\"b\":null", ",\"n\":7"};
	uint8_t image[128 + SL_PAD] = {0};
	size_t n = hex_read("e8 | 0100000000000000 | 02 6869 | 8000000a05 | 07000000", image);
	for (uint64_t wanted = 0; wanted < 32; wanted++) {
		char want[256] = "";
		for (unsigned i = 0; i < 5; i++)
			snprintf(want + strlen(want), sizeof(want) - strlen(want), "%s",
				 wanted >> i & 1 ? texts[i] : "");
		uint8_t *end = row_plan_some(rig->table, slice_of(image, n), wanted, rig->text);
		*end = 0;
		assert_string_equal((char *)rig->text, want);
	}
}

static void a_cut_image_has_no_length(void **state)
{
	rig_table(rig, "08 0f 03 fc", "2800 02", "01 01 80 | 02 01 2d");
	uint8_t bytes[64];
	size_t n = hex_read("f0 | 0100000000000000 | 02 6869 | 05000000 | 0300 616263", bytes);
	for (size_t len = 0; len <= n; len++) {
		/* Of its own size, so that a read behind the end is seen. */
		uint8_t *copy = malloc(len + 1);
		uint32_t got = 0;
		assert_non_null(copy);
		memcpy(copy + 1, bytes, len);
		assert_int_equal(row_len(rig->table, slice_of(copy + 1, len), &got), len == n);
		if (len == n)
			assert_int_equal(got, n);
		free(copy);
	}
}

/* Fixed and variable columns in turns, NULL or not: up to 64 columns the way goes in strides. */
static void an_image_is_as_long_as_its_values_whatever_is_null(void **state)
{
	for (unsigned n = 1; n <= 80; n++) {
		char types[3 * 80 + 1] = "", meta[6 * 80 + 1] = "";
		for (unsigned i = 0; i < n; i++) {
			strcat(types, i % 3 == 1 ? "0f " : "08 ");
			strcat(meta, i % 3 == 1 ? (i % 2 ? "2800 " : "0004 ") : "");
		}
		rig_table(rig, types, meta, "");
		for (unsigned round = 0; round < 50; round++) {
			uint8_t image[80 * 16 + 80 * 10 + SL_PAD] = {0};
			size_t at = (n + 7) / 8;
			for (unsigned i = 0; i < n; i++) {
				unsigned len = random_byte() % 11;
				if (random_byte() % 4 == 0) {
					image[i / 8] |= (uint8_t)(1 << i % 8);
					continue;
				}
				if (i % 3 == 1)
					image[at] = (uint8_t)len;
				at += i % 3 == 1 ? (i % 2 ? 1 : 2) + len : 8;
			}
			uint32_t got = 0;
			assert_true(row_len(rig->table, slice_of(image, sizeof(image)), &got));
			assert_int_equal(got, at);
			assert_true(row_len(rig->table, slice_of(image, at), &got));
			assert_int_equal(got, at);
			assert_false(row_len(rig->table, slice_of(image, at - 1), &got));
		}
	}
}

static unsigned n_quick; /* rows whose shape was known */

/* The first @len bytes of @rows, in memory of their own size. */
static uint64_t measured(struct row_shapes *ss, struct slice rows, size_t len, unsigned sides)
{
	uint8_t *copy = malloc(len);
	assert_non_null(copy);
	memcpy(copy, rows.ptr, len);
	uint64_t quick = row_both_by_shape(ss, rig->table, slice_of(copy, len), sides);
	uint64_t got = row_both(ss, rig->table, slice_of(copy, len), sides);
	assert_true(quick == 0 || quick == got);
	n_quick += quick != 0;
	free(copy);
	return got;
}

/* With much behind the row, a few bytes, nothing; and less than all of it. */
static void check_both(struct row_shapes *ss, struct slice rows, unsigned sides, uint64_t want)
{
	size_t n = (want & UINT32_MAX) + (want >> 32);
	assert_true(measured(ss, rows, rows.len, sides) == want);
	for (size_t len = n - 1; len <= n + 4 && len <= rows.len; len++)
		assert_true(measured(ss, rows, len, sides) == (len < n ? 0 : want));
}

/* Many shapes, few shapes, rows that are too few for one, and more lengths than a shape has. */
static void rows_measured_by_the_shapes_of_rows_before_are_as_long_as_without(void **state)
{
	static uint8_t rows[2 * 80 * 16 + 4096];
	static struct row_shapes shapes;
	for (unsigned n = 1; n <= 64; n += 7) {
		char types[3 * 80 + 1] = "", meta[6 * 80 + 1] = "";
		for (unsigned i = 0; i < n; i++) {
			strcat(types, i % 2 ? "0f " : "03 ");
			strcat(meta, i % 2 ? (i % 4 == 1 ? "2800 " : "0004 ") : "");
		}
		rig_table(rig, types, meta, "");
		rig->table->serial = n;
		row_shapes_begin(&shapes, rig->table);
		for (unsigned round = 0; round < 60; round++) {
			size_t at = 0;
			memset(rows, 0, sizeof(rows));
			for (unsigned side = 0; side < 2; side++) {
				uint8_t *image = rows + at;
				at += (n + 7) / 8;
				for (unsigned i = 0; i < n; i++) {
					unsigned len = random_byte() % 11;
					if (random_byte() % (round < 30 ? 4 : 60) == 0) {
						image[i / 8] |= (uint8_t)(1 << i % 8);
						continue;
					}
					if (i % 2)
						rows[at] = (uint8_t)len;
					at += i % 2 ? (i % 4 == 1 ? 1 : 2) + len : 4;
				}
			}
			size_t all = round % 2 ? sizeof(rows) : at;
			uint32_t before, after;
			assert_true(row_len(rig->table, slice_of(rows, at), &before));
			assert_true(
				row_len(rig->table, slice_of(rows + before, at - before), &after));
			assert_int_equal(before + after, at);
			check_both(&shapes, slice_of(rows, all), 3, before | (uint64_t)after << 32);
			check_both(&shapes, slice_of(rows, all), 1, before);
			check_both(&shapes, slice_of(rows, all), 2, (uint64_t)before << 32);
		}
		assert_true(shapes.n > 0 || n / 2 > ROW_SHAPE_STEPS);
	}
	assert_true(n_quick > 100);
}

static void nulls_of_more_than_eight_columns_are_in_their_places(void **state)
{
	rig_table(rig, "01 01 01 01 01 01 01 01 01 01", "", "01 02 00 00");
	uint8_t image[16 + SL_PAD] = {0};
	size_t n = hex_read("7f fd | 05 | 06", image);
	struct mysql_out out = begin(4000);
	assert_int_equal(row_plan_put(&rig->dec, rig->table, slice_of(image, n), &out), MYSQL_F_OK);
	rig->text[out.len] = 0;
	assert_string_equal((char *)rig->text,
			    ",\"c1\":null,\"c2\":null,\"c3\":null,\"c4\":null,\"c5\":null,"
			    "\"c6\":null,\"c7\":null,\"c8\":5,\"c9\":null,\"c10\":6");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_planned_value_is_what_value_put_writes),
		cmocka_unit_test(text_that_just_fits_is_written_and_one_byte_less_is_no_room),
		cmocka_unit_test(some_columns_of_an_image_are_written_as_with_all_others),
		cmocka_unit_test(a_cut_image_has_no_length),
		cmocka_unit_test(an_image_is_as_long_as_its_values_whatever_is_null),
		cmocka_unit_test(rows_measured_by_the_shapes_of_rows_before_are_as_long_as_without),
		cmocka_unit_test(nulls_of_more_than_eight_columns_are_in_their_places),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
