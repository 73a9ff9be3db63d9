#include "dataplane/sink/dead_letter.h"

#include <endian.h>

#define VERSION   2
#define N_TEXTS_1 11 /* of version 1 */

/* Of the head. */
enum { AT_TIME = 8, AT_SESSION = 16, AT_OFF = 24, AT_IDX = 32, AT_BODY = 36, AT_LENS = 44 };

const char *const dead_stage_names[DEAD_N_STAGES] = {"extract", "pipeline", "sink"};

static void put_u32(uint8_t *o, size_t v)
{
	uint32_t le = htole32((uint32_t)v);
	memcpy(o, &le, sizeof(le));
}

static void put_u64(uint8_t *o, uint64_t v)
{
	uint64_t le = htole64(v);
	memcpy(o, &le, sizeof(le));
}

static uint32_t get_u32(const uint8_t *p)
{
	uint32_t le;
	memcpy(&le, p, sizeof(le));
	return le32toh(le);
}

static uint64_t get_u64(const uint8_t *p)
{
	uint64_t le;
	memcpy(&le, p, sizeof(le));
	return le64toh(le);
}

static struct slice val_text(const struct batch *b, struct val v)
{
	return v.type == VAL_ABSENT ? (struct slice){0} : arena_slice(&b->arena, v.off, v.len);
}

void dead_letter_of(struct dead_letter *l, const struct batch *b, const struct rec *r,
		    const struct frame *f)
{
	*l = (struct dead_letter){.kind = DEAD_FRAME,
				  .dir = r->dir,
				  .flags = r->flags & REC_CUT ? DEAD_CUT : 0,
				  .time_ns = r->time_ns,
				  .session_id = r->session_id,
				  .stream_off = r->stream_off,
				  .idx = r->idx};
	l->text[DEAD_STREAM] = val_text(b, r->stream);
	l->text[DEAD_ORIGIN] = arena_slice(&b->arena, r->origin_off, r->origin_len);
	if (!f) {
		l->flags |= DEAD_BARE;
		l->text[DEAD_RAW] = arena_slice(&b->arena, r->frame_off, r->frame_len);
		return;
	}
	l->text[DEAD_RAW] = f->bytes;
	l->body_kind = f->body_kind;
	l->body_off = f->body.len ? (uint32_t)(f->body.ptr - f->bytes.ptr) : 0;
	l->body_len = (uint32_t)f->body.len;
	if (f->unparsed)
		l->flags |= DEAD_UNPARSED;
	if (f->meta.type == VAL_ABSENT)
		return;
	l->text[DEAD_META] = val_text(b, f->meta);
	l->text[DEAD_META_NAME] = slice_str(f->meta_name);
}

/* In front of meta_name and meta. */
struct about {
	uint32_t body_off, body_len, name_len, meta_len;
	uint8_t body_kind, flags;
};

struct slice dead_letter_about(struct batch *b, const struct frame *f, struct slice ground)
{
	struct slice name = slice_str(f->meta_name), meta = val_text(b, f->meta);
	name.len = meta.len ? name.len : 0;
	struct about a = {.body_off = f->body.len ? (uint32_t)(f->body.ptr - f->bytes.ptr) : 0,
			  .body_len = (uint32_t)f->body.len,
			  .name_len = (uint32_t)name.len,
			  .meta_len = (uint32_t)meta.len,
			  .body_kind = f->body_kind,
			  .flags = f->unparsed ? DEAD_UNPARSED : 0};
	size_t len = sizeof(a) + name.len + meta.len + ground.len;
	uint32_t off = arena_take(&b->arena, len);
	if (!off)
		return (struct slice){0};
	uint8_t *o = b->arena.base + off;
	memcpy(o, &a, sizeof(a));
	if (meta.len) {
		memcpy(o + sizeof(a), name.ptr, name.len);
		memcpy(o + sizeof(a) + name.len, meta.ptr, meta.len);
	}
	if (ground.len)
		memcpy(o + len - ground.len, ground.ptr, ground.len);
	return slice_of(o, len);
}

