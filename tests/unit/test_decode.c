/* test_decode.c - link layers, IP, TCP and UDP headers, lengths, cuts, checksums, sharing. Tunnels
 * are in test_decode_tunnel.c, fragments in test_frag.c.
 */
#include "tests/support/decode_check.h"

static void check_hello(struct decode *d, const struct made *m, uint16_t link)
{
	struct pkt_raw raw = made_raw(m, link);
	struct pkt p;
	assert_string_equal(decode_as(d, &raw, &p), "packets_out");
	assert_int_equal(p.sport, 1000);
	assert_int_equal(p.dport, 514);
	assert_int_equal(p.len, 5);
	assert_int_equal(p.cut_bytes, 0);
	assert_memory_equal(p.payload, "hello", 5);
	assert_int_equal(p.checksum, CHECKSUM_GOOD);
}

static struct made hello_ip4(void)
{
	struct made m = made_text("hello");
	made_udp(&m, 1000, 514);
	made_ip4(&m, "10.0.0.1", "10.0.0.2", 17);
	return m;
}

static struct made hello_ip6(void)
{
	struct made m = made_text("hello");
	made_udp(&m, 1000, 514);
	made_ip6(&m, "2001:db8::1", "2001:db8::2", 17);
	return m;
}

static void udp_over_ethernet_has_its_ends_and_its_payload(void **state)
{
	struct decode *d = decode_new();
	struct made m = hello_ip4();
	made_ether(&m, 0x0800);
	check_hello(d, &m, LINK_ETHERNET);
	struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
	raw.port = 3;
	raw.number = 9;
	raw.time_ns += 1000000000;
	struct pkt p;
	assert_int_equal(decode_burst(d, &raw, 1, &p), 1);
	assert_memory_equal(p.src, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\1", 16);
	assert_memory_equal(p.dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\0\0\2", 16);
	assert_int_equal(p.proto, IPPROTO_UDP_);
	assert_int_equal(p.port, 3);
	assert_int_equal(p.number, 9);
	assert_true(p.time_ns == raw.time_ns);
	decode_end(d);
}

static void tcp_has_its_numbers_flags_window_and_payload_behind_the_options(void **state)
{
	struct decode *d = decode_new();
	struct made m = made_text("data");
	made_hex(&m, "01 01 08 0a 00 00 00 01 00 00 00 02");
	made_tcp(&m, 40000, 80, 0xfffffff0);
	m.b[m.at + 12] = 8 << 4;
	m.b[m.at + 13] = TCP_ACK | TCP_URG;
	put16(m.b + m.at + 18, 3);
	made_ip6(&m, "fe80::1", "fe80::2", 6);
	made_ether(&m, 0x86dd);
	struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
	struct pkt p;
	assert_string_equal(decode_as(d, &raw, &p), "packets_out");
	assert_true(p.seq == 0xfffffff0);
	assert_int_equal(p.ack, 77);
	assert_int_equal(p.window, 1024);
	assert_int_equal(p.urgent, 3);
	assert_int_equal(p.tcp_flags, TCP_ACK | TCP_URG);
	assert_int_equal(p.len, 4);
	assert_memory_equal(p.payload, "data", 4);
	assert_int_equal(p.checksum, CHECKSUM_GOOD);
	decode_end(d);
}

static void every_link_type_gives_the_same_packet(void **state)
{
	static const struct {
		uint16_t link;
		const char *ip4, *ip6; /* the header in front */
	} links[] = {
		{LINK_RAW, "", ""},
		{LINK_RAW_BSD, "", ""},
		{LINK_RAW_OPENBSD, "", ""},
		{LINK_NULL, "02000000", "1e000000"},
		{LINK_NULL, "00000002", "0000001c"},
		{LINK_NULL, "02000000", "18000000"},
		{LINK_LOOP, "00000002", "00000018"},
		{LINK_LINUX_SLL, "0000 0001 0006 020000000001 0000 0800",
		 "0000 0001 0006 020000000001 0000 86dd"},
		{LINK_LINUX_SLL2, "0800 0000 00000002 0001 00 06 0200000000010000",
		 "86dd 0000 00000002 0001 00 06 0200000000010000"},
		{LINK_PPP, "ff03 0021", "ff03 0057"},
		{LINK_PPP_HDLC, "ff03 0021", "ff03 0057"},
		{LINK_PPP, "21", "57"},
		{LINK_PPP, "0021", "0057"},
		{LINK_NFLOG, "02 00 0000 0500 0a00 78000000 2500 0900",
		 "0a 00 0000 0500 0a00 78000000 3900 0900"},
		{LINK_NFLOG, "02 00 0000 0005 000a 78000000 0025 0009",
		 "0a 00 0000 0005 000a 78000000 0039 0009"},
		{LINK_ETHERNET, "020000000001 020000000002 0800", "020000000001 020000000002 86dd"},
	};
	struct decode *d = decode_new_dedup(DEDUP_OFF);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++) {
		struct made four = hello_ip4(), six = hello_ip6();
		made_hex(&four, links[i].ip4);
		made_hex(&six, links[i].ip6);
		check_hello(d, &four, links[i].link);
		check_hello(d, &six, links[i].link);
	}
	struct made four = hello_ip4(), six = hello_ip6();
	check_hello(d, &four, LINK_IPV4);
	check_hello(d, &six, LINK_IPV6);
	decode_end(d);
}

static void an_unknown_link_type_is_a_named_drop(void **state)
{
	struct decode *d = decode_new();
	struct made m = hello_ip4();
	struct pkt_raw raw = made_raw(&m, 147);
	assert_string_equal(decode_as(d, &raw, NULL), "unknown_link");
	decode_end(d);
}

static void tags_in_front_of_ip_are_read_in_any_number(void **state)
{
	static const char *tags[] = {
		"8100 0001",
		"88a8 0001 8100 0002",
		"9100 0001 9200 0002 8100 0003",
		"8926 8001 0002 8100 0003",
		"8909 01 01 0001 0007",
		"8100 0000 8100 0000 8100 0000 8100 0000 8100 0000 8100 0000 8100 0000 8100 0000",
	};
	struct decode *d = decode_new_dedup(DEDUP_OFF);
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		struct made m = hello_ip4();
		made_hex(&m, "0800");
		made_hex(&m, tags[i]);
		made_hex(&m, "020000000001 020000000002");
		check_hello(d, &m, LINK_ETHERNET);
	}
	decode_end(d);
}

