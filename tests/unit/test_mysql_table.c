#include "mysql_events.h"

static struct rig *rig;

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

static void expect_name(unsigned i, const char *name)
{
	const struct mysql_column *c = &rig->table->columns[i];
	assert_true(slice_eq(slice_of(c->name, c->name_len), slice_str(name)));
}

static void expect_label(unsigned i, unsigned k, const char *label)
{
	assert_true(k < rig->table->columns[i].n_labels);
	assert_true(slice_eq(rig->table->columns[i].labels[k], slice_str(label)));
}

static void columns_have_their_widths_by_type_and_metadata(void **state)
{
	/* tiny, decimal(14,4), datetime(3), varchar(300), text, bit(9), double */
	rig_table(rig, "01 f6 12 0f fc 10 05", "0e04 03 2c01 02 0101 08", "");
	const struct mysql_table *t = rig->table;
	assert_int_equal(t->id, 42);
	assert_true(slice_eq(t->db, SLICE_LIT("d")));
	assert_true(slice_eq(t->name, SLICE_LIT("t")));
	assert_int_equal(t->n_columns, 7);
	assert_int_equal(t->columns[0].fixed, 1);
	assert_int_equal(t->columns[1].fixed, 7);
	assert_int_equal(t->columns[2].fixed, 7);
	assert_int_equal(t->columns[3].len_bytes, 2);
	assert_int_equal(t->columns[4].len_bytes, 2);
	assert_int_equal(t->columns[5].fixed, 2);
	assert_int_equal(t->columns[6].fixed, 8);
	assert_false(t->named || t->typed);
	expect_name(6, "c7");
}

static void strings_carry_their_real_type_and_lengths_above_255(void **state)
{
	/* char(10) and char(255) of four bytes each, enum, set of 9 members */
	rig_table(rig, "fe fe fe fe", "fe28 cefc f701 f802", "");
	assert_int_equal(rig->table->columns[0].bytes_max, 40);
	assert_int_equal(rig->table->columns[0].len_bytes, 1);
	assert_int_equal(rig->table->columns[1].type, MYSQL_T_STRING);
	assert_int_equal(rig->table->columns[1].bytes_max, 1020);
	assert_int_equal(rig->table->columns[1].len_bytes, 2);
	assert_int_equal(rig->table->columns[2].type, MYSQL_T_ENUM);
	assert_int_equal(rig->table->columns[2].fixed, 1);
	assert_int_equal(rig->table->columns[3].type, MYSQL_T_SET);
	assert_int_equal(rig->table->columns[3].fixed, 2);
}

/* osheroff#29, shyiko#104, go-mysql#768: the table map can carry the sign. */
static void signs_are_those_of_the_numeric_columns_only(void **state)
{
	rig_table(rig, "03 0f 03 0d f6 08", "0a00 0502", "01 01 68");
	assert_true(rig->table->typed);
	assert_false(rig->table->columns[0].is_unsigned);
	assert_true(rig->table->columns[2].is_unsigned);
	assert_false(rig->table->columns[4].is_unsigned);
	assert_true(rig->table->columns[5].is_unsigned);
}

/* go-mysql#1118: left 0 by MySQL, set by MariaDB. */
static void a_year_has_a_sign_too(void **state)
{
	rig_table(rig, "03 0d 01 01", "", "01 01 50"); /* int, year unsigned, tiny, tiny unsigned */
	assert_false(rig->table->columns[0].is_unsigned);
	assert_false(rig->table->columns[2].is_unsigned);
	assert_true(rig->table->columns[3].is_unsigned);
}

static void geometry_has_a_character_set_in_the_lists_of_mariadb_only(void **state)
{
	/* geometry, varchar gbk: MariaDB lists binary for the first */
	rig->format.mariadb = true;
	rig_table(rig, "ff 0f", "04 0a00", "03 02 3f 1c");
	assert_int_equal(rig->table->columns[1].charset, MYSQL_CS_GBK);
	rig->format.mariadb = false;
	rig_table(rig, "ff 0f", "04 0a00", "03 01 1c");
	assert_int_equal(rig->table->columns[1].charset, MYSQL_CS_GBK);
}

static void character_sets_come_as_a_default_with_exceptions_or_as_a_list(void **state)
{
	rig_table(rig, "0f 03 fe fc 0f", "0a00 fe0a 02 0a00", "02 07 1c 01 3f 03 fcff00");
	assert_int_equal(rig->table->columns[0].charset, MYSQL_CS_GBK);
	assert_int_equal(rig->table->columns[1].charset, MYSQL_CS_UNKNOWN);
	assert_int_equal(rig->table->columns[2].charset, MYSQL_CS_BINARY);
	assert_int_equal(rig->table->columns[3].charset, MYSQL_CS_GBK);
	assert_int_equal(rig->table->columns[4].charset, MYSQL_CS_UTF8);
	rig_table(rig, "0f 03 fe fc 0f", "0a00 fe0a 02 0a00", "03 06 08 3f fcff00 0d");
	assert_int_equal(rig->table->columns[0].charset, MYSQL_CS_LATIN1);
	assert_int_equal(rig->table->columns[2].charset, MYSQL_CS_BINARY);
	assert_int_equal(rig->table->columns[3].charset, MYSQL_CS_UTF8);
	assert_int_equal(rig->table->columns[4].charset, MYSQL_CS_SJIS);
}

