/* test_frag.c - datagrams put together from fragments, alone and through the decoder. */
#include "tests/support/decode_check.h"

#include "dataplane/capture/frag.h"

#define T0 1700000000000000000u
#define MS 1000000u

static uint64_t row[DECODE_N_COLS];

static struct frag *frag_new(uint32_t datagrams, uint64_t bytes)
{
	struct frag_conf conf = {.wait_ns = 1000 * (uint64_t)MS,
				 .copies_ns = 5 * MS,
				 .bytes_max = bytes,
				 .datagrams_max = datagrams};
	struct frag *f = NULL;
	struct err e;
	memset(row, 0, sizeof(row));
	assert_int_equal(frag_create(&conf, row, &f, &e), 0);
	return f;
}

/* Adds a fragment and counts it as the decoder does. */
static enum frag_result add(struct frag *f, const struct frag_part *part, struct frag_whole *ret_w)
{
	static const unsigned cols[] = {
		[FRAG_HELD] = DECODE_fragments_waiting,   [FRAG_WHOLE] = DECODE_packets_out,
		[FRAG_DUPLICATE] = DECODE_duplicate,      [FRAG_OVERLAP] = DECODE_fragment_overlap,
		[FRAG_NO_ROOM] = DECODE_fragment_no_room, [FRAG_BAD] = DECODE_bad_length};
	struct frag_whole whole;
	enum frag_result r = frag_add(f, part, ret_w ? ret_w : &whole);
	row[DECODE_packets_in]++;
	row[cols[r]]++;
	assert_int_equal(ledger_imbalance(&decode_ledger, row), 0);
	return r;
}

static void end(struct frag *f)
{
	frag_release(f);
	frag_finish(f);
	assert_int_equal(row[DECODE_fragments_waiting], 0);
	assert_int_equal(ledger_imbalance(&decode_ledger, row), 0);
	frag_destroy(f);
}

static struct frag_part part_of(const uint8_t *datagram, uint32_t id, uint32_t off, uint32_t len,
				bool more)
{
	return (struct frag_part){
		.of = {.src = {1}, .dst = {2}, .id = id, .proto = 17, .family = 4},
		.ptr = datagram + off,
		.len = len,
		.off = off,
		.proto = 17,
		.more = more,
		.time_ns = T0};
}

static uint8_t datagram[65536];

static int fill_datagram(void **state)
{
	for (size_t i = 0; i < sizeof(datagram); i++)
		datagram[i] = (uint8_t)(i * 7 + (i >> 8));
	return 0;
}

static void four_fragments_make_the_datagram_in_every_order(void **state)
{
	struct frag *f = frag_new(8, 1 << 20);
	uint32_t id = 0;
	for (int order = 0; order < 256; order++) {
		int at[4] = {order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6};
		if ((1 << at[0] | 1 << at[1] | 1 << at[2] | 1 << at[3]) != 15)
			continue;
		id++;
		for (int i = 0; i < 4; i++) {
			uint32_t off = (uint32_t)at[i] * 1480;
			struct frag_part p =
				part_of(datagram, id, off, at[i] == 3 ? 77 : 1480, at[i] != 3);
			struct frag_whole w;
			assert_int_equal(add(f, &p, &w), i == 3 ? FRAG_WHOLE : FRAG_HELD);
			if (i < 3)
				continue;
			assert_int_equal(w.len, 3 * 1480 + 77);
			assert_memory_equal(w.ptr, datagram, w.len);
		}
		frag_release(f);
	}
	assert_int_equal(id, 24);
	assert_int_equal(row[DECODE_fragments_joined], 24 * 3);
	end(f);
}

