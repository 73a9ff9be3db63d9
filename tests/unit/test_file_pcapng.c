/* test_file_pcapng.c - sections, interfaces, resolutions, block kinds, damage. */
#include "tests/support/capture_bytes.h"

#define S 1000000000ull

static struct seen see(struct bytes *b)
{
	/* Exactly as long as the file, so that ASan sees a byte read too far. */
	uint8_t *exact = malloc(b->len);
	memcpy(exact, b->ptr, b->len);
	struct seen s = see_memory(exact, b->len);
	free(exact);
	return s;
}

static void sections_of_both_byte_orders_follow_each_other_in_a_file(void **state)
{
	struct bytes b = {0};
	for (int section = 0; section < 4; section++) {
		b.swap = section & 1;
		ng_section(&b);
		ng_interface(&b, (uint16_t)(100 + section), 0, 6, 0);
		ng_packet(&b, 0, 1000000u * (unsigned)section, 61, 61);
		ng_packet(&b, 0, 1000000u * (unsigned)section + 1, 62, 90);
	}
	struct seen s = see(&b);
	assert_int_equal(s.end, -ENODATA);
	assert_int_equal(s.n, 8);
	for (unsigned i = 0; i < 8; i++) {
		assert_int_equal(s.pkts[i].link, 100 + i / 2);
		assert_int_equal(s.pkts[i].time_ns, i / 2 * S + i % 2 * 1000);
		assert_int_equal(s.pkts[i].cap_len, 61 + i % 2);
	}
	seen_fini(&s);
	bytes_fini(&b);
}

static uint64_t time_with(uint8_t tsresol, int64_t offset_s, uint64_t ticks)
{
	struct bytes b = {.swap = true};
	ng_section(&b);
	ng_interface(&b, 1, 0, tsresol, offset_s);
	ng_packet(&b, 0, ticks, 4, 4);
	struct seen s = see(&b);
	assert_int_equal(s.n, 1);
	uint64_t ns = s.pkts[0].time_ns;
	seen_fini(&s);
	bytes_fini(&b);
	return ns;
}

static void times_of_every_decimal_and_binary_resolution_become_nanoseconds(void **state)
{
	assert_int_equal(time_with(0, 0, 17), 17 * S);
	assert_int_equal(time_with(3, 0, 17001), 17 * S + 1000000);
	assert_int_equal(time_with(6, 0, 17000001), 17 * S + 1000);
	assert_int_equal(time_with(9, 0, 17 * S + 1), 17 * S + 1);
	assert_int_equal(time_with(12, 0, 17000000001999), 17 * S + 1);
	assert_int_equal(time_with(18, 0, 17 * S * S), 17 * S);
	assert_int_equal(time_with(19, 0, UINT64_MAX), 1844674407);
	assert_int_equal(time_with(28, 0, UINT64_MAX), 1);
	assert_int_equal(time_with(29, 0, UINT64_MAX), 0);
	assert_int_equal(time_with(127, 0, UINT64_MAX), 0);
	assert_int_equal(time_with(0x80, 0, 17), 17 * S);
	assert_int_equal(time_with(0x80 | 10, 0, 17 * 1024 + 512), 17 * S + S / 2);
	assert_int_equal(time_with(0x80 | 32, 0, (17ull << 32) | 1u << 31), 17 * S + S / 2);
	assert_int_equal(time_with(0x80 | 63, 0, 1ull << 63), S);
	assert_int_equal(time_with(0x80 | 64, 0, 1ull << 63), S / 2);
	assert_int_equal(time_with(0xff, 0, UINT64_MAX), 0);
}

static void times_beyond_64_bits_of_nanoseconds_stay_at_the_last_one(void **state)
{
	assert_int_equal(time_with(0, 0, UINT64_MAX), UINT64_MAX);
	assert_int_equal(time_with(6, 0, UINT64_MAX), UINT64_MAX);
	assert_int_equal(time_with(0x80, 0, UINT64_MAX), UINT64_MAX);
	assert_int_equal(time_with(6, INT64_MAX, UINT64_MAX), UINT64_MAX);
	assert_int_equal(time_with(9, INT64_MAX, 0), UINT64_MAX);
	/* One that an offset brings back in range is exact. */
	assert_int_equal(time_with(0, -99999999999, 100000000000), S);
}

