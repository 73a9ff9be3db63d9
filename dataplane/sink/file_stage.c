#include "dataplane/sink/file_stage.h"

#include <assert.h>
#include <emmintrin.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/mem.h"

#define PAGE            4096u
#define HUGE_PAGE       (2u << 20)
/* A direct write of fewer bytes takes as long as copying them into the page cache. */
#define DIRECT_MIN      (128u << 10)
/* A disk that takes less than 128 MB a second gets the next bytes by way of the page cache, which
 * takes in bursts that it would not: a live port cannot wait for it. */
#define SLOW_NS_PER_KIB 8000u
#define CACHED_BYTES    (32u << 20)
/* Fewer bytes are copied: each loan is one more piece of a write. */
#define LOAN_MIN        (32u << 10)
#define LOANS_MAX       (FILE_STAGE_BYTES / LOAN_MIN)
/* Before, between and behind them are bytes of buf. */
#define PIECES_MAX      (2 * LOANS_MAX + 1)

/* Whole pages of what is gathered that stand at @p, in place of those of buf from @at on. */
struct loan {
	const uint8_t *p;
	size_t at, len;
};

struct file_stage {
	enum file_stage_mode mode;
	int fd;
	bool can;         /* O_DIRECT was not refused */
	bool is_direct;   /* what the descriptor is set to */
	uint64_t off;     /* bytes in the file */
	uint64_t resumes; /* the offset from which on it may be direct again */
	size_t from, len; /* what is gathered, in buf; from = off mod PAGE */
	uint8_t *buf;     /* FILE_STAGE_BYTES in one huge page */
	void *map;
	struct loan loans[LOANS_MAX];
	unsigned n_loans;
};

struct file_stage *file_stage_create(enum file_stage_mode mode)
{
	struct file_stage *s = mem_alloc(sizeof(*s));
	if (!s)
		return NULL;
	s->mode = mode;
	s->map = mem_map(FILE_STAGE_BYTES + HUGE_PAGE);
	if (!s->map) {
		mem_free(s);
		return NULL;
	}
	s->buf = (uint8_t *)(((uintptr_t)s->map + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
	return s;
}

void file_stage_destroy(struct file_stage *s)
{
	if (!s)
		return;
	mem_unmap(s->map, FILE_STAGE_BYTES + HUGE_PAGE);
	mem_free(s);
}

/* Does the file system say that it can? One that holds files in memory takes the flag and writes to
 * its page cache all the same: it does not. */
static bool tells_that_it_can(int fd)
{
	struct statx about;
	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &about) < 0)
		return false;
	return about.stx_mask & STATX_DIOALIGN && about.stx_dio_offset_align &&
	       about.stx_dio_offset_align <= PAGE && about.stx_dio_mem_align <= PAGE;
}

void file_stage_begin(struct file_stage *s, int fd)
{
	s->fd = fd;
	s->can = s->mode == FILE_STAGE_ON || (s->mode == FILE_STAGE_AUTO && tells_that_it_can(fd));
	s->is_direct = false;
	s->resumes = s->resumes > s->off ? s->resumes - s->off : 0;
	s->off = 0;
	s->from = 0;
	file_stage_forget(s);
}

bool file_stage_wants(const struct file_stage *s)
{
	return s->can && s->off >= s->resumes;
}

bool file_stage_is_full(const struct file_stage *s)
{
	return s->from + s->len == FILE_STAGE_BYTES;
}

void file_stage_forget(struct file_stage *s)
{
	s->len = 0;
	s->n_loans = 0;
}

/* A copy that leaves the caches to others: nobody reads it but the disk. */
static void copy_past_cache(uint8_t *to, const uint8_t *p, size_t len)
{
	size_t head = -(uintptr_t)to % 16;
	head = head < len ? head : len;
	memcpy(to, p, head);
	size_t at = head;
	for (; len - at >= 64; at += 64) {
		const __m128i *src = (const __m128i *)(p + at);
		__m128i *dst = (__m128i *)(to + at);
		__m128i a = _mm_loadu_si128(src), b = _mm_loadu_si128(src + 1);
		__m128i c = _mm_loadu_si128(src + 2), d = _mm_loadu_si128(src + 3);
		_mm_stream_si128(dst, a);
		_mm_stream_si128(dst + 1, b);
		_mm_stream_si128(dst + 2, c);
		_mm_stream_si128(dst + 3, d);
	}
	memcpy(to + at, p + at, len - at);
	_mm_sfence();
}

/* The pages that @len bytes at @p have in common with those of the file, which has them from @place
 * of the block on. None, where they lie at another place in a page.
 */
