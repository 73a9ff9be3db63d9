/* test_decode_tunnel.c - packets inside VXLAN, GENEVE, GRE, ERSPAN, PPTP, MPLS, PPPoE, IP in IP. */
#include "tests/support/decode_check.h"

static struct made hello(void)
{
	struct made m = made_text("hello");
	made_udp(&m, 1000, 514);
	made_ip4(&m, "10.0.0.1", "10.0.0.2", 17);
	return m;
}

static struct made hello_ether(void)
{
	struct made m = hello();
	made_ether(&m, 0x0800);
	return m;
}

static void outer(struct made *m, unsigned proto)
{
	made_ip4(m, "172.16.0.1", "172.16.0.2", proto);
	made_ether(m, 0x0800);
}

static void outer_udp(struct made *m, unsigned dport)
{
	made_udp(m, 50000, dport);
	outer(m, 17);
}

static void check_inner(struct decode *d, const struct made *m)
{
	struct pkt_raw raw = made_raw(m, LINK_ETHERNET);
	struct pkt p;
	uint64_t tunnelled = decode_row(d)[DECODE_tunnelled];
	assert_string_equal(decode_as(d, &raw, &p), "packets_out");
	assert_int_equal(p.src[15], 1);
	assert_int_equal(p.src[12], 10);
	assert_int_equal(p.sport, 1000);
	assert_int_equal(p.dport, 514);
	assert_int_equal(p.len, 5);
	assert_memory_equal(p.payload, "hello", 5);
	assert_int_equal(p.checksum, CHECKSUM_GOOD);
	assert_int_equal(decode_row(d)[DECODE_tunnelled], tunnelled + 1);
}

static void check_plain(struct decode *d, const struct made *m, unsigned dport)
{
	struct pkt_raw raw = made_raw(m, LINK_ETHERNET);
	struct pkt p;
	uint64_t tunnelled = decode_row(d)[DECODE_tunnelled];
	assert_string_equal(decode_as(d, &raw, &p), "packets_out");
	assert_int_equal(p.sport, 50000);
	assert_int_equal(p.dport, dport);
	assert_ptr_equal(p.payload, raw.ptr + 42);
	assert_int_equal(p.len, raw.cap_len - 42);
	assert_int_equal(decode_row(d)[DECODE_tunnelled], tunnelled);
}

static void frames_in_udp_tunnels_are_taken_out(void **state)
{
	static const struct {
		unsigned port;
		const char *header;
	} tunnels[] = {
		{4789, "08000000 00007b00"},
		{8472, "08000000 00007b00"},
		{4789, "88480011 00007b00"}, /* with a group policy */
		{4790, "08000000 00007b00"},
		{4790, "0c000003 00007b00"},
		{4789, "0c000003 00007b00"},
		{6081, "00006558 00007b00"},
		{6081, "02406558 00007b00 0102 03 01 00000000"},
	};
	struct decode *d = decode_new_dedup(DEDUP_OFF);
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		struct made m = hello_ether();
		made_hex(&m, tunnels[i].header);
		outer_udp(&m, tunnels[i].port);
		check_inner(d, &m);
	}
	decode_end(d);
}

static void ip_in_udp_tunnels_is_taken_out(void **state)
{
	static const struct {
		unsigned port;
		const char *header;
	} tunnels[] = {{4790, "0c000001 00007b00"},
		       {4790, "0c000005 00007b00 00010140"},
		       {6081, "00000800 00007b00"},
		       {6635, "00010040 00020140"}};
	struct decode *d = decode_new_dedup(DEDUP_OFF);
	for (size_t i = 0; i < sizeof(tunnels) / sizeof(tunnels[0]); i++) {
		struct made m = hello();
		made_hex(&m, tunnels[i].header);
		outer_udp(&m, tunnels[i].port);
		check_inner(d, &m);
	}
	decode_end(d);
}

static void a_text_on_the_port_of_a_tunnel_is_plain_udp(void **state)
{
	static const char *texts[] = {"",
				      "<34>",
				      "<34>Oct 11 22:14:15 web-1 su: hello, world",
				      "\x08",
				      "\x08\0\0\0\0\0\0\0",
				      "{\"a\":\"0123456789012345678901\"}"};
	static const unsigned ports[] = {4789, 8472, 4790, 6081, 6635};
	struct decode *d = decode_new_dedup(DEDUP_OFF);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		for (size_t j = 0; j < sizeof(ports) / sizeof(ports[0]); j++) {
			struct made m = made_text(texts[i]);
			outer_udp(&m, ports[j]);
			check_plain(d, &m, ports[j]);
		}
	}
	decode_end(d);
}