static void names_labels_keys_and_visibility_come_with_full_metadata(void **state)
{
	/* id, e enum('é','a"') latin1, s set('x','y'); key id; s is invisible */
	rig_table(rig, "03 fe fe", "f701 f801",
		  "04 07 02 6964 01 65 01 73 | 05 05 02 01 78 01 79 | 06 06 02 01 e9 02 6122 | "
		  "0a 01 08 | 08 01 00 | 0c 01 c0");
	assert_true(rig->table->named && rig->table->has_key);
	expect_name(0, "id");
	expect_name(1, "e");
	expect_label(1, 0, "\xc3\xa9");
	expect_label(1, 1, "a\\\"");
	expect_label(2, 0, "x");
	expect_label(2, 1, "y");
	assert_true(rig->table->columns[0].in_key);
	assert_false(rig->table->columns[1].in_key || rig->table->columns[1].invisible);
	assert_true(rig->table->columns[2].invisible);
}

static void keys_of_prefixes_and_unknown_metadata_are_passed_over(void **state)
{
	rig_table(rig, "0f 03", "0a00", "09 02 00 05 | 63 03 010203 | 0d 01 03");
	assert_true(rig->table->columns[0].in_key);
	assert_false(rig->table->columns[1].in_key);
}

static void names_with_quotes_are_escaped_in_keys(void **state)
{
	rig_table(rig, "01", "", "01 01 00 | 04 04 03 612262");
	assert_string_equal(rig_value(rig, "05"), "5");
	assert_string_equal(rig_rows(rig, MYSQL_EV_WRITE_ROWS_V1, "2a0000000000 0100 01 ff 00 05"),
			    "null {\"a\\\"b\":5}");
}

