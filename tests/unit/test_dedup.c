/* test_dedup.c - copies of a mirror told from senders that repeat themselves. */
#include "tests/support/decode_check.h"

#include "dataplane/capture/decode_walk.h"
#include "dataplane/capture/dedup.h"

#define MS 1000000u

struct way {
	unsigned id, ttl, vlan;
};

/* One UDP packet, as it looks on one of the ways that a mirror sees it on. */
static struct made seen_on(struct way way, const char *text)
{
	struct made m = made_text(text);
	made_udp(&m, 1000, 514);
	made_ip4_part(&m, "10.0.0.1", "10.0.0.2", 17, way.id, 0, false);
	m.b[m.at + 8] = (uint8_t)way.ttl;
	made_ip4_sum(m.b + m.at);
	if (way.vlan) {
		uint8_t *h = made_push(&m, 4);
		put16(h, way.vlan);
		put16(h + 2, 0x0800);
	}
	made_ether(&m, way.vlan ? 0x8100 : 0x0800);
	return m;
}

static const char *after(struct decode *d, struct way way, const char *text, uint64_t ns)
{
	struct made m = seen_on(way, text);
	struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
	raw.time_ns += ns;
	return decode_as(d, &raw, NULL);
}

/* zeek#2206, zeek#499, zeek#4954, arkime#3786: SPAN and VLAN copies counted twice. */
static void copies_of_span_and_vlan_mirrors_are_counted_once(void **state)
{
	struct decode *d = decode_new();
	struct way plain = {0, 64, 0}, tagged = {0, 64, 7}, routed = {0, 63, 0};
	assert_string_equal(after(d, plain, "a", 0), "packets_out");
	assert_string_equal(after(d, tagged, "a", 1000), "duplicate");
	assert_string_equal(after(d, routed, "a", 2000), "duplicate");
	assert_string_equal(after(d, tagged, "b", 3000), "packets_out");
	assert_string_equal(after(d, plain, "b", 4000), "duplicate");
	decode_end(d);
}

static void an_equal_ipv4_identification_makes_a_copy_even_on_the_same_way(void **state)
{
	struct decode *d = decode_new();
	struct way way = {9, 64, 0}, next = {10, 64, 0};
	assert_string_equal(after(d, way, "a", 0), "packets_out");
	assert_string_equal(after(d, way, "a", 1000), "duplicate");
	assert_string_equal(after(d, next, "a", 2000), "packets_out");
	assert_string_equal(after(d, way, "b", 3000), "packets_out");
	decode_end(d);
}

static void a_sender_that_repeats_itself_is_believed(void **state)
{
	struct decode *d = decode_new();
	struct way way = {0, 64, 0};
	for (uint64_t i = 0; i < 5; i++)
		assert_string_equal(after(d, way, "a", i * MS), "packets_out");
	decode_end(d);
}

static void a_sender_that_repeats_itself_on_a_doubled_way_is_counted_right(void **state)
{
	struct decode *d = decode_new();
	struct way plain = {0, 64, 0}, tagged = {0, 64, 7};
	assert_string_equal(after(d, plain, "a", 0), "packets_out");
	assert_string_equal(after(d, tagged, "a", 1), "duplicate");
	assert_string_equal(after(d, plain, "a", 2), "packets_out");
	assert_string_equal(after(d, plain, "a", 3), "packets_out");
	assert_string_equal(after(d, tagged, "a", 4), "duplicate");
	assert_string_equal(after(d, tagged, "a", 5), "duplicate");
	assert_string_equal(after(d, tagged, "a", 6), "packets_out"); /* the other copy was lost */
	assert_string_equal(after(d, plain, "a", 7), "duplicate");
	decode_end(d);
}