static void tunnels_that_are_not_configured_are_plain_udp(void **state)
{
	struct decode_conf conf = decode_conf_default();
	struct opt_port_range range = {5000, 5002};
	conf.vxlan_ports = (struct opt_ports){&range, 1};
	conf.dedup = DEDUP_OFF;
	struct decode *d = decode_with(&conf);
	struct made m = hello_ether();
	made_hex(&m, "08000000 00007b00");
	outer_udp(&m, 4789);
	check_plain(d, &m, 4789);
	m = hello_ether();
	made_hex(&m, "08000000 00007b00");
	outer_udp(&m, 5002);
	check_inner(d, &m);
	decode_end(d);
}

static void gre_is_read_with_all_its_flags(void **state)
{
	static const char *headers[] = {
		"0000 0800",
		"2000 0800 00000007",
		"b000 0800 12340000 00000007 00000001",
		"4000 0800 00000000 0800 00 04 0a000001 0000 00 00",
		"0000 883e",
		"0000 883e 00000000",
		"2000 8909 00000007 0800 01 01 0001 0100",
		"0000 8847 00010140",
		"0000 880b ff03 0021",
		"3001 880b 0023 0007 00000001 0021", /* PPTP */
		"3081 880b 0025 0007 00000001 00000002 ff03 0021",
	};
	struct decode *d = decode_new_dedup(DEDUP_OFF);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct made m = hello();
		made_hex(&m, headers[i]);
		outer(&m, 47);
		check_inner(d, &m);
	}
	decode_end(d);
}

static void frames_in_gre_and_erspan_are_taken_out(void **state)
{
	static const char *headers[] = {
		"2000 6558 00000007",                             /* NVGRE */
		"0000 88be",                                      /* ERSPAN I */
		"1000 88be 00000001 10010000 00000000",           /* II */
		"1000 22eb 00000001 20010000 00000000 0000 0000", /* III */
		"1000 22eb 00000001 20010000 00000000 0000 0001 0000000000000000",
	};
	struct decode *d = decode_new_dedup(DEDUP_OFF);
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct made m = hello_ether();
		made_hex(&m, headers[i]);
		outer(&m, 47);
		check_inner(d, &m);
	}
	struct made m = hello();
	made_hex(&m, "1000 22eb 00000001 20010000 00000000 0000 0800"); /* III, IP inside */
	outer(&m, 47);
	check_inner(d, &m);
	decode_end(d);
}

static void odd_gre_headers_have_a_name(void **state)
{
	static const struct {
		const char *header, *name;
	} headers[] = {
		{"0000 0000", "not_ip"},
		{"0007 0800", "bad_header"},
		{"0001 0800", "not_ip"},
		{"0001 880b", "bad_header"},
		{"b000 0800 0000", "bad_header"},
		{"1000 88be 00000001 90010000 00000000", "bad_header"},
		{"2001 880b 0000 0007", "not_ip"},
		{"2001 880b 7000 0007", "bad_length"},
		{"4000 0800 00000000 0800 00 ff", "bad_header"},
	};
	struct decode *d = decode_new();
	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		struct made m = made_text("");
		made_hex(&m, headers[i].header);
		outer(&m, 47);
		struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
		assert_string_equal(decode_as(d, &raw, NULL), headers[i].name);
	}
	decode_end(d);
}

static void mpls_carries_ip_or_an_ethernet_pseudowire(void **state)
{
	struct decode *d = decode_new_dedup(DEDUP_OFF);
	struct made m = hello();
	made_hex(&m, "00010040 00020040 00003140");
	made_ether(&m, 0x8847);
	check_inner(d, &m);
	m = hello_ether();
	made_hex(&m, "00003140 00000000"); /* with a control word */
	made_ether(&m, 0x8848);
	check_inner(d, &m);
	m = hello_ether();
	made_hex(&m, "00003140");
	made_ether(&m, 0x8847);
	check_inner(d, &m);
	m = hello_ether();
	m.b[m.at] = 0x45; /* a MAC that looks like IPv4 */
	made_hex(&m, "00003140");
	made_ether(&m, 0x8847);
	check_inner(d, &m);
	m = hello_ether();
	made_hex(&m, "00010040");
	made_ether(&m, 0x8847); /* no bottom of the stack: labels are read from the frame */
	struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
	decode_as(d, &raw, NULL);
	decode_end(d);
}

