/* test_file_foreign.c - formats that go through libpcap. */
#include "tests/support/capture_bytes.h"

/* The modified pcap of A. Kuznetzov: 8 more bytes in each packet header. */
static void kuznetzov_header(struct bytes *b, uint32_t link)
{
	put_u32(b, 0xa1b2cd34);
	put_u16(b, 2);
	put_u16(b, 4);
	put_zeros(b, 8);
	put_u32(b, 65535);
	put_u32(b, link);
}

static void kuznetzov_packet(struct bytes *b, uint32_t s, uint32_t us, uint32_t len)
{
	put_u32(b, s);
	put_u32(b, us);
	put_u32(b, len);
	put_u32(b, len + 10);
	put_zeros(b, 8);
	put_payload(b, s + us, len);
}

static struct bytes kuznetzov_file(unsigned n, uint32_t len)
{
	struct bytes b = {0};
	kuznetzov_header(&b, 101);
	for (unsigned i = 0; i < n; i++)
		kuznetzov_packet(&b, 0xf0000000, 10 * i, len);
	return b;
}

static void modified_pcap_of_either_byte_order_is_read_with_its_times_and_link(void **state)
{
	for (int swap = 0; swap < 2; swap++) {
		struct bytes b = {.swap = swap};
		kuznetzov_header(&b, 101);
		for (unsigned i = 0; i < 1000; i++)
			kuznetzov_packet(&b, 0xf0000000, 10 * i, i);
		struct temp t = temp_file(b.ptr, b.len);
		struct seen s = see_file(t.path, 64);
		assert_int_equal(s.end, -ENODATA);
		assert_int_equal(s.n, 1000);
		for (unsigned i = 0; i < 1000; i++) {
			const struct seen_pkt *p = &s.pkts[i];
			struct bytes want = {0};
			put_payload(&want, 0xf0000000 + 10 * i, i);
			assert_int_equal(p->number, i + 1);
			assert_int_equal(p->cap_len, i);
			assert_int_equal(p->wire_len, i + 10);
			assert_int_equal(p->time_ns, 0xf0000000ull * 1000000000 + 10000 * i);
			assert_int_equal(p->link, LINK_RAW);
			assert_true(p->hash == hash_bytes(want.ptr, want.len));
			bytes_fini(&want);
		}
		temp_remove(&t);
		seen_fini(&s);
		bytes_fini(&b);
	}
}

static void pcap_before_2_4_is_read_and_unknown_versions_get_libpcaps_word(void **state)
{
	struct bytes b = {0};
	pcap_header(&b, false, 1);
	b.ptr[6] = 2; /* lengths stand in the other order before 2.3 */
	pcap_packet(&b, 1, 2, 60, 60);
	memcpy(b.ptr + 32, &(uint32_t){90}, 4);
	struct temp t = temp_file(b.ptr, b.len);
	struct seen s = see_file(t.path, 0);
	assert_int_equal(s.n, 1);
	assert_int_equal(s.pkts[0].cap_len, 60);
	assert_int_equal(s.pkts[0].wire_len, 90);
	seen_fini(&s);
	temp_remove(&t);
	static const uint8_t versions[] = {1, 3};
	for (int i = 0; i < 2; i++) {
		b.ptr[4] = versions[i];
		t = temp_file(b.ptr, b.len);
		s = see_file(t.path, 0);
		assert_int_equal(s.end, -EINVAL);
		assert_non_null(strstr(s.why, ": offset 0: expected pcap or pcapng"));
		assert_non_null(strstr(s.why, "libpcap reads; it says: "));
		temp_remove(&t);
	}
	bytes_fini(&b);
}

static void a_cut_file_gives_its_whole_packets_and_then_libpcaps_word_once(void **state)
{
	struct bytes b = kuznetzov_file(100, 50);
	struct temp t = temp_file(b.ptr, b.len - 7);
	struct seen s = see_file(t.path, 0);
	assert_int_equal(s.n, 99);
	assert_int_equal(s.end, -EBADMSG);
	assert_non_null(strstr(s.why, t.path));
	assert_non_null(strstr(s.why, "libpcap says: truncated dump file"));
	seen_fini(&s);
	temp_remove(&t);
	bytes_fini(&b);
}

static void bursts_end_where_the_window_is_full(void **state)
{
	struct bytes b = kuznetzov_file(300, 60000);
	struct temp t = temp_file(b.ptr, b.len);
	struct seen s = see_file(t.path, 64);
	assert_int_equal(s.n, 300);
	assert_int_equal(s.end, -ENODATA);
	seen_fini(&s);
	temp_remove(&t);
	bytes_fini(&b);
}

static void foreign_files_are_merged_and_looped_like_any_other(void **state)
{
	struct bytes b = kuznetzov_file(100, 50), p = {0};
	pcap_header(&p, false, 1);
	for (unsigned i = 0; i < 100; i++)
		pcap_packet(&p, 0xf0000000, 10 * i + 5, 40, 40);
	struct temp t = temp_file(b.ptr, b.len), u = temp_file(p.ptr, p.len);
	const char *paths[] = {t.path, u.path};
	const struct replay_conf conf = {.paths = paths, .n_paths = 2, .loop = 2};
	struct capture *c;
	struct err e;
	assert_int_equal(replay_open(&conf, &c, &e), 0);
	struct seen s = {0};
	seen_receive(&s, c);
	assert_int_equal(s.n, 400);
	for (size_t i = 0; i < s.n; i++)
		assert_int_equal(s.pkts[i].port, i % 2);
	assert_int_equal(atomic_load(&c->stats.bytes), atomic_load(&c->stats.bytes_total));
	capture_close(c);
	seen_fini(&s);
	temp_remove(&t);
	temp_remove(&u);
	bytes_fini(&b);
	bytes_fini(&p);
}

static void from_memory_they_are_refused_with_the_reason(void **state)
{
	struct bytes b = kuznetzov_file(1, 50);
	struct seen s = see_memory(b.ptr, b.len);
	assert_int_equal(s.end, -EINVAL);
	assert_string_equal(s.why, "memory: offset 0: expected pcap 2.4, pcapng or a binary log, "
				   "found bytes 34 cd b2 a1 "
				   "(other formats go through libpcap, from plain files only)");
	bytes_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			modified_pcap_of_either_byte_order_is_read_with_its_times_and_link),
		cmocka_unit_test(pcap_before_2_4_is_read_and_unknown_versions_get_libpcaps_word),
		cmocka_unit_test(a_cut_file_gives_its_whole_packets_and_then_libpcaps_word_once),
		cmocka_unit_test(bursts_end_where_the_window_is_full),
		cmocka_unit_test(foreign_files_are_merged_and_looped_like_any_other),
		cmocka_unit_test(from_memory_they_are_refused_with_the_reason),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