static void a_datagram_of_the_largest_size_in_the_smallest_pieces_is_put_together(void **state)
{
	struct frag *f = frag_new(8, 1 << 20);
	uint32_t len = FRAG_BYTES_MAX - 20, n = (len + 7) / 8;
	struct frag_whole w = {0};
	for (uint32_t i = 0; i < n; i++) {
		uint32_t unit = i * 4099 % n; /* each once, far apart */
		uint32_t off = unit * 8, here = unit == n - 1 ? len - off : 8;
		struct frag_part p = part_of(datagram, 1, off, here, unit != n - 1);
		assert_int_equal(add(f, &p, &w), i == n - 1 ? FRAG_WHOLE : FRAG_HELD);
	}
	assert_int_equal(w.len, len);
	assert_memory_equal(w.ptr, datagram, len);
	end(f);
}

static void equal_copies_of_fragments_are_duplicates_before_and_after_it_is_whole(void **state)
{
	struct frag *f = frag_new(8, 1 << 20);
	struct frag_part a = part_of(datagram, 1, 0, 800, true);
	struct frag_part b = part_of(datagram, 1, 800, 100, false);
	assert_int_equal(add(f, &a, NULL), FRAG_HELD);
	assert_int_equal(add(f, &a, NULL), FRAG_DUPLICATE);
	struct frag_part inside = part_of(datagram, 1, 400, 80, true);
	assert_int_equal(add(f, &inside, NULL), FRAG_DUPLICATE);
	assert_int_equal(add(f, &b, NULL), FRAG_WHOLE);
	assert_int_equal(add(f, &b, NULL), FRAG_DUPLICATE);
	assert_int_equal(add(f, &a, NULL), FRAG_DUPLICATE);
	a.time_ns += 6 * MS; /* the identification is used again */
	assert_int_equal(add(f, &a, NULL), FRAG_HELD);
	end(f);
}

static void an_overlap_with_the_same_bytes_is_no_harm_in_ipv4(void **state)
{
	struct frag *f = frag_new(8, 1 << 20);
	struct frag_part a = part_of(datagram, 1, 0, 800, true);
	struct frag_part b = part_of(datagram, 1, 1600, 100, false);
	struct frag_part c = part_of(datagram, 1, 400, 1240, true);
	struct frag_whole w;
	assert_int_equal(add(f, &a, NULL), FRAG_HELD);
	assert_int_equal(add(f, &b, NULL), FRAG_HELD);
	assert_int_equal(add(f, &c, &w), FRAG_WHOLE);
	assert_int_equal(w.len, 1700);
	assert_memory_equal(w.ptr, datagram, 1700);
	end(f);
}

static void an_overlap_with_other_bytes_ends_the_whole_datagram(void **state)
{
	struct frag *f = frag_new(8, 1 << 20);
	uint8_t other[16] = {0};
	struct frag_part a = part_of(datagram, 1, 0, 800, true);
	struct frag_part b = part_of(datagram, 1, 800, 100, false);
	struct frag_part c = part_of(datagram, 1, 792, 16, true);
	c.ptr = other;
	assert_int_equal(add(f, &a, NULL), FRAG_HELD);
	assert_int_equal(add(f, &c, NULL), FRAG_OVERLAP);
	assert_int_equal(row[DECODE_fragment_overlap], 2);
	assert_int_equal(row[DECODE_fragments_waiting], 0);
	assert_int_equal(add(f, &b, NULL), FRAG_OVERLAP);
	a.time_ns += 1001 * MS;
	b.time_ns += 1001 * MS;
	assert_int_equal(add(f, &a, NULL), FRAG_HELD); /* the next with this identification */
	assert_int_equal(add(f, &b, NULL), FRAG_WHOLE);
	end(f);
}

static void any_partial_overlap_ends_a_datagram_of_ipv6(void **state)
{
	struct frag *f = frag_new(8, 1 << 20);
	struct frag_part a = part_of(datagram, 1, 0, 800, true);
	struct frag_part b = part_of(datagram, 1, 400, 800, true);
	a.of.family = b.of.family = 6;
	assert_int_equal(add(f, &a, NULL), FRAG_HELD);
	assert_int_equal(add(f, &a, NULL), FRAG_DUPLICATE);
	assert_int_equal(add(f, &b, NULL), FRAG_OVERLAP);
	assert_int_equal(add(f, &a, NULL), FRAG_OVERLAP);
	end(f);
}

