/* Tunnels: what stands between an outer IP header and an inner packet. */
#include "dataplane/capture/decode_walk.h"

enum {
	GRE_CHECKSUM = 0x8000,
	GRE_ROUTING = 0x4000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_ACK = 0x0080,
	GRE_VERSION = 0x0007,
};

enum {
	GRE_IPV4 = 0x0800,
	GRE_IPV6 = 0x86dd,
	GRE_WCCP = 0x883e,
	GRE_PPP = 0x880b,
	GRE_ETHER = 0x6558,
	GRE_ERSPAN = 0x88be,
	GRE_ERSPAN3 = 0x22eb,
	GRE_CISCO_META = 0x8909,
};

/* The ends of the tunnel tell one path of a copy from another. */
static void tunnel_mark_ends(struct walk *k)
{
	size_t n = k->family == 4 ? 4 : 16;
	for (size_t i = 0; i < n; i += 4)
		walk_mark(k, (uint64_t)be32(k->src + i) << 32 | be32(k->dst + i));
}

/* A whole frame follows. A mirror may have cut it to what fits in its own packets, so that its
 * lengths may go beyond ours.
 */
static enum walk_next tunnel_ether(struct walk *k)
{
	k->bounded = false;
	return walk_tunnel(k, NEXT_ETHER);
}

enum walk_next tunnel_ip(struct walk *k, enum walk_next next)
{
	tunnel_mark_ends(k);
	return next == NEXT_ETHER ? tunnel_ether(k) : walk_tunnel(k, next);
}

/* Type I has no header; II and III have one, told by its version:
 *
 *   II:  version 4 = 1, VLAN 12, class 3, encapsulation 2, cut 1, session 10 | index 32
 *   III: version 4 = 2, VLAN 12, class 3, bad 2, cut 1, session 10 | time 32 |
 *        group 16 | P 1, frame type 5, hardware 6, direction 1, granularity 2, more 1 | [more 64]
 */
static enum walk_next tunnel_erspan(struct walk *k, unsigned type, unsigned flags)
{
	enum { FRAME_ETHER = 0, FRAME_IP = 2 };
	if (type == GRE_ERSPAN && !(flags & GRE_SEQUENCE))
		return tunnel_ether(k);
	if (!walk_has(k, 8))
		return NEXT_DROP;
	unsigned version = k->p[0] >> 4;
	walk_mark(k, be32(k->p) & 0x0fff03ff);
	if (version == 1) {
		k->p += 8;
		return tunnel_ether(k);
	}
	if (version != 2)
		return walk_drop(k, DECODE_bad_header);
	if (!walk_has(k, 12))
		return NEXT_DROP;
	unsigned last = be16(k->p + 10);
	size_t len = last & 1 ? 20 : 12;
	if (!walk_has(k, len))
		return NEXT_DROP;
	k->p += len;
	switch (last >> 10 & 31) {
	case FRAME_ETHER:
		return tunnel_ether(k);
	case FRAME_IP:
		k->bounded = false;
		return walk_tunnel(k, NEXT_IP);
	default:
		return walk_drop(k, DECODE_not_ip);
	}
}

/* Version 1 carries PPP for PPTP: the key is the length of the payload and the call. */
static enum walk_next tunnel_pptp(struct walk *k, unsigned flags)
{
	if (!(flags & GRE_KEY))
		return walk_drop(k, DECODE_bad_header);
	size_t len = 8 + (flags & GRE_SEQUENCE ? 4 : 0) + (flags & GRE_ACK ? 4 : 0);
	if (!walk_has(k, len))
		return NEXT_DROP;
	unsigned payload = be16(k->p + 4);
	walk_mark(k, be16(k->p + 6));
	k->p += len;
	if (payload == 0) /* an acknowledgement alone */
		return walk_drop(k, DECODE_not_ip);
	if (!walk_bound(k, payload))
		return NEXT_DROP;
	return walk_tunnel(k, NEXT_PPP);
}

/* The source routes of version 0, closed by an entry of nothing but zeros. */
static bool tunnel_gre_routes(struct walk *k)
{
	while (walk_has(k, 4)) {
		bool last = be16(k->p) == 0 && k->p[3] == 0;
		size_t len = 4u + k->p[3];
		if (!walk_has(k, len))
			return false;
		k->p += len;
		if (last)
			return true;
	}
	return false;
}

/*   flags 13, version 3 | protocol 16
 *   [checksum 16, offset 16] [key 32] [sequence 32] [routes]
 */
enum walk_next tunnel_gre(struct walk *k)
{
	if (!walk_has(k, 4))
		return NEXT_DROP;
	unsigned flags = be16(k->p), type = be16(k->p + 2);
	tunnel_mark_ends(k);
	if ((flags & GRE_VERSION) == 1)
		return type == GRE_PPP ? tunnel_pptp(k, flags) : walk_drop(k, DECODE_not_ip);
	if (flags & GRE_VERSION)
		return walk_drop(k, DECODE_bad_header);
	size_t key = flags & (GRE_CHECKSUM | GRE_ROUTING) ? 8 : 4;
	size_t len = key + (flags & GRE_KEY ? 4 : 0) + (flags & GRE_SEQUENCE ? 4 : 0);
	if (!walk_has(k, len))
		return NEXT_DROP;
	if (flags & GRE_KEY)
		walk_mark(k, be32(k->p + key));
	k->p += len;
	if (flags & GRE_ROUTING && !tunnel_gre_routes(k))
		return NEXT_DROP;
	switch (type) {
	case GRE_IPV4:
		return walk_tunnel(k, NEXT_IPV4);
	case GRE_IPV6:
		return walk_tunnel(k, NEXT_IPV6);
	case GRE_ETHER:
		return tunnel_ether(k);
	case GRE_ERSPAN:
	case GRE_ERSPAN3:
		return tunnel_erspan(k, type, flags);
	case GRE_WCCP: /* version 2 puts a redirect header of 4 bytes in front */
		if (walk_avail(k) >= 4 && k->p[0] >> 4 != 4)
			k->p += 4;
		return walk_tunnel(k, NEXT_IPV4);
	case GRE_CISCO_META: /* not as behind Ethernet: type 16 | version, length, options, group */
		if (!walk_has(k, 8))
			return NEXT_DROP;
		k->type = be16(k->p);
		k->p += 8;
		return walk_tunnel(k, NEXT_TYPE);
	default:
		k->type = (uint16_t)type;
		return type > 1500 ? walk_tunnel(k, NEXT_TYPE) : walk_drop(k, DECODE_not_ip);
	}
}