static void a_repeat_is_believed_when_only_its_copy_is_still_remembered(void **state)
{
	struct decode *d = decode_new();
	struct way plain = {0, 64, 0}, tagged = {0, 64, 7};
	assert_string_equal(after(d, plain, "a", 0), "packets_out");
	assert_string_equal(after(d, tagged, "a", 4 * MS), "duplicate");
	assert_string_equal(after(d, plain, "a", 6 * MS), "packets_out");
	assert_string_equal(after(d, tagged, "a", 10 * MS), "duplicate");
	assert_string_equal(after(d, tagged, "a", 16 * MS), "packets_out");
	decode_end(d);
}

static void all_takes_every_equal_packet_and_off_takes_none(void **state)
{
	struct way way = {0, 64, 0}, other = {5, 64, 0};
	struct decode *all = decode_new_dedup(DEDUP_ALL), *off = decode_new_dedup(DEDUP_OFF);
	assert_string_equal(after(all, way, "a", 0), "packets_out");
	assert_string_equal(after(all, way, "a", 1), "duplicate");
	assert_string_equal(after(all, other, "a", 1), "packets_out");
	assert_string_equal(after(off, other, "a", 0), "packets_out");
	assert_string_equal(after(off, other, "a", 0), "packets_out");
	decode_end(all);
	decode_end(off);
}

static void a_copy_is_known_for_the_window_only_forward_and_backward(void **state)
{
	struct decode *d = decode_new();
	struct way way = {9, 64, 0};
	assert_string_equal(after(d, way, "a", 20 * MS), "packets_out");
	assert_string_equal(after(d, way, "a", 24 * MS), "duplicate");
	assert_string_equal(after(d, way, "a", 16 * MS), "duplicate");
	assert_string_equal(after(d, way, "a", 26 * MS), "packets_out");
	decode_end(d);
}

static void tcp_is_left_alone(void **state)
{
	struct decode *d = decode_new_dedup(DEDUP_ALL);
	struct made m = made_text("again");
	made_tcp(&m, 1, 2, 3);
	made_ip4_part(&m, "10.0.0.1", "10.0.0.2", 6, 7, 0, false);
	struct pkt_raw raw = made_raw(&m, LINK_RAW);
	assert_string_equal(decode_as(d, &raw, NULL), "packets_out");
	assert_string_equal(decode_as(d, &raw, NULL), "packets_out");
	decode_end(d);
}

static void another_port_tells_copies_of_ipv6_apart_from_repeats(void **state)
{
	struct decode *d = decode_new();
	struct made m = made_text("a");
	made_udp(&m, 1000, 514);
	made_ip6(&m, "fe80::1", "fe80::2", 17);
	struct pkt_raw raw = made_raw(&m, LINK_RAW), copy = raw;
	copy.port = 1;
	assert_string_equal(decode_as(d, &raw, NULL), "packets_out");
	assert_string_equal(decode_as(d, &copy, NULL), "duplicate");
	assert_string_equal(decode_as(d, &raw, NULL), "packets_out");
	decode_end(d);
}

static bool is_copy(struct dedup *t, uint64_t key, uint16_t frame, bool strong, uint64_t ns)
{
	return dedup_is_copy(t, key, dedup_seen(frame, ns) | 0xff00000000000000, strong);
}

static void a_full_table_forgets_and_never_drops_what_is_new(void **state)
{
	struct dedup *t = NULL;
	struct err e;
	assert_int_equal(dedup_create(5 * MS, &t, &e), 0);
	uint64_t n = 4 * DEDUP_SETS * DEDUP_WAYS;
	for (uint64_t i = 0; i < n; i++)
		assert_false(is_copy(t, i * 0x9e3779b97f4a7c15u, 1, true, 1));
	assert_true(is_copy(t, (n - 1) * 0x9e3779b97f4a7c15u, 1, true, 1));
	for (uint16_t frame = 1; frame <= 20; frame++) /* more ways than a set has room for */
		is_copy(t, 43, frame, false, 2);
	assert_false(is_copy(t, 43, 20, false, 2));
	for (int i = 0; i < 200000; i++) { /* a count that comes to its end */
		assert_false(is_copy(t, 42, 1, false, 2));
		assert_true(is_copy(t, 42, 2, false, 2));
	}
	dedup_destroy(t);
}