static void an_offset_of_the_interface_moves_its_times_and_never_below_1970(void **state)
{
	assert_int_equal(time_with(6, 3600, 1000000), 3601 * S);
	assert_int_equal(time_with(6, -3600, 3601000000), S);
	assert_int_equal(time_with(6, -3600, 1000000), 0);
	assert_int_equal(time_with(6, INT64_MIN, UINT64_MAX), 0);
}

static void interfaces_keep_their_own_link_type_and_resolution(void **state)
{
	struct bytes b = {0};
	ng_section(&b);
	ng_interface(&b, 1, 0, 9, 0);
	ng_interface(&b, 113, 0, 6, 10);
	ng_packet(&b, 1, 5, 20, 20);
	ng_interface(&b, 276, 0, 0x80 | 1, 0);
	ng_packet(&b, 2, 3, 20, 20);
	ng_packet(&b, 0, 7, 20, 20);
	struct seen s = see(&b);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.pkts[0].link, 113);
	assert_int_equal(s.pkts[0].time_ns, 10 * S + 5000);
	assert_int_equal(s.pkts[1].link, 276);
	assert_int_equal(s.pkts[1].time_ns, S + S / 2);
	assert_int_equal(s.pkts[2].link, 1);
	assert_int_equal(s.pkts[2].time_ns, 7);
	seen_fini(&s);
	bytes_fini(&b);
}

static void put_simple(struct bytes *b, uint32_t wire_len, uint32_t cap_len)
{
	size_t at = ng_begin(b, 3);
	put_u32(b, wire_len);
	put_payload(b, wire_len, cap_len);
	ng_end(b, at);
}

static void simple_packets_take_interface_0_its_snap_length_and_the_time_before(void **state)
{
	struct bytes b = {0};
	ng_section(&b);
	ng_interface(&b, 147, 50, 6, 0);
	put_simple(&b, 41, 41);
	ng_packet(&b, 0, 9000000, 20, 20);
	put_simple(&b, 1514, 50); /* two bytes of padding are no packet bytes */
	struct seen s = see(&b);
	assert_int_equal(s.n, 3);
	assert_int_equal(s.pkts[0].time_ns, 0);
	assert_int_equal(s.pkts[0].cap_len, 41);
	assert_int_equal(s.pkts[2].time_ns, 9 * S);
	assert_int_equal(s.pkts[2].cap_len, 50);
	assert_int_equal(s.pkts[2].wire_len, 1514);
	assert_int_equal(s.pkts[2].link, 147);
	seen_fini(&s);
	bytes_fini(&b);
}

static void the_obsolete_packet_block_is_read_too(void **state)
{
	struct bytes b = {.swap = true};
	ng_section(&b);
	ng_interface(&b, 1, 0, 6, 0);
	size_t at = ng_begin(&b, 2);
	put_u16(&b, 0);
	put_u16(&b, 77); /* drops */
	put_u32(&b, 1);
	put_u32(&b, 5);
	put_u32(&b, 33);
	put_u32(&b, 44);
	put_payload(&b, 1, 33);
	ng_end(&b, at);
	struct seen s = see(&b);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.pkts[0].time_ns, ((1ull << 32) + 5) * 1000);
	assert_int_equal(s.pkts[0].cap_len, 33);
	assert_int_equal(s.pkts[0].wire_len, 44);
	seen_fini(&s);
	bytes_fini(&b);
}

static void blocks_of_other_kinds_are_passed_over_at_any_size(void **state)
{
	static const uint32_t types[] = {4, 5, 9, 10, 0xbad, 0x40000bad, 0xffffffff, 0};
	struct bytes b = {0};
	ng_section(&b);
	ng_interface(&b, 1, 0, 6, 0);
	for (unsigned i = 0; i < 8; i++) {
		size_t at = ng_begin(&b, types[i]);
		put_zeros(&b, i * i * 1000);
		ng_end(&b, at);
		ng_packet(&b, 0, i, 40 + i, 60);
	}
	/* Larger than the window of a file that is read in pieces of 64 bytes. */
	size_t at = ng_begin(&b, 0xbad);
	put_zeros(&b, 20u << 20);
	ng_end(&b, at);
	ng_packet(&b, 0, 8, 48, 60);
	struct temp t = temp_file(b.ptr, b.len);
	struct seen s = see(&b), f = see_file(t.path, 64);
	assert_int_equal(s.n, 9);
	assert_int_equal(s.end, -ENODATA);
	for (unsigned i = 0; i < 9; i++)
		assert_int_equal(s.pkts[i].cap_len, 40 + i);
	assert_same(&s, &f);
	temp_remove(&t);
	seen_fini(&f);
	seen_fini(&s);
	bytes_fini(&b);
}

