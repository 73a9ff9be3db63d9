/* pcapng: blocks of one shape, all lengths multiples of 4, byte order told by each section:
 *
 *     block      | type 4 | length L 4 | body L - 12 | length L again 4 |
 *     section    body | 0x1a2b3c4d | major 2 | minor 2 | section length 8 | options |
 *     interface  body | link type 2 | 0 2 | snap length 4 | options |
 *     enhanced   body | interface 4 | time high 4 | time low 4 | captured 4 | wire 4 | bytes |
 * options | packet     body | interface 2 | drops 2 | time high 4 | low 4 | captured 4 | wire 4 |
 * bytes | ... simple     body | wire 4 | bytes |          (interface 0, no time) option     | code
 * 2 | length 2 | value, padded to 4 |
 *
 * All other blocks (names, statistics, secrets, journals, custom) are passed over.
 */
#include "dataplane/base/civil.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/file.h"

enum block_type {
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET = 2, /* obsolete, still written by old tools */
	BLOCK_SIMPLE = 3,
	BLOCK_ENHANCED = 6,
	BLOCK_SECTION = PCAPNG_MAGIC, /* the same in both byte orders */
};

#define BYTE_ORDER_MAGIC 0x1a2b3c4du
#define BLOCK_MIN        12 /* type, length, length */
#define SECTION_MIN      28
#define INTERFACE_MIN    20
#define ENHANCED_MIN     32
#define SIMPLE_MIN       16
#define INTERFACES_MAX   4096

enum option_code { OPTION_FCSLEN = 13, OPTION_TSRESOL = 9, OPTION_TSOFFSET = 14 };

/* ns = ticks * mul, then >> shift or / div, then + offset: one of the three, by the resolution. */
struct ng_interface {
	uint64_t mul;
	uint64_t div; /* 1: no division; 0: a tick is beyond all measure small */
	int64_t offset_s;
	uint32_t snap_len; /* 0: none */
	uint16_t link;
	uint8_t shift;
	uint8_t fcs_bytes;
};

static void set_resolution(struct ng_interface *i, uint8_t tsresol)
{
	unsigned exponent = tsresol & 0x7f;
	i->mul = i->div = 1;
	i->shift = 0;
	if (tsresol & 0x80) {
		i->mul = NS_PER_S;
		i->shift = (uint8_t)exponent;
		return;
	}
	for (; exponent < 9; exponent++)
		i->mul *= 10;
	for (; exponent > 9 && i->div; exponent--)
		if (__builtin_mul_overflow(i->div, 10, &i->div))
			i->div = 0;
}

static uint64_t clamp_ns(__int128 ns)
{
	if (ns < 0)
		return 0;
	return ns > UINT64_MAX ? UINT64_MAX : (uint64_t)ns;
}

static inline uint64_t ticks_to_ns(const struct ng_interface *i, uint64_t ticks)
{
	unsigned __int128 ns = (unsigned __int128)ticks * i->mul >> i->shift;
	if (i->div != 1)
		ns = i->div ? ticks / i->div : 0;
	if (i->offset_s == 0 && ns <= UINT64_MAX)
		return (uint64_t)ns;
	return clamp_ns((__int128)ns + (__int128)i->offset_s * (__int128)NS_PER_S);
}

/* One packet block of @len bytes, whole in the window. NULL, or what is wrong with it. */
static inline const char *read_packet(struct file *f, const uint8_t *at, uint32_t type,
				      uint32_t len, const bool swap, struct pkt_raw *out)
{
	struct file_pcapng *ng = &f->ng;
	if (file_u32(at + len - 4, swap) != len)
		return "the length at the end of the block differs from that at its start";
	if (len < (type == BLOCK_SIMPLE ? SIMPLE_MIN : ENHANCED_MIN))
		return "the block is too short for a packet";
	uint32_t idx = 0;
	if (type != BLOCK_SIMPLE)
		idx = type == BLOCK_ENHANCED ? file_u32(at + 8, swap) : file_u16(at + 8, swap);
	if (idx >= ng->n_interfaces)
		return "the packet's interface is not described before it";
	const struct ng_interface *i = &ng->interfaces[idx];
	uint32_t cap_len, wire_len;
	const uint8_t *ptr;
	if (type == BLOCK_SIMPLE) {
		wire_len = file_u32(at + 8, swap);
		cap_len = len - SIMPLE_MIN < wire_len ? len - SIMPLE_MIN : wire_len;
		if (i->snap_len && cap_len > i->snap_len)
			cap_len = i->snap_len;
		ptr = at + 12;
	} else {
		cap_len = file_u32(at + 20, swap);
		wire_len = file_u32(at + 24, swap);
		ptr = at + 28;
		if (cap_len > len - ENHANCED_MIN)
			return "the packet is longer than its block";
		uint64_t high = file_u32(at + 12, swap);
		ng->last_ns = ticks_to_ns(i, high << 32 | file_u32(at + 16, swap));
	}
	if (cap_len > REPLAY_PACKET_MAX)
		return "the packet is longer than 16 MiB";
	file_packet(out, ptr, cap_len, wire_len, i->fcs_bytes);
	out->time_ns = file_add_ns(ng->last_ns, f->shift_ns);
	out->link = i->link;
	out->port = 0;
	return NULL;
}