static void fragments_that_disagree_about_the_end_are_an_overlap(void **state)
{
	struct frag *f = frag_new(8, 1 << 20);
	struct frag_part last = part_of(datagram, 1, 800, 100, false);
	struct frag_part longer = part_of(datagram, 1, 800, 200, false);
	struct frag_part behind = part_of(datagram, 2, 1600, 80, true);
	struct frag_part before = part_of(datagram, 2, 800, 100, false);
	assert_int_equal(add(f, &last, NULL), FRAG_HELD);
	assert_int_equal(add(f, &longer, NULL), FRAG_OVERLAP);
	assert_int_equal(add(f, &behind, NULL), FRAG_HELD);
	assert_int_equal(add(f, &before, NULL), FRAG_OVERLAP);
	end(f);
}

static void lengths_that_cannot_be_are_bad(void **state)
{
	struct frag *f = frag_new(8, 1 << 20);
	struct frag_part empty = part_of(datagram, 1, 8, 0, false);
	struct frag_part odd = part_of(datagram, 1, 0, 801, true);
	struct frag_part far = part_of(datagram, 1, 65528, 8, false);
	struct frag_part far6 = far;
	far6.of.family = 6;
	assert_int_equal(add(f, &empty, NULL), FRAG_BAD);
	assert_int_equal(add(f, &odd, NULL), FRAG_BAD);
	assert_int_equal(add(f, &far, NULL), FRAG_BAD);
	assert_int_equal(add(f, &far6, NULL), FRAG_BAD);
	end(f);
}

static void fragments_wait_in_packet_time_and_no_longer(void **state)
{
	struct frag *f = frag_new(8, 1 << 20);
	struct frag_part a = part_of(datagram, 1, 0, 800, true);
	struct frag_part b = part_of(datagram, 1, 800, 100, false);
	assert_int_equal(add(f, &a, NULL), FRAG_HELD);
	b.time_ns += 1000 * MS;
	assert_int_equal(add(f, &b, NULL), FRAG_WHOLE);
	a.of.id = b.of.id = 2;
	b.time_ns = a.time_ns + 1000 * MS + 1;
	assert_int_equal(add(f, &a, NULL), FRAG_HELD);
	assert_int_equal(add(f, &b, NULL), FRAG_HELD);
	assert_int_equal(row[DECODE_fragment_timeout], 1);
	frag_expire(f, b.time_ns + 1001 * MS);
	assert_int_equal(row[DECODE_fragment_timeout], 2);
	assert_int_equal(row[DECODE_fragments_waiting], 0);
	end(f);
}

static void the_oldest_datagram_gives_way_when_there_are_too_many(void **state)
{
	struct frag *f = frag_new(4, 1 << 20);
	for (uint32_t id = 1; id <= 6; id++) {
		struct frag_part a = part_of(datagram, id, 0, 800, true);
		assert_int_equal(add(f, &a, NULL), FRAG_HELD);
	}
	assert_int_equal(row[DECODE_fragment_no_room], 2);
	assert_int_equal(row[DECODE_fragments_waiting], 4);
	for (uint32_t id = 3; id <= 6; id++) {
		struct frag_part b = part_of(datagram, id, 800, 8, false);
		assert_int_equal(add(f, &b, NULL), FRAG_WHOLE);
	}
	end(f);
}