static void tags_without_end_are_too_deep(void **state)
{
	struct decode *d = decode_new();
	struct made m = hello_ip4();
	made_hex(&m, "0800");
	for (int i = 0; i < 1000; i++)
		made_hex(&m, "8100 0001");
	made_hex(&m, "020000000001 020000000002");
	struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
	assert_string_equal(decode_as(d, &raw, NULL), "too_deep");
	decode_end(d);
}

static void an_802_3_frame_with_snap_is_read_and_its_length_ends_it(void **state)
{
	struct decode *d = decode_new_dedup(DEDUP_OFF);
	struct made m = hello_ip4();
	made_hex(&m, "aaaa03 000000 0800");
	made_ether(&m, (unsigned)made_len(&m));
	made_pad(&m, 60);
	check_hello(d, &m, LINK_ETHERNET);
	struct made plain = hello_ip4();
	made_hex(&plain, "060603");
	made_ether(&plain, (unsigned)made_len(&plain));
	check_hello(d, &plain, LINK_ETHERNET);
	decode_end(d);
}

static void frames_that_are_not_ip_have_a_name(void **state)
{
	static const struct {
		const char *hex, *name;
	} frames[] = {
		{"ffffffffffff 020000000002 0806 0001 0800 0604 0001", "not_ip"},
		{"0180c2000000 020000000002 0026 424203 0000", "not_ip"},
		{"0180c200000e 020000000002 88cc 0207", "not_ip"},
		{"020000000001 020000000002 88e5 0000 0000", "encrypted"},
		{"020000000001 020000000002 8863 1109 0000 0004 01010000", "not_ip"},
		{"020000000001 020000000002", "bad_header"},
		{"020000000001 020000000002 0800", "bad_header"},
		{"020000000001 020000000002 8100", "bad_header"},
		{"", "bad_header"},
	};
	struct decode *d = decode_new();
	for (size_t i = 0; i < sizeof(frames) / sizeof(frames[0]); i++) {
		struct made m = made_text("");
		made_hex(&m, frames[i].hex);
		struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
		assert_string_equal(decode_as(d, &raw, NULL), frames[i].name);
	}
	decode_end(d);
}

