/* Binary JSON of any bytes, as a value and as the value before of diffs: u16 length of the value,
 * the value, the diffs. What is written must be JSON, and diffs must not leave the buffer.
 */
#include <stdlib.h>

#include "dataplane/rec/json_text.h"
#include "parsers/mysql/mjson.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len);

#define TEXT_MAX (256u << 10)

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* Brackets outside of strings close in order, and nothing is below a blank. */
static void check_shape(const uint8_t *p, size_t len)
{
	char open[2 * MJSON_DEPTH_MAX + 16];
	size_t depth = 0;
	bool in_string = false;
	must(len > 0);
	for (size_t i = 0; i < len; i++) {
		must(p[i] >= 0x20);
		if (in_string) {
			if (p[i] == '\\')
				i++;
			else
				in_string = p[i] != '"';
		} else if (p[i] == '"') {
			in_string = true;
		} else if (p[i] == '{' || p[i] == '[') {
			must(depth < sizeof(open));
			open[depth++] = p[i] == '{' ? '}' : ']';
		} else if (p[i] == '}' || p[i] == ']') {
			must(depth > 0 && open[--depth] == (char)p[i]);
			must(p[i - 1] != ',');
		}
	}
	must(depth == 0 && !in_string);
}

static void try(const struct slice *base, struct slice bytes, size_t cap)
{
	static uint8_t *text;
	if (!text)
		must((text = malloc(TEXT_MAX + SL_PAD)) != NULL);
	struct mysql_out out = {.buf = text, .cap = cap};
	enum mysql_fault f = base ? mjson_put_diff(base->ptr ? base : NULL, bytes, &out)
				  : mjson_put(bytes, &out);
	must(out.len <= cap);
	if (!f)
		check_shape(text, out.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len < 2 || len > 16384)
		return 0;
	size_t n = (size_t)(p[0] | p[1] << 8);
	n = n < len - 2 ? n : len - 2;
	uint8_t *value = malloc(n + SL_PAD), *diffs = malloc(len - 2 - n + SL_PAD);
	must(value && diffs);
	memcpy(value, p + 2, n);
	memcpy(diffs, p + 2 + n, len - 2 - n);
	struct slice v = {value, n}, d = {diffs, len - 2 - n}, none = {0};
	try(NULL, v, TEXT_MAX);
	try(NULL, v, 64);
	try(&v, d, TEXT_MAX);
	try(&v, d, n);
	try(&none, d, TEXT_MAX);
	free(value);
	free(diffs);
	return 0;
}
