/* IPv4 and IPv6 with what may stand between them and TCP or UDP. */
#include "dataplane/capture/decode_walk.h"

enum {
	PROTO_HOP_BY_HOP = 0,
	PROTO_IPV4 = 4,
	PROTO_TCP = IPPROTO_TCP_,
	PROTO_UDP = IPPROTO_UDP_,
	PROTO_IPV6 = 41,
	PROTO_ROUTING = 43,
	PROTO_FRAGMENT = 44,
	PROTO_GRE = 47,
	PROTO_ESP = 50,
	PROTO_AH = 51,
	PROTO_DESTINATION = 60,
	PROTO_ETHERIP = 97,
	PROTO_MOBILITY = 135,
	PROTO_MPLS = 137,
	PROTO_HIP = 139,
	PROTO_SHIM6 = 140,
};

#define OPTION_JUMBO        0xc2
#define OPTION_HOME_ADDRESS 0xc9

enum walk_next ip_any(struct walk *k)
{
	if (!walk_has(k, 1))
		return NEXT_DROP;
	switch (k->p[0] >> 4) {
	case 4:
		return NEXT_IPV4;
	case 6:
		return NEXT_IPV6;
	default:
		return walk_drop(k, DECODE_not_ip);
	}
}

/*   version 4, words 4 | class 8 | total length 16
 *   identification 16          | 0, don't, more 3 | offset 13, in 8 bytes
 *   TTL 8 | protocol 8         | checksum 16
 *   source 32, destination 32, options
 */
enum walk_next ip_v4(struct walk *k)
{
	if (!walk_has(k, 20))
		return NEXT_DROP;
	const uint8_t *h = k->p;
	size_t hlen = (h[0] & 15) * 4u;
	if (h[0] >> 4 != 4 || hlen < 20)
		return walk_drop(k, DECODE_bad_header);
	unsigned total = be16(h + 2);
	if (total && total < hlen)
		return walk_drop(k, DECODE_bad_length);
	if (total && !walk_bound(k, total))
		return NEXT_DROP;
	if (!walk_has(k, hlen))
		return NEXT_DROP;
	k->no_length = total == 0;
	if (k->check_ip && !sum_is_right(sum_words(h, hlen / 4)))
		k->ip_sum_bad = true;
	k->family = 4;
	k->src = h + 12;
	k->dst = h + 16;
	k->ttl = h[8];
	k->proto = h[9];
	k->ip_id = be16(h + 4);
	k->p += hlen;
	unsigned part = be16(h + 6);
	if ((part & 0x3fff) == 0)
		return NEXT_PROTO;
	if (k->no_length)
		return walk_drop(k, DECODE_bad_length);
	if (k->missing)
		return walk_drop(k, DECODE_cut);
	k->frag_off = (part & 0x1fff) * 8;
	k->frag_more = part & 0x2000;
	k->frag_id = k->ip_id;
	return NEXT_FRAGMENT;
}

/*   version 4, class 8, flow 20
 *   payload length 16 | next header 8 | hop limit 8
 *   source 128, destination 128
 */
enum walk_next ip_v6(struct walk *k)
{
	if (!walk_has(k, 40))
		return NEXT_DROP;
	const uint8_t *h = k->p;
	if (h[0] >> 4 != 6)
		return walk_drop(k, DECODE_bad_header);
	unsigned len = be16(h + 4);
	k->family = 6;
	k->src = h + 8;
	k->dst = h + 24;
	k->proto = h[6];
	k->ttl = h[7];
	k->ip_id = 0;
	k->no_length = len == 0;
	k->p += 40;
	if (len && !walk_bound(k, len))
		return NEXT_DROP;
	return NEXT_PROTO;
}

/* Options of a hop-by-hop or destination header: the length of a jumbogram, and the address that a
 * mobile host is known by (the checksum is over that one).
 */
static bool ip_options(struct walk *k, const uint8_t *h, size_t len)
{
	for (size_t i = 2; i < len;) {
		if (h[i] == 0) {
			i++;
			continue;
		}
		if (i + 2 > len || i + 2 + h[i + 1] > len) {
			k->verdict = DECODE_bad_header;
			return false;
		}
		if (h[i] == OPTION_HOME_ADDRESS && h[i + 1] == 16)
			k->src = h + i + 2;
		if (h[i] == OPTION_JUMBO && h[i + 1] == 4 && k->no_length &&
		    !walk_bound(k, be32(h + i + 2)))
			return false;
		i += 2u + h[i + 1];
	}
	return true;
}

/* While segments are left the address in the IP header is the next hop; the checksum is over the
 * last. Types 0 and 2 list the hops in order, segment routing (4) from the last to the first.
 *
 *   next 8 | words 8 | type 8 | segments left 8 | type's own 32 | addresses
 */
static void ip_routing(struct walk *k, const uint8_t *h, size_t len)
{
	if (h[3] == 0 || len < 24)
		return;
	if (h[2] == 0 || h[2] == 2)
		k->dst = h + 8 + ((len - 8) / 16 - 1) * 16;
	else if (h[2] == 4)
		k->dst = h + 8;
}