static void no_room_is_left_while_all_buffers_are_lent_out(void **state)
{
	struct frag *f = frag_new(4, 2 * FRAG_BUFFER_BYTES);
	struct frag_whole w[2];
	for (uint32_t id = 1; id <= 2; id++) {
		struct frag_part a = part_of(datagram, id, 0, 800, true);
		struct frag_part b = part_of(datagram, id, 800, id, false);
		assert_int_equal(add(f, &a, NULL), FRAG_HELD);
		assert_int_equal(add(f, &b, &w[id - 1]), FRAG_WHOLE);
	}
	struct frag_part c = part_of(datagram, 3, 0, 800, true);
	assert_int_equal(add(f, &c, NULL), FRAG_NO_ROOM);
	for (uint32_t i = 0; i < 2; i++) {
		assert_int_equal(w[i].len, 801 + i);
		assert_memory_equal(w[i].ptr, datagram, w[i].len);
	}
	frag_release(f);
	assert_int_equal(add(f, &c, NULL), FRAG_HELD);
	end(f);
}

/* A buffer that was used before must not lend its old bytes to the next datagram. */
static void a_flood_of_datagrams_leaves_nothing_behind(void **state)
{
	struct frag *f = frag_new(16, 4 << 20);
	uint64_t seed = 1;
	for (int i = 0; i < 20000; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		uint32_t r = (uint32_t)(seed >> 33);
		uint32_t off = (r >> 5) % 16 * 64, len = 64 + (r >> 11) % 8 * 64;
		len = off + len > 1000 ? 1000 - off : len;
		struct frag_part p = part_of(datagram, r % 6, off, len, off + len < 1000);
		p.of.family = r >> 20 & 1 ? 4 : 6;
		p.time_ns += (uint64_t)i * 20 * MS;
		struct frag_whole w;
		if (add(f, &p, &w) == FRAG_WHOLE)
			assert_memory_equal(w.ptr, datagram, w.len);
		if (i % 64 == 0)
			frag_release(f);
	}
	assert_true(row[DECODE_packets_out] > 0 && row[DECODE_fragment_timeout] > 0);
	end(f);
}

/* Cuts the IP payload in @m into fragments of @step bytes and gives them to @d. Returns the outcome
 * of the last.
 */
static const char *in_pieces(struct decode *d, const struct made *m, unsigned proto, unsigned id,
			     bool six, size_t step, void (*wrap)(struct made *), struct pkt *ret_p)
{
	static struct made piece;
	const char *name = "";
	size_t len = made_len(m);
	for (size_t off = 0; off < len; off += step) {
		size_t n = len - off < step ? len - off : step;
		piece = made_bytes(m->b + m->at + off, n);
		if (six)
			made_ip6_part(&piece, "fe80::1", "fe80::2", proto, id, (unsigned)off,
				      off + n < len);
		else
			made_ip4_part(&piece, "10.0.0.1", "10.0.0.2", proto, id, (unsigned)off,
				      off + n < len);
		if (wrap)
			wrap(&piece);
		struct pkt_raw raw = made_raw(&piece, LINK_RAW);
		name = decode_as(d, &raw, ret_p);
		assert_string_equal(name, off + n < len ? "fragments_waiting" : "packets_out");
	}
	return name;
}

static struct made long_udp(bool six)
{
	static struct made m;
	m = made_bytes(datagram, 20000);
	made_udp(&m, 1000, 514);
	static const uint8_t four[8] = {10, 0, 0, 1, 10, 0, 0, 2};
	static const uint8_t ends[32] = {[0] = 0xfe, 0x80, [15] = 1, [16] = 0xfe, 0x80, [31] = 2};
	made_l4_sum(&m, 17, six ? ends : four, six ? 32 : 8);
	return m;
}

static void check_long(const struct pkt *p)
{
	assert_int_equal(p->dport, 514);
	assert_int_equal(p->len, 20000);
	assert_memory_equal(p->payload, datagram, 20000);
	assert_int_equal(p->checksum, CHECKSUM_GOOD);
}