static void options_of_packets_are_not_packet_bytes(void **state)
{
	struct bytes b = {0};
	ng_section(&b);
	ng_interface(&b, 1, 0, 6, 0);
	size_t at = ng_begin(&b, 6);
	put_zeros(&b, 12);
	put_u32(&b, 5);
	put_u32(&b, 5);
	bytes_put(&b, "abcde\0\0", 8);
	ng_option(&b, 1, "a comment", 9);
	ng_option(&b, 0, "", 0);
	ng_end(&b, at);
	struct seen s = see(&b);
	assert_int_equal(s.n, 1);
	assert_true(s.pkts[0].hash == hash_bytes((const uint8_t *)"abcde", 5));
	seen_fini(&s);
	bytes_fini(&b);
}

static void fcs_of_an_interface_is_cut_off_whether_told_in_bytes_or_bits(void **state)
{
	static const uint8_t told[] = {4, 32};
	for (int i = 0; i < 2; i++) {
		struct bytes b = {0};
		ng_section(&b);
		size_t at = ng_begin(&b, 1);
		put_u32(&b, 1);
		put_u32(&b, 0);
		ng_option(&b, 13, &told[i], 1);
		ng_end(&b, at);
		ng_packet(&b, 0, 1, 64, 64);
		struct seen s = see(&b);
		assert_int_equal(s.pkts[0].cap_len, 60);
		assert_int_equal(s.pkts[0].wire_len, 60);
		seen_fini(&s);
		bytes_fini(&b);
	}
}

/* --- damage: one good packet first, whose end is returned ---------------------------------------
 */

static size_t good_start(struct bytes *b)
{
	ng_section(b);
	ng_interface(b, 1, 0, 6, 0);
	ng_packet(b, 0, 1, 60, 60);
	return b->len;
}

static void expect_broken(struct bytes *b, size_t at, const char *what)
{
	char place[32];
	snprintf(place, sizeof(place), "memory: offset %zu: ", at);
	struct seen s = see(b);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.end, -EBADMSG);
	assert_non_null(strstr(s.why, place));
	assert_non_null(strstr(s.why, what));
	seen_fini(&s);
	bytes_fini(b);
}

static void a_trailing_length_that_differs_is_told_with_its_block(void **state)
{
	static const uint32_t types[] = {1, 6, 0xbad, 0x0a0d0d0a};
	for (int i = 0; i < 4; i++) {
		struct bytes b = {0};
		size_t at = good_start(&b);
		size_t block = b.len;
		if (types[i] == 6)
			ng_packet(&b, 0, 1, 60, 60);
		else if (types[i] == 1)
			ng_interface(&b, 1, 0, 6, 0);
		else if (types[i] == 0xbad)
			ng_end(&b, ng_begin(&b, 0xbad));
		else
			ng_section(&b);
		assert_int_equal(block, at);
		b.ptr[b.len - 4] ^= 4;
		expect_broken(&b, at, "length at the end");
	}
}

static void impossible_block_lengths_are_told(void **state)
{
	static const uint32_t lengths[] = {0, 4, 8, 11, 13, 14, 15, 33};
	for (int i = 0; i < 8; i++) {
		struct bytes b = {0};
		size_t at = good_start(&b);
		put_u32(&b, 6);
		put_u32(&b, lengths[i]);
		put_zeros(&b, 100);
		expect_broken(&b, at, "cannot be");
	}
}

static void a_packet_longer_than_its_block_is_told(void **state)
{
	struct bytes b = {0};
	size_t at = good_start(&b);
	ng_packet(&b, 0, 1, 60, 60);
	b.ptr[at + 20] = 61;
	expect_broken(&b, at, "longer than its block");
	at = good_start(&b);
	ng_packet(&b, 0, 1, 60, 60);
	memset(b.ptr + at + 20, 0xff, 4);
	expect_broken(&b, at, "longer than its block");
}