/* If one frame of a key were forgotten alone, its next packet would look like a copy. */
static void frames_of_a_key_are_forgotten_together_by_whatever_comes(void **state)
{
	struct dedup *t = NULL;
	assert_int_equal(dedup_create(5 * MS, &t, NULL), 0);
	for (unsigned n_new = 0; n_new <= 2 * DEDUP_WAYS; n_new++) {
		uint64_t key = 1000 + n_new; /* each has a set of its own */
		assert_false(is_copy(t, key, 1, false, 0));
		assert_true(is_copy(t, key, 2, false, 0));
		for (uint64_t i = 1; i <= n_new; i++)
			assert_false(is_copy(t, key + i * DEDUP_SETS, 1, false, 0));
		assert_int_equal(is_copy(t, key, 3, false, 0), n_new < 3);
	}
	dedup_destroy(t);
}

/* A way of the set may hold the key of old with nothing counted: to put another frame there forgets
 * none of those that were counted since.
 */
static void a_frame_takes_the_place_of_an_old_one_of_its_key(void **state)
{
	struct dedup *t = NULL;
	assert_int_equal(dedup_create(5 * MS, &t, NULL), 0);
	for (uint64_t others = 0; others < 4; others++) {
		uint64_t key = 2000 + others;
		assert_false(is_copy(t, key, 2, false, 0));
		assert_false(is_copy(t, key, 1, false, 14 * MS)); /* too late for a copy */
		for (uint64_t i = 1; i <= others; i++)
			assert_false(is_copy(t, key + i * DEDUP_SETS, 3, false, 14 * MS));
		assert_true(is_copy(t, key, 2, false, 15 * MS));
		assert_false(is_copy(t, key, 1, false, 18 * MS)); /* a second packet */
	}
	dedup_destroy(t);
}

typedef dedup_hash_fn digest;

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

static void check_all_differ(uint64_t *seen, size_t n)
{
	qsort(seen, n, sizeof(*seen), by_value);
	for (size_t i = 1; i < n; i++)
		assert_true(seen[i] != seen[i - 1]);
}

static void check_bits_and_lengths(digest *of)
{
	uint8_t bytes[100] = {0};
	uint64_t seen[100 * 8 + 101];
	size_t n = 0;
	const __m128i one = _mm_set_epi64x(0, 1);
	for (size_t bit = 0; bit < 800; bit++) {
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		seen[n++] = of(one, bytes, 100);
		bytes[bit / 8] = 0;
	}
	for (size_t len = 0; len <= 100; len++) {
		uint8_t *exact = calloc(len + 1, 1); /* ASan sees a byte too far */
		seen[n++] = of(one, exact + 1, len);
		free(exact);
	}
	check_all_differ(seen, n);
}

static void the_digest_differs_for_every_bit_and_length(void **state)
{
	check_bits_and_lengths(dedup_hash);
	check_bits_and_lengths(dedup_hash_plain);
}

/* The bytes stand in memory of their own: ASan sees a byte too far. */
static void check_both(__m128i seed, const uint8_t *bytes, size_t len)
{
	uint8_t *exact = malloc(len + 1);
	memcpy(exact + 1, bytes, len);
	assert_int_equal(dedup_hash(seed, exact + 1, len), dedup_hash_narrow(seed, bytes, len));
	uint64_t key, sum;
	if (dedup_hash_sum(seed, exact + 1, len, &key, &sum)) {
		assert_int_equal(key, dedup_hash_narrow(seed, bytes, len));
		assert_int_equal(sum_fold(sum), sum_fold(sum_bytes(bytes, len)));
	}
	free(exact);
}