static void udp_in_fragments_of_both_families_is_one_packet(void **state)
{
	for (int six = 0; six < 2; six++) {
		struct decode *d = decode_new();
		struct made m = long_udp(six);
		struct pkt p;
		in_pieces(d, &m, 17, 7, six, 1480, NULL, &p);
		check_long(&p);
		assert_int_equal(decode_row(d)[DECODE_fragments_joined], 13);
		decode_end(d);
	}
}

static void wrap_in_ip(struct made *m)
{
	made_ip4(m, "172.16.0.1", "172.16.0.2", m->b[m->at] >> 4 == 6 ? 41 : 4);
}

static void fragments_inside_a_tunnel_are_put_together(void **state)
{
	for (int six = 0; six < 2; six++) {
		struct decode *d = decode_new();
		struct made m = long_udp(six);
		struct pkt p;
		in_pieces(d, &m, 17, 7, six, 1480, wrap_in_ip, &p);
		check_long(&p);
		assert_int_equal(decode_row(d)[DECODE_tunnelled], 1);
		decode_end(d);
	}
}

static void a_tunnel_inside_fragments_is_taken_out(void **state)
{
	struct decode *d = decode_new();
	struct made m = long_udp(false);
	made_ip4(&m, "10.0.0.1", "10.0.0.2", 17);
	made_ether(&m, 0x0800);
	made_hex(&m, "08000000 00007b00");
	made_udp(&m, 50000, 4789);
	struct pkt p;
	in_pieces(d, &m, 17, 7, false, 1400, NULL, &p);
	check_long(&p);
	decode_end(d);
}

static void a_fragment_that_the_capture_cut_is_cut(void **state)
{
	struct decode *d = decode_new();
	struct made m = made_bytes(datagram, 800);
	made_ip4_part(&m, "10.0.0.1", "10.0.0.2", 17, 1, 0, true);
	struct pkt_raw raw = made_raw(&m, LINK_RAW);
	raw.cap_len -= 8;
	assert_string_equal(decode_as(d, &raw, NULL), "cut");
	decode_end(d);
}

static void too_little_memory_for_one_datagram_is_refused(void **state)
{
	struct decode_conf conf = decode_conf_default();
	conf.fragment_bytes_max = 65536;
	struct decode *d = NULL;
	struct err e;
	assert_int_equal(decode_create(&conf, &d, &e), -EINVAL);
	assert_non_null(strstr(e.text, "fragment_bytes_max"));
	assert_null(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(four_fragments_make_the_datagram_in_every_order),
		cmocka_unit_test(
			a_datagram_of_the_largest_size_in_the_smallest_pieces_is_put_together),
		cmocka_unit_test(
			equal_copies_of_fragments_are_duplicates_before_and_after_it_is_whole),
		cmocka_unit_test(an_overlap_with_the_same_bytes_is_no_harm_in_ipv4),
		cmocka_unit_test(an_overlap_with_other_bytes_ends_the_whole_datagram),
		cmocka_unit_test(any_partial_overlap_ends_a_datagram_of_ipv6),
		cmocka_unit_test(fragments_that_disagree_about_the_end_are_an_overlap),
		cmocka_unit_test(lengths_that_cannot_be_are_bad),
		cmocka_unit_test(fragments_wait_in_packet_time_and_no_longer),
		cmocka_unit_test(the_oldest_datagram_gives_way_when_there_are_too_many),
		cmocka_unit_test(no_room_is_left_while_all_buffers_are_lent_out),
		cmocka_unit_test(a_flood_of_datagrams_leaves_nothing_behind),
		cmocka_unit_test(udp_in_fragments_of_both_families_is_one_packet),
		cmocka_unit_test(fragments_inside_a_tunnel_are_put_together),
		cmocka_unit_test(a_tunnel_inside_fragments_is_taken_out),
		cmocka_unit_test(a_fragment_that_the_capture_cut_is_cut),
		cmocka_unit_test(too_little_memory_for_one_datagram_is_refused),
	};
	return cmocka_run_group_tests(tests, fill_datagram, NULL);
}
