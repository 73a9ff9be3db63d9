/* bench_replay.c - what does one packet of a capture file cost, by replay and by libpcap?
 *
 * In:     nothing; 200,000 packets of 238 bytes in files under /tmp, read from the page cache.
 * Out:    one line a case: ns a packet, median of 7 rounds (min-max); the rounds of the cases are
 *         interleaved, so that noise of the machine meets all alike, and the first is discarded.
 * Owns:   its files.
 * Runs:   main.
 * Limits: every case reads one byte of each cache line of each packet, as a decoder would, and is
 *         checked to have seen the same sum.
 */
#include <pcap/pcap.h>
#include <unistd.h>
#include <zstd.h>

#include "dataplane/capture/replay.h"
#include "perf/bench.h"

#define N_PKTS   200000
#define LEN      238
#define N_ROUNDS 7

static const char *const file_pcap = "/tmp/sluice-bench.pcap";
static const char *const file_swap = "/tmp/sluice-bench-swapped.pcap";
static const char *const file_ng = "/tmp/sluice-bench.pcapng";
static const char *const file_zst = "/tmp/sluice-bench.pcap.zst";

static void put_u32(FILE *f, uint32_t v, bool swap)
{
	v = swap ? __builtin_bswap32(v) : v;
	fwrite(&v, 4, 1, f);
}

static void put_payload(FILE *f, unsigned i)
{
	uint8_t bytes[LEN + 2] = {0};
	for (unsigned k = 0; k < LEN; k++)
		bytes[k] = (uint8_t)(i * 13 + k);
	fwrite(bytes, 1, LEN, f);
}

static void make_pcap(const char *path, bool swap)
{
	FILE *f = fopen(path, "wb");
	static const uint32_t magic_le = 0xa1b2c3d4, version[2] = {0x00040002, 0x00020004};
	put_u32(f, magic_le, swap);
	put_u32(f, version[swap], swap);
	for (int i = 0; i < 2; i++)
		put_u32(f, 0, swap);
	put_u32(f, 65535, swap);
	put_u32(f, 1, swap);
	for (unsigned i = 0; i < N_PKTS; i++) {
		put_u32(f, 1700000000 + i / 1000, swap);
		put_u32(f, i % 1000 * 1000, swap);
		put_u32(f, LEN, swap);
		put_u32(f, LEN, swap);
		put_payload(f, i);
	}
	fclose(f);
}

static void make_ng(const char *path)
{
	static const uint32_t start[] = {0x0a0d0d0a, 28, 0x1a2b3c4d, 1, 0xffffffff, 0xffffffff,
					 28,         1,  20,         1, 65535,      20};
	FILE *f = fopen(path, "wb");
	fwrite(start, sizeof(start), 1, f);
	for (unsigned i = 0; i < N_PKTS; i++) {
		uint64_t us = 1700000000000000 + i * 1000ull;
		const uint32_t head[] = {
			6, 32 + (LEN + 3) / 4 * 4, 0, (uint32_t)(us >> 32), (uint32_t)us, LEN, LEN};
		fwrite(head, sizeof(head), 1, f);
		put_payload(f, i);
		fwrite("\0\0", 1, (-LEN) & 3, f);
		fwrite(&head[1], 4, 1, f);
	}
	fclose(f);
}

static void make_zst(const char *from, const char *to)
{
	size_t len = 24 + (size_t)N_PKTS * (16 + LEN), room = ZSTD_compressBound(len);
	void *plain = malloc(len), *packed = malloc(room);
	FILE *in = fopen(from, "rb"), *out = fopen(to, "wb");
	if (fread(plain, 1, len, in) == len)
		fwrite(packed, 1, ZSTD_compress(packed, room, plain, len, 3), out);
	fclose(in);
	fclose(out);
	free(plain);
	free(packed);
}

static uint64_t touch(const uint8_t *p, uint32_t len)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < len; i += 64)
		sum += p[i];
	return sum;
}