static struct loan loan_of(size_t place, const uint8_t *p, size_t len)
{
	size_t head = -place % PAGE;
	if (((uintptr_t)p - place) % PAGE || len < head + LOAN_MIN)
		return (struct loan){.p = p, .at = place};
	return (struct loan){.p = p + head, .at = place + head, .len = (len - head) / PAGE * PAGE};
}

size_t file_stage_add(struct file_stage *s, const uint8_t *p, size_t len)
{
	size_t place = s->from + s->len, room = FILE_STAGE_BYTES - place;
	len = len < room ? len : room;
	struct loan loan = loan_of(place, p, len);
	size_t head = loan.at - place, behind = head + loan.len;
	copy_past_cache(s->buf + place, p, head);
	copy_past_cache(s->buf + place + behind, p + behind, len - behind);
	if (loan.len)
		s->loans[s->n_loans++] = loan;
	s->len += len;
	return len;
}

static bool set_direct(struct file_stage *s, bool on)
{
	if (s->is_direct == on)
		return true;
	int flags = fcntl(s->fd, F_GETFL);
	if (flags < 0 || fcntl(s->fd, F_SETFL, on ? flags | O_DIRECT : flags & ~O_DIRECT) < 0)
		return false;
	s->is_direct = on;
	return true;
}

static ssize_t write_some(struct file_stage *s, const struct iovec *pieces, int n)
{
	ssize_t w;
	do {
		w = writev(s->fd, pieces, n);
	} while (w < 0 && errno == EINTR);
	if (w > 0)
		s->off += (size_t)w;
	return w > 0 ? w : w < 0 ? -errno : -ENOSPC;
}

/* Where the first @len bytes of what is gathered stand. */
static int pieces_of(const struct file_stage *s, size_t len, struct iovec *pieces)
{
	int n = 0;
	size_t at = s->from, end = at + len;
	for (const struct loan *l = s->loans, *last = l + s->n_loans; l < last; l++) {
		size_t begin = l->at > at ? l->at : at;
		size_t stop = l->at + l->len < end ? l->at + l->len : end;
		if (begin >= stop)
			continue;
		if (begin > at)
			pieces[n++] = (struct iovec){s->buf + at, begin - at};
		pieces[n++] =
			(struct iovec){(uint8_t *)(uintptr_t)l->p + (begin - l->at), stop - begin};
		at = stop;
	}
	if (at < end)
		pieces[n++] = (struct iovec){s->buf + at, end - at};
	return n;
}

static ssize_t write_cached(struct file_stage *s, const struct iovec *pieces, int n)
{
	return set_direct(s, false) ? write_some(s, pieces, n) : -errno;
}

/* 0: refused; it is not tried again with this file. */
static ssize_t write_direct(struct file_stage *s, const struct iovec *pieces, int n)
{
	uint64_t begun_ns = clock_mono_ns();
	ssize_t w = set_direct(s, true) ? write_some(s, pieces, n) : -EINVAL;
	if (w == -EINVAL) {
		s->can = false;
		return 0;
	}
	if (s->mode == FILE_STAGE_AUTO && w > 0 &&
	    clock_mono_ns() - begun_ns > (uint64_t)w / 1024 * SLOW_NS_PER_KIB)
		s->resumes = s->off + CACHED_BYTES;
	return w;
}

/* The first part of what is gathered: up to a page's begin, whole pages, or the rest. */
static ssize_t write_part(struct file_stage *s)
{
	struct iovec pieces[PIECES_MAX];
	size_t head = -s->from % PAGE;
	bool worth = s->can && s->len >= head + DIRECT_MIN;
	if (worth && head == 0)
		return write_direct(s, pieces, pieces_of(s, s->len / PAGE * PAGE, pieces));
	return write_cached(s, pieces, pieces_of(s, worth ? head : s->len, pieces));
}

int file_stage_write(struct file_stage *s)
{
	while (s->len > 0) {
		ssize_t w = write_part(s);
		if (w < 0)
			return (int)w;
		s->from += (size_t)w;
		s->len -= (size_t)w;
	}
	s->from = s->off % PAGE;
	s->n_loans = 0;
	return 0;
}

int file_stage_pass(struct file_stage *s, const uint8_t *p, size_t len, size_t *io_at)
{
	assert(s->len == 0);
	while (*io_at < len) {
		const struct iovec rest = {(uint8_t *)(uintptr_t)p + *io_at, len - *io_at};
		ssize_t w = write_cached(s, &rest, 1);
		if (w < 0)
			return (int)w;
		*io_at += (size_t)w;
	}
	s->from = s->off % PAGE;
	return 0;
}

size_t file_stage_held(const struct file_stage *s)
{
	return s->len;
}

uint64_t file_stage_written(const struct file_stage *s)
{
	return s->off;
}
