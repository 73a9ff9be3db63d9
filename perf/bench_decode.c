/* bench_decode.c - what packet decoding costs: nanoseconds a packet, hot (1,024 packets in L2). */
#include "perf/bench.h"

#include "dataplane/capture/decode.h"
#include "tests/support/packet_make.h"

#define N_PACKETS  1024
#define N_COUNTED  128
#define STRIDE_MAX 2048
#define ROUNDS     15
#define LOOPS      200

static uint8_t bytes[N_PACKETS * STRIDE_MAX];
static struct pkt_raw raw[N_PACKETS];
static unsigned n_packets = N_PACKETS;

enum kind {
	UDP_200,
	UDP_60,
	TCP_60,
	TCP_1460,
	VLAN_UDP_200,
	IPV6_UDP_200,
	VXLAN_TCP_1400,
	N_KINDS
};

static const char *const kind_names[] = {"udp, 200 bytes",           "udp, 60 bytes",
					 "tcp, no payload",          "tcp, 1,460 bytes",
					 "udp in vlan, 200 bytes",   "udp over ipv6, 200 bytes",
					 "tcp in vxlan, 1,400 bytes"};

static void make(struct made *m, enum kind kind, unsigned i)
{
	static const size_t sizes[] = {200, 60, 0, 1460, 200, 200, 1400};
	static uint8_t payload[1500];
	char src[40];
	for (size_t j = 0; j < sizeof(payload); j++)
		payload[j] = (uint8_t)(j * 7 + i);
	*m = made_bytes(payload, sizes[kind]);
	bool tcp = kind == TCP_60 || kind == TCP_1460 || kind == VXLAN_TCP_1400;
	if (tcp)
		made_tcp(m, 1024 + i, 80, i);
	else
		made_udp(m, 1024 + i, 514);
	snprintf(src, sizeof(src), kind == IPV6_UDP_200 ? "fe80::%x" : "10.0.%u.7", i & 255);
	if (kind == IPV6_UDP_200)
		made_ip6(m, src, "fe80::1:1", 17);
	else
		made_ip4_part(m, src, "10.1.0.1", tcp ? 6 : 17, i + 1, 0, false);
	if (kind == VLAN_UDP_200)
		made_hex(m, "0007 0800");
	made_ether(m, kind == IPV6_UDP_200 ? 0x86dd : (kind == VLAN_UDP_200 ? 0x8100 : 0x0800));
	if (kind != VXLAN_TCP_1400)
		return;
	made_hex(m, "08000000 00000700");
	made_udp(m, 40000 + i, 4789);
	made_ip4(m, "172.16.0.1", "172.16.0.2", 17);
	made_ether(m, 0x0800);
}

/* Another IPv4 identification, so that a packet is never a copy of one before. */
static void renumber(struct pkt_raw *r)
{
	uint8_t *p = bytes + (r->ptr - bytes);
	p += p[12] == 0x81 ? 18 : 14;
	if (*p != 0x45)
		return;
	put16(p + 4, (p[4] << 8 | p[5]) + N_PACKETS);
	made_ip4_sum(p);
}

static void next_packets(uint64_t *io_now, int dedup)
{
	for (unsigned i = 0; i < n_packets; i++) {
		renumber(&raw[i]);
		raw[i].time_ns = *io_now += dedup ? 6000 : 0;
	}
}

static uint64_t n_out;

static void decode_packets(void *arg)
{
	struct decode *d = arg;
	for (unsigned i = 0; i < n_packets; i += PKT_BURST) {
		struct pkt out[PKT_BURST];
		n_out += decode_burst(d, raw + i, PKT_BURST, out);
		decode_release(d);
	}
}

static double loops_s(struct decode *d, uint64_t *io_now, int dedup)
{
	double s = 0;
	for (int l = 0; l < LOOPS; l++) {
		next_packets(io_now, dedup);
		double start = bench_now();
		decode_packets(d);
		s += bench_now() - start;
	}
	return s;
}

static void measure(enum kind kind, int checksum, int dedup)
{
	static const char *sums[] = {"ignore", "count", "drop"}, *copies[] = {"off", "safe", "all"};
	static struct opt_port_range vxlan = {4789, 4789};
	struct decode_conf conf = {.checksum = checksum,
				   .dedup = dedup,
				   .dedup_window_ns = 5000000,
				   .fragment_wait_ns = 30000000000,
				   .fragments_max = 4096,
				   .fragment_bytes_max = 1 << 28,
				   .vxlan_ports = {&vxlan, 1},
				   .tunnel_depth_max = 8};
	struct decode *d;
	if (decode_create(&conf, &d, NULL) != 0)
		return;
	double s[ROUNDS];
	uint64_t now = 1700000000000000000u;
	unsigned n_loops = 2;
	char what[100];
	n_out = 0;
	snprintf(what, sizeof(what), "%s, checksum %s, dedup %s", kind_names[kind], sums[checksum],
		 copies[dedup]);
	next_packets(&now, dedup);
	decode_packets(d);
	if (bench_counts()) {
		next_packets(&now, dedup);
		bench_count(what, n_packets, decode_packets, d);
	} else {
		n_loops = 1 + LOOPS * (ROUNDS + 1);
		for (int r = -1; r < ROUNDS; r++) /* the first is not counted */
			s[r < 0 ? 0 : r] = loops_s(d, &now, dedup);
		bench_print(what, s, ROUNDS, (double)n_packets * LOOPS);
	}
	bench_must(n_out == (uint64_t)n_packets * n_loops, "packets were lost");
	decode_destroy(d);
}

int main(int argc, char **argv)
{
	bench_about(argc, argv, 0,
		    "bench_decode - what does decoding cost: nanoseconds a packet, 1,024 packets "
		    "in L2");
	if (bench_counts())
		n_packets = N_COUNTED;
	for (enum kind kind = 0; kind < N_KINDS; kind++) {
		static struct made m;
		for (unsigned i = 0; i < n_packets; i++) {
			make(&m, kind, i);
			raw[i] = made_raw(&m, LINK_ETHERNET);
			size_t stride = (raw[i].cap_len + SL_PAD + 63) / 64 * 64;
			raw[i].ptr = memcpy(bytes + i * stride, raw[i].ptr, raw[i].cap_len);
		}
		measure(kind, CHECKSUM_IGNORE, DEDUP_OFF);
		if (!bench_counts()) {
			measure(kind, CHECKSUM_COUNT, DEDUP_OFF);
			measure(kind, CHECKSUM_IGNORE, DEDUP_SAFE);
		}
		measure(kind, CHECKSUM_COUNT, DEDUP_SAFE);
	}
	return 0;
}
