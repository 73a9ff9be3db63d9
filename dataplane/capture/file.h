/* file.h - one capture file: its bytes, its format, its packets.
 *
 * In:     a path or memory.
 * Out:    struct pkt_raw in file order; number and port are left to the caller.
 * Owns:   the block reader and what the format needs (interfaces, libpcap's handle).
 * Runs:   init, fini: main. burst: the worker that reads.
 * Limits: replay.h.
 */
#ifndef SL_CAPTURE_FILE_H
#define SL_CAPTURE_FILE_H

#include <byteswap.h>

#include "dataplane/capture/file_block.h"
#include "dataplane/capture/pkt.h"

enum file_format { FILE_PCAP, FILE_PCAPNG, FILE_BINLOG, FILE_FOREIGN };

struct binlog;
struct foreign;
struct ng_interface;

/* Facts of a pcap file, all from its header. */
struct file_pcap {
	bool swap; /* written on a machine of the other byte order */
	bool nano; /* fractions are nanoseconds, not microseconds */
	uint8_t fcs_bytes;
	uint16_t link;
	uint64_t n_packets; /* met so far, for messages */
};

/* State of a pcapng file. */
struct file_pcapng {
	bool swap; /* of this section */
	unsigned n_interfaces;
	struct ng_interface *interfaces;
	uint64_t last_ns;   /* time of the packet before: simple packets have none of their own */
	uint64_t skip_left; /* bytes of a block being passed over, without its trailer */
	uint64_t skip_at;   /* where it began */
	uint32_t skip_len;  /* and how long it is; 0: in none */
};

struct file {
	struct block block;
	enum file_format format;
	uint64_t shift_ns; /* added to every time: the pass of a loop */
	union {
		struct file_pcap pcap;
		struct file_pcapng ng;
		struct binlog *binlog;
		struct foreign *foreign;
	};
};

/* 0, -EINVAL when it is not a capture file, or why it cannot be read. @f is zeroed before; after an
 * error file_fini is right too.
 */
int file_init(struct file *f, const char *path, size_t read_bytes, struct capture_stats *stats,
	      struct err *e);
int file_init_memory(struct file *f, struct slice bytes, struct capture_stats *stats,
		     struct err *e);
void file_fini(struct file *f);

/* Back to the first packet. */
int file_rewind(struct file *f);

/* Up to @max packets, whose port is 0. With @may_fill those of earlier bursts become invalid;
 * without it they stay valid and 0 is the answer when that leaves nothing to give. -EAGAIN: a pipe
 * has nothing just now. -ENODATA at the end; another -errno, with text in f->block.err, when the
 * file broke.
 */
int file_burst(struct file *f, struct pkt_raw *out, unsigned max, bool may_fill);

/* The formats. A start function reads the file's header and returns as file_init; a burst is as
 * above.
 */
int file_pcap_start(struct file *f);
int file_pcap_burst(struct file *f, struct pkt_raw *out, unsigned max, bool may_fill);
int file_pcapng_start(struct file *f);
void file_pcapng_fini(struct file *f);
int file_pcapng_burst(struct file *f, struct pkt_raw *out, unsigned max, bool may_fill);
int file_binlog_start(struct file *f);
void file_binlog_fini(struct file *f);
int file_binlog_burst(struct file *f, struct pkt_raw *out, unsigned max, bool may_fill);
int file_foreign_start(struct file *f);
int file_foreign_rewind(struct file *f);
void file_foreign_fini(struct file *f);
int file_foreign_burst(struct file *f, struct pkt_raw *out, unsigned max, bool may_fill);

#define PCAP_MAGIC_MICRO 0xa1b2c3d4u
#define PCAP_MAGIC_NANO  0xa1b23c4du
#define PCAPNG_MAGIC     0x0a0d0d0au
#define BINLOG_MAGIC     0x6e6962feu /* 0xfe "bin" */

static inline uint16_t file_u16(const uint8_t *p, bool swap)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return swap ? bswap_16(v) : v;
}

static inline uint32_t file_u32(const uint8_t *p, bool swap)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return swap ? bswap_32(v) : v;
}

static inline uint64_t file_add_ns(uint64_t a, uint64_t b)
{
	uint64_t sum = a + b;
	return sum < a ? UINT64_MAX : sum;
}

/* What all formats share of a packet: lengths without the checksum of the link layer, never more
 * captured than there was on the wire.
 */
static inline void file_packet(struct pkt_raw *out, const uint8_t *ptr, uint32_t cap_len,
			       uint32_t wire_len, unsigned fcs_bytes)
{
	if (wire_len < cap_len)
		wire_len = cap_len;
	if (fcs_bytes && wire_len >= fcs_bytes) {
		wire_len -= fcs_bytes;
		cap_len = cap_len < wire_len ? cap_len : wire_len;
	}
	out->ptr = ptr;
	out->cap_len = cap_len;
	out->wire_len = wire_len;
}

#endif
