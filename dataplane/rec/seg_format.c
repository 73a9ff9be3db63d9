#include "dataplane/rec/seg_format.h"

#include <assert.h>
#include <xxhash.h>
#include <zstd.h>

#include "dataplane/base/mem.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers are copied as they are");

#define HEAD_FIXED  40
#define FRAME_MAGIC 0x464c53f5u /* f5 "SLF": no byte of UTF-8 at the front */
#define INDEX_MAGIC 0x494c53f5u
#define INDEX_END   "SLUICEND"
#define INDEX_ENTRY 48
#define FLAG_ZSTD   1u
#define FLAG_MARKS  2u
#define FLAGS_ALL   (FLAG_ZSTD | FLAG_MARKS)
#define BUF_STEP    (1u << 20)

static uint16_t u16(const uint8_t *p)
{
	uint16_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static uint32_t u32(const uint8_t *p)
{
	uint32_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static uint64_t u64(const uint8_t *p)
{
	uint64_t v;
	memcpy(&v, p, sizeof(v));
	return v;
}

static void put16(uint8_t *p, uint16_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void put32(uint8_t *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}

static void put64(uint8_t *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

/* Head */

void seg_head_encode(struct seg_head *h, uint8_t *out)
{
	assert(h->name_len <= SEG_NAME_MAX);
	size_t body = HEAD_FIXED + ((h->name_len + 7u) & ~7u);
	h->head_bytes = (uint32_t)body + 8;
	memset(out, 0, body);
	memcpy(out, SEG_MAGIC, SEG_MAGIC_BYTES);
	put16(out + 8, SEG_VERSION);
	put16(out + 10, h->kind);
	put32(out + 12, h->head_bytes);
	put64(out + 16, h->created_ns);
	put64(out + 24, h->first_seq);
	put16(out + 32, h->name_len);
	memcpy(out + HEAD_FIXED, h->name, h->name_len);
	h->id = XXH64(out, body, 0);
	put64(out + body, h->id);
}

int seg_head_decode(struct slice s, struct seg_head *ret_h, struct err *e)
{
	if (s.len < HEAD_FIXED)
		return err_set(e, -ENODATA, "no segment: %zu bytes are fewer than a head", s.len);
	if (memcmp(s.ptr, SEG_MAGIC, SEG_MAGIC_BYTES) != 0)
		return err_set(e, -EBADMSG, "no segment: it does not begin with " SEG_MAGIC);
	if (u16(s.ptr + 8) != SEG_VERSION)
		return err_set(e, -EBADMSG, "a segment of version %u, expected %u", u16(s.ptr + 8),
			       SEG_VERSION);
	struct seg_head h = {.kind = u16(s.ptr + 10),
			     .head_bytes = u32(s.ptr + 12),
			     .created_ns = u64(s.ptr + 16),
			     .first_seq = u64(s.ptr + 24),
			     .name_len = u16(s.ptr + 32)};
	size_t body = HEAD_FIXED + ((h.name_len + 7u) & ~7u);
	if (h.name_len > SEG_NAME_MAX || h.head_bytes != body + 8)
		return err_set(e, -EBADMSG, "the head is damaged: its lengths do not fit");
	if (s.len < h.head_bytes)
		return err_set(e, -ENODATA, "no segment: %zu bytes are fewer than its head", s.len);
	h.id = XXH64(s.ptr, body, 0);
	if (h.id != u64(s.ptr + body))
		return err_set(e, -EBADMSG, "the head is damaged: its checksum is wrong");
	memcpy(h.name, s.ptr + HEAD_FIXED, h.name_len);
	*ret_h = h;
	return 0;
}

/* Frames */

bool seg_frame_head_decode(struct slice s, struct seg_frame_head *ret_f)
{
	const uint8_t *p = s.ptr;
	if (s.len < SEG_FRAME_HEAD || u32(p) != FRAME_MAGIC)
		return false;
	struct seg_frame_head f = {.at = {.seq = u64(p + 16),
					  .first_ns = u64(p + 24),
					  .last_ns = u64(p + 32),
					  .n_recs = u32(p + 40),
					  .stored_bytes = u32(p + 48),
					  .rec_bytes = u32(p + 52)},
				   .flags = u16(p + 4),
				   .segment_id = u64(p + 8),
				   .raw_bytes = u32(p + 44),
				   .payload_hash = u64(p + 56)};
	uint64_t beside = (uint64_t)f.at.n_recs * (f.flags & FLAG_MARKS ? 7 : 4);
	if (u64(p + 64) != XXH64(p, 64, 0) || f.flags & ~FLAGS_ALL || f.at.n_recs == 0 ||
	    f.at.n_recs > SEG_RECS_MAX || f.raw_bytes > SEG_RAW_MAX ||
	    f.at.stored_bytes > f.raw_bytes || f.at.seq > UINT64_MAX - f.at.n_recs ||
	    beside + f.at.rec_bytes > f.raw_bytes)
		return false;
	*ret_f = f;
	return true;
}

size_t seg_frame_find(struct slice s, size_t from, const uint64_t *id)
{
	struct seg_frame_head f;
	static const uint8_t magic[4] = {0xf5, 'S', 'L', 'F'};
	while (from < s.len) {
		const uint8_t *hit = memmem(s.ptr + from, s.len - from, magic, sizeof(magic));
		if (!hit)
			return s.len - from < 3 ? from : s.len - 3;
		from = (size_t)(hit - s.ptr);
		if (s.len - from < SEG_FRAME_HEAD)
			return from;
		if (seg_frame_head_decode(slice_from(s, from), &f) && (!id || f.segment_id == *id))
			return from;
		from++;
	}
	return s.len;
}

/* Index */

void seg_index_encode(const struct seg_frame *frames, uint32_t n_frames, uint64_t off, uint64_t id,
		      uint8_t *out)
{
	uint8_t *o = out;
	put32(o, INDEX_MAGIC);
	put32(o + 4, n_frames);
	o += 8;
	for (uint32_t i = 0; i < n_frames; i++, o += INDEX_ENTRY) {
		put64(o, frames[i].seq);
		put64(o + 8, frames[i].off);
		put64(o + 16, frames[i].first_ns);
		put64(o + 24, frames[i].last_ns);
		put32(o + 32, frames[i].n_recs);
		put32(o + 36, frames[i].stored_bytes);
		put32(o + 40, frames[i].rec_bytes);
		put32(o + 44, 0);
	}
	put64(o, XXH64(out, (size_t)(o - out), id));
	put64(o + 8, off);
	memcpy(o + 16, INDEX_END, 8);
}

bool seg_index_find(struct slice tail, uint64_t file_bytes, uint64_t *ret_off)
{
	if (tail.len != SEG_INDEX_TAIL || memcmp(tail.ptr + 16, INDEX_END, 8) != 0)
		return false;
	uint64_t off = u64(tail.ptr + 8);
	if (off > file_bytes || file_bytes - off < seg_index_bytes(0) ||
	    file_bytes - off > seg_index_bytes(SEG_FRAMES_MAX))
		return false;
	*ret_off = off;
	return true;
}

int64_t seg_index_decode(struct slice s, uint64_t off, uint64_t id, struct seg_frame *ret_frames)
{
	uint32_t n = s.len < 8 ? UINT32_MAX : u32(s.ptr + 4);
	if (n > SEG_FRAMES_MAX || s.len != seg_index_bytes(n) || u32(s.ptr) != INDEX_MAGIC ||
	    u64(s.ptr + s.len - SEG_INDEX_TAIL) != XXH64(s.ptr, s.len - SEG_INDEX_TAIL, id))
		return -EBADMSG;
	uint64_t seq = 0, at = HEAD_FIXED;
	const uint8_t *p = s.ptr + 8;
	for (uint32_t i = 0; i < n; i++, p += INDEX_ENTRY) {
		struct seg_frame f = {.seq = u64(p),
				      .off = u64(p + 8),
				      .first_ns = u64(p + 16),
				      .last_ns = u64(p + 24),
				      .n_recs = u32(p + 32),
				      .stored_bytes = u32(p + 36),
				      .rec_bytes = u32(p + 40)};
		if (f.seq < seq || f.off < at || f.off > off ||
		    off - f.off < SEG_FRAME_HEAD + (uint64_t)f.stored_bytes || f.n_recs == 0 ||
		    f.n_recs > SEG_RECS_MAX || f.seq > UINT64_MAX - f.n_recs)
			return -EBADMSG;
		seq = f.seq + f.n_recs;
		at = f.off + SEG_FRAME_HEAD + f.stored_bytes;
		ret_frames[i] = f;
	}
	return n;
}

/* A buffer that grows; what was in it is lost. */
struct buf {
	uint8_t *ptr;
	size_t cap;
};

static bool buf_fit(struct buf *b, size_t len)
{
	if (len <= b->cap)
		return true;
	size_t cap = (len + BUF_STEP - 1) & ~(size_t)(BUF_STEP - 1);
	mem_unmap(b->ptr, b->cap);
	b->ptr = mem_map(cap);
	b->cap = b->ptr ? cap : 0;
	return b->ptr != NULL;
}

static void buf_fini(struct buf *b)
{
	mem_unmap(b->ptr, b->cap);
}

/* Packing */

struct seg_packer {
	ZSTD_CCtx *zstd; /* NULL: as it is */
	struct buf raw, frame;
};

/* A frame is a batch, and begins with an empty table: level 1's takes 64 KiB, which are cleared and
 * then hardly filled. A quarter of it stays in the first cache, and misses little of what is near.
 */
#define BATCH_HASH_LOG  12
#define BATCH_MATCH_MIN 7 /* as level 1 has it for streams */

static void tune(ZSTD_CCtx *zstd, int level)
{
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, level);
	if (level != 1)
		return;
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_hashLog, BATCH_HASH_LOG);
	ZSTD_CCtx_setParameter(zstd, ZSTD_c_minMatch, BATCH_MATCH_MIN);
}

int seg_packer_create(int level, struct seg_packer **ret_p)
{
	struct seg_packer *p = mem_alloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	if (level != 0) {
		p->zstd = ZSTD_createCCtx();
		if (!p->zstd) {
			seg_packer_destroy(p);
			return -ENOMEM;
		}
		tune(p->zstd, level);
	}
	*ret_p = p;
	return 0;
}

void seg_packer_destroy(struct seg_packer *p)
{
	if (!p)
		return;
	ZSTD_freeCCtx(p->zstd);
	buf_fini(&p->raw);
	buf_fini(&p->frame);
	mem_free(p);
}

/* Lays the payload down at @out. */
static void put_payload(uint8_t *out, uint32_t n, bool marks,
			struct seg_rec (*rec)(const void *ctx, uint32_t i), const void *ctx,
			size_t mark_bytes)
{
	uint8_t *key_len = out + 4 * (size_t)n, *id_len = key_len + 2 * (size_t)n;
	uint8_t *mark = marks ? id_len + n : key_len;
	uint8_t *o = mark + mark_bytes;
	for (uint32_t i = 0; i < n; i++) {
		struct seg_rec r = rec(ctx, i);
		if (r.bytes.len)
			memcpy(o, r.bytes.ptr, r.bytes.len);
		o += r.bytes.len;
		put32(out + 4 * (size_t)i, (uint32_t)r.bytes.len);
		if (!marks)
			continue;
		put16(key_len + 2 * (size_t)i, (uint16_t)r.key.len);
		id_len[i] = (uint8_t)r.id.len;
		if (r.key.len)
			memcpy(mark, r.key.ptr, r.key.len);
		if (r.id.len)
			memcpy(mark + r.key.len, r.id.ptr, r.id.len);
		mark += r.key.len + r.id.len;
	}
}

/* Compresses the payload behind the frame's head; as it is where that does not make it smaller. */
static uint32_t squeeze(struct seg_packer *p, size_t raw_bytes, uint16_t *io_flags)
{
	uint8_t *out = p->frame.ptr + SEG_FRAME_HEAD;
	if (p->zstd) {
		size_t n = ZSTD_compress2(p->zstd, out, p->frame.cap - SEG_FRAME_HEAD, p->raw.ptr,
					  raw_bytes);
		if (!ZSTD_isError(n) && n < raw_bytes - raw_bytes / 16) {
			*io_flags |= FLAG_ZSTD;
			return (uint32_t)n;
		}
	}
	memcpy(out, p->raw.ptr, raw_bytes);
	return (uint32_t)raw_bytes;
}

int seg_pack(struct seg_packer *p, uint64_t id, struct seg_frame *f,
	     struct seg_rec (*rec)(const void *ctx, uint32_t i), const void *ctx, size_t rec_bytes,
	     size_t mark_bytes, struct slice *ret_frame)
{
	uint16_t flags = mark_bytes ? FLAG_MARKS : 0;
	size_t raw_bytes = (size_t)f->n_recs * (flags ? 7 : 4) + mark_bytes + rec_bytes;
	if (f->n_recs == 0 || f->n_recs > SEG_RECS_MAX || raw_bytes > SEG_RAW_MAX)
		return -E2BIG;
	if (!buf_fit(&p->raw, raw_bytes) ||
	    !buf_fit(&p->frame, SEG_FRAME_HEAD + ZSTD_compressBound(raw_bytes)))
		return -ENOMEM;
	put_payload(p->raw.ptr, f->n_recs, flags, rec, ctx, mark_bytes);
	f->rec_bytes = (uint32_t)rec_bytes;
	f->stored_bytes = squeeze(p, raw_bytes, &flags);
	uint8_t *o = p->frame.ptr;
	put32(o, FRAME_MAGIC);
	put16(o + 4, flags);
	put16(o + 6, 0);
	put64(o + 8, id);
	put64(o + 16, f->seq);
	put64(o + 24, f->first_ns);
	put64(o + 32, f->last_ns);
	put32(o + 40, f->n_recs);
	put32(o + 44, (uint32_t)raw_bytes);
	put32(o + 48, f->stored_bytes);
	put32(o + 52, (uint32_t)rec_bytes);
	put64(o + 56, XXH64(o + SEG_FRAME_HEAD, f->stored_bytes, 0));
	put64(o + 64, XXH64(o, 64, 0));
	*ret_frame = slice_of(o, SEG_FRAME_HEAD + (size_t)f->stored_bytes);
	return 0;
}

/* Unpacking */

struct seg_unpacker {
	ZSTD_DCtx *zstd;
	struct buf raw;
	uint32_t n_recs, at;
	const uint8_t *lens, *key_lens, *id_lens; /* the last two NULL: no marks */
	const uint8_t *marks, *mark;              /* of all; of record `at` */
	const uint8_t *recs, *rec;                /* the same */
};

int seg_unpacker_create(struct seg_unpacker **ret_u)
{
	struct seg_unpacker *u = mem_alloc(sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->zstd = ZSTD_createDCtx();
	if (!u->zstd) {
		mem_free(u);
		return -ENOMEM;
	}
	*ret_u = u;
	return 0;
}

void seg_unpacker_destroy(struct seg_unpacker *u)
{
	if (!u)
		return;
	ZSTD_freeDCtx(u->zstd);
	buf_fini(&u->raw);
	mem_free(u);
}

/* A checksum shows what a disk did, not what a writer meant: lengths are looked at all the same. */
static bool lay_open(struct seg_unpacker *u, const struct seg_frame_head *f, const uint8_t *raw)
{
	uint32_t n = f->at.n_recs;
	bool marks = f->flags & FLAG_MARKS;
	u->lens = raw;
	u->key_lens = marks ? raw + 4 * (size_t)n : NULL;
	u->id_lens = marks ? raw + 6 * (size_t)n : NULL;
	u->marks = u->mark = raw + (size_t)n * (marks ? 7 : 4);
	u->recs = u->rec = raw + f->raw_bytes - f->at.rec_bytes;
	uint64_t mark_bytes = 0, rec_bytes = 0;
	for (uint32_t i = 0; i < n; i++) {
		rec_bytes += u32(u->lens + 4 * (size_t)i);
		if (marks)
			mark_bytes += u16(u->key_lens + 2 * (size_t)i) + u->id_lens[i];
	}
	return rec_bytes == f->at.rec_bytes && u->marks + mark_bytes == u->recs;
}

int seg_unpack(struct seg_unpacker *u, const struct seg_frame_head *f, struct slice stored,
	       struct err *e)
{
	u->n_recs = u->at = 0;
	if (stored.len != f->at.stored_bytes || XXH64(stored.ptr, stored.len, 0) != f->payload_hash)
		return err_set(e, -EBADMSG, "the checksum of its records is wrong");
	const uint8_t *raw = stored.ptr;
	if (f->flags & FLAG_ZSTD) {
		if (!buf_fit(&u->raw, f->raw_bytes))
			return err_set(e, -ENOMEM, "no memory for %u bytes", f->raw_bytes);
		size_t n = ZSTD_decompressDCtx(u->zstd, u->raw.ptr, f->raw_bytes, stored.ptr,
					       stored.len);
		if (ZSTD_isError(n))
			return err_set(e, -EBADMSG, "zstd: %s", ZSTD_getErrorName(n));
		if (n != f->raw_bytes)
			return err_set(e, -EBADMSG, "%zu bytes unpacked, expected %u", n,
				       f->raw_bytes);
		raw = u->raw.ptr;
	} else if (stored.len != f->raw_bytes) {
		return err_set(e, -EBADMSG, "%zu bytes stored, expected %u", stored.len,
			       f->raw_bytes);
	}
	if (!lay_open(u, f, raw))
		return err_set(e, -EBADMSG, "the lengths of its records do not fit");
	u->n_recs = f->at.n_recs;
	return 0;
}

bool seg_unpack_next(struct seg_unpacker *u, struct seg_rec *ret_r)
{
	if (u->at == u->n_recs)
		return false;
	uint32_t i = u->at++;
	*ret_r = (struct seg_rec){.bytes = slice_of(u->rec, u32(u->lens + 4 * (size_t)i))};
	u->rec += ret_r->bytes.len;
	if (u->key_lens) {
		ret_r->key = slice_of(u->mark, u16(u->key_lens + 2 * (size_t)i));
		ret_r->id = slice_of(u->mark + ret_r->key.len, u->id_lens[i]);
		u->mark += ret_r->key.len + ret_r->id.len;
	}
	return true;
}

void seg_unpack_seek(struct seg_unpacker *u, uint32_t i)
{
	struct seg_rec r;
	u->at = 0;
	u->mark = u->marks;
	u->rec = u->recs;
	while (u->at < i && seg_unpack_next(u, &r))
		;
}
