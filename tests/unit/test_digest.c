/* digest.c, bytes.h */
#include "unit.h"

#include "dataplane/base/bytes.h"
#include "dataplane/graph/digest.h"

static const char *hex(const uint8_t *p, size_t len)
{
	static char out[80];
	for (size_t i = 0; i < len; i++)
		snprintf(out + 2 * i, 3, "%02x", p[i]);
	return out;
}

/* The vectors of RFC 1321 and FIPS 180-4, and lengths around the block of 64 bytes. */
static void digests_are_those_of_the_standards(void **state)
{
	uint8_t md5[DIGEST_MD5_BYTES], sha[DIGEST_SHA256_BYTES];
	digest_md5(SLICE_LIT(""), md5);
	assert_string_equal(hex(md5, sizeof(md5)), "d41d8cd98f00b204e9800998ecf8427e");
	digest_md5(SLICE_LIT("message digest"), md5);
	assert_string_equal(hex(md5, sizeof(md5)), "f96b697d7cb7938d525a2f31aaf161d0");
	digest_md5(SLICE_LIT("123456789012345678901234567890123456789012345678901234567890123456789"
			     "012345678"
			     "90"),
		   md5);
	assert_string_equal(hex(md5, sizeof(md5)), "57edf4a22be3c955ac49da2e2107b67a");
	digest_sha256(SLICE_LIT("abc"), sha);
	assert_string_equal(hex(sha, sizeof(sha)),
			    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
	digest_sha256(SLICE_LIT("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"), sha);
	assert_string_equal(hex(sha, sizeof(sha)),
			    "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

static void texts_are_the_same_when_all_of_their_bytes_are(void **state)
{
	uint8_t a[100], b[100];
	for (size_t len = 0; len <= sizeof(a); len++) {
		for (size_t i = 0; i < len; i++)
			a[i] = b[i] = (uint8_t)(i * 7 + len);
		assert_true(bytes_same(slice_of(a, len), slice_of(b, len)));
		assert_true(bytes_hash(slice_of(a, len)) == bytes_hash(slice_of(b, len)));
		for (size_t i = 0; i < len; i++) {
			b[i] ^= 0x10;
			assert_false(bytes_same(slice_of(a, len), slice_of(b, len)));
			assert_true(bytes_hash(slice_of(a, len)) != bytes_hash(slice_of(b, len)));
			b[i] ^= 0x10;
		}
		if (len)
			assert_false(bytes_same(slice_of(a, len), slice_of(b, len - 1)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digests_are_those_of_the_standards),
		cmocka_unit_test(texts_are_the_same_when_all_of_their_bytes_are),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