static inline bool is_packet(uint32_t type)
{
	return type == BLOCK_ENHANCED || type == BLOCK_SIMPLE || type == BLOCK_PACKET;
}

/* The packet blocks that are whole in the window, up to the first block of another kind. */
static inline __attribute__((always_inline)) unsigned
take_packets(struct file *f, struct pkt_raw *out, unsigned max, const bool swap)
{
	const uint8_t *at = f->block.at, *end = f->block.end;
	unsigned n = 0;
	for (; n < max && end - at >= BLOCK_MIN; n++) {
		uint32_t type = file_u32(at, swap), len = file_u32(at + 4, swap);
		if (!is_packet(type) || len > (size_t)(end - at) || len < BLOCK_MIN ||
		    len > BLOCK_NEED_MAX || len % 4 != 0)
			break;
		if (read_packet(f, at, type, len, swap, &out[n]))
			break;
		at += len;
	}
	f->block.at = at;
	return n;
}

/* Calls @take for each option between @at and @end. NULL, or what is wrong with the list. */
static const char *walk_options(const uint8_t *at, const uint8_t *end, bool swap,
				const char *(*take)(struct ng_interface *, unsigned, struct slice,
						    bool),
				struct ng_interface *i)
{
	while (end - at >= 4) {
		unsigned code = file_u16(at, swap), len = file_u16(at + 2, swap);
		at += 4;
		if (code == 0)
			break;
		if (len > end - at)
			return "an option is longer than its block";
		const char *why = take ? take(i, code, slice_of(at, len), swap) : NULL;
		if (why)
			return why;
		at += (len + 3) & ~3u; /* both ends are multiples of 4 */
	}
	return NULL;
}

static const char *take_option(struct ng_interface *i, unsigned code, struct slice v, bool swap)
{
	if (code == OPTION_TSRESOL) {
		if (v.len != 1)
			return "if_tsresol is not 1 byte";
		set_resolution(i, v.ptr[0]);
	} else if (code == OPTION_TSOFFSET) {
		if (v.len != 8)
			return "if_tsoffset is not 8 bytes";
		uint64_t raw;
		memcpy(&raw, v.ptr, 8);
		i->offset_s = (int64_t)(swap ? bswap_64(raw) : raw);
	} else if (code == OPTION_FCSLEN) {
		if (v.len != 1)
			return "if_fcslen is not 1 byte";
		/* The standard says bits, its example and most writers bytes. */
		i->fcs_bytes = v.ptr[0] < 8 ? v.ptr[0] : v.ptr[0] / 8;
	}
	return NULL;
}

static const char *read_interface(struct file *f, const uint8_t *at, uint32_t len)
{
	struct file_pcapng *ng = &f->ng;
	if (len < INTERFACE_MIN)
		return "the interface block is too short";
	if (ng->n_interfaces == INTERFACES_MAX)
		return "more than 4,096 interfaces in a section";
	struct ng_interface i = {.link = file_u16(at + 8, ng->swap),
				 .snap_len = file_u32(at + 12, ng->swap)};
	set_resolution(&i, 6);
	const char *why = walk_options(at + 16, at + len - 4, ng->swap, take_option, &i);
	if (!why)
		ng->interfaces[ng->n_interfaces++] = i;
	return why;
}

/* A section with byte order and length known; it forgets the interfaces of the one before. */
static const char *read_section(struct file *f, const uint8_t *at, uint32_t len)
{
	struct file_pcapng *ng = &f->ng;
	unsigned major = file_u16(at + 12, ng->swap), minor = file_u16(at + 14, ng->swap);
	if (major != 1 || (minor != 0 && minor != 2))
		return "expected pcapng version 1.0, found another";
	ng->n_interfaces = 0;
	return walk_options(at + 24, at + len - 4, ng->swap, NULL, NULL);
}

static int fail_here(struct file *f, const char *why)
{
	return block_fail(&f->block, -EBADMSG, block_offset(&f->block), "%s", why);
}

/* Makes @need bytes of the block at hand available. 1 when they are, 0 when it must not, < 0 when
 * they never will be.
 */
static int need_bytes(struct file *f, size_t need, bool may_fill)
{
	if (block_left(&f->block) >= need)
		return 1;
	if (!may_fill)
		return 0;
	int rc = block_fill(&f->block, need);
	return rc ? block_cut(&f->block, rc, "a pcapng block", need) : 1;
}