/*   next 8 | words of 8 bytes, beside the first 8 */
static enum walk_next ip_extension(struct walk *k)
{
	if (!walk_has(k, 8))
		return NEXT_DROP;
	const uint8_t *h = k->p;
	size_t len = (h[1] + 1u) * 8;
	if (!walk_has(k, len))
		return NEXT_DROP;
	if (k->proto == PROTO_ROUTING)
		ip_routing(k, h, len);
	else if (k->proto == PROTO_HOP_BY_HOP || k->proto == PROTO_DESTINATION)
		if (!ip_options(k, h, len) || !walk_has(k, len))
			return NEXT_DROP;
	k->proto = h[0];
	k->p += len;
	return NEXT_PROTO;
}

/*   next 8 | words of 4 bytes, less 2 | 0 16 | index 32 | sequence 32 | check value */
static enum walk_next ip_auth(struct walk *k)
{
	if (!walk_has(k, 12))
		return NEXT_DROP;
	size_t len = (k->p[1] + 2u) * 4;
	if (len < 12)
		return walk_drop(k, DECODE_bad_header);
	if (!walk_has(k, len))
		return NEXT_DROP;
	k->proto = k->p[0];
	k->p += len;
	return NEXT_PROTO;
}

/*   next 8 | 0 8 | offset 13, in 8 bytes, 0 2, more 1 | identification 32 */
static enum walk_next ip_v6_fragment(struct walk *k)
{
	if (!walk_has(k, 8))
		return NEXT_DROP;
	const uint8_t *h = k->p;
	unsigned part = be16(h + 2);
	k->proto = h[0];
	k->p += 8;
	if ((part & 0xfff9) == 0) /* whole in one piece */
		return NEXT_PROTO;
	if (k->no_length)
		return walk_drop(k, DECODE_bad_length);
	if (k->missing)
		return walk_drop(k, DECODE_cut);
	k->frag_off = part & 0xfff8;
	k->frag_more = part & 1;
	k->frag_id = be32(h + 4);
	k->ip_id = k->frag_id;
	return NEXT_FRAGMENT;
}

/*   version and flags 16 | Ethernet */
static enum walk_next ip_etherip(struct walk *k)
{
	if (!walk_has(k, 2))
		return NEXT_DROP;
	if (be16(k->p) != 0x3000)
		return walk_drop(k, DECODE_bad_header);
	k->p += 2;
	return tunnel_ip(k, NEXT_ETHER);
}

static enum walk_next ip_tcp(struct walk *k)
{
	if (!walk_has(k, 20))
		return NEXT_DROP;
	const uint8_t *h = k->p;
	size_t hlen = (h[12] >> 4) * 4u;
	if (hlen < 20)
		return walk_drop(k, DECODE_bad_header);
	if (!walk_has(k, hlen))
		return NEXT_DROP;
	tcp_fields(k->out, h);
	walk_payload(k, hlen);
	return NEXT_DONE;
}

static enum walk_next ip_udp(struct walk *k)
{
	if (!walk_has(k, 8))
		return NEXT_DROP;
	const uint8_t *h = k->p;
	unsigned len = be16(h + 4);
	if (len < 8 && !(len == 0 && k->no_length))
		return walk_drop(k, DECODE_bad_length);
	if (len && !walk_bound(k, len))
		return NEXT_DROP;
	udp_fields(k->out, h);
	walk_payload(k, 8);
	enum udp_tunnel kind = k->udp_tunnels[k->out->dport];
	return kind == UDP_PLAIN ? NEXT_DONE : tunnel_udp(k, kind);
}

enum walk_next ip_proto(struct walk *k)
{
	switch (k->proto) {
	case PROTO_TCP:
		return ip_tcp(k);
	case PROTO_UDP:
		return ip_udp(k);
	case PROTO_IPV4:
		return tunnel_ip(k, NEXT_IPV4);
	case PROTO_IPV6:
		return tunnel_ip(k, NEXT_IPV6);
	case PROTO_GRE:
		return tunnel_gre(k);
	case PROTO_MPLS:
		walk_mark(k, PROTO_MPLS);
		return NEXT_MPLS;
	case PROTO_ETHERIP:
		return ip_etherip(k);
	case PROTO_ESP:
		return walk_drop(k, DECODE_encrypted);
	case PROTO_AH:
		return ip_auth(k);
	case PROTO_HOP_BY_HOP:
	case PROTO_ROUTING:
	case PROTO_DESTINATION:
	case PROTO_MOBILITY:
	case PROTO_HIP:
	case PROTO_SHIM6:
		return k->family == 6 ? ip_extension(k) : walk_drop(k, DECODE_not_tcp_udp);
	case PROTO_FRAGMENT:
		return k->family == 6 ? ip_v6_fragment(k) : walk_drop(k, DECODE_not_tcp_udp);
	default:
		return walk_drop(k, DECODE_not_tcp_udp);
	}
}
