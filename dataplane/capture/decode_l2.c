/* Link layers, tags and labels in front of IP. */
#include "dataplane/capture/decode_walk.h"

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_VLAN = 0x8100,
	TYPE_QINQ = 0x88a8,
	TYPE_QINQ_OLD = 0x9100,
	TYPE_QINQ_OLD2 = 0x9200,
	TYPE_VNTAG = 0x8926,
	TYPE_CISCO_META = 0x8909,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_MULTI = 0x8848,
	TYPE_PPPOE = 0x8864,
	TYPE_PPP = 0x880b,
	TYPE_ETHER = 0x6558,
	TYPE_MACSEC = 0x88e5,
};

/* Types up to this are the length of an 802.3 frame. */
#define TYPE_LENGTH_MAX 1500

/*   dst MAC 6 | src MAC 6 | type 2 */
enum walk_next l2_ether(struct walk *k)
{
	if (!walk_has(k, 14))
		return NEXT_DROP;
	uint64_t a, b;
	memcpy(&a, k->p, 8);
	memcpy(&b, k->p + 4, 8);
	walk_mark(k, a);
	walk_mark(k, b);
	k->type = be16(k->p + 12);
	k->p += 14;
	return NEXT_TYPE;
}

/* A tag of @len bytes that ends in the type of what follows. */
static enum walk_next l2_tag(struct walk *k, size_t len)
{
	if (!walk_has(k, len))
		return NEXT_DROP;
	uint32_t tag = 0;
	memcpy(&tag, k->p, len < 6 ? 2 : 4);
	walk_mark(k, (uint64_t)k->type << 32 | tag);
	k->type = be16(k->p + len - 2);
	k->p += len;
	return NEXT_TYPE;
}

/*   version 4, type 4 | code 8 | session 16 | length 16 | PPP */
static enum walk_next l2_pppoe(struct walk *k)
{
	if (!walk_has(k, 6))
		return NEXT_DROP;
	if (k->p[0] != 0x11)
		return walk_drop(k, DECODE_bad_header);
	if (k->p[1] != 0)
		return walk_drop(k, DECODE_not_ip);
	walk_mark(k, be16(k->p + 2));
	unsigned len = be16(k->p + 4);
	k->p += 6;
	if (len < walk_avail(k)) {
		k->end = k->p + len;
		k->missing = 0;
	}
	return walk_tunnel(k, NEXT_PPP);
}

enum walk_next l2_type(struct walk *k)
{
	switch (k->type) {
	case TYPE_IPV4:
		return NEXT_IPV4;
	case TYPE_IPV6:
		return NEXT_IPV6;
	case TYPE_VLAN:
	case TYPE_QINQ:
	case TYPE_QINQ_OLD:
	case TYPE_QINQ_OLD2:
		return l2_tag(k, 4);
	case TYPE_VNTAG:
	case TYPE_CISCO_META: /* a security group tag */
		return l2_tag(k, k->type == TYPE_VNTAG ? 6 : 8);
	case TYPE_MPLS:
	case TYPE_MPLS_MULTI:
		return NEXT_MPLS;
	case TYPE_PPPOE:
		return l2_pppoe(k);
	case TYPE_PPP:
		return NEXT_PPP;
	case TYPE_ETHER:
		return NEXT_ETHER;
	case TYPE_MACSEC:
		return walk_drop(k, DECODE_encrypted);
	default:
		if (k->type > TYPE_LENGTH_MAX)
			return walk_drop(k, DECODE_not_ip);
		if (k->type < walk_avail(k)) {
			k->end = k->p + k->type;
			k->missing = 0;
		}
		return NEXT_LLC;
	}
}