static void a_packet_of_an_interface_not_described_is_told(void **state)
{
	struct bytes b = {0};
	size_t at = good_start(&b);
	ng_packet(&b, 1, 1, 60, 60);
	expect_broken(&b, at, "interface is not described");
	/* A new section forgets the interfaces of the one before. */
	good_start(&b);
	ng_section(&b);
	at = b.len;
	ng_packet(&b, 0, 1, 60, 60);
	expect_broken(&b, at, "interface is not described");
}

static void a_section_of_another_version_or_with_a_bad_option_is_refused(void **state)
{
	struct bytes b = {0};
	size_t at = good_start(&b);
	ng_section(&b);
	b.ptr[at + 12] = 2;
	expect_broken(&b, at, "version 1.0");
	at = good_start(&b);
	size_t block = ng_begin(&b, 0x0a0d0d0a);
	put_u32(&b, 0x1a2b3c4d);
	put_u32(&b, 1);
	put_u64(&b, 0);
	put_u16(&b, 2);
	put_u16(&b, 0x3030);
	ng_end(&b, block);
	expect_broken(&b, at, "option is longer");
}

static void more_interfaces_than_there_can_be_end_the_file(void **state)
{
	struct bytes b = {0};
	good_start(&b);
	for (int i = 1; i < 4096; i++)
		ng_interface(&b, 1, 0, 6, 0);
	size_t at = b.len;
	ng_interface(&b, 1, 0, 6, 0);
	expect_broken(&b, at, "4,096 interfaces");
}

static void a_file_cut_at_any_byte_gives_its_whole_packets_and_then_the_place(void **state)
{
	struct bytes b = {0};
	size_t ends[16], packets[16], n = 0;
	ng_section(&b);
	ends[n] = b.len, packets[n++] = 0;
	ng_interface(&b, 1, 0, 9, 5);
	ends[n] = b.len, packets[n++] = 0;
	for (unsigned i = 1; i < 4; i++) {
		ng_packet(&b, 0, i, 11 * i, 100);
		ends[n] = b.len, packets[n++] = i;
	}
	ng_end(&b, ng_begin(&b, 0xbad));
	ends[n] = b.len, packets[n++] = 3;
	for (size_t len = 1; len <= b.len; len++) {
		struct bytes cut = {.ptr = b.ptr, .len = len};
		struct seen s = see(&cut);
		size_t k = 0;
		while (k < n && ends[k] <= len)
			k++;
		if (k == 0) {
			assert_int_equal(s.end, -EINVAL);
			assert_non_null(strstr(s.why, "memory: offset 0: "));
		} else {
			char place[40];
			snprintf(place, sizeof(place), "memory: offset %zu: ", ends[k - 1]);
			bool whole = ends[k - 1] == len;
			assert_int_equal(s.end, whole ? -ENODATA : -EBADMSG);
			assert_int_equal(s.n, packets[k - 1]);
			assert_true(whole || strstr(s.why, place));
		}
		seen_fini(&s);
	}
	bytes_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sections_of_both_byte_orders_follow_each_other_in_a_file),
		cmocka_unit_test(times_of_every_decimal_and_binary_resolution_become_nanoseconds),
		cmocka_unit_test(times_beyond_64_bits_of_nanoseconds_stay_at_the_last_one),
		cmocka_unit_test(an_offset_of_the_interface_moves_its_times_and_never_below_1970),
		cmocka_unit_test(interfaces_keep_their_own_link_type_and_resolution),
		cmocka_unit_test(
			simple_packets_take_interface_0_its_snap_length_and_the_time_before),
		cmocka_unit_test(the_obsolete_packet_block_is_read_too),
		cmocka_unit_test(blocks_of_other_kinds_are_passed_over_at_any_size),
		cmocka_unit_test(options_of_packets_are_not_packet_bytes),
		cmocka_unit_test(fcs_of_an_interface_is_cut_off_whether_told_in_bytes_or_bits),
		cmocka_unit_test(a_trailing_length_that_differs_is_told_with_its_block),
		cmocka_unit_test(impossible_block_lengths_are_told),
		cmocka_unit_test(a_packet_longer_than_its_block_is_told),
		cmocka_unit_test(a_packet_of_an_interface_not_described_is_told),
		cmocka_unit_test(a_section_of_another_version_or_with_a_bad_option_is_refused),
		cmocka_unit_test(more_interfaces_than_there_can_be_end_the_file),
		cmocka_unit_test(a_file_cut_at_any_byte_gives_its_whole_packets_and_then_the_place),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