static uint64_t read_capture(struct capture *c)
{
	struct pkt_raw burst[PKT_BURST];
	uint64_t sum = 0;
	int n;
	while ((n = capture_receive(c, burst)) >= 0)
		for (int i = 0; i < n; i++)
			sum += touch(burst[i].ptr, burst[i].cap_len) + burst[i].time_ns;
	capture_close(c);
	return sum;
}

static uint64_t read_replay(const char *path)
{
	struct capture *c;
	struct err e;
	if (replay_open(&(struct replay_conf){.paths = &path, .n_paths = 1}, &c, &e) != 0) {
		fprintf(stderr, "%s\n", e.text);
		return 0;
	}
	return read_capture(c);
}

static uint64_t read_merged(const char *path)
{
	const char *paths[] = {path, file_swap};
	struct capture *c;
	struct err e;
	if (replay_open(&(struct replay_conf){.paths = paths, .n_paths = 2}, &c, &e) != 0)
		return 0;
	return read_capture(c) / 2;
}

static uint64_t read_memory(const char *path)
{
	static uint8_t *bytes;
	static size_t len;
	if (!bytes) {
		FILE *f = fopen(path, "rb");
		len = 24 + (size_t)N_PKTS * (16 + LEN);
		bytes = malloc(len);
		len = fread(bytes, 1, len, f);
		fclose(f);
	}
	struct capture *c;
	struct err e;
	return replay_open_memory(bytes, len, 1, &c, &e) == 0 ? read_capture(c) : 0;
}

static uint64_t read_libpcap(const char *path)
{
	char text[PCAP_ERRBUF_SIZE];
	pcap_t *p = pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, text);
	struct pcap_pkthdr *h;
	const u_char *bytes;
	uint64_t sum = 0;
	while (p && pcap_next_ex(p, &h, &bytes) == 1)
		sum += touch(bytes, h->caplen) + (uint64_t)h->ts.tv_sec * 1000000000 +
		       (uint64_t)h->ts.tv_usec;
	pcap_close(p);
	return sum;
}

static const struct bench_case {
	const char *name;
	uint64_t (*read)(const char *path);
	const char *const *path;
	unsigned n_files;
} cases[] = {
	{"replay, pcap", read_replay, &file_pcap, 1},
	{"replay, pcap of the other byte order", read_replay, &file_swap, 1},
	{"replay, pcapng", read_replay, &file_ng, 1},
	{"replay, pcap in memory", read_memory, &file_pcap, 1},
	{"replay, two pcap merged", read_merged, &file_pcap, 2},
	{"replay, pcap in zstd", read_replay, &file_zst, 1},
	{"libpcap, pcap", read_libpcap, &file_pcap, 1},
	{"libpcap, pcapng", read_libpcap, &file_ng, 1},
};
#define N_CASES (sizeof(cases) / sizeof(cases[0]))

int main(int argc, char **argv)
{
	static double s[N_CASES][N_ROUNDS];
	bench_about(argc, argv, 0,
		    "bench_replay - what does a packet of a capture file cost, beside libpcap? "
		    "Writes to /tmp");
	make_pcap(file_pcap, false);
	make_pcap(file_swap, true);
	make_ng(file_ng);
	make_zst(file_pcap, file_zst);
	uint64_t want = read_libpcap(file_pcap);
	for (int round = -1; round < N_ROUNDS; round++) {
		for (unsigned i = 0; i < N_CASES; i++) {
			double start = bench_now();
			uint64_t sum = cases[i].read(*cases[i].path);
			double took = (bench_now() - start) / cases[i].n_files;
			if (sum != want)
				fprintf(stderr, "%s: not the same packets\n", cases[i].name);
			if (round >= 0)
				s[i][round] = took;
		}
	}
	for (unsigned i = 0; i < N_CASES; i++)
		bench_print(cases[i].name, s[i], N_ROUNDS, N_PKTS);
	unlink(file_pcap);
	unlink(file_swap);
	unlink(file_ng);
	unlink(file_zst);
	return 0;
}