/*   DSAP 1 | SSAP 1 | control 1 | SNAP: organisation 3 | type 2 */
enum walk_next l2_llc(struct walk *k)
{
	if (walk_avail(k) >= 8 && k->p[0] == 0xaa && k->p[1] == 0xaa && k->p[2] == 3 &&
	    be16(k->p + 3) == 0 && k->p[5] == 0) {
		k->type = be16(k->p + 6);
		k->p += 8;
		return k->type > TYPE_LENGTH_MAX ? NEXT_TYPE : walk_drop(k, DECODE_not_ip);
	}
	if (walk_avail(k) >= 3 && k->p[0] == 6 && k->p[1] == 6 && k->p[2] == 3) {
		k->p += 3;
		return NEXT_IPV4;
	}
	return walk_drop(k, DECODE_not_ip);
}

/*   [ff 03] | protocol, 1 byte when odd, else 2 */
enum walk_next l2_ppp(struct walk *k)
{
	if (walk_avail(k) >= 2 && k->p[0] == 0xff && k->p[1] == 3)
		k->p += 2;
	if (!walk_has(k, 2))
		return NEXT_DROP;
	unsigned proto = k->p[0];
	k->p++;
	if (!(proto & 1))
		proto = proto << 8 | *k->p++;
	switch (proto) {
	case 0x0021:
		return NEXT_IPV4;
	case 0x0057:
		return NEXT_IPV6;
	case 0x0281:
	case 0x0283:
		return NEXT_MPLS;
	case 0x0053: /* ECP */
	case 0x0055:
	case 0x00fd: /* MPPE, or compressed: not readable either */
		return walk_drop(k, DECODE_encrypted);
	default:
		return walk_drop(k, DECODE_not_ip);
	}
}

/* Would an Ethernet frame at @p carry something that we know? */
static bool l2_is_ether(const struct walk *k, const uint8_t *p)
{
	if (p > k->end || k->end - p < 14)
		return false;
	switch (be16(p + 12)) {
	case TYPE_IPV4:
	case TYPE_IPV6:
	case TYPE_VLAN:
	case TYPE_QINQ:
	case TYPE_MPLS:
	case TYPE_PPPOE:
	case 0x0806: /* ARP */
	case 0x88cc: /* LLDP */
		return true;
	default:
		return false;
	}
}

static bool l2_is_ip(const struct walk *k)
{
	size_t avail = walk_avail(k);
	if (avail >= 20 && k->p[0] >> 4 == 4)
		return (k->p[0] & 15) >= 5 && be16(k->p + 2) >= 20 &&
		       be16(k->p + 2) <= walk_left(k);
	if (avail >= 40 && k->p[0] >> 4 == 6)
		return be16(k->p + 4) + 40u <= walk_left(k);
	return false;
}

/* Behind the last label nothing says what follows: by custom the first nibble does, 4 and 6 for IP,
 * 0 for the control word of a pseudowire, 1 for its management. An Ethernet pseudowire without a
 * control word may begin with any nibble, since that is the destination's MAC.
 *
 *   label 20 | class 3 | bottom 1 | TTL 8
 */
enum walk_next l2_mpls(struct walk *k)
{
	uint32_t label;
	do {
		if (!walk_has(k, 4))
			return NEXT_DROP;
		if (k->headers++ >= DECODE_HEADERS_MAX)
			return walk_drop(k, DECODE_too_deep);
		label = be32(k->p);
		walk_mark(k, label >> 12);
		k->p += 4;
	} while (!(label & 0x100));
	if (!walk_has(k, 1))
		return NEXT_DROP;
	unsigned nibble = k->p[0] >> 4;
	bool ether = l2_is_ether(k, k->p);
	if ((nibble == 4 || nibble == 6) && (!ether || l2_is_ip(k)))
		return walk_tunnel(k, NEXT_IP);
	if (nibble == 0 && (!ether || l2_is_ether(k, k->p + 4))) {
		if (!walk_has(k, 4))
			return NEXT_DROP;
		k->p += 4;
		return walk_tunnel(k, NEXT_ETHER);
	}
	if (nibble == 1 && !ether)
		return walk_drop(k, DECODE_not_ip);
	return walk_tunnel(k, NEXT_ETHER);
}

