#include "dataplane/frame/carry.h"

#include <errno.h>
#include <sys/mman.h>

#include "dataplane/base/mem.h"

#define SIZE_MIN_LOG2   9 /* 512 bytes: half a syslog line */
#define SIZES_MAX       24

/* Blocks from here on go back to the kernel when they are freed: a few of them would be the whole
 * memory of a quiet worker.
 */
#define GIVE_BACK_BYTES (256u << 10)

struct size_class {
	uint8_t *base;
	size_t block, n_blocks, n_fresh; /* blocks from n_fresh on were never used */
	uint8_t *free;                   /* list through the first bytes of free blocks */
};

struct carry_pool {
	struct size_class sizes[SIZES_MAX];
	unsigned n_sizes;
	size_t bytes_max, bytes;
};

int carry_create(size_t bytes_max, size_t block_max, struct carry_pool **ret_p)
{
	struct carry_pool *p = mem_alloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->bytes_max = bytes_max;
	for (size_t payload = (size_t)1 << SIZE_MIN_LOG2; p->n_sizes < SIZES_MAX; payload *= 2) {
		struct size_class *s = &p->sizes[p->n_sizes];
		s->block = payload + SL_PAD;
		s->n_blocks = bytes_max / payload + 1;
		s->base = mem_map(s->block * s->n_blocks);
		if (!s->base) {
			carry_destroy(p);
			return -ENOMEM;
		}
		p->n_sizes++;
		if (payload >= block_max)
			break;
	}
	*ret_p = p;
	return 0;
}

void carry_destroy(struct carry_pool *p)
{
	if (!p)
		return;
	for (unsigned i = 0; i < p->n_sizes; i++)
		mem_unmap(p->sizes[i].base, p->sizes[i].block * p->sizes[i].n_blocks);
	mem_free(p);
}

static struct size_class *class_of(struct carry_pool *p, size_t len)
{
	unsigned i = 0;
	while (i < p->n_sizes && p->sizes[i].block - SL_PAD < len)
		i++;
	return i < p->n_sizes ? &p->sizes[i] : NULL;
}

static uint8_t *block_get(struct carry_pool *p, struct size_class *s)
{
	if (p->bytes + s->block - SL_PAD > p->bytes_max)
		return NULL;
	uint8_t *b = s->free;
	if (b)
		memcpy(&s->free, b, sizeof(s->free));
	else if (s->n_fresh < s->n_blocks)
		b = s->base + s->block * s->n_fresh++;
	if (b)
		p->bytes += s->block - SL_PAD;
	return b;
}

static void block_put(struct carry_pool *p, uint8_t *b, size_t cap)
{
	struct size_class *s = class_of(p, cap);
	if (cap >= GIVE_BACK_BYTES) {
		uintptr_t from = ((uintptr_t)b + 4095 + sizeof(s->free)) & ~(uintptr_t)4095;
		uintptr_t to = ((uintptr_t)b + cap) & ~(uintptr_t)4095;
		madvise((void *)from, to - from, MADV_DONTNEED);
	}
	memcpy(b, &s->free, sizeof(s->free));
	s->free = b;
	p->bytes -= cap;
}

/* Room for @n more among the few, without a block. */
static bool stay_few(struct carry *c, size_t n)
{
	if (c->len + n > CARRY_FEW)
		return false;
	memmove(c->few, c->few + c->at, c->len);
	c->at = 0;
	return true;
}

/* Room for @n more bytes behind what is there. Moving to the front pays only when half of the block
 * is behind us already, and a new block is half empty: else a direction that eats a byte for each
 * that comes would move all of them each time.
 */
static bool make_room(struct carry_pool *p, struct carry *c, size_t n)
{
	if (c->block && n <= c->cap - c->at - c->len)
		return true;
	if (c->block && c->at >= c->cap / 2 && n <= c->cap - c->len) {
		memmove(c->block, c->block + c->at, c->len);
		c->at = 0;
		return true;
	}
	struct size_class *s = class_of(p, c->len + n + c->len / 2);
	if (!s)
		s = class_of(p, c->len + n);
	uint8_t *b = s ? block_get(p, s) : NULL;
	if (!b)
		return !c->block && stay_few(c, n);
	memcpy(b, carry_bytes(c).ptr, c->len);
	if (c->block)
		block_put(p, c->block, c->cap);
	*c = (struct carry){.block = b, .len = c->len, .cap = s->block - SL_PAD};
	return true;
}

bool carry_append(struct carry_pool *p, struct carry *c, const uint8_t *bytes, size_t n)
{
	if (n == 0)
		return true;
	if (!make_room(p, c, n))
		return false;
	memcpy((c->block ? c->block : c->few) + c->at + c->len, bytes, n);
	c->len += n;
	return true;
}

bool carry_exchange(struct carry_pool *p, struct carry *c, const uint8_t *bytes, size_t n)
{
	bool fits = n <= c->cap && (n > c->cap / 2 || c->cap == (size_t)1 << SIZE_MIN_LOG2);
	if (n == 0 || !fits) {
		carry_clear(p, c);
		return carry_append(p, c, bytes, n);
	}
	memcpy(c->block, bytes, n);
	c->at = 0;
	c->len = n;
	return true;
}

void carry_consume(struct carry_pool *p, struct carry *c, size_t n)
{
	c->at += n;
	c->len -= n;
	if (c->len == 0)
		carry_clear(p, c);
}

void carry_clear(struct carry_pool *p, struct carry *c)
{
	if (c->block)
		block_put(p, c->block, c->cap);
	*c = (struct carry){0};
}
