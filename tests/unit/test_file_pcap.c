/* test_file_pcap.c - the classic format: byte orders, fractions, link field, cuts. */
#include "tests/support/capture_bytes.h"

static void both_byte_orders_and_fractions_give_the_same_packets(void **state)
{
	for (int variant = 0; variant < 4; variant++) {
		bool swap = variant & 1, nano = variant & 2;
		struct bytes b = {.swap = swap};
		pcap_header(&b, nano, 1);
		pcap_packet(&b, 1700000000, nano ? 123456789 : 123456, 60, 60);
		pcap_packet(&b, 1700000001, 1, 100, 1514);
		struct seen s = see_memory(b.ptr, b.len);
		assert_int_equal(s.end, -ENODATA);
		assert_int_equal(s.n, 2);
		assert_int_equal(s.pkts[0].time_ns,
				 nano ? 1700000000123456789ull : 1700000000123456000ull);
		assert_int_equal(s.pkts[1].time_ns,
				 nano ? 1700000001000000001ull : 1700000001000001000ull);
		assert_int_equal(s.pkts[1].cap_len, 100);
		assert_int_equal(s.pkts[1].wire_len, 1514);
		assert_int_equal(s.pkts[1].number, 2);
		assert_int_equal(s.pkts[0].link, 1);
		seen_fini(&s);
		bytes_fini(&b);
	}
}

static void seconds_are_unsigned_up_to_the_year_2106(void **state)
{
	struct bytes b = {0};
	pcap_header(&b, false, 1);
	pcap_packet(&b, 0x80000000, 0, 1, 1);
	pcap_packet(&b, UINT32_MAX, 999999, 1, 1);
	struct seen s = see_memory(b.ptr, b.len);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.pkts[0].time_ns, 0x80000000ull * 1000000000);
	assert_int_equal(s.pkts[1].time_ns, UINT32_MAX * 1000000000ull + 999999000);
	seen_fini(&s);
	bytes_fini(&b);
}

static void bytes_of_the_frame_check_sequence_are_cut_off(void **state)
{
	struct bytes b = {0};
	pcap_header(&b, false, 0x24000001); /* P set, two words of 16 bits */
	pcap_packet(&b, 1, 0, 64, 64);      /* whole: its last 4 bytes are the FCS */
	pcap_packet(&b, 2, 0, 62, 64);      /* two bytes of the FCS were captured */
	pcap_packet(&b, 3, 0, 50, 64);      /* none */
	pcap_packet(&b, 4, 0, 3, 3);        /* too short to have one */
	struct seen s = see_memory(b.ptr, b.len);
	assert_int_equal(s.n, 4);
	const uint32_t cap[] = {60, 60, 50, 3}, wire[] = {60, 60, 60, 3};
	for (int i = 0; i < 4; i++) {
		assert_int_equal(s.pkts[i].link, 1);
		assert_int_equal(s.pkts[i].cap_len, cap[i]);
		assert_int_equal(s.pkts[i].wire_len, wire[i]);
	}
	seen_fini(&s);
	bytes_fini(&b);
}

static void upper_bits_of_the_link_type_without_the_fcs_mark_are_ignored(void **state)
{
	struct bytes b = {0};
	pcap_header(&b, false, 0x300000e5);
	pcap_packet(&b, 1, 0, 64, 64);
	struct seen s = see_memory(b.ptr, b.len);
	assert_int_equal(s.pkts[0].link, LINK_IPV6);
	assert_int_equal(s.pkts[0].cap_len, 64);
	seen_fini(&s);
	bytes_fini(&b);
}

static void a_packet_never_has_more_captured_than_was_on_the_wire(void **state)
{
	struct bytes b = {0};
	pcap_header(&b, false, 1);
	pcap_packet(&b, 1, 0, 64, 0);
	struct seen s = see_memory(b.ptr, b.len);
	assert_int_equal(s.pkts[0].cap_len, 64);
	assert_int_equal(s.pkts[0].wire_len, 64);
	seen_fini(&s);
	bytes_fini(&b);
}

static void a_file_cut_at_any_byte_gives_its_whole_packets_and_then_the_place(void **state)
{
	struct bytes b = {0};
	size_t ends[5];
	pcap_header(&b, false, 1);
	ends[0] = b.len;
	for (unsigned i = 1; i < 5; i++) {
		pcap_packet(&b, i, 0, 10 * i, 100);
		ends[i] = b.len;
	}
	for (size_t len = 0; len < b.len; len++) {
		uint8_t *exact = malloc(len ? len : 1); /* ASan sees a byte read too far */
		memcpy(exact, b.ptr, len);
		struct seen s = see_memory(exact, len);
		size_t whole = 0;
		while (whole < 4 && ends[whole + 1] <= len)
			whole++;
		if (len < ends[0]) {
			assert_int_equal(s.end, -EINVAL);
			assert_non_null(strstr(s.why, "memory: offset 0: "));
		} else if (len == ends[whole]) {
			assert_int_equal(s.end, -ENODATA);
		} else {
			char place[32];
			snprintf(place, sizeof(place), "memory: offset %zu: ", ends[whole]);
			assert_int_equal(s.end, -EBADMSG);
			assert_non_null(strstr(s.why, place));
			assert_non_null(strstr(s.why, "is cut"));
		}
		assert_int_equal(s.n, whole);
		seen_fini(&s);
		free(exact);
	}
	bytes_fini(&b);
}

static void a_packet_of_16_mib_is_read_and_a_larger_one_is_an_error(void **state)
{
	struct bytes b = {0};
	pcap_header(&b, false, 1);
	pcap_packet(&b, 1, 0, 16u << 20, 16u << 20);
	pcap_packet(&b, 2, 0, 5, 5);
	pcap_packet(&b, 3, 0, (16u << 20) + 1, 16u << 20);
	struct temp t = temp_file(b.ptr, b.len);
	struct seen s = see_memory(b.ptr, b.len), f = see_file(t.path, 4096);
	assert_int_equal(s.n, 2);
	assert_int_equal(s.pkts[0].cap_len, 16u << 20);
	assert_int_equal(s.end, -EBADMSG);
	assert_non_null(strstr(s.why, "packet 3 is said to have 16777217 bytes"));
	assert_int_equal(f.n, 2);
	assert_int_equal(f.end, -EBADMSG);
	assert_true(f.pkts[0].hash == s.pkts[0].hash);
	temp_remove(&t);
	seen_fini(&s);
	seen_fini(&f);
	bytes_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_byte_orders_and_fractions_give_the_same_packets),
		cmocka_unit_test(seconds_are_unsigned_up_to_the_year_2106),
		cmocka_unit_test(bytes_of_the_frame_check_sequence_are_cut_off),
		cmocka_unit_test(upper_bits_of_the_link_type_without_the_fcs_mark_are_ignored),
		cmocka_unit_test(a_packet_never_has_more_captured_than_was_on_the_wire),
		cmocka_unit_test(a_file_cut_at_any_byte_gives_its_whole_packets_and_then_the_place),
		cmocka_unit_test(a_packet_of_16_mib_is_read_and_a_larger_one_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
