/* fuzz_decode.c - any bytes as packets of any link type: no read beyond a packet, a ledger that
 * balances after each burst, and the same sums with two workers as with one.
 *
 *   link 1 | mode 1 | { length 2, high bit: cut | time step 1 | bytes }*
 */
#include "dataplane/capture/decode.h"
#include "tests/fuzz/fuzz.h"

struct packets {
	struct pkt_raw raw[PKT_BURST];
	unsigned n;
};

static const uint16_t links[] = {LINK_ETHERNET, LINK_ETHERNET, LINK_RAW,       LINK_NULL,
				 LINK_LOOP,     LINK_PPP,      LINK_LINUX_SLL, LINK_LINUX_SLL2,
				 LINK_NFLOG,    LINK_IPV4,     LINK_IPV6,      147};

/* Each packet in memory of its own, so that ASan sees its end. */
static void read_packets(struct packets *in, const uint8_t *p, size_t len, uint16_t link)
{
	uint64_t time_ns = 1700000000000000000u;
	while (in->n < PKT_BURST && len >= 3) {
		uint32_t n = (p[0] << 8 | p[1]) & 0x7fff;
		bool cut = p[0] & 0x80;
		time_ns += (uint64_t)p[2] * p[2] * 100000;
		p += 3;
		len -= 3;
		n = n < len ? n : (uint32_t)len;
		uint8_t *copy = malloc(n ? n : 1);
		memcpy(copy, p, n);
		in->raw[in->n++] = (struct pkt_raw){.ptr = copy,
						    .cap_len = n,
						    .wire_len = n + (cut ? 100 : 0),
						    .time_ns = time_ns,
						    .number = in->n + 1,
						    .link = link};
		p += n;
		len -= n;
	}
}

static struct decode *make(uint8_t mode)
{
	static struct opt_port_range vxlan = {4789, 4789}, geneve = {6081, 6081};
	struct decode_conf conf = {.checksum = mode % 3,
				   .dedup = mode / 3 % 3,
				   .dedup_window_ns = 5000000,
				   .fragment_wait_ns = 1000000000,
				   .fragments_max = 4,
				   .fragment_bytes_max = 1 << 20,
				   .vxlan_ports = {&vxlan, 1},
				   .geneve_ports = {&geneve, 1},
				   .tunnel_depth_max = 4};
	struct decode *d = NULL;
	must(decode_create(&conf, &d, NULL) == 0);
	return d;
}

/* The sum of all bytes of the payloads: each of them must be readable. */
static uint64_t run(struct decode *d, const struct packets *in, unsigned burst)
{
	uint64_t sum = 0;
	for (unsigned i = 0; i < in->n; i += burst) {
		struct pkt out[PKT_BURST];
		unsigned n = in->n - i < burst ? in->n - i : burst;
		unsigned n_out = decode_burst(d, in->raw + i, n, out);
		must(n_out <= n);
		must(ledger_imbalance(&decode_ledger, decode_row(d)) == 0);
		for (unsigned j = 0; j < n_out; j++)
			for (uint32_t k = 0; k < out[j].len; k++)
				sum += out[j].payload[k]; /* the hash is for sharing alone */
		decode_release(d);
	}
	decode_finish(d);
	must(ledger_imbalance(&decode_ledger, decode_row(d)) == 0);
	must(decode_row(d)[DECODE_fragments_waiting] == 0);
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	if (len < 2)
		return 0;
	struct packets in = {0};
	read_packets(&in, p + 2, len - 2, links[p[0] % (sizeof(links) / sizeof(links[0]))]);
	struct decode *one = make(p[1]), *a = make(p[1]), *b = make(p[1]);
	decode_share(a, 0, 2);
	decode_share(b, 1, 2);
	uint64_t sum = run(one, &in, PKT_BURST);
	must(run(a, &in, PKT_BURST) + run(b, &in, PKT_BURST) == sum);
	must(decode_row(one)[DECODE_packets_in] == in.n);
	for (unsigned i = 0; i < DECODE_N_COLS; i++)
		must(decode_row(a)[i] + decode_row(b)[i] == decode_row(one)[i]);
	decode_destroy(one);
	decode_destroy(a);
	decode_destroy(b);
	for (unsigned i = 0; i < in.n; i++)
		free((void *)(uintptr_t)in.raw[i].ptr);
	return 0;
}
