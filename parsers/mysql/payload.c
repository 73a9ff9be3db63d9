#define ZSTD_STATIC_LINKING_ONLY /* ZSTD_initStaticDStream: a decompressor in memory of ours */
#include "parsers/mysql/payload.h"

#include <errno.h>
#include <zstd.h>

#include "dataplane/base/mem.h"
#include "parsers/mysql/crc.h"
#include "parsers/mysql/txn.h"
#include "parsers/mysql/wire.h"

#define WINDOW_LOG      27           /* of zstd's level 22, the highest */
#define STEP_BYTES      (256u << 10) /* unpacked at a time: it stays inside L2 */
#define BLOCK_HEADER    3            /* of zstd */
/* Memory of a reader that touched more goes back to the kernel. */
#define GIVE_BACK_BYTES (16u << 20)

enum algorithm { ALGORITHM_ZSTD = 0, ALGORITHM_NONE = 255 };

struct mysql_payload {
	uint32_t owner; /* 0: free */
	uint64_t used;  /* when, in calls */
	uint64_t serial;

	size_t size;       /* of the event */
	size_t fed;        /* bytes of it that are done with */
	size_t packed_end; /* where its compressed bytes end */
	uint64_t algorithm;
	uint64_t left;         /* bytes that may still come out */
	bool open;             /* zstd's frame has not ended */
	bool pending;          /* more may come out without more going in */
	size_t step;           /* bytes that complete what zstd reads next: a header, a block */
	enum mysql_fault torn; /* nothing comes out any more; what is there can be read */
	uint32_t sum;          /* of what was fed, the checksum itself left out */
	uint8_t told[MYSQL_CHECKSUM_LEN];
	enum mysql_fault fault; /* the last one: it stays */

	uint64_t done;    /* bytes of events inside that are done with */
	uint64_t discard; /* of what comes out next: of no use */
	size_t at, len;   /* what came out and is not done with: out[at .. at + len - 1] */
	uint64_t total;
	size_t front_len;

	uint8_t *out;
	size_t out_cap, inner_max;
	ZSTD_DStream *zstd; /* static, inside zstd_mem */
	void *zstd_mem;
	size_t zstd_bytes;
	uint8_t front[MYSQL_PAYLOAD_FRONT + SL_PAD];
};

struct mysql_payloads {
	uint64_t calls;
	struct mysql_payload items[MYSQL_PAYLOADS];
};

static bool init_zstd(struct mysql_payload *p)
{
	p->zstd = ZSTD_initStaticDStream(p->zstd_mem, p->zstd_bytes);
	return p->zstd &&
	       !ZSTD_isError(ZSTD_DCtx_setParameter(p->zstd, ZSTD_d_windowLogMax, WINDOW_LOG));
}

int mysql_payloads_create(size_t inner_max, struct mysql_payloads **ret_ps)
{
	struct mysql_payloads *ps = mem_map(sizeof(*ps));
	if (!ps)
		return -ENOMEM;
	for (unsigned i = 0; i < MYSQL_PAYLOADS; i++) {
		struct mysql_payload *p = &ps->items[i];
		p->inner_max = inner_max;
		p->out_cap = inner_max + MYSQL_AHEAD_BYTES + STEP_BYTES;
		p->out = mem_map(p->out_cap + SL_PAD);
		p->zstd_bytes = ZSTD_estimateDStreamSize((size_t)1 << WINDOW_LOG);
		p->zstd_mem = mem_map(p->zstd_bytes);
		if (!p->out || !p->zstd_mem || !init_zstd(p)) {
			mysql_payloads_destroy(ps);
			return -ENOMEM;
		}
	}
	*ret_ps = ps;
	return 0;
}

void mysql_payloads_destroy(struct mysql_payloads *ps)
{
	if (!ps)
		return;
	for (unsigned i = 0; i < MYSQL_PAYLOADS; i++) {
		mem_unmap(ps->items[i].out, ps->items[i].out_cap + SL_PAD);
		mem_unmap(ps->items[i].zstd_mem, ps->items[i].zstd_bytes);
	}
	mem_unmap(ps, sizeof(*ps));
}

