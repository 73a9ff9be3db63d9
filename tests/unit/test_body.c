#include "tests/unit/unit.h"

#include "dataplane/base/mem.h"
#include "dataplane/sink/body.h"

static struct body body;
static char got[300000];

static size_t unpack(enum body_form form)
{
	if (form == BODY_PLAIN) {
		memcpy(got, body.buf, body.len);
		return body.len;
	}
	if (form == BODY_ZSTD) {
		ZSTD_DCtx *d = ZSTD_createDCtx();
		size_t n = ZSTD_decompressDCtx(d, got, sizeof(got), body.buf, body.len);
		ZSTD_freeDCtx(d);
		assert_false(ZSTD_isError(n));
		return n;
	}
	z_stream z = {.next_in = body.buf,
		      .avail_in = (uInt)body.len,
		      .next_out = (Bytef *)got,
		      .avail_out = sizeof(got)};
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	inflateEnd(&z);
	return z.total_out;
}

static void pieces_come_out_as_one_in_every_form(void **unused)
{
	assert_int_equal(body_init(&body), 0);
	for (int form = BODY_PLAIN; form <= BODY_ZSTD; form++) {
		for (unsigned n = 0; n < 20000; n += 9999) { /* none, and the object used again */
			char want[300000];
			size_t len = 0;
			body_begin(&body, (enum body_form)form);
			for (unsigned i = 0; i < n; i++) {
				size_t at = len;
				len += (size_t)snprintf(want + len, sizeof(want) - len, "%u\n",
							i * 7919 % 10007);
				body_put(&body, want + at, len - at);
			}
			assert_true(body_end(&body));
			assert_int_equal(unpack((enum body_form)form), len);
			assert_memory_equal(got, want, len);
		}
	}
	assert_null(body_encoding(BODY_PLAIN));
	assert_string_equal(body_encoding(BODY_GZIP), "gzip");
	assert_string_equal(body_encoding(BODY_ZSTD), "zstd");
	body_fini(&body);
}

static void what_does_not_fit_is_told(void **unused)
{
	size_t half = BODY_BYTES_MAX / 2;
	char *p = mem_map(half);
	assert_int_equal(body_init(&body), 0);
	body_begin(&body, BODY_PLAIN);
	body_put(&body, p, half);
	body_put(&body, p, half);
	assert_true(body_end(&body));
	body_put(&body, p, 1);
	assert_false(body_end(&body));
	mem_unmap(p, half);
	body_fini(&body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_come_out_as_one_in_every_form),
		cmocka_unit_test(what_does_not_fit_is_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
