/* decode_in.h - what the tests of packet decoding share: options at their defaults, and packets of
 * a capture file by libpcap (the project's own reader is a stage of its own, with its own tests).
 *
 * In:     a path.
 * Out:    struct pkt_raw, one at a time.
 * Owns:   the libpcap handle.
 * Runs:   tests.
 * Limits: a file of one link type, as libpcap has it.
 */
#ifndef SL_TESTS_DECODE_IN_H
#define SL_TESTS_DECODE_IN_H

#include <pcap/pcap.h>

#include "dataplane/capture/decode.h"

static inline struct decode_conf decode_conf_default(void)
{
	static struct opt_port_range vxlan[] = {{4789, 4789}, {8472, 8472}};
	static struct opt_port_range geneve[] = {{6081, 6081}};
	return (struct decode_conf){
		.checksum = CHECKSUM_COUNT,
		.dedup = DEDUP_SAFE,
		.dedup_window_ns = 5000000,
		.fragment_wait_ns = 30000000000,
		.fragments_max = 4096,
		.fragment_bytes_max = 256 << 20,
		.vxlan_ports = {vxlan, 2},
		.geneve_ports = {geneve, 1},
		.tunnel_depth_max = 8,
	};
}

struct decode_in {
	pcap_t *pcap;
	uint64_t number;
	int link;
	char text[PCAP_ERRBUF_SIZE];
};

static inline bool decode_in_open(struct decode_in *in, const char *path)
{
	*in = (struct decode_in){0};
	in->pcap =
		pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, in->text);
	if (!in->pcap)
		return false;
	int dlt = pcap_datalink(in->pcap);
	in->link = dlt == DLT_RAW ? LINK_RAW : dlt;
	return true;
}

/* The packet is borrowed until the next call. */
static inline bool decode_in_next(struct decode_in *in, struct pkt_raw *ret_raw)
{
	struct pcap_pkthdr *h;
	const u_char *bytes;
	if (pcap_next_ex(in->pcap, &h, &bytes) != 1)
		return false;
	*ret_raw = (struct pkt_raw){
		.ptr = bytes,
		.cap_len = h->caplen,
		.wire_len = h->len,
		.time_ns = (uint64_t)h->ts.tv_sec * 1000000000 + (uint64_t)h->ts.tv_usec,
		.number = ++in->number,
		.link = (uint16_t)in->link,
	};
	return true;
}

static inline void decode_in_close(struct decode_in *in)
{
	if (in->pcap)
		pcap_close(in->pcap);
}

#endif