struct mysql_payload *mysql_payload_of(struct mysql_payloads *ps, uint32_t owner, uint64_t serial)
{
	for (unsigned i = 0; i < MYSQL_PAYLOADS; i++) {
		struct mysql_payload *p = &ps->items[i];
		if (p->owner != owner || (serial && p->serial != serial))
			continue;
		p->used = ++ps->calls;
		return p;
	}
	return NULL;
}

/* Free, or the one that has been quiet for longest. */
static struct mysql_payload *lend(struct mysql_payloads *ps)
{
	struct mysql_payload *oldest = &ps->items[0];
	for (unsigned i = 1; i < MYSQL_PAYLOADS; i++)
		if (ps->items[i].used < oldest->used)
			oldest = &ps->items[i];
	mysql_payload_give_back(oldest);
	oldest->used = ++ps->calls;
	return oldest;
}

void mysql_payload_give_back(struct mysql_payload *p)
{
	if (p->total > GIVE_BACK_BYTES) {
		mem_shrink(p->out, p->out + p->out_cap);
		mem_shrink(p->zstd_mem, (uint8_t *)p->zstd_mem + p->zstd_bytes);
		init_zstd(p);
	}
	p->owner = 0;
	p->used = 0;
	p->total = 0;
}

/* --- In --------------------------------------------------------------------------------------- */

struct head {
	uint64_t size, algorithm, unpacked;
};

static bool read_head(struct wire *w, struct head *h)
{
	while (!w->bad) {
		uint64_t field = wire_packed(w);
		if (field == 0)
			return !w->bad;
		uint64_t len = wire_packed(w);
		struct wire value = wire_of(wire_take(w, len));
		if (field == 1)
			h->size = wire_packed(&value);
		else if (field == 2)
			h->algorithm = wire_packed(&value);
		else if (field == 3)
			h->unpacked = wire_packed(&value);
		w->bad |= value.bad;
	}
	return false;
}

/* Goes on in the event by @n bytes of @in. */
static void feed(struct mysql_payload *p, struct slice *io_in, size_t n)
{
	size_t front = MYSQL_PAYLOAD_FRONT - p->front_len;
	front = n < front ? n : front;
	memcpy(p->front + p->front_len, io_in->ptr, front);
	p->front_len += front;
	p->sum = mysql_crc32(p->sum, io_in->ptr, n);
	p->fed += n;
	*io_in = slice_from(*io_in, n);
}

static enum mysql_fault begin(struct mysql_payload *p, const struct mysql_event *ev,
			      uint64_t bytes_max)
{
	struct wire w = wire_of(ev->body);
	struct head h = {.size = UINT64_MAX, .algorithm = ALGORITHM_NONE, .unpacked = UINT64_MAX};
	if (!read_head(&w, &h)) /* it has a head's bytes, or all that there are */
		return ev->bytes.len < ev->size && ev->bytes.len < MYSQL_PAYLOAD_HEAD
			       ? MYSQL_F_CUT
			       : MYSQL_F_BODY;
	size_t at = (size_t)(w.p - ev->bytes.ptr);
	if (h.size == UINT64_MAX)
		h.size = ev->size - at - (ev->has_crc ? MYSQL_CHECKSUM_LEN : 0);
	if (at > ev->size || h.size > ev->size - at)
		return MYSQL_F_BODY;
	struct slice head = slice_of(ev->bytes.ptr, at);
	feed(p, &head, at);
	p->packed_end = at + (size_t)h.size;
	p->algorithm = h.algorithm;
	if (h.algorithm != ALGORITHM_ZSTD && h.algorithm != ALGORITHM_NONE)
		return MYSQL_F_ALGORITHM;
	if (h.algorithm == ALGORITHM_NONE)
		h.unpacked = h.size;
	if (h.unpacked != UINT64_MAX && h.unpacked > bytes_max)
		return MYSQL_F_BOMB;
	p->left = h.unpacked < bytes_max ? h.unpacked : bytes_max;
	return MYSQL_F_OK;
}

