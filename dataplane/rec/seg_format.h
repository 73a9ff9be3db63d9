/* seg_format.h - the bytes of a segment: the one file format of spool, archive and dead letters.
 *
 * In:     records with what stands beside them, or the bytes of a file.
 * Out:    the other of the two; what does not check is refused, never guessed at.
 * Owns:   nothing but struct seg_packer's and struct seg_unpacker's own buffers.
 * Runs:   any thread, one at a time.
 * Limits: SEG_RAW_MAX bytes and SEG_RECS_MAX records a frame, SEG_NAME_MAX bytes a name,
 *         SEG_FRAMES_MAX frames a segment.
 *
 * Little-endian throughout. A segment is a head, frames, and, once it is finished, an index:
 *
 *     head   0 "SLUICSEG"       8 version u16    10 kind u16     12 bytes of the head u32
 *           16 created ns u64  24 first seq u64  32 name len u16, 6 zeros
 *           40 name, zeros up to a multiple of 8, then XXH64 of all this: the segment's id
 *
 *     frame  0 magic u32        4 flags u16, 2 zeros             8 segment's id u64
 *           16 seq u64         24 first ns u64   32 last ns u64
 *           40 records u32     44 raw bytes u32  48 stored bytes u32  52 bytes of records u32
 *           56 XXH64 of the stored bytes u64     64 XXH64 of the 64 bytes before u64
 *           72 stored bytes: the payload, or one zstd frame of it
 *
 *     payload  length of each record u32 | [key len u16 each | id len u8 each | keys and ids] |
 * records
 *
 *     index  0 magic u32, frames u32  | seq u64, offset u64, first ns u64, last ns u64, records
 * u32, stored bytes u32: each frame | XXH64 of all this | offset of the index u64 | "SLUICEND"
 *
 * A frame says which segment it belongs to and carries checksums of its own: bytes of a record that
 * look like a frame are not taken for one, and after damage the next frame is found and trusted.
 * Of a frame `seq` is the number of its first record, the others follow; frames ascend, and may
 * leave numbers out.
 */
#ifndef SL_REC_SEG_FORMAT_H
#define SL_REC_SEG_FORMAT_H

#include "dataplane/base/err.h"
#include "dataplane/base/slice.h"

#define SEG_VERSION        1
#define SEG_NAME_MAX       255
#define SEG_HEAD_BYTES_MAX 304 /* 40, 255 up to 256, 8 */
#define SEG_FRAME_HEAD     72
#define SEG_RAW_MAX        (256u << 20)
#define SEG_RECS_MAX       (1u << 20)
#define SEG_FRAMES_MAX     65536
#define SEG_MAGIC          "SLUICSEG"
#define SEG_MAGIC_BYTES    8

enum seg_kind {
	SEG_RECORDS = 1, /* records as a sink would have got them */
	SEG_DEAD_LETTERS =
		2, /* each record begins with the head of a letter (sink/dead_letter.h) */
};

struct seg_head {
	uint16_t kind;
	uint64_t created_ns; /* wall time, or packet time where files are to be the same again */
	uint64_t first_seq;
	uint64_t id; /* set by coding and decoding */
	uint32_t head_bytes;
	uint16_t name_len;
	char name[SEG_NAME_MAX + 1]; /* of the queue */
};

/* Where a frame is and what is in it. */
struct seg_frame {
	uint64_t seq, off, first_ns, last_ns;
	uint32_t n_recs, stored_bytes, rec_bytes;
};

/* All that stands in a frame's head. */
struct seg_frame_head {
	struct seg_frame at; /* off is the caller's */
	uint64_t segment_id, payload_hash;
	uint32_t raw_bytes;
	uint16_t flags;
};

/* One record and what goes beside it; borrowed. */
struct seg_rec {
	struct slice bytes, key, id;
};

/* Writes the head at @out (SEG_HEAD_BYTES_MAX) and sets h->id and head_bytes. */
void seg_head_encode(struct seg_head *h, uint8_t *out);
/* 0; -ENODATA when @s is too short to tell; -EBADMSG with a text when it is none, or damaged. */
int seg_head_decode(struct slice s, struct seg_head *ret_h, struct err *e);

/* True when a sound head of a frame stands at the front of @s. */
bool seg_frame_head_decode(struct slice s, struct seg_frame_head *ret_f);

/* Where the next frame may begin in @s, from @from on: a sound head, or s.len less what may be the
 * beginning of one. @id: of the segment that it must belong to; NULL: of any.
 */
size_t seg_frame_find(struct slice s, size_t from, const uint64_t *id);

/* Index */
#define SEG_INDEX_TAIL 24 /* hash, offset, end mark */
static inline size_t seg_index_bytes(uint32_t n_frames)
{
	return 8 + (size_t)n_frames * 48 + SEG_INDEX_TAIL;
}
void seg_index_encode(const struct seg_frame *frames, uint32_t n_frames, uint64_t off, uint64_t id,
		      uint8_t *out);
/* @tail: the last SEG_INDEX_TAIL bytes of a file of @file_bytes. False when it has no index. */
bool seg_index_find(struct slice tail, uint64_t file_bytes, uint64_t *ret_off);
/* @s: from seg_index_find's offset to the end of the file. The number of frames, or -EBADMSG.
 * @ret_frames: room for SEG_FRAMES_MAX.
 */
int64_t seg_index_decode(struct slice s, uint64_t off, uint64_t id, struct seg_frame *ret_frames);

/* Packs records into a frame. */
struct seg_packer;
/* @level of zstd, -7 to 19; 0: as it is. 0 or -ENOMEM. */
int seg_packer_create(int level, struct seg_packer **ret_p);
void seg_packer_destroy(struct seg_packer *p);

/* @rec returns record @i of @ctx; called once for each, in order. @rec_bytes, @mark_bytes: the sums
 * of what it returns. @f: seq, times, n_recs are set; the bytes are filled in. *@ret_frame is
 * borrowed until the next call: head and payload. 0, -E2BIG beyond the limits, -ENOMEM.
 */
int seg_pack(struct seg_packer *p, uint64_t id, struct seg_frame *f,
	     struct seg_rec (*rec)(const void *ctx, uint32_t i), const void *ctx, size_t rec_bytes,
	     size_t mark_bytes, struct slice *ret_frame);

/* Unpacks one frame at a time and gives its records. */
struct seg_unpacker;
int seg_unpacker_create(struct seg_unpacker **ret_u);
void seg_unpacker_destroy(struct seg_unpacker *u);

/* @stored: stored_bytes behind the head @f; borrowed until the last record was taken. 0, -EBADMSG
 * with a text, or -ENOMEM. After a failure it has no records.
 */
int seg_unpack(struct seg_unpacker *u, const struct seg_frame_head *f, struct slice stored,
	       struct err *e);

/* The next record, borrowed until the next seg_unpack. False after the last. */
bool seg_unpack_next(struct seg_unpacker *u, struct seg_rec *ret_r);

/* Back to the first record, or on to record @i. */
void seg_unpack_seek(struct seg_unpacker *u, uint32_t i);

#endif
