#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "ctl/say.h"

static FILE *out;

static int begin(void **state)
{
	(void)state;
	out = tmpfile();
	say_begin(SAY_INFO, SAY_TEXT, out);
	return out ? 0 : -1;
}

static int finish(void **state)
{
	(void)state;
	unsetenv("JOURNAL_STREAM");
	fclose(out);
	return 0;
}

/* What was said since the last time. */
static const char *said(void)
{
	static char text[1 << 16];
	rewind(out);
	text[fread(text, 1, sizeof(text) - 1, out)] = '\0';
	rewind(out);
	assert_int_equal(ftruncate(fileno(out), 0), 0);
	return text;
}

static void a_message_is_a_line_of_its_own(void **state)
{
	(void)state;
	say(SAY_ERROR, "sink %s: %s", "kafka", "no broker answers");
	say(SAY_INFO, "a %d", 1);
	assert_string_equal(said(), "sluiced: sink kafka: no broker answers\nsluiced: a 1\n");
}

static void what_is_below_the_level_is_not_said(void **state)
{
	(void)state;
	say_set_level(SAY_WARNING);
	assert_int_equal(say_level(), SAY_WARNING);
	say(SAY_NOTICE, "not this");
	say(SAY_WARNING, "this");
	assert_string_equal(said(), "sluiced: this\n");
}

static void json_has_time_level_part_and_text(void **state)
{
	(void)state;
	say_begin(SAY_INFO, SAY_JSON, out);
	say(SAY_WARNING, "sink kafka: \"no\"\nbroker");
	json_t *o = json_loads(said(), 0, NULL);
	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "level")), "warning");
	assert_string_equal(json_string_value(json_object_get(o, "part")), "sink kafka");
	assert_string_equal(json_string_value(json_object_get(o, "text")), "\"no\"\nbroker");
	assert_int_equal(strlen(json_string_value(json_object_get(o, "time"))), 30);
	json_decref(o);
	say(SAY_INFO, "this is no part: of anything");
	o = json_loads(said(), 0, NULL);
	assert_null(json_object_get(o, "part"));
	json_decref(o);
}

static void the_journal_gets_the_level_in_front(void **state)
{
	struct stat st;
	char stream[64];
	(void)state;
	assert_int_equal(fstat(fileno(out), &st), 0);
	snprintf(stream, sizeof(stream), "%llu:%llu", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	setenv("JOURNAL_STREAM", stream, 1);
	say_begin(SAY_INFO, SAY_TEXT, out);
	say(SAY_WARNING, "here");
	assert_string_equal(said(), "<4>sluiced: here\n");
	say(SAY_ERROR, "all that is wrong:\none\ntwo");
	assert_string_equal(said(), "<3>sluiced: all that is wrong:\n<3>one\n<3>two\n");
	assert_string_equal(say_priority(SAY_ERROR, out), "<3>");
	setenv("JOURNAL_STREAM", "1:1", 1); /* another stream's */
	say_begin(SAY_INFO, SAY_TEXT, out);
	say(SAY_WARNING, "there");
	assert_string_equal(said(), "sluiced: there\n");
	assert_string_equal(say_priority(SAY_ERROR, out), "");
}

static unsigned count(const char *text, const char *what)
{
	unsigned n = 0;
	while ((text = strstr(text, what))) {
		n++;
		text += strlen(what);
	}
	return n;
}

static void a_flood_of_one_kind_is_counted_and_others_still_heard(void **state)
{
	(void)state;
	for (int i = 0; i < 1000; i++) {
		say(SAY_WARNING, "sink kafka: no broker answers (try %d)", i);
		if (i % 100 == 0)
			say(SAY_ERROR, "sink redis: gone");
	}
	const char *text = said();
	assert_int_equal(count(text, "sink kafka"), SAY_BURST);
	assert_int_equal(count(text, "sink redis"), 10);
	say_tick(false); /* its window is not over */
	assert_string_equal(said(), "");
	say_tick(true);
	assert_string_equal(said(), "sluiced: sink kafka: no broker answers (...: 980 more like "
				    "this in 10 s\n");
	say(SAY_WARNING, "sink kafka: no broker answers (try %d)", 1);
	assert_string_equal(said(), "sluiced: sink kafka: no broker answers (try 1)\n");
}

static void more_kinds_than_it_remembers_lose_nothing(void **state)
{
	unsigned n = 0;
	(void)state;
	for (int round = 0; round < 30; round++)
		for (int i = 0; i < 100; i++)
			say(SAY_WARNING, "queue %d: full", i);
	const char *text = said();
	n = count(text, ": full\n");
	assert_true(n >= 100 * SAY_BURST);
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, finish)
	const struct CMUnitTest tests[] = {
		CASE(a_message_is_a_line_of_its_own),
		CASE(what_is_below_the_level_is_not_said),
		CASE(json_has_time_level_part_and_text),
		CASE(the_journal_gets_the_level_in_front),
		CASE(a_flood_of_one_kind_is_counted_and_others_still_heard),
		CASE(more_kinds_than_it_remembers_lose_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