struct mysql_payload *mysql_payload_begin(struct mysql_payloads *ps, uint32_t owner,
					  uint64_t serial, const struct mysql_event *ev,
					  uint64_t bytes_max, uint64_t skip)
{
	struct mysql_payload *p = mysql_payload_of(ps, owner, 0);
	if (p)
		mysql_payload_give_back(p);
	p = lend(ps);
	p->owner = owner;
	p->serial = serial;
	p->size = ev->size;
	p->fed = p->at = p->len = p->front_len = 0;
	p->done = p->discard = skip;
	p->sum = 0;
	p->open = p->pending = false;
	p->step = 1;
	p->torn = MYSQL_F_OK;
	ZSTD_DCtx_reset(p->zstd, ZSTD_reset_session_only);
	p->fault = begin(p, ev, bytes_max);
	return p;
}

size_t mysql_payload_fed(const struct mysql_payload *p)
{
	return p->fed;
}

uint64_t mysql_payload_done(const struct mysql_payload *p)
{
	return p->done;
}

struct slice mysql_payload_front(const struct mysql_payload *p)
{
	return slice_of(p->front, p->front_len);
}

/* --- Out -------------------------------------------------------------------------------------- */

/* One step of zstd. A block at a time: when one is broken, what the others before it held would be
 * lost with it. False: a fault.
 */
static bool unzstd(struct mysql_payload *p, struct slice in, uint8_t *to, size_t cap,
		   size_t *ret_taken, size_t *ret_got)
{
	size_t n = p->pending ? 0 : p->step;
	ZSTD_inBuffer src = {in.ptr, in.len < n ? in.len : n, 0};
	ZSTD_outBuffer dst = {to, cap, 0};
	size_t hint = ZSTD_decompressStream(p->zstd, &dst, &src);
	if (ZSTD_isError(hint))
		return false;
	p->open = hint != 0;
	p->pending = dst.pos == cap;
	/* The hint asks for the header of the next block, too. */
	if (ZSTD_nextInputType(p->zstd) == ZSTDnit_block && hint > BLOCK_HEADER)
		hint -= BLOCK_HEADER;
	p->step = hint ? hint : 1;
	*ret_taken = src.pos;
	*ret_got = dst.pos;
	return true;
}

/* False: nothing moves without more bytes. */
static bool unpack(struct mysql_payload *p, struct slice *io_in, size_t cap)
{
	size_t there = p->fed < p->packed_end ? p->packed_end - p->fed : 0; /* behind: its sum */
	there = there < io_in->len ? there : io_in->len;
	if (p->torn || (there == 0 && !p->pending))
		return false;
	/* A byte more than may come: then it is seen. */
	if (cap > p->left)
		cap = (size_t)p->left + 1;
	uint8_t *to = p->out + p->at + p->len;
	size_t got, taken;
	if (p->algorithm == ALGORITHM_NONE) {
		got = taken = there < cap ? there : cap;
		memcpy(to, io_in->ptr, got);
	} else if (!unzstd(p, slice_of(io_in->ptr, there), to, cap, &taken, &got)) {
		p->torn = MYSQL_F_COMPRESSION;
		return false;
	}
	feed(p, io_in, taken);
	if (got > p->left) { /* what came before goes out, however much came at a time */
		p->torn = MYSQL_F_BOMB;
		got = (size_t)p->left;
	}
	p->left -= got;
	p->total += got;
	p->len += got;
	return true;
}

static void discard(struct mysql_payload *p)
{
	size_t n = p->discard < p->len ? (size_t)p->discard : p->len;
	p->discard -= n;
	p->at += n;
	p->len -= n;
	if (p->len == 0)
		p->at = 0;
}