static void other_ip_protocols_and_encryption_have_a_name(void **state)
{
	struct decode *d = decode_new();
	static const struct {
		unsigned proto;
		const char *name;
	} protos[] = {{1, "not_tcp_udp"},   {2, "not_tcp_udp"},  {89, "not_tcp_udp"},
		      {50, "encrypted"},    {59, "not_tcp_udp"}, {132, "not_tcp_udp"},
		      {136, "not_tcp_udp"}, {255, "not_tcp_udp"}};
	for (size_t i = 0; i < sizeof(protos) / sizeof(protos[0]); i++) {
		struct made m = made_text("0123456789012345");
		made_ip4(&m, "10.0.0.1", "10.0.0.2", protos[i].proto);
		struct pkt_raw raw = made_raw(&m, LINK_RAW);
		assert_string_equal(decode_as(d, &raw, NULL), protos[i].name);
	}
	decode_end(d);
}

static void padding_of_a_short_frame_is_no_payload(void **state)
{
	struct decode *d = decode_new();
	struct made m = made_text("x");
	made_tcp(&m, 1, 2, 3);
	made_ip4(&m, "10.0.0.1", "10.0.0.2", 6);
	made_ether(&m, 0x0800);
	made_pad(&m, 60);
	struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
	struct pkt p;
	assert_string_equal(decode_as(d, &raw, &p), "packets_out");
	assert_int_equal(p.len, 1);
	assert_int_equal(p.checksum, CHECKSUM_GOOD);
	decode_end(d);
}

static void ipv4_options_are_passed_over(void **state)
{
	struct decode *d = decode_new();
	struct made m = made_text("hello");
	made_udp(&m, 1000, 514);
	made_l4_sum(&m, 17, (const uint8_t *)"\x0a\0\0\1\x0a\0\0\2", 8);
	made_hex(&m, "07 0b 04 00000000 00000000 00");
	uint8_t *h = made_push(&m, 20);
	h[0] = 0x48;
	put16(h + 2, (unsigned)made_len(&m));
	h[9] = 17;
	memcpy(h + 12, "\x0a\0\0\1\x0a\0\0\2", 8);
	made_ip4_sum(h);
	made_ether(&m, 0x0800);
	check_hello(d, &m, LINK_ETHERNET);
	decode_end(d);
}

static void ipv6_extension_headers_are_passed_over(void **state)
{
	struct decode *d = decode_new();
	struct made m = made_text("hello");
	made_udp(&m, 1000, 514);
	uint8_t ends[32] = {[0] = 0xfe, 0x80, [15] = 1, [16] = 0xfe, 0x80, [31] = 2};
	made_l4_sum(&m, 17, ends, 32);
	made_hex(&m, "11 04 0000 00000001 00000001 000000000000000000000000"); /* AH */
	made_hex(&m, "33 00 0000 00000007");                                   /* atomic fragment */
	made_hex(&m, "2c 00 01 04 00000000");                                  /* destination */
	made_hex(&m, "3c 00 00 00 00000000");   /* routing, none left */
	made_hex(&m, "2b 00 05 02 0000 01 00"); /* hop-by-hop */
	made_ip6(&m, "fe80::1", "fe80::2", 0);
	check_hello(d, &m, LINK_RAW);
	decode_end(d);
}

