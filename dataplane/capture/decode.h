/* decode.h - from link layer to TCP and UDP payload: tags, tunnels, fragments, mirror duplicates.
 *
 * In:     struct pkt_raw of any link type of pkt.h.
 * Out:    struct pkt: the innermost TCP or UDP packet. Borrowed until decode_release.
 * Owns:   fragments that wait for the rest, and the memory of recent packets (duplicates).
 * Runs:   worker. One per worker.
 * Limits: decode.* options; DECODE_HEADERS_MAX headers a packet, DECODE_DEPTH_MAX of them tunnels.
 *
 * What becomes of a packet that is not as it should be:
 * - The link has more bytes than IP says: padding, left away. IP says more than the capture holds:
 *   handed on with cut_bytes when its headers are there (cards, drivers and mirrors cut packets
 *   without a word), `cut` when they are not. An IP header straight inside an IP header that claims
 *   more than the outer one holds, and a UDP length beyond its IP packet: bad_length.
 * - IPv4 total length 0 and IPv6 payload length 0 (offloads, big TCP): as long as on the wire.
 * - A TCP or UDP checksum field that holds the sum of the pseudo header alone is one that a card
 * was to complete: neither good nor wrong.
 * - A UDP packet on a tunnel's port whose bytes are not that tunnel's header is plain UDP.
 *
 * Fragments of a datagram: all but the last to come are fragments_joined once it is whole, the last
 * goes on as the packet. An equal copy of a fragment is a duplicate; different bytes in one place
 * (IPv6: any partial overlap, RFC 5722) end the whole datagram as fragment_overlap. A datagram that
 * has to make room for a newer one is fragment_no_room. A fragment that the capture cut is `cut`.
 * A datagram that is whole is remembered for dedup_window (not with dedup: off), so that a mirror's
 * copies of its fragments are duplicates too.
 *
 * Who counts, when several workers see all packets: TCP and UDP by their hash; fragments that wait,
 * and what becomes of them, by a hash of addresses, identification and protocol; the fragment that
 * completes a datagram by the datagram's own hash; all others worker 0. So each row balances, and
 * the sums do not depend on the number of workers.
 */
#ifndef SL_CAPTURE_DECODE_H
#define SL_CAPTURE_DECODE_H

#include <limits.h>

#include "dataplane/base/err.h"
#include "dataplane/base/ledger.h"
#include "dataplane/base/option.h"
#include "dataplane/capture/pkt.h"

#define DECODE_DEPTH_MAX   16 /* most that tunnel_depth_max may ask for */
#define DECODE_HEADERS_MAX 64 /* tags, labels, extension and tunnel headers of one packet */

enum decode_dedup { DEDUP_OFF, DEDUP_SAFE, DEDUP_ALL };
enum decode_checksum { CHECKSUM_IGNORE, CHECKSUM_COUNT, CHECKSUM_DROP };

struct decode_conf {
	int checksum;              /* enum decode_checksum; default: count */
	int dedup;                 /* enum decode_dedup; default: safe */
	uint64_t dedup_window_ns;  /* packet time */
	uint64_t fragment_wait_ns; /* packet time */
	int64_t fragments_max;     /* datagrams in reassembly at once */
	uint64_t fragment_bytes_max;
	struct opt_ports vxlan_ports, geneve_ports;
	int64_t tunnel_depth_max;
};

extern const struct opt decode_opts[];

struct decode;

int decode_create(const struct decode_conf *conf, struct decode **ret_d, struct err *e);
void decode_destroy(struct decode *d);

/* Which share of the sessions is ours: packets whose hash % n_workers != worker are passed over,
 * and not counted; packets without ports (ARP, broken ones) belong to worker 0. Default: 0 of 1.
 */
void decode_share(struct decode *d, unsigned worker, unsigned n_workers);

/* There is a protocol whose sessions learn from each other (replication: what columns are called),
 * on servers' @ports, borrowed. TCP is then shared out by server, or by both ends without their
 * ports, so that what is learnt does not depend on the number of workers. At most
 * DECODE_TOGETHER_MAX such lists.
 */
#define DECODE_TOGETHER_MAX 16
void decode_share_together(struct decode *d, const struct opt_ports *ports);

/* Which worker's share @raw is, of those that decode_share told of; DECODE_ALL: a fragment, which
 * all have to see. Counts nothing, so that a decoder that only does this is never in a row.
 */
#define DECODE_ALL UINT_MAX
unsigned decode_owner(const struct decode *d, const struct pkt_raw *raw);

/* Decodes up to PKT_BURST raw packets. Returns the number written to @out (at most @n). */
unsigned decode_burst(struct decode *d, const struct pkt_raw *raw, unsigned n, struct pkt *out);

/* End of turn: memory of datagrams put together from fragments is taken back. */
void decode_release(struct decode *d);

/* The capture has ended: fragments still held become the drop fragment_timeout. */
void decode_finish(struct decode *d);

/* The hash that all workers, cards and machines agree on: Toeplitz over addresses and ports with
 * the symmetric key 0x6d5a (repeated), the smaller end first. Its two halves are equal: 16 bits to
 * share out sessions by, too few to find them by.
 */
uint32_t decode_hash(const struct pkt *p);

/* Names as in the issue of a user: "why is my packet not there". */
#define DECODE_COLS(X)                                                                           \
	X(IN, packets_in, "packets from the source")                                             \
	X(OUT, packets_out, "TCP and UDP packets handed to flow")                                \
	X(MERGED, fragments_joined,                                                              \
	  "IP fragments that became part of a datagram, beside its last one")                    \
	X(LOSS, cut, "cut by the snap length before the end of the headers")                     \
	X(LOSS, fragment_timeout, "fragments whose datagram never became whole")                 \
	X(LOSS, fragment_no_room, "fragments beyond decode.fragments_max or fragment_bytes_max") \
	X(POLICY, fragment_overlap, "fragments that overlap others with different bytes")        \
	X(POLICY, bad_length, "a length field that disagrees with the bytes there")              \
	X(POLICY, bad_header, "a header that no host would accept")                              \
	X(POLICY, bad_checksum, "wrong checksum, with checksum: drop")                           \
	X(POLICY, duplicate, "the same packet seen before: copy of a mirror")                    \
	X(LOSS, too_deep, "more tunnels than tunnel_depth_max, or more than 64 headers")         \
	X(POLICY, not_ip, "ARP, LLDP, STP and other non-IP frames")                              \
	X(POLICY, not_tcp_udp, "ICMP, OSPF and other IP protocols")                              \
	X(LOSS, unknown_link, "of a link type that sluice does not read")                        \
	X(POLICY, encrypted, "ESP and other encrypted headers")                                  \
	X(IN_FLIGHT, fragments_waiting, "fragments that wait for the rest")                      \
	X(INFO, payload_cut, "packets handed on whose payload the capture cut short")            \
	X(INFO, payload_cut_bytes, "bytes missing in these")                                     \
	X(INFO, checksum_wrong, "packets with a wrong TCP, UDP or IP checksum, passed on")       \
	X(INFO, tunnelled,                                                                       \
	  "packets taken out of VXLAN, GENEVE, GRE, ERSPAN, IP in IP, PPPoE, MPLS")              \
	X(INFO, oversize, "packets of more than 1,518 bytes (jumbo frames, merged by offloads)") \
	X(INFO, bytes_in, "bytes of the packets from the source")

#define DECODE_COL(kind, name, help) DECODE_##name,
enum { DECODE_COLS(DECODE_COL) DECODE_N_COLS };
extern const struct ledger_table decode_ledger;
const uint64_t *decode_row(const struct decode *d);

#endif
