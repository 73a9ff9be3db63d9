#include "dataplane/flow/session.h"

#include "dataplane/base/mem.h"

struct session_slot {
	uint32_t tag; /* low bits of the hash: they say where the slot belongs */
	uint32_t idx; /* 0: empty */
};

static size_t sessions_size(const struct session_table *t)
{
	return ((size_t)t->live_max + SESSION_SPARE + 1) * sizeof(struct session);
}

static size_t slots_size(const struct session_table *t)
{
	return ((size_t)t->slot_mask + 1) * sizeof(struct session_slot);
}

int session_table_init(struct session_table *t, uint32_t live_max)
{
	uint32_t n_slots = 256;
	while (n_slots < 2 * (uint64_t)live_max)
		n_slots *= 2;
	*t = (struct session_table){.live_max = live_max, .slot_mask = n_slots - 1};
	t->s = mem_map(sessions_size(t));
	t->slots = mem_map(slots_size(t));
	if (!t->s || !t->slots) {
		session_table_fini(t);
		return -ENOMEM;
	}
	return 0;
}

void session_table_fini(struct session_table *t)
{
	if (t->s)
		mem_unmap(t->s, sessions_size(t));
	if (t->slots)
		mem_unmap(t->slots, slots_size(t));
	*t = (struct session_table){0};
}

/* ---- the key ---- */

