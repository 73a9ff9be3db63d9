#include "dataplane/flow/session.h"

#include "dataplane/base/mem.h"

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

/* ---- the table: open addressing, linear probing, no graves ---- */

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
	uint64_t hash = session_key_hash(k->addr[0], k->port[0], k->addr[1], k->port[1], k->proto);
	slot_remove(t, (uint32_t)hash, idx);
	if (s->list != N_LISTS)
		list_remove(t, idx);
	birth_remove(t, idx);
	s->list = N_LISTS; /* nobody's, for session_lives */
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
