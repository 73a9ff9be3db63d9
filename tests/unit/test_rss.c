#include "tests/unit/unit.h"

#include "dataplane/capture/rss.h"

/* Microsoft's key and test vectors for RSS: addresses and ports as they stand in the packet. */
static const uint8_t known_key[40] = {0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
				      0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
				      0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
				      0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa};

static void the_hash_is_that_of_the_published_vectors(void **state)
{
	static const struct {
		uint8_t tuple[12];
		uint32_t hash;
	} known[] = {
		{{66, 9, 149, 187, 161, 142, 100, 80, 2794 >> 8, 2794 & 255, 1766 >> 8, 1766 & 255},
		 0x51ccc178},
		{{199, 92, 111, 2, 65, 69, 140, 83, 14230 >> 8, 14230 & 255, 4739 >> 8, 4739 & 255},
		 0xc626b0ea},
		{{24, 19, 198, 95, 12, 22, 207, 184, 12898 >> 8, 12898 & 255, 38024 >> 8,
		  38024 & 255},
		 0x5c2b394a},
	};
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		assert_int_equal(rss_hash(known_key, sizeof(known_key), known[i].tuple, 12),
				 known[i].hash);
}

static void our_key_keeps_both_directions_together_and_the_usual_one_does_not(void **state)
{
	uint8_t key[52];
	for (size_t len = 40; len <= 52; len += 12) {
		rss_make_key(key, len);
		assert_null(rss_splits(&(struct rss){.key = key, .key_len = len}, false));
	}
	assert_non_null(strstr(
		rss_splits(&(struct rss){.key = known_key, .key_len = sizeof(known_key)}, false),
		"both directions"));
	/* Alike for IPv4 and its 12 bytes, and not for IPv6: the rest of the key is another. */
	rss_make_key(key, 40);
	memcpy(key + 16, known_key + 16, 24);
	assert_non_null(rss_splits(&(struct rss){.key = key, .key_len = 40}, false));
}

static void in_tunnels_only_a_hash_that_looks_inside_keeps_them_together(void **state)
{
	uint8_t key[40];
	rss_make_key(key, sizeof(key));
	struct rss r = {.key = key, .key_len = sizeof(key)};
	assert_string_equal(rss_splits(&r, true), "the card's hash does not look into tunnels");
	r.inner = true;
	assert_null(rss_splits(&r, true));
}

static void a_card_that_does_not_tell_is_not_trusted(void **state)
{
	assert_non_null(strstr(rss_splits(&(struct rss){0}, false), "does not tell"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_hash_is_that_of_the_published_vectors),
		cmocka_unit_test(our_key_keeps_both_directions_together_and_the_usual_one_does_not),
		cmocka_unit_test(in_tunnels_only_a_hash_that_looks_inside_keeps_them_together),
		cmocka_unit_test(a_card_that_does_not_tell_is_not_trusted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