/* Unpacks until @want bytes are there, or nothing moves. */
static void pull(struct mysql_payload *p, struct slice *io_in, size_t want)
{
	discard(p);
	while (p->len < want || p->discard) {
		if (p->at + want > STEP_BYTES && p->at) {
			memmove(p->out, p->out + p->at, p->len);
			p->at = 0;
		}
		size_t end = p->at + want > STEP_BYTES ? p->at + want : STEP_BYTES;
		if (!unpack(p, io_in, end - p->at - p->len))
			return;
		discard(p);
	}
}

/* No more will come out. */
static bool ended(const struct mysql_payload *p)
{
	return p->fed >= p->packed_end && !p->pending;
}

/* What is shown of it must not depend on how many bytes came at a time. */
static enum mysql_fault failed(struct mysql_payload *p, struct slice *io_in)
{
	size_t left = p->size - p->fed, front = MYSQL_PAYLOAD_FRONT - p->front_len;
	front = front < left ? front : left;
	feed(p, io_in, front < io_in->len ? front : io_in->len);
	return front && p->front_len < MYSQL_PAYLOAD_FRONT && p->fed < p->size ? MYSQL_F_MORE
									       : p->fault;
}

/* Why there is not enough of it. */
static enum mysql_fault short_of(struct mysql_payload *p, struct slice *io_in)
{
	if (!p->torn && !ended(p))
		return MYSQL_F_MORE;
	p->fault = p->torn;
	if (!p->fault && p->open)
		p->fault = MYSQL_F_COMPRESSION;
	if (!p->fault && (p->len || p->discard))
		p->fault = MYSQL_F_BODY;
	return p->fault ? failed(p, io_in) : MYSQL_F_END;
}

enum mysql_fault mysql_payload_next(struct mysql_payload *p, struct slice *io_in,
				    struct slice *ret_events)
{
	if (p->fault)
		return failed(p, io_in);
	pull(p, io_in, MYSQL_EVENT_HEADER_LEN);
	if (p->len < MYSQL_EVENT_HEADER_LEN)
		return short_of(p, io_in);
	*ret_events = slice_of(p->out + p->at, MYSQL_EVENT_HEADER_LEN);
	size_t size = wire_le32(p->out + p->at + 9);
	if (size < MYSQL_EVENT_HEADER_LEN) {
		p->fault = MYSQL_F_HEADER;
		return failed(p, io_in);
	}
	if (size > p->inner_max)
		return MYSQL_F_TOO_LARGE;
	pull(p, io_in, size + MYSQL_AHEAD_BYTES);
	if (p->len < size || (p->len < size + MYSQL_AHEAD_BYTES && !p->torn && !ended(p)))
		return short_of(p, io_in);
	*ret_events = slice_of(p->out + p->at, p->len);
	return MYSQL_F_OK;
}

void mysql_payload_drop(struct mysql_payload *p, size_t n)
{
	p->done += n;
	p->discard = n;
	discard(p);
}

enum mysql_fault mysql_payload_sum(struct mysql_payload *p, struct slice *io_in, bool sums)
{
	bool has = sums && p->size - p->packed_end >= MYSQL_CHECKSUM_LEN;
	size_t end = p->size - (has ? MYSQL_CHECKSUM_LEN : 0);
	if (p->fed < end)
		feed(p, io_in, end - p->fed < io_in->len ? end - p->fed : io_in->len);
	if (p->fed < end)
		return MYSQL_F_MORE;
	while (p->fed < p->size && io_in->len) {
		p->told[p->fed++ - end] = io_in->ptr[0];
		*io_in = slice_from(*io_in, 1);
	}
	if (p->fed < p->size)
		return MYSQL_F_MORE;
	return has && wire_le32(p->told) != p->sum ? MYSQL_F_CHECKSUM : MYSQL_F_OK;
}

enum mysql_fault mysql_payload_fault(const struct mysql_payload *p)
{
	return p->fault;
}

void mysql_payload_fail(struct mysql_payload *p, enum mysql_fault fault)
{
	p->fault = fault;
}