static void an_option_longer_than_its_header_is_a_bad_header(void **state)
{
	struct decode *d = decode_new();
	struct made m = made_text("hello");
	made_udp(&m, 1000, 514);
	made_hex(&m, "11 00 05 09 0000 01 00");
	made_ip6(&m, "fe80::1", "fe80::2", 0);
	struct pkt_raw raw = made_raw(&m, LINK_RAW);
	assert_string_equal(decode_as(d, &raw, NULL), "bad_header");
	decode_end(d);
}

static void the_last_hop_of_a_routing_header_is_the_destination(void **state)
{
	struct decode *d = decode_new();
	struct made m = made_text("hello");
	made_udp(&m, 1000, 514);
	uint8_t ends[32] = {[0] = 0xfe, 0x80, [15] = 1, [16] = 0xfe, 0x80, [31] = 9};
	made_l4_sum(&m, 17, ends, 32);
	made_hex(&m, "11 02 00 01 00000000 fe800000000000000000000000000009");
	made_ip6(&m, "fe80::1", "fe80::5", 43);
	struct pkt_raw raw = made_raw(&m, LINK_RAW);
	struct pkt p;
	assert_string_equal(decode_as(d, &raw, &p), "packets_out");
	assert_int_equal(p.dst[15], 9);
	assert_int_equal(p.checksum, CHECKSUM_GOOD);
	decode_end(d);
}

static void packets_without_an_ip_length_are_as_long_as_captured(void **state)
{
	struct decode *d = decode_new();
	static uint8_t big[68000];
	for (int six = 0; six < 2; six++) {
		struct made m = made_bytes(big, sizeof(big));
		made_tcp(&m, 1, 2, 3);
		if (six)
			made_ip6(&m, "fe80::1", "fe80::2", 6);
		else
			made_ip4(&m, "10.0.0.1", "10.0.0.2", 6);
		made_ether(&m, six ? 0x86dd : 0x0800);
		struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
		struct pkt p;
		assert_string_equal(decode_as(d, &raw, &p), "packets_out");
		assert_int_equal(p.len, sizeof(big));
		assert_int_equal(p.checksum, CHECKSUM_GOOD);
	}
	assert_int_equal(decode_row(d)[DECODE_oversize], 2);
	decode_end(d);
}

static void a_jumbogram_has_its_length_in_an_option(void **state)
{
	struct decode *d = decode_new();
	static uint8_t big[68000];
	struct made m = made_bytes(big, sizeof(big));
	made_tcp(&m, 1, 2, 3);
	uint8_t *h = made_push(&m, 8);
	h[0] = 6;
	h[2] = 0xc2;
	h[3] = 4;
	put32(h + 4, (uint32_t)made_len(&m));
	made_ip6(&m, "fe80::1", "fe80::2", 0);
	made_ether(&m, 0x86dd);
	made_pad(&m, made_len(&m) + 8);
	struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
	struct pkt p;
	assert_string_equal(decode_as(d, &raw, &p), "packets_out");
	assert_int_equal(p.len, sizeof(big));
	decode_end(d);
}

static void a_snap_length_cuts_payload_and_says_how_much(void **state)
{
	struct decode *d = decode_new();
	struct made m = made_text("0123456789");
	made_udp(&m, 1000, 514);
	made_ip4(&m, "10.0.0.1", "10.0.0.2", 17);
	made_ether(&m, 0x0800);
	struct pkt p;
	for (uint32_t cap = 0; cap < made_len(&m); cap++) {
		struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
		raw.cap_len = cap;
		const char *name = decode_as(d, &raw, &p);
		assert_string_equal(name, cap < 42 ? "cut" : "packets_out");
		if (cap < 42)
			continue;
		assert_int_equal(p.len, cap - 42);
		assert_int_equal(p.cut_bytes, made_len(&m) - cap);
		assert_int_equal(p.checksum, CHECKSUM_UNKNOWN);
	}
	assert_int_equal(decode_row(d)[DECODE_payload_cut], 10);
	assert_int_equal(decode_row(d)[DECODE_payload_cut_bytes], 55);
	decode_end(d);
}