/* True when the inner header that is to follow can stand at @at bytes behind the cursor. */
static bool tunnel_fits(const struct walk *k, size_t at, enum walk_next next)
{
	if (walk_avail(k) <= at)
		return false;
	size_t left = walk_avail(k) - at;
	switch (next) {
	case NEXT_IPV4:
		return left >= 20 && k->p[at] >> 4 == 4;
	case NEXT_IPV6:
		return left >= 40 && k->p[at] >> 4 == 6;
	default:
		return left >= 14;
	}
}

static enum walk_next tunnel_enter(struct walk *k, size_t header, uint64_t id, enum walk_next next)
{
	tunnel_mark_ends(k);
	walk_mark(k, id);
	k->p += header;
	return next == NEXT_ETHER ? tunnel_ether(k) : walk_tunnel(k, next);
}

/*   flags 8: version 0x30 (0), id 0x08, next protocol 0x04, broadcast 0x02, management 0x01
 *   reserved 16 | next protocol 8
 *   network id 24 | reserved 8
 */
static enum walk_next tunnel_vxlan_gpe(struct walk *k)
{
	static const uint8_t next_of[] = {NEXT_DROP,  NEXT_IPV4, NEXT_IPV6,
					  NEXT_ETHER, NEXT_DROP, NEXT_MPLS};
	const uint8_t *h = k->p;
	if (walk_avail(k) < 8 || h[0] & 0xf1 || !(h[0] & 8) || be16(h + 1) || h[7])
		return NEXT_DONE;
	unsigned proto = h[0] & 4 ? h[3] : 3;
	if (proto >= sizeof(next_of) || next_of[proto] == NEXT_DROP)
		return NEXT_DONE;
	enum walk_next next = next_of[proto];
	return tunnel_fits(k, 8, next) ? tunnel_enter(k, 8, be32(h + 4), next) : NEXT_DONE;
}

/* Strict, since any text may come to this port: a flag that no RFC knows makes it plain UDP. The
 * generic extension is seen on this port too.
 *
 *   flags 8: 0x08 a network id follows, 0x80 group policy | reserved 8 (policy) | group 16
 *   network id 24 | reserved 8
 */
static enum walk_next tunnel_vxlan(struct walk *k)
{
	const uint8_t *h = k->p;
	if (!tunnel_fits(k, 8, NEXT_ETHER) || h[7] != 0)
		return NEXT_DONE;
	if (h[0] & 0x04)
		return tunnel_vxlan_gpe(k);
	bool plain = h[0] == 0x08 && be16(h + 1) == 0 && h[3] == 0;
	bool policy = h[0] == 0x88 && (h[1] & ~0x48) == 0;
	if (!plain && !policy)
		return NEXT_DONE;
	return tunnel_enter(k, 8, be32(h + 4), NEXT_ETHER);
}

/*   version 2 = 0, words of options 6 | management 1, critical 1, 0 6 | protocol 16
 *   network id 24 | 0 8 | options
 */
static enum walk_next tunnel_geneve(struct walk *k)
{
	const uint8_t *h = k->p;
	if (walk_avail(k) < 8 || h[0] >> 6 || h[1] & 0xbf || h[7])
		return NEXT_DONE;
	enum walk_next next;
	switch (be16(h + 2)) {
	case GRE_ETHER:
		next = NEXT_ETHER;
		break;
	case GRE_IPV4:
		next = NEXT_IPV4;
		break;
	case GRE_IPV6:
		next = NEXT_IPV6;
		break;
	default:
		return NEXT_DONE;
	}
	size_t len = 8 + (h[0] & 63) * 4u;
	return tunnel_fits(k, len, next) ? tunnel_enter(k, len, be32(h + 4), next) : NEXT_DONE;
}

/* MPLS has no mark of its own: take it only when IP stands behind the last label. */
static enum walk_next tunnel_mpls(struct walk *k)
{
	size_t at = 0;
	while (walk_avail(k) >= at + 4 && !(k->p[at + 2] & 1))
		if ((at += 4) > 4 * DECODE_DEPTH_MAX)
			return NEXT_DONE;
	at += 4;
	if (!tunnel_fits(k, at, NEXT_IPV4) && !tunnel_fits(k, at, NEXT_IPV6))
		return NEXT_DONE;
	tunnel_mark_ends(k);
	return NEXT_MPLS;
}

enum walk_next tunnel_udp(struct walk *k, enum udp_tunnel kind)
{
	switch (kind) {
	case UDP_VXLAN:
		return tunnel_vxlan(k);
	case UDP_VXLAN_GPE:
		return tunnel_vxlan_gpe(k);
	case UDP_GENEVE:
		return tunnel_geneve(k);
	case UDP_MPLS:
		return tunnel_mpls(k);
	default:
		return NEXT_DONE;
	}
}