void dead_letter_recall(struct dead_letter *l, struct slice about)
{
	struct about a;
	assert(about.len >= sizeof(a) && l->flags & DEAD_BARE);
	memcpy(&a, about.ptr, sizeof(a));
	about = slice_from(about, sizeof(a));
	l->flags = (uint8_t)((l->flags & ~DEAD_BARE) | a.flags);
	l->body_kind = a.body_kind;
	l->body_off = a.body_off;
	l->body_len = a.body_len;
	l->text[DEAD_META_NAME] = slice_of(about.ptr, a.name_len);
	l->text[DEAD_META] = slice_of(about.ptr + a.name_len, a.meta_len);
	l->text[DEAD_GROUND] = slice_from(about, a.name_len + a.meta_len);
}

size_t dead_letter_bytes(const struct dead_letter *l)
{
	size_t n = DEAD_HEAD_BYTES;
	for (unsigned i = 0; i < DEAD_N_TEXTS; i++)
		n += l->text[i].len;
	return n;
}

void dead_letter_put(const struct dead_letter *l, uint8_t *out)
{
	const uint8_t first[8] = {VERSION, l->kind, l->stage, l->dir, l->body_kind, l->flags};
	memcpy(out, first, sizeof(first));
	put_u64(out + AT_TIME, l->time_ns);
	put_u64(out + AT_SESSION, l->session_id);
	put_u64(out + AT_OFF, l->stream_off);
	put_u32(out + AT_IDX, l->idx);
	put_u32(out + AT_BODY, l->body_off);
	put_u32(out + AT_BODY + 4, l->body_len);
	uint8_t *o = out + DEAD_HEAD_BYTES;
	for (unsigned i = 0; i < DEAD_N_TEXTS; i++) {
		put_u32(out + AT_LENS + 4 * i, l->text[i].len);
		if (l->text[i].len)
			memcpy(o, l->text[i].ptr, l->text[i].len);
		o += l->text[i].len;
	}
}

static bool is_sound(const struct dead_letter *l)
{
	size_t raw = l->text[DEAD_RAW].len;
	return (l->kind == DEAD_FRAME || l->kind == DEAD_RECORD) && l->stage < DEAD_N_STAGES &&
	       l->dir <= 1 && l->body_kind <= BODY_PARSER && l->body_off <= raw &&
	       l->body_len <= raw - l->body_off;
}

bool dead_letter_read(struct slice bytes, struct dead_letter *ret_l)
{
	const uint8_t *p = bytes.ptr;
	if (bytes.len < DEAD_HEAD_BYTES - 4 || p[0] < 1 || p[0] > VERSION)
		return false;
	unsigned n_texts = p[0] == 1 ? N_TEXTS_1 : DEAD_N_TEXTS;
	size_t head = AT_LENS + 4 * n_texts;
	if (bytes.len < head)
		return false;
	*ret_l = (struct dead_letter){.kind = p[1],
				      .stage = p[2],
				      .dir = p[3],
				      .body_kind = p[4],
				      .flags = p[5],
				      .time_ns = get_u64(p + AT_TIME),
				      .session_id = get_u64(p + AT_SESSION),
				      .stream_off = get_u64(p + AT_OFF),
				      .idx = get_u32(p + AT_IDX),
				      .body_off = get_u32(p + AT_BODY),
				      .body_len = get_u32(p + AT_BODY + 4)};
	struct slice rest = slice_from(bytes, head);
	for (unsigned i = 0; i < n_texts; i++) {
		size_t len = get_u32(p + AT_LENS + 4 * i);
		if (len > rest.len)
			return false;
		ret_l->text[i] = slice_of(rest.ptr, len);
		rest = slice_from(rest, len);
	}
	return rest.len == 0 && is_sound(ret_l);
}
