/* Structured data that most senders write, written as it is read, against the long way, which is
 * taken where the arena has less room: usual ones with bytes changed, left out and put in, and cut,
 * at the end of their buffer.
 */
#include "parsers/syslog_sd.h"

#include "dataplane/rec/json_text.h"
#include "tests/unit/random.h"
#include "tests/unit/unit.h"

#define ROOM 4096 /* of the arena, in front of the text */

static const char *const forms[] = {
	"[origin@32473 ip=\"192.0.2.1\" seq=\"4711\"] text",
	"[id]",
	"[id@1 k=\"v\"]",
	"[a x=\"1\" y=\"2\" z=\"\" w=\"a longer value than one of 16 bytes\"] m",
	"[a x=\"1\" x=\"2\"]",
	"[a long-name-x=\"1\" long-name-y=\"2\"]",
	"[a][b k=\"]= \"] t",
	"[a k=\"q\\\"u\\]\" l=\"\xc3\xa9\xff\"]",
	"[exactly16bytes@9 k=\"v\"]",
	"[a a=\"\" b=\"\" c=\"\" d=\"\" e=\"\" f=\"\" g=\"\" h=\"\" i=\"\"]",
};

enum { N_FORMS = sizeof(forms) / sizeof(forms[0]) };

static size_t make(char *out, unsigned form)
{
	static const char bytes[] = "  []\"=\\,x1\n\x7f\x80\xff";
	size_t len = strlen(forms[form]);
	memcpy(out, forms[form], len);
	for (unsigned i = any(3); i > 0; i--) {
		size_t at = 1 + any((unsigned)len - 1);
		if (any(2))
			memmove(out + at + 1, out + at, len++ - at);
		out[at] = bytes[any(sizeof(bytes) - 1)];
	}
	return any(4) ? len : 1 + any((unsigned)len);
}

/* Reads @text with @room bytes in front of it. Returns what is wrong with it. */
static const char *read_with(struct rec_builder *rb, struct batch *b, const char *text, size_t len,
			     size_t room, struct val *ret_json, size_t *ret_read)
{
	const uint8_t *end;
	uint8_t *p = b->arena.base + ROOM;
	b->arena.used = ROOM - room;
	b->arena.cap = ROOM;
	memcpy(p, text, len);
	memset(p + len, "\"] ["[len % 4], SL_PAD);
	rb->b = b;
	rb->full = false;
	const char *why = syslog_sd_extract(p, p + len, rb, ret_json, &end);
	*ret_read = why ? 0 : (size_t)(end - p);
	return why;
}

static void short_structured_data_is_written_as_all_is(void **state)
{
	struct rec_builder *rb = calloc(1, sizeof(*rb));
	unsigned n_read = 0;
	for (unsigned i = 0; i < 100000; i++) {
		char text[128], json[ROOM];
		size_t len = make(text, i % N_FORMS), n_some, n_all;
		struct batch b = {.arena = {.base = malloc(ROOM + len + SL_PAD)}};
		struct val some, all;
		const char *why = read_with(rb, &b, text, len, ROOM - 8, &some, &n_some);
		if (!why)
			memcpy(json, b.arena.base + some.off, some.len);
		assert_false(rb->full);
		const char *also = read_with(
			rb, &b, text, len, len * JSON_TEXT_FACTOR + JSON_TEXT_SLACK, &all, &n_all);
		assert_ptr_equal(why, also);
		assert_false(rb->full);
		assert_int_equal(n_some, n_all);
		if (!why) {
			n_read++;
			assert_int_equal(some.len, all.len);
			assert_memory_equal(json, b.arena.base + all.off, all.len);
		}
		free(b.arena.base);
	}
	assert_in_range(n_read, 30000, 99999);
	free(rb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_structured_data_is_written_as_all_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
