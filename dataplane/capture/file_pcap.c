/* The classic format, version 2.4:
 *
 *     header   | magic 4 | major 2 | minor 2 | zone 4 | sigfigs 4 | snaplen 4 | link 4 |
 *     packet   | seconds 4 | fraction 4 | captured 4 | on the wire 4 | captured bytes |
 *
 *     link     | FCS length in 16-bit words 4 bits | 0 | P 1 | class 10 | link type 16 |
 *
 * The FCS length counts only when bit P is set. Seconds are unsigned: the years 1970 to 2106.
 */
#include "dataplane/base/civil.h"
#include "dataplane/capture/file.h"

#define HEADER_BYTES   24
#define PACKET_BYTES   16
#define FCS_PRESENT    0x04000000u
#define FCS_SHIFT      28
#define VERSION_OFFSET 4
#define LINK_OFFSET    20
#define PREFETCH_BYTES 2048
#define PREFETCH_LINES 24 /* of a full Ethernet frame */

/* A pipe may be slow with its header: waits as long as it takes, which is at open. */
static int fill_header(struct block *b, size_t need)
{
	int rc;
	do {
		rc = block_fill(b, need);
	} while (rc == -EAGAIN);
	return rc ? block_cut(b, rc, "the pcap header", need) : 0;
}

int file_pcap_start(struct file *f)
{
	struct file_pcap *p = &f->pcap;
	int rc = fill_header(&f->block, HEADER_BYTES);
	if (rc)
		return rc;
	const uint8_t *h = f->block.at;
	if (file_u16(h + VERSION_OFFSET, p->swap) != 2 ||
	    file_u16(h + VERSION_OFFSET + 2, p->swap) != 4)
		return -ENOTSUP;
	uint32_t link = file_u32(h + LINK_OFFSET, p->swap);
	p->link = (uint16_t)link;
	p->fcs_bytes = link & FCS_PRESENT ? (uint8_t)(2 * (link >> FCS_SHIFT)) : 0;
	p->n_packets = 0;
	f->block.at += HEADER_BYTES;
	return 0;
}

/* Where the next header stands is known only when this one has been read, so a capture that lies in
 * memory costs a miss a packet; lines of what is to come are asked for early, as many as this
 * packet had.
 */
static inline void prefetch_ahead(const uint8_t *at, size_t bytes)
{
	for (size_t off = 0; off < bytes && off < PREFETCH_LINES * 64; off += 128) {
		__builtin_prefetch(at + PREFETCH_BYTES + off);
		__builtin_prefetch(at + PREFETCH_BYTES + off + 64);
	}
}

/* The packets that are whole in the window. The constants @swap and @unit make one loop each for
 * the formats there are; the one of this machine's byte order has nothing to decide per packet.
 */
static inline __attribute__((always_inline)) unsigned take_packets(struct file *f,
								   struct pkt_raw *out,
								   unsigned max, const bool swap,
								   const uint32_t unit)
{
	const uint8_t *at = f->block.at, *end = f->block.end;
	const uint64_t shift = f->shift_ns;
	const uint16_t link = f->pcap.link;
	const unsigned fcs = f->pcap.fcs_bytes;
	unsigned n = 0;
	for (; n < max && (size_t)(end - at) >= PACKET_BYTES; n++) {
		uint32_t cap_len = file_u32(at + 8, swap);
		if (cap_len > (size_t)(end - at) - PACKET_BYTES || cap_len > REPLAY_PACKET_MAX)
			break;
		uint64_t ns =
			file_u32(at, swap) * NS_PER_S + (uint64_t)file_u32(at + 4, swap) * unit;
		file_packet(&out[n], at + PACKET_BYTES, cap_len, file_u32(at + 12, swap), fcs);
		out[n].time_ns = file_add_ns(ns, shift);
		out[n].link = link;
		out[n].port = 0;
		prefetch_ahead(at, PACKET_BYTES + cap_len);
		at += PACKET_BYTES + cap_len;
	}
	f->block.at = at;
	f->pcap.n_packets += n;
	return n;
}

/* Why there is no whole packet in the window: 0 when now there is. */
static int more_bytes(struct file *f)
{
	struct block *b = &f->block;
	int rc = block_fill(b, PACKET_BYTES);
	if (rc == -ENODATA && !block_left(b))
		return -ENODATA;
	if (rc)
		return block_cut(b, rc, "a packet header", PACKET_BYTES);
	uint32_t cap_len = file_u32(b->at + 8, f->pcap.swap);
	if (cap_len > REPLAY_PACKET_MAX)
		return block_fail(
			b, -EBADMSG, block_offset(b),
			"packet %llu is said to have %u bytes, more than 16 MiB: the file "
			"is damaged",
			(unsigned long long)f->pcap.n_packets + 1, cap_len);
	rc = block_fill(b, PACKET_BYTES + (size_t)cap_len);
	return rc ? block_cut(b, rc, "a packet", PACKET_BYTES + (size_t)cap_len) : 0;
}

int file_pcap_burst(struct file *f, struct pkt_raw *out, unsigned max, bool may_fill)
{
	const struct file_pcap *p = &f->pcap;
	for (;;) {
		unsigned n;
		if (!p->swap)
			n = p->nano ? take_packets(f, out, max, false, 1)
				    : take_packets(f, out, max, false, 1000);
		else
			n = p->nano ? take_packets(f, out, max, true, 1)
				    : take_packets(f, out, max, true, 1000);
		if (n || !may_fill)
			return (int)n;
		int rc = more_bytes(f);
		if (rc)
			return rc;
	}
}