static void tables_that_contradict_themselves_are_refused(void **state)
{
	struct {
		const char *types, *meta, *optional;
		enum mysql_fault fault;
	} cases[] = {
		{"03 c8", "", "", MYSQL_F_COLUMN_TYPE}, /* a type of tomorrow */
		{"00", "", "", MYSQL_F_COLUMN_TYPE},    /* DECIMAL of before 5.0 */
		{"f6", "0e", "", MYSQL_F_TABLE},        /* half of its metadata */
		{"f6", "0410", "", MYSQL_F_TABLE},      /* more fraction than digits */
		{"f6", "4801", "", MYSQL_F_TABLE},      /* more digits than there are */
		{"12", "07", "", MYSQL_F_TABLE},        /* nanoseconds */
		{"fc", "05", "", MYSQL_F_TABLE},        /* lengths of five bytes */
		{"10", "0909", "", MYSQL_F_TABLE},      /* more than 64 bits */
		{"fe", "f709", "", MYSQL_F_TABLE},      /* an enum of nine bytes */
		{"03", "", "04 01 02", MYSQL_F_TABLE},  /* a name that is cut */
		{"03", "", "04 05", MYSQL_F_TABLE},     /* names that are cut */
		{"03", "", "08 01 01", MYSQL_F_TABLE},  /* a key of the column behind the last */
		{"fe", "f701", "06 02 05 01", MYSQL_F_TABLE}, /* labels that are cut */
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(rig_table_defs(rig, cases[i].types, cases[i].meta,
						cases[i].optional, NULL, 0),
				 cases[i].fault);
}

static void a_table_that_does_not_fit_its_slot_says_so(void **state)
{
	const char *hex =
		"2a0000000000 0100 01 64 00 01 74 00 | 03 03 fe fe | 04 f701 f801 | 07 | "
		"04 07 02 6964 01 65 01 73 | 05 05 02 01 78 01 79 | 06 06 02 01 e9 02 6122";
	struct mysql_event ev = rig_hex(rig, MYSQL_EV_TABLE_MAP, hex);
	struct mysql_table *t;
	assert_int_equal(
		mysql_table_parse(&ev, &rig->format, &mysql_charsets, NULL, 0, rig->slot, 4096, &t),
		MYSQL_F_OK);
	size_t bytes = t->bytes;
	for (size_t cap = 0; cap < bytes; cap++) {
		enum mysql_fault f = mysql_table_parse(&ev, &rig->format, &mysql_charsets, NULL, 0,
						       rig->slot, cap, &t);
		assert_int_equal(f, MYSQL_F_NO_SLOT);
	}
}

static void a_table_map_cut_anywhere_is_a_fault(void **state)
{
	uint8_t body[256];
	struct mysql_table *t;
	size_t n = hex_read("2a0000000000 0100 01 64 00 01 74 00 | 03 03 fe fe | 04 f701 f801 | 07",
			    body);
	for (size_t i = 0; i < n; i++) {
		struct mysql_event ev = rig_event(rig, MYSQL_EV_TABLE_MAP, slice_of(body, i));
		assert_int_equal(mysql_table_parse(&ev, &rig->format, NULL, NULL, 0, rig->slot,
						   RIG_BYTES, &t),
				 MYSQL_F_BODY);
	}
}

static void names_can_be_read_without_building_the_table(void **state)
{
	struct mysql_event ev =
		rig_hex(rig, MYSQL_EV_TABLE_MAP, "2a0000000000 0100 01 64 00 01 74 00");
	uint64_t id;
	struct slice db, name;
	assert_int_equal(mysql_table_name(&ev, &rig->format, &id, &db, &name), MYSQL_F_OK);
	assert_int_equal(id, 42);
	assert_true(slice_eq(db, SLICE_LIT("d")) && slice_eq(name, SLICE_LIT("t")));
	/* Logs of early 5.1 have ids of four bytes. */
	rig->format.post_len[MYSQL_EV_TABLE_MAP] = 6;
	ev = rig_hex(rig, MYSQL_EV_TABLE_MAP, "2a000000 0100 01 64 00 01 74 00");
	assert_int_equal(mysql_table_name(&ev, &rig->format, &id, &db, &name), MYSQL_F_OK);
	assert_int_equal(id, 42);
	rig->format.post_len[MYSQL_EV_TABLE_MAP] = 8;
}

static const struct slice colours[] = {SLICE_LIT("red"), SLICE_LIT("gr\xc3\xbcn")};
static const struct mysql_column_def shop[] = {
	{.name = SLICE_LIT("id"), .type = MYSQL_T_LONG, .is_unsigned = true},
	{.name = SLICE_LIT("note"), .type = MYSQL_T_BLOB, .charset = MYSQL_CS_LATIN1},
	{.name = SLICE_LIT("colour"), .type = MYSQL_T_ENUM, .labels = colours, .n_labels = 2},
};

static void a_schema_fills_in_what_the_event_does_not_say(void **state)
{
	assert_int_equal(rig_table_defs(rig, "03 fc fe", "02 f701", "", shop, 3), MYSQL_F_OK);
	assert_true(rig->table->named && rig->table->typed);
	expect_name(1, "note");
	assert_true(rig->table->columns[0].is_unsigned);
	assert_int_equal(rig->table->columns[1].charset, MYSQL_CS_LATIN1);
	expect_label(2, 1, "gr\xc3\xbcn");
	/* What the event says itself stands. */
	assert_int_equal(rig_table_defs(rig, "03 fc fe", "02 f701", "01 01 00 | 02 01 2d", shop, 3),
			 MYSQL_F_OK);
	assert_false(rig->table->columns[0].is_unsigned);
	assert_int_equal(rig->table->columns[1].charset, MYSQL_CS_UTF8);
}

/* canal#2407: another number of columns; flink-cdc#732: today's schema for yesterday's rows. */
static void a_schema_of_another_number_or_type_of_columns_is_refused(void **state)
{
	assert_int_equal(rig_table_defs(rig, "03 fc", "02", "", shop, 3), MYSQL_F_COLUMNS);
	assert_int_equal(rig_table_defs(rig, "03 fc fe", "02 fe10", "", shop, 3),
			 MYSQL_F_COLUMN_TYPE);
}

/* dbtrail#700: a drop and an add keep the number of columns; values would get wrong names. */
static void a_schema_of_other_names_than_the_event_has_is_refused(void **state)
{
	assert_int_equal(rig_table_defs(rig, "03 fc fe", "02 f701",
					"04 0f 02 6964 04 6e6f7465 06 636f6c6f7572", shop, 3),
			 MYSQL_F_OK);
	assert_int_equal(rig_table_defs(rig, "03 fc fe", "02 f701",
					"04 0f 02 6964 04 74657874 06 636f6c6f7572", shop, 3),
			 MYSQL_F_COLUMNS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(columns_have_their_widths_by_type_and_metadata),
		cmocka_unit_test(strings_carry_their_real_type_and_lengths_above_255),
		cmocka_unit_test(signs_are_those_of_the_numeric_columns_only),
		cmocka_unit_test(a_year_has_a_sign_too),
		cmocka_unit_test(geometry_has_a_character_set_in_the_lists_of_mariadb_only),
		cmocka_unit_test(character_sets_come_as_a_default_with_exceptions_or_as_a_list),
		cmocka_unit_test(names_labels_keys_and_visibility_come_with_full_metadata),
		cmocka_unit_test(keys_of_prefixes_and_unknown_metadata_are_passed_over),
		cmocka_unit_test(names_with_quotes_are_escaped_in_keys),
		cmocka_unit_test(tables_that_contradict_themselves_are_refused),
		cmocka_unit_test(a_table_that_does_not_fit_its_slot_says_so),
		cmocka_unit_test(a_table_map_cut_anywhere_is_a_fault),
		cmocka_unit_test(names_can_be_read_without_building_the_table),
		cmocka_unit_test(a_schema_fills_in_what_the_event_does_not_say),
		cmocka_unit_test(a_schema_of_another_number_or_type_of_columns_is_refused),
		cmocka_unit_test(a_schema_of_other_names_than_the_event_has_is_refused),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