/* arkime#453, arkime#3222, PF_RING#584: packets that offloads merged come cut by the driver, with
 * no error and no counter: only the IP length tells.
 */
static void packets_cut_by_the_driver_without_a_word_are_counted(void **state)
{
	struct decode *d = decode_new();
	static uint8_t big[16000];
	struct made m = made_bytes(big, sizeof(big));
	made_tcp(&m, 1, 2, 3);
	made_ip4(&m, "10.0.0.1", "10.0.0.2", 6);
	made_ether(&m, 0x0800);
	struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
	raw.cap_len = raw.wire_len = 1982;
	struct pkt p;
	assert_string_equal(decode_as(d, &raw, &p), "packets_out");
	assert_int_equal(p.len, 1982 - 54);
	assert_int_equal(p.cut_bytes, sizeof(big) - (1982 - 54));
	assert_int_equal(decode_row(d)[DECODE_payload_cut], 1);
	decode_end(d);
}

static void lengths_that_disagree_are_named(void **state)
{
	struct decode *d = decode_new();
	struct pkt_raw raw;
	struct made m = hello_ip4();
	put16(m.b + m.at + 2, 19); /* IP shorter than its header */
	raw = made_raw(&m, LINK_RAW);
	assert_string_equal(decode_as(d, &raw, NULL), "bad_length");
	m = hello_ip4();
	put16(m.b + m.at + 24, 14); /* UDP longer than its packet */
	raw = made_raw(&m, LINK_RAW);
	assert_string_equal(decode_as(d, &raw, NULL), "bad_length");
	put16(m.b + m.at + 24, 7); /* UDP shorter than its header */
	raw = made_raw(&m, LINK_RAW);
	assert_string_equal(decode_as(d, &raw, NULL), "bad_length");
	m = hello_ip4();
	m.b[m.at] = 0x44;
	raw = made_raw(&m, LINK_RAW);
	assert_string_equal(decode_as(d, &raw, NULL), "bad_header");
	decode_end(d);
}

static void a_tcp_header_that_is_too_short_or_too_long_is_a_bad_header(void **state)
{
	struct decode *d = decode_new();
	for (unsigned words = 0; words < 16; words++) {
		struct made m = made_text("01234567");
		made_tcp(&m, 1, 2, 3);
		m.b[m.at + 12] = (uint8_t)(words << 4);
		made_ip4(&m, "10.0.0.1", "10.0.0.2", 6);
		made_ether(&m, 0x0800);
		struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
		assert_string_equal(decode_as(d, &raw, NULL),
				    words < 5 || words > 7 ? "bad_header" : "packets_out");
	}
	decode_end(d);
}

static void a_wrong_checksum_is_counted_or_dropped_as_configured(void **state)
{
	for (int mode = CHECKSUM_IGNORE; mode <= CHECKSUM_DROP; mode++) {
		struct decode_conf conf = decode_conf_default();
		conf.checksum = mode;
		struct decode *d = decode_with(&conf);
		for (int where = 0; where < 3; where++) {
			struct made m = where == 1 ? hello_ip6() : hello_ip4();
			m.b[where == 2 ? m.at + 8 : MADE_BYTES - 1] ^= 0x20; /* TTL or text */
			struct pkt_raw raw = made_raw(&m, LINK_RAW);
			struct pkt p;
			assert_string_equal(decode_as(d, &raw, &p),
					    mode == CHECKSUM_DROP ? "bad_checksum" : "packets_out");
			if (mode != CHECKSUM_DROP)
				assert_int_equal(p.checksum, mode == CHECKSUM_IGNORE
								     ? CHECKSUM_UNKNOWN
								     : CHECKSUM_BAD);
			raw.time_ns += 1000000000;
		}
		assert_int_equal(decode_row(d)[DECODE_checksum_wrong],
				 mode == CHECKSUM_COUNT ? 3 : 0);
		decode_end(d);
	}
}