static void pppoe_sessions_are_taken_out_and_their_length_ends_the_padding(void **state)
{
	struct decode *d = decode_new();
	struct made m = hello();
	made_hex(&m, "0021");
	size_t len = made_len(&m);
	uint8_t *h = made_push(&m, 6);
	h[0] = 0x11;
	put16(h + 2, 7);
	put16(h + 4, (unsigned)len);
	made_ether(&m, 0x8864);
	made_pad(&m, 64);
	check_inner(d, &m);
	decode_end(d);
}

static void ip_in_ip_is_taken_out_in_all_four_ways(void **state)
{
	struct decode *d = decode_new_dedup(DEDUP_OFF);
	struct made m = hello();
	made_ip4(&m, "172.16.0.1", "172.16.0.2", 4);
	made_ether(&m, 0x0800);
	check_inner(d, &m);
	m = hello();
	made_ip6(&m, "fe80::1", "fe80::2", 4);
	made_ip4(&m, "172.16.0.1", "172.16.0.2", 41);
	made_ip6(&m, "fe80::1", "fe80::2", 4);
	made_ip6(&m, "fe80::1", "fe80::2", 41);
	made_ether(&m, 0x86dd);
	check_inner(d, &m);
	decode_end(d);
}

static void an_inner_packet_longer_than_its_ip_tunnel_is_a_bad_length(void **state)
{
	struct decode *d = decode_new();
	struct made m = hello();
	put16(m.b + m.at + 2, 400);
	made_ip4(&m, "172.16.0.1", "172.16.0.2", 4);
	struct pkt_raw raw = made_raw(&m, LINK_RAW);
	assert_string_equal(decode_as(d, &raw, NULL), "bad_length");
	decode_end(d);
}

/* Cloud mirrors send only the first bytes of each packet, in a tunnel whose own lengths are right.
 */
static void a_packet_that_a_mirror_has_cut_is_handed_on_as_cut(void **state)
{
	struct decode *d = decode_new();
	struct made inner = made_text("0123456789012345678901234567890123456789");
	made_tcp(&inner, 1, 2, 3);
	made_ip4(&inner, "10.0.0.1", "10.0.0.2", 6);
	made_ether(&inner, 0x0800);
	struct made m = made_bytes(inner.b + inner.at, 64);
	made_hex(&m, "08000000 00007b00");
	outer_udp(&m, 4789);
	struct pkt_raw raw = made_raw(&m, LINK_ETHERNET);
	struct pkt p;
	assert_string_equal(decode_as(d, &raw, &p), "packets_out");
	assert_int_equal(p.len, 10);
	assert_int_equal(p.cut_bytes, 30);
	decode_end(d);
}

static void more_tunnels_than_configured_are_too_deep(void **state)
{
	for (int depth = 0; depth <= 12; depth += 4) {
		struct decode_conf conf = decode_conf_default();
		conf.tunnel_depth_max = 8;
		struct decode *d = decode_with(&conf);
		struct made m = hello();
		for (int i = 0; i < depth; i++)
			made_ip4(&m, "172.16.0.1", "172.16.0.2", 4);
		struct pkt_raw raw = made_raw(&m, LINK_RAW);
		assert_string_equal(decode_as(d, &raw, NULL),
				    depth <= 8 ? "packets_out" : "too_deep");
		decode_end(d);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(frames_in_udp_tunnels_are_taken_out),
		cmocka_unit_test(ip_in_udp_tunnels_is_taken_out),
		cmocka_unit_test(a_text_on_the_port_of_a_tunnel_is_plain_udp),
		cmocka_unit_test(tunnels_that_are_not_configured_are_plain_udp),
		cmocka_unit_test(gre_is_read_with_all_its_flags),
		cmocka_unit_test(frames_in_gre_and_erspan_are_taken_out),
		cmocka_unit_test(odd_gre_headers_have_a_name),
		cmocka_unit_test(mpls_carries_ip_or_an_ethernet_pseudowire),
		cmocka_unit_test(pppoe_sessions_are_taken_out_and_their_length_ends_the_padding),
		cmocka_unit_test(ip_in_ip_is_taken_out_in_all_four_ways),
		cmocka_unit_test(an_inner_packet_longer_than_its_ip_tunnel_is_a_bad_length),
		cmocka_unit_test(a_packet_that_a_mirror_has_cut_is_handed_on_as_cut),
		cmocka_unit_test(more_tunnels_than_configured_are_too_deep),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
