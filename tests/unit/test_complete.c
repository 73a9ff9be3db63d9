#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ctl/complete.h"

static const struct complete_entry entries[] = {
	{.path = "status", .help = "is all well\nmore"},
	{.path = "queues", .help = "the queues"},
	{.path = "queue pause", .help = "stop it", .args = {"queue"}},
	{.path = "queue switch", .help = "to another", .args = {"queue", "sink"}},
	{.path = "spool", .help = "on disk", .choices = "ls|fsck ..."},
};

static char *names(void *arg, const char *kind)
{
	(void)arg;
	return strcmp(kind, "queue") == 0 ? strdup("web/beacons\npay/orders\n") : NULL;
}

static void expect(int argc, char **argv, const char *want)
{
	struct complete_conf conf = {.entries = entries, .n_entries = 5, .names = names};
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);
	complete_print(&conf, argc, argv, f);
	fclose(f);
	assert_string_equal(text, want);
	free(text);
}

#define EXPECT(want, ...)                                            \
	do {                                                         \
		char *words[] = {__VA_ARGS__};                       \
		expect(sizeof(words) / sizeof(*words), words, want); \
	} while (0)

static void a_word_is_offered_once_and_with_its_first_line(void **state)
{
	(void)state;
	EXPECT("status\tis all well\nqueues\tthe queues\nqueue\t\nspool\ton disk\n", "");
	EXPECT("queues\tthe queues\nqueue\t\n", "qu");
	EXPECT("", "x");
}

static void second_words_and_choices_follow_the_first(void **state)
{
	(void)state;
	EXPECT("pause\tstop it\nswitch\tto another\n", "queue", "");
	EXPECT("switch\tto another\n", "queue", "s");
	EXPECT("ls\t\nfsck\t\n", "spool", "");
	EXPECT("", "status", "");
	EXPECT("", "nothing", "");
}

static void arguments_are_names_that_the_running_one_knows(void **state)
{
	(void)state;
	EXPECT("web/beacons\tqueue\npay/orders\tqueue\n", "queue", "pause", "");
	EXPECT("pay/orders\tqueue\n", "queue", "switch", "p");
	EXPECT("", "queue", "switch", "pay/orders", ""); /* nobody knows the sinks */
	EXPECT("", "queue", "pause", "pay/orders", "");
}

static void there_is_a_script_for_two_shells(void **state)
{
	(void)state;
	assert_non_null(strstr(complete_script("bash"), "sluicectl complete"));
	assert_non_null(strstr(complete_script("zsh"), "sluicectl complete"));
	assert_null(complete_script("fish"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_word_is_offered_once_and_with_its_first_line),
		cmocka_unit_test(second_words_and_choices_follow_the_first),
		cmocka_unit_test(arguments_are_names_that_the_running_one_knows),
		cmocka_unit_test(there_is_a_script_for_two_shells),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