static void a_checksum_that_the_card_has_yet_to_complete_is_not_wrong(void **state)
{
	struct decode_conf conf = decode_conf_default();
	conf.checksum = CHECKSUM_DROP;
	struct decode *d = decode_with(&conf);
	for (int with_length = 0; with_length < 2; with_length++) {
		struct made m = made_text("hello");
		made_tcp(&m, 1000, 514, 1);
		made_ip4(&m, "10.0.0.1", "10.0.0.2", 6);
		uint8_t *h = m.b + m.at;
		put16(h + 36, made_sum(h + 12, 8, 6 + (with_length ? 25 : 0)));
		struct pkt_raw raw = made_raw(&m, LINK_RAW);
		struct pkt p;
		assert_string_equal(decode_as(d, &raw, &p), "packets_out");
		assert_int_equal(p.checksum, CHECKSUM_UNKNOWN);
	}
	decode_end(d);
}

static void a_udp_checksum_of_zero_is_none(void **state)
{
	struct decode *d = decode_new();
	struct made m = hello_ip4();
	put16(m.b + m.at + 26, 0);
	struct pkt_raw raw = made_raw(&m, LINK_RAW);
	struct pkt p;
	assert_string_equal(decode_as(d, &raw, &p), "packets_out");
	assert_int_equal(p.checksum, CHECKSUM_UNKNOWN);
	decode_end(d);
}

/* Right, with one bit that is wrong at @bad, and as a card finds it that is to complete it. */
static void check_checksums(struct decode *d, struct made m, size_t bad)
{
	uint8_t *ip = m.b + m.at + 14, *exact = malloc(made_len(&m));
	struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
	struct pkt p;
	raw.ptr = memcpy(exact, m.b + m.at, made_len(&m)); /* ASan sees a byte too far */
	assert_string_equal(decode_as(d, &raw, &p), "packets_out");
	assert_int_equal(p.checksum, CHECKSUM_GOOD);
	exact[14 + 12 + bad] ^= (uint8_t)(1 << bad % 8);
	assert_string_equal(decode_as(d, &raw, &p), "bad_checksum");
	put16(ip + 26, made_sum(ip + 12, 8, 17 + made_len(&m) - 34));
	put16(ip + 4, 1); /* not a copy of the first */
	made_ip4_sum(ip);
	memcpy(exact, m.b + m.at, made_len(&m));
	assert_string_equal(decode_as(d, &raw, &p), "packets_out");
	assert_int_equal(p.checksum, CHECKSUM_UNKNOWN);
	free(exact);
}

static void checksums_of_every_length_and_place_are_right(void **state)
{
	struct decode_conf conf = decode_conf_default();
	conf.checksum = CHECKSUM_DROP;
	static uint8_t bytes[9000];
	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * i >> 3 | (i % 7 ? 0 : 0xff));
	for (conf.dedup = DEDUP_OFF; conf.dedup <= DEDUP_ALL; conf.dedup++) {
		struct decode *d = decode_with(&conf);
		for (size_t n = 4; n < sizeof(bytes); n += n < 200 ? 1 : 397) {
			struct made m = made_bytes(bytes, n);
			made_udp(&m, 1000, 514);
			made_ip4(&m, "10.0.0.1", "255.255.255.255", 17);
			made_ether(&m, 0x0800);
			check_checksums(d, m, n % 4 ? 16 + n * n / 3 % n : n / 4 % 12);
		}
		decode_end(d);
	}
}

/* The definition, bit by bit. */
static uint32_t toeplitz(const uint8_t *in, size_t n)
{
	static const uint8_t key[2] = {0x6d, 0x5a};
	uint32_t h = 0;
	for (size_t i = 0; i < n * 8; i++) {
		uint32_t window = 0;
		for (size_t j = i; j < i + 32; j++)
			window = window << 1 | (key[j / 8 % 2] >> (7 - j % 8) & 1);
		if (in[i / 8] >> (7 - i % 8) & 1)
			h ^= window;
	}
	return h;
}