static void the_digest_differs_for_every_bit_of_the_seed(void **state)
{
	digest *const all[] = {dedup_hash, dedup_hash_plain};
	for (unsigned k = 0; k < 2; k++) {
		uint64_t seen[128 + 1];
		size_t n = 0;
		for (unsigned bit = 0; bit < 128; bit++) {
			uint64_t w[2] = {0};
			w[bit / 64] = 1ull << bit % 64;
			if (bit / 16 != 6)
				seen[n++] = all[k](_mm_set_epi64x((int64_t)w[1], (int64_t)w[0]),
						   (const uint8_t *)"some text of a line", 19);
		}
		check_all_differ(seen, n);
	}
}

static void wide_cores_have_the_digest_of_all_others_and_the_sum(void **state)
{
	uint8_t bytes[512];
	uint64_t x = 1;
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)((x = x * 6364136223846793005u + 1442695040888963407u) >> 56);
	for (size_t len = 0; len <= 256; len++)
		for (size_t at = 0; at < 256; at += 37)
			check_both(_mm_set1_epi64x((int64_t)(len * at)), bytes + at, len);
}

static void the_sum_of_the_longest_payload_of_all_ones_and_all_zeros_is_right(void **state)
{
	static uint8_t bytes[UINT16_MAX];
	for (unsigned fill = 0; fill < 256; fill += 51) {
		memset(bytes, (int)fill, sizeof(bytes));
		check_both(_mm_setzero_si128(), bytes, sizeof(bytes));
	}
}

/* What most packets are: lines that differ in a few digits, some of them in step. */
static void check_lines(digest *of)
{
	size_t n = 200000;
	uint64_t *seen = calloc(n, sizeof(*seen));
	for (unsigned i = 0; i < n; i++) {
		char line[200];
		int len = snprintf(line, sizeof(line),
				   "<%u>1 2026-11-25T04:43:16.%06uZ web-%u nginx %u ID%u - GET "
				   "/items/%u?user=%u took %u us on shard %u",
				   i % 192, i, i % 64, 1000 + i % 64, i % 97, i, i % 7919, i, i);
		seen[i] = of(_mm_set1_epi8(7), (const uint8_t *)line, (size_t)len);
	}
	check_all_differ(seen, n);
	free(seen);
}

static void the_digest_differs_for_lines_that_differ_in_digits(void **state)
{
	check_lines(dedup_hash);
	check_lines(dedup_hash_plain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(copies_of_span_and_vlan_mirrors_are_counted_once),
		cmocka_unit_test(an_equal_ipv4_identification_makes_a_copy_even_on_the_same_way),
		cmocka_unit_test(a_sender_that_repeats_itself_is_believed),
		cmocka_unit_test(a_sender_that_repeats_itself_on_a_doubled_way_is_counted_right),
		cmocka_unit_test(a_repeat_is_believed_when_only_its_copy_is_still_remembered),
		cmocka_unit_test(all_takes_every_equal_packet_and_off_takes_none),
		cmocka_unit_test(a_copy_is_known_for_the_window_only_forward_and_backward),
		cmocka_unit_test(tcp_is_left_alone),
		cmocka_unit_test(another_port_tells_copies_of_ipv6_apart_from_repeats),
		cmocka_unit_test(a_full_table_forgets_and_never_drops_what_is_new),
		cmocka_unit_test(frames_of_a_key_are_forgotten_together_by_whatever_comes),
		cmocka_unit_test(a_frame_takes_the_place_of_an_old_one_of_its_key),
		cmocka_unit_test(the_digest_differs_for_every_bit_and_length),
		cmocka_unit_test(the_digest_differs_for_every_bit_of_the_seed),
		cmocka_unit_test(wide_cores_have_the_digest_of_all_others_and_the_sum),
		cmocka_unit_test(the_sum_of_the_longest_payload_of_all_ones_and_all_zeros_is_right),
		cmocka_unit_test(the_digest_differs_for_lines_that_differ_in_digits),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