/* Passes over a block that may be larger than the window. */
static int go_on_skipping(struct file *f, bool may_fill)
{
	struct file_pcapng *ng = &f->ng;
	struct block *b = &f->block;
	for (;;) {
		size_t left = block_left(b);
		size_t n = left < ng->skip_left ? left : (size_t)ng->skip_left;
		b->at += n;
		ng->skip_left -= n;
		if (!ng->skip_left)
			break;
		int rc = need_bytes(f, 1, may_fill);
		if (rc <= 0)
			return rc;
	}
	int rc = need_bytes(f, 4, may_fill);
	if (rc <= 0)
		return rc;
	if (file_u32(b->at, ng->swap) != ng->skip_len)
		return block_fail(
			b, -EBADMSG, ng->skip_at,
			"the length at the end of the block differs from that at its start");
	b->at += 4;
	ng->skip_len = 0;
	return 1;
}

/* The byte order of a section stands behind its length, which has the same. */
static int set_byte_order(struct file *f, bool may_fill)
{
	int rc = need_bytes(f, BLOCK_MIN, may_fill);
	if (rc <= 0)
		return rc;
	uint32_t magic = file_u32(f->block.at + 8, false);
	if (magic != BYTE_ORDER_MAGIC && magic != bswap_32(BYTE_ORDER_MAGIC))
		return fail_here(f, "expected the byte-order magic of a pcapng section");
	f->ng.swap = magic != BYTE_ORDER_MAGIC;
	return 1;
}

/* A block that we read whole: section, interface, packet. */
static int read_block(struct file *f, uint32_t type, uint32_t len, bool may_fill)
{
	struct block *b = &f->block;
	if (len > BLOCK_NEED_MAX)
		return fail_here(f, "the block is longer than 16 MiB");
	int rc = need_bytes(f, len, may_fill);
	if (rc <= 0)
		return rc;
	struct pkt_raw checked; /* take_packets will take it, once we know that it is right */
	const char *why;
	if (is_packet(type))
		why = read_packet(f, b->at, type, len, f->ng.swap, &checked);
	else if (file_u32(b->at + len - 4, f->ng.swap) != len)
		why = "the length at the end of the block differs from that at its start";
	else
		why = type == BLOCK_SECTION ? read_section(f, b->at, len)
					    : read_interface(f, b->at, len);
	if (why)
		return fail_here(f, why);
	if (!is_packet(type))
		b->at += len;
	return 1;
}

/* Deals with the block at hand, which take_packets left. 1: go on; 0: @may_fill forbids it; < 0:
 * the end, or an error.
 */
static int next_block(struct file *f, bool may_fill)
{
	struct file_pcapng *ng = &f->ng;
	struct block *b = &f->block;
	if (ng->skip_len)
		return go_on_skipping(f, may_fill);
	if (!block_left(b) && may_fill) {
		int end = block_fill(b, 1);
		if (end)
			return end;
	}
	int rc = need_bytes(f, BLOCK_MIN, may_fill);
	if (rc <= 0)
		return rc;
	uint32_t type = file_u32(b->at, ng->swap);
	if (type == BLOCK_SECTION) {
		rc = set_byte_order(f, may_fill);
		if (rc <= 0)
			return rc;
	}
	uint32_t len = file_u32(b->at + 4, ng->swap);
	if (len % 4 != 0 || len < (type == BLOCK_SECTION ? SECTION_MIN : BLOCK_MIN))
		return block_fail(b, -EBADMSG, block_offset(b),
				  "a block of type 0x%08x cannot be %u bytes long", type, len);
	if (type == BLOCK_SECTION || type == BLOCK_INTERFACE || is_packet(type))
		return read_block(f, type, len, may_fill);
	ng->skip_at = block_offset(b);
	ng->skip_len = len;
	ng->skip_left = len - 4;
	return go_on_skipping(f, may_fill);
}

int file_pcapng_start(struct file *f)
{
	struct file_pcapng *ng = &f->ng;
	if (!ng->interfaces)
		ng->interfaces = mem_alloc(INTERFACES_MAX * sizeof(*ng->interfaces));
	if (!ng->interfaces)
		return block_fail(&f->block, -ENOMEM, 0, "no memory for interfaces");
	ng->n_interfaces = 0;
	ng->last_ns = 0;
	ng->skip_len = 0;
	int rc;
	do {
		rc = next_block(f, true);
	} while (rc == -EAGAIN);
	return rc < 0 ? rc : 0;
}

void file_pcapng_fini(struct file *f)
{
	mem_free(f->ng.interfaces);
}

int file_pcapng_burst(struct file *f, struct pkt_raw *out, unsigned max, bool may_fill)
{
	unsigned n = 0;
	for (;;) {
		if (!f->ng.skip_len)
			n += f->ng.swap ? take_packets(f, out + n, max - n, true)
					: take_packets(f, out + n, max - n, false);
		if (n == max)
			return (int)n;
		int rc = next_block(f, may_fill && n == 0);
		if (rc <= 0)
			return n ? (int)n : rc;
	}
}