static void the_hash_is_toeplitz_with_a_symmetric_key(void **state)
{
	struct pkt p = {.sport = 0x1234, .dport = 514};
	memcpy(p.src, "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\xa8\x01\x17", 16);
	memcpy(p.dst, "\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x01\x02\xfe", 16);
	assert_int_equal(
		decode_hash(&p),
		toeplitz((const uint8_t *)"\xc0\xa8\x01\x17\x0a\x01\x02\xfe\x12\x34\x02\x02", 12));
	uint8_t six[36];
	for (int i = 0; i < 36; i++)
		six[i] = (uint8_t)(i * 37 + 11);
	memcpy(p.src, six, 16);
	memcpy(p.dst, six + 16, 16);
	p.sport = (uint16_t)(six[32] << 8 | six[33]);
	p.dport = (uint16_t)(six[34] << 8 | six[35]);
	assert_int_equal(decode_hash(&p), toeplitz(six, 36));
}

/* arkime#4015: the two directions of a session came in on two ports, and went to two threads. */
static void both_directions_of_a_session_have_one_hash_whatever_the_port(void **state)
{
	struct decode *d = decode_new();
	struct made there = made_text("a"), back = made_text("b");
	made_tcp(&there, 4711, 3306, 1);
	made_ip4(&there, "10.9.8.7", "192.168.3.4", 6);
	made_ether(&there, 0x0800);
	made_tcp(&back, 3306, 4711, 1);
	made_ip4(&back, "192.168.3.4", "10.9.8.7", 6);
	made_hex(&back, "8100 0007 0800");
	made_hex(&back, "020000000001 020000000002");
	struct pkt_raw raw = made_raw(&there, LINK_ETHERNET);
	struct pkt a, b;
	assert_string_equal(decode_as(d, &raw, &a), "packets_out");
	raw = made_raw(&back, LINK_ETHERNET);
	raw.port = 1;
	assert_string_equal(decode_as(d, &raw, &b), "packets_out");
	assert_int_equal(decode_hash(&a), decode_hash(&b));
	decode_end(d);
}

static uint32_t some(uint64_t *io_seed, uint32_t below)
{
	*io_seed = *io_seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*io_seed >> 33) % below;
}

/* Mostly as it should be, else with odd bytes in its headers. Returns how many bytes were captured.
 */
static size_t make_odd_packet(uint64_t *io_seed, struct made *m)
{
	uint8_t payload[100];
	bool tcp = some(io_seed, 2);
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)some(io_seed, 256);
	*m = made_bytes(payload, some(io_seed, sizeof(payload)));
	if (tcp)
		made_tcp(m, 40000, 601, 7);
	else
		made_udp(m, 40000, some(io_seed, 4) ? 514 : 4789);
	if (!tcp && some(io_seed, 2))
		put16(m->b + m->at + 6, 0); /* no checksum */
	made_ip4(m, "10.0.0.1", "10.0.0.2", tcp ? 6 : 17);
	put16(m->b + m->at + 4, some(io_seed, 65536));
	for (unsigned n = some(io_seed, 2) ? some(io_seed, 3) : 0; n > 0; n--)
		m->b[m->at + 1 + some(io_seed, 27)] = (uint8_t)some(io_seed, 256);
	return some(io_seed, 4) ? made_len(m) : some(io_seed, (uint32_t)made_len(m) + 1);
}

/* Of @n bytes, with @head in front, of exactly that size: a byte behind them is one too far. */
static const char *decode_exactly(struct decode *d, const struct made *m, const char *head,
				  size_t n, uint16_t link, struct pkt *p)
{
	struct made with = *m;
	made_hex(&with, head);
	struct pkt_raw raw = made_raw(&with, link);
	size_t len = made_len(&with) - made_len(m) + n;
	uint8_t *exact = malloc(len ? len : 1);
	memcpy(exact, raw.ptr, len);
	raw.ptr = exact;
	raw.cap_len = (uint32_t)len;
	const char *col = decode_as(d, &raw, p);
	if (strcmp(col, "packets_out") == 0)
		p->payload = m->b + m->at + (p->payload - exact) - (made_len(&with) - made_len(m));
	free(exact);
	return col;
}