static inline uint64_t fold(uint64_t a, uint64_t b)
{
	__uint128_t m = (__uint128_t)a * b;
	return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static inline uint64_t end_hash(const uint8_t addr[16], uint16_t port)
{
	uint64_t w[2];
	memcpy(w, addr, 16);
	return fold(w[0] ^ 0x9e3779b97f4a7c15, w[1] ^ 0xbf58476d1ce4e5b9 ^ (uint64_t)port << 13);
}

static inline uint64_t key_hash(const uint8_t a[16], uint16_t a_port, const uint8_t b[16],
				uint16_t b_port, uint8_t proto)
{
	uint64_t sum = end_hash(a, a_port) + end_hash(b, b_port);
	return fold(sum ^ 0x94d049bb133111eb, 0xd6e8feb86659fd93 + proto);
}

uint64_t session_hash(const struct pkt *p)
{
	return key_hash(p->src, p->sport, p->dst, p->dport, p->proto);
}

static inline bool addr_eq(const uint8_t a[16], const uint8_t b[16])
{
	uint64_t x[2], y[2];
	memcpy(x, a, 16);
	memcpy(y, b, 16);
	return ((x[0] ^ y[0]) | (x[1] ^ y[1])) == 0;
}

static inline bool key_eq(const struct flow_session *s, const struct pkt *p, unsigned *ret_dir)
{
	if (s->proto != p->proto)
		return false;
	if (s->port[0] == p->sport && s->port[1] == p->dport && addr_eq(s->addr[0], p->src) &&
	    addr_eq(s->addr[1], p->dst)) {
		*ret_dir = 0;
		return true;
	}
	if (s->port[1] == p->sport && s->port[0] == p->dport && addr_eq(s->addr[1], p->src) &&
	    addr_eq(s->addr[0], p->dst)) {
		*ret_dir = 1;
		return true;
	}
	return false;
}

/* ---- the table: open addressing, linear probing, no graves ---- */

void session_prefetch_slot(const struct session_table *t, uint64_t hash)
{
	__builtin_prefetch(&t->slots[(uint32_t)hash & t->slot_mask]);
}

void session_prefetch(const struct session_table *t, uint64_t hash)
{
	const struct session_slot *slot = &t->slots[(uint32_t)hash & t->slot_mask];
	const struct session *s = &t->s[slot->idx];
	__builtin_prefetch(&s->pub, 1);
	__builtin_prefetch(&s->dir[0], 1);
	__builtin_prefetch(&s->dir[1].end_seq, 1);
}

uint32_t session_find(const struct session_table *t, const struct pkt *p, uint64_t hash,
		      unsigned *ret_dir)
{
	uint32_t tag = (uint32_t)hash;
	for (uint32_t i = 0; i < SESSION_PROBES; i++) {
		const struct session_slot *slot = &t->slots[(tag + i) & t->slot_mask];
		if (!slot->idx)
			return 0;
		if (slot->tag == tag && key_eq(&t->s[slot->idx].pub, p, ret_dir))
			return slot->idx;
	}
	return 0;
}

static struct session_slot *slot_free(struct session_table *t, uint32_t tag)
{
	for (uint32_t i = 0; i < SESSION_PROBES; i++) {
		struct session_slot *slot = &t->slots[(tag + i) & t->slot_mask];
		if (!slot->idx)
			return slot;
	}
	return NULL;
}

/* Slots behind the empty one move up where that brings them nearer to their place. None is further
 * than SESSION_PROBES from it, so the search ends there; and a move takes back what an insertion
 * paid, so that chains of moves are bounded by the insertions before.
 */
static void slot_remove(struct session_table *t, uint32_t tag, uint32_t idx)
{
	uint32_t mask = t->slot_mask;
	uint32_t hole = tag & mask;
	while (t->slots[hole].idx != idx)
		hole = (hole + 1) & mask;
	for (uint32_t i = (hole + 1) & mask;
	     t->slots[i].idx && ((i - hole) & mask) < SESSION_PROBES; i = (i + 1) & mask) {
		uint32_t displaced = (i - t->slots[i].tag) & mask;
		if (displaced >= ((i - hole) & mask)) {
			t->slots[hole] = t->slots[i];
			hole = i;
		}
	}
	t->slots[hole] = (struct session_slot){0};
}

/* ---- lists ---- */

static void list_remove(struct session_table *t, uint32_t idx)
{
	struct session *s = &t->s[idx];
	struct session_ends *l = &t->list[s->list];
	*(s->prev ? &t->s[s->prev].next : &l->head) = s->next;
	*(s->next ? &t->s[s->next].prev : &l->tail) = s->prev;
}

void session_enlist(struct session_table *t, uint32_t idx, enum session_list list)
{
	struct session *s = &t->s[idx];
	if (s->list != N_LISTS)
		list_remove(t, idx);
	struct session_ends *l = &t->list[list];
	s->list = (uint8_t)list;
	s->listed = session_grain(s->pub.last_ns);
	s->prev = l->tail;
	s->next = 0;
	*(l->tail ? &t->s[l->tail].next : &l->head) = idx;
	l->tail = idx;
}

static void birth_add(struct session_table *t, uint32_t idx)
{
	struct session *s = &t->s[idx];
	s->older = t->birth.tail;
	s->younger = 0;
	*(s->older ? &t->s[s->older].younger : &t->birth.head) = idx;
	t->birth.tail = idx;
}

static void birth_remove(struct session_table *t, uint32_t idx)
{
	struct session *s = &t->s[idx];
	*(s->older ? &t->s[s->older].younger : &t->birth.head) = s->younger;
	*(s->younger ? &t->s[s->younger].older : &t->birth.tail) = s->older;
}

/* ---- get and put ---- */

uint32_t session_get(struct session_table *t, const struct pkt *p, uint64_t hash, bool reversed)
{
	struct session_slot *slot = slot_free(t, (uint32_t)hash);
	if (!slot || t->n_live == t->live_max)
		return 0;
	uint32_t idx = t->free;
	if (idx)
		t->free = t->s[idx].next;
	else if (t->n_touched < t->live_max + SESSION_SPARE)
		idx = ++t->n_touched;
	else
		return 0;
	struct session *s = &t->s[idx];
	*s = (struct session){
		.pub = {.port = {p->sport, p->dport},
			.proto = p->proto,
			.first_ns = p->time_ns,
			.last_ns = p->time_ns},
		.number = p->number,
		.list = N_LISTS,
	};
	memcpy(s->pub.addr[0], p->src, 16);
	memcpy(s->pub.addr[1], p->dst, 16);
	if (reversed)
		session_swap(s);
	*slot = (struct session_slot){.tag = (uint32_t)hash, .idx = idx};
	birth_add(t, idx);
	t->n_live++;
	return idx;
}

void session_swap(struct session *s)
{
	struct flow_session old = s->pub;
	memcpy(s->pub.addr[0], old.addr[1], 16);
	memcpy(s->pub.addr[1], old.addr[0], 16);
	s->pub.port[0] = old.port[1];
	s->pub.port[1] = old.port[0];
	s->pub.seen[0] = old.seen[1];
	s->pub.seen[1] = old.seen[0];
}

void session_put(struct session_table *t, uint32_t idx)
{
	struct session *s = &t->s[idx];
	const struct flow_session *k = &s->pub;
	uint64_t hash = key_hash(k->addr[0], k->port[0], k->addr[1], k->port[1], k->proto);
	slot_remove(t, (uint32_t)hash, idx);
	if (s->list != N_LISTS)
		list_remove(t, idx);
	birth_remove(t, idx);
	s->next = t->ended;
	t->ended = idx;
	t->n_live--;
}

void session_release(struct session_table *t)
{
	while (t->ended) {
		uint32_t idx = t->ended;
		t->ended = t->s[idx].next;
		t->s[idx].next = t->free;
		t->free = idx;
	}
}
