/* pkt.h - packets: as they came (raw) and decoded.
 *
 * In:     -
 * Out:    the two nouns of capture.
 * Owns:   nothing: bytes are borrowed from the source (or from the fragment table) until the end of
 *         the worker's turn.
 * Runs:   worker.
 * Limits: 64 KiB of IP packet, and big TCP packets (no IP length) as far as captured.
 */
#ifndef SL_CAPTURE_PKT_H
#define SL_CAPTURE_PKT_H

#include "dataplane/base/slice.h"

#define PKT_BURST 64

/* Link types by their numbers in capture files (tcpdump.org/linktypes.html). */
enum link_type {
	LINK_NULL = 0,
	LINK_ETHERNET = 1,
	LINK_PPP = 9,
	LINK_RAW_BSD = 12, /* LINK_RAW as systems number it, which some write to files */
	LINK_RAW_OPENBSD = 14,
	LINK_PPP_HDLC = 50,
	LINK_RAW = 101,
	LINK_LOOP = 108,
	LINK_LINUX_SLL = 113,
	LINK_IPV4 = 228,
	LINK_IPV6 = 229,
	LINK_NFLOG = 239,
	LINK_LINUX_SLL2 = 276,
};

struct pkt_raw {
	const uint8_t *ptr;
	uint32_t cap_len;  /* bytes at ptr */
	uint32_t wire_len; /* bytes that were on the wire */
	uint64_t time_ns;  /* since 1970 UTC */
	uint64_t number;   /* 1-based, in the order of the source */
	uint16_t link;     /* enum link_type */
	uint16_t port;     /* index of the capture port or file */
};

enum tcp_flag { TCP_FIN = 1, TCP_SYN = 2, TCP_RST = 4, TCP_PSH = 8, TCP_ACK = 16, TCP_URG = 32 };

#define IPPROTO_TCP_ 6
#define IPPROTO_UDP_ 17

struct pkt {
	/* line 1: where it belongs. Addresses in network order; IPv4 as ::ffff:a.b.c.d. */
	uint8_t src[16], dst[16];
	uint16_t sport, dport; /* host order */
	uint8_t proto;         /* IPPROTO_TCP_ or IPPROTO_UDP_ */
	uint8_t tcp_flags;
	uint16_t port;    /* of the raw packet */
	uint32_t hash;    /* the same for both directions, on every machine; 0 for one worker */
	uint32_t len;     /* of the payload */
	uint64_t time_ns; /* packet time */
	/* line 2: what it carries */
	const uint8_t *payload;
	uint64_t number;    /* of the raw packet (of the last fragment) */
	uint32_t cut_bytes; /* payload bytes that the capture cut off behind `len` (snap length) */
	uint32_t seq, ack;  /* TCP, host order */
	uint16_t window;    /* TCP, as sent, not scaled */
	uint16_t urgent;    /* TCP urgent pointer, when URG is set */
	uint8_t checksum;   /* enum pkt_checksum */
	uint8_t pad[7];
};

enum pkt_checksum { CHECKSUM_UNKNOWN, CHECKSUM_GOOD, CHECKSUM_BAD };

#endif