/* A link without a header is always walked. */
static void the_straight_way_of_plain_packets_ends_where_the_walk_does(void **state)
{
	static const char *const heads[] = {"020000000001 020000000002 0800",
					    "020000000001 020000000002 8100 0007 0800"};
	static struct made m;
	uint64_t seed = 1;
	unsigned n_out = 0;
	for (int checksum = CHECKSUM_IGNORE; checksum <= CHECKSUM_DROP; checksum++) {
		struct decode_conf conf = decode_conf_default();
		conf.checksum = checksum;
		struct decode *straight = decode_with(&conf), *walked = decode_with(&conf);
		for (unsigned i = 0; i < 3000; i++) {
			struct pkt a = {0}, b = {0};
			size_t n = make_odd_packet(&seed, &m);
			const char *col = decode_exactly(straight, &m, heads[some(&seed, 2)], n,
							 LINK_ETHERNET, &a);
			assert_string_equal(col, decode_exactly(walked, &m, "", n, LINK_RAW, &b));
			if (strcmp(col, "packets_out") == 0)
				assert_memory_equal(&a, &b, sizeof(a));
			n_out += strcmp(col, "packets_out") == 0;
			decode_release(straight);
			decode_release(walked);
		}
		assert_int_equal(decode_row(straight)[DECODE_checksum_wrong],
				 decode_row(walked)[DECODE_checksum_wrong]);
		decode_end(straight);
		decode_end(walked);
	}
	assert_in_range(n_out, 3000, 8000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(udp_over_ethernet_has_its_ends_and_its_payload),
		cmocka_unit_test(tcp_has_its_numbers_flags_window_and_payload_behind_the_options),
		cmocka_unit_test(every_link_type_gives_the_same_packet),
		cmocka_unit_test(an_unknown_link_type_is_a_named_drop),
		cmocka_unit_test(tags_in_front_of_ip_are_read_in_any_number),
		cmocka_unit_test(tags_without_end_are_too_deep),
		cmocka_unit_test(an_802_3_frame_with_snap_is_read_and_its_length_ends_it),
		cmocka_unit_test(frames_that_are_not_ip_have_a_name),
		cmocka_unit_test(other_ip_protocols_and_encryption_have_a_name),
		cmocka_unit_test(padding_of_a_short_frame_is_no_payload),
		cmocka_unit_test(ipv4_options_are_passed_over),
		cmocka_unit_test(ipv6_extension_headers_are_passed_over),
		cmocka_unit_test(an_option_longer_than_its_header_is_a_bad_header),
		cmocka_unit_test(the_last_hop_of_a_routing_header_is_the_destination),
		cmocka_unit_test(packets_without_an_ip_length_are_as_long_as_captured),
		cmocka_unit_test(a_jumbogram_has_its_length_in_an_option),
		cmocka_unit_test(a_snap_length_cuts_payload_and_says_how_much),
		cmocka_unit_test(packets_cut_by_the_driver_without_a_word_are_counted),
		cmocka_unit_test(lengths_that_disagree_are_named),
		cmocka_unit_test(a_tcp_header_that_is_too_short_or_too_long_is_a_bad_header),
		cmocka_unit_test(a_wrong_checksum_is_counted_or_dropped_as_configured),
		cmocka_unit_test(a_checksum_that_the_card_has_yet_to_complete_is_not_wrong),
		cmocka_unit_test(a_udp_checksum_of_zero_is_none),
		cmocka_unit_test(checksums_of_every_length_and_place_are_right),
		cmocka_unit_test(the_straight_way_of_plain_packets_ends_where_the_walk_does),
		cmocka_unit_test(the_hash_is_toeplitz_with_a_symmetric_key),
		cmocka_unit_test(both_directions_of_a_session_have_one_hash_whatever_the_port),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