/* Linux cooked: the header of the real link is gone.
 *
 *   v1: packet type 2 | hardware 2 | address length 2 | address 8 | protocol 2
 *   v2: protocol 2 | 0 2 | interface 4 | hardware 2 | packet type 1 | length 1 | address 8
 */
static enum walk_next l2_cooked(struct walk *k, size_t len, size_t hardware_at, size_t type_at)
{
	enum { HW_NETLINK = 824, TYPE_802_2 = 4, TYPE_802_3 = 1 };
	if (!walk_has(k, len))
		return NEXT_DROP;
	uint64_t address;
	memcpy(&address, k->p + (len == 16 ? 6 : 12), 8);
	walk_mark(k, address);
	unsigned hardware = be16(k->p + hardware_at);
	k->type = be16(k->p + type_at);
	k->p += len;
	if (hardware == HW_NETLINK || k->type == TYPE_802_3)
		return walk_drop(k, DECODE_not_ip);
	if (k->type == TYPE_802_2)
		return NEXT_LLC;
	return k->type > TYPE_LENGTH_MAX ? NEXT_TYPE : walk_drop(k, DECODE_not_ip);
}

/* BSD loopback: the address family in the byte order of the machine that captured, or big-endian.
 */
static enum walk_next l2_loopback(struct walk *k)
{
	if (!walk_has(k, 4))
		return NEXT_DROP;
	uint32_t family = be32(k->p);
	if (family > 0xffff)
		family = __builtin_bswap32(family);
	k->p += 4;
	switch (family) {
	case 2:
		return NEXT_IPV4;
	case 10: /* Linux */
	case 24: /* NetBSD, OpenBSD */
	case 28: /* FreeBSD */
	case 30: /* Darwin */
		return NEXT_IPV6;
	default:
		return walk_drop(k, DECODE_not_ip);
	}
}

/* Linux netfilter log: attributes, one of which is the packet from its IP header on.
 *
 *   family 1 | version 1 | resource 2 | { length 2 | type 2 | value, padded to 4 }*
 *
 * Lengths are in the byte order of the machine that captured.
 */
static enum walk_next l2_nflog(struct walk *k)
{
	enum { NFULA_PAYLOAD = 9 };
	if (!walk_has(k, 4))
		return NEXT_DROP;
	k->p += 4;
	while (walk_has(k, 4)) {
		bool big = k->p[2] == 0 && k->p[3] != 0; /* types are small numbers */
		size_t len = big ? be16(k->p) : k->p[0] | k->p[1] << 8;
		unsigned type = big ? k->p[3] : k->p[2];
		if (len < 4)
			return walk_drop(k, DECODE_bad_header);
		if (type == NFULA_PAYLOAD) {
			k->p += 4;
			if (len - 4 < walk_avail(k)) {
				k->end = k->p + len - 4;
				k->missing = 0;
			}
			return NEXT_IP;
		}
		len = (len + 3) & ~(size_t)3;
		if (!walk_has(k, len))
			return NEXT_DROP;
		k->p += len;
	}
	return walk_avail(k) ? NEXT_DROP : walk_drop(k, k->missing ? DECODE_cut : DECODE_not_ip);
}

enum walk_next l2_link(struct walk *k, unsigned link)
{
	switch (link) {
	case LINK_ETHERNET:
		return NEXT_ETHER;
	case LINK_RAW:
	case LINK_RAW_BSD:
	case LINK_RAW_OPENBSD:
		return NEXT_IP;
	case LINK_IPV4:
		return NEXT_IPV4;
	case LINK_IPV6:
		return NEXT_IPV6;
	case LINK_NULL:
	case LINK_LOOP:
		return l2_loopback(k);
	case LINK_LINUX_SLL:
		return l2_cooked(k, 16, 2, 14);
	case LINK_LINUX_SLL2:
		return l2_cooked(k, 20, 8, 0);
	case LINK_PPP:
	case LINK_PPP_HDLC:
		return NEXT_PPP;
	case LINK_NFLOG:
		return l2_nflog(k);
	default:
		return walk_drop(k, DECODE_unknown_link);
	}
}
