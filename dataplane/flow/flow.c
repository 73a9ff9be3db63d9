#include "dataplane/flow/flow.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/mem.h"
#include "dataplane/flow/flow_udp.h"
#include "dataplane/flow/reasm.h"

#define DAY_NS       (86400 * NS_PER_S)
#define SESSIONS_MAX (1 << 24)
#define MEMORY_MAX   (64ll << 30)

/* So few stay in the caches by themselves. */
#define FEW_SESSIONS 256

const struct opt flow_opts[] = {
	{.name = "sessions_max",
	 .type = OPT_INT,
	 .off = offsetof(struct flow_conf, sessions_max),
	 .min = 1,
	 .max = SESSIONS_MAX,
	 .def = "1000000",
	 .help = "Sessions that a worker follows at once, 192 bytes each when used. When all are "
		 "taken, half-open ones make room first, then the one idle longest."},
	{.name = "segment_bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct flow_conf, segment_bytes_max),
	 .min = 4096,
	 .max = 1ll << 30,
	 .def = "4MiB",
	 .help = "Memory for TCP segments of one direction that came early and wait for a hole to "
		 "be filled. Beyond it the hole is given up as a gap."},
	{.name = "memory_bytes_max",
	 .type = OPT_BYTES,
	 .off = offsetof(struct flow_conf, memory_bytes_max),
	 .min = 65536,
	 .max = MEMORY_MAX,
	 .def = "256MiB",
	 .help = "The same for all sessions of a worker together; memory is taken as it is used."},
	{.name = "tcp_idle",
	 .type = OPT_DURATION,
	 .off = offsetof(struct flow_conf, tcp_idle_ns),
	 .min = 1000000,
	 .max = DAY_NS,
	 .def = "1h",
	 .help = "A TCP session without a packet ends after this. Long, since log senders pause "
		 "for "
		 "minutes, and what goes on after the end is a new session joined late; "
		 "sessions_max bounds the memory."},
	{.name = "tcp_half_open",
	 .type = OPT_DURATION,
	 .off = offsetof(struct flow_conf, tcp_half_open_ns),
	 .min = 1000000,
	 .max = DAY_NS,
	 .def = "30s",
	 .help = "The same while only SYN and SYN-ACK were seen."},
	{.name = "tcp_closed",
	 .type = OPT_DURATION,
	 .off = offsetof(struct flow_conf, tcp_closed_ns),
	 .min = 1000000,
	 .max = DAY_NS,
	 .def = "10s",
	 .help = "After RST, or FIN both ways: so long late segments still belong to the session."},
	{.name = "udp_idle",
	 .type = OPT_DURATION,
	 .off = offsetof(struct flow_conf, udp_idle_ns),
	 .min = 1000000,
	 .max = DAY_NS,
	 .def = "60s",
	 .help = "A UDP session without a packet ends after this."},
	{.name = "gap_wait",
	 .type = OPT_DURATION,
	 .off = offsetof(struct flow_conf, gap_wait_ns),
	 .min = 1000000,
	 .max = DAY_NS,
	 .def = "2s",
	 .help = "How long missing bytes are waited for after the receiver acknowledged them; a "
		 "session joined in mid-stream waits so long for bytes before the first ones."},
	{.name = "gap_wait_unacked",
	 .type = OPT_DURATION,
	 .off = offsetof(struct flow_conf, gap_wait_unacked_ns),
	 .min = 1000000,
	 .max = DAY_NS,
	 .def = "10s",
	 .help = "How long missing bytes are waited for when nothing is seen of the receiver."},
	OPT_END,
};

LEDGER_DEFINE(flow_packet, "flow", "packets", FLOW_PACKET_COLS);
LEDGER_DEFINE(flow_byte, "flow", "bytes", FLOW_BYTE_COLS);

/* ---- create ---- */

static size_t waits_size(const struct flow *f)
{
	return ((size_t)f->pool.n_pages + 1) * sizeof(struct flow_wait);
}

static size_t events_size(const struct flow *f)
{
	return (size_t)f->ev_max * sizeof(struct flow_event);
}

static void set_limits(struct flow *f, const struct flow_conf *c)
{
	f->timeout_ns[LIST_HALF_OPEN] = c->tcp_half_open_ns;
	f->timeout_ns[LIST_OPEN] = c->tcp_idle_ns;
	f->timeout_ns[LIST_CLOSED] = c->tcp_closed_ns;
	f->timeout_ns[LIST_TAIL] = c->tcp_closed_ns;
	f->timeout_ns[LIST_UDP] = c->udp_idle_ns;
	f->gap_wait_ns = c->gap_wait_ns;
	f->gap_wait_unacked_ns = c->gap_wait_unacked_ns;
	uint64_t pages = c->segment_bytes_max / SEG_PAGE_COST;
	f->hold_pages_max = pages ? (uint32_t)pages : 1;
	/* One page in two may have a hole in it. */
	f->runs_max = 2 * (c->memory_bytes_max / SEG_PAGE_COST) + 64;
	f->ev_max = (uint32_t)(2 * f->runs_max + EVENTS_PER_PACKET * (PKT_BURST + 2));
}

int flow_create(const struct flow_conf *conf, struct flow **ret_f, struct err *e)
{
	if (conf->sessions_max < 1 || conf->sessions_max > SESSIONS_MAX)
		return err_set(e, -EINVAL, "flow.sessions_max must be 1 to %d", SESSIONS_MAX);
	if (conf->memory_bytes_max < 65536 || conf->memory_bytes_max > (uint64_t)MEMORY_MAX)
		return err_set(e, -EINVAL, "flow.memory_bytes_max must be 64KiB to 64GiB");
	struct flow *f = mem_alloc(sizeof(*f));
	if (!f)
		return err_set(e, -ENOMEM, "no memory for the flow stage");
	set_limits(f, conf);
	int rc = session_table_init(&f->table, (uint32_t)conf->sessions_max);
	if (!rc)
		rc = seg_pool_init(&f->pool, (uint32_t)(conf->memory_bytes_max / SEG_PAGE_COST));
	if (!rc) {
		f->waits = mem_map(waits_size(f));
		f->ev = mem_map(events_size(f));
		rc = f->waits && f->ev ? 0 : -ENOMEM;
	}
	if (rc) {
		flow_destroy(f);
		return err_set(e, rc, "no memory for %lld sessions (flow.sessions_max)",
			       (long long)conf->sessions_max);
	}
	*ret_f = f;
	return 0;
}

void flow_destroy(struct flow *f)
{
	if (!f)
		return;
	if (f->waits)
		mem_unmap(f->waits, waits_size(f));
	if (f->ev)
		mem_unmap(f->ev, events_size(f));
	seg_pool_fini(&f->pool);
	session_table_fini(&f->table);
	mem_free(f);
}

void flow_tell_acks(struct flow *f, const struct opt_ports *ports)
{
	if (f->n_ack_ports < FLOW_ACK_PORTS_MAX)
		f->ack_ports[f->n_ack_ports++] = ports;
}

void flow_tell_no_acks(struct flow *f)
{
	f->n_ack_ports = 0;
}

/* By words: a reload tells the ports of all sources between two bursts. */
static void set_bits(uint64_t *words, uint32_t lo, uint32_t hi)
{
	for (uint32_t w = lo / 64; w <= hi / 64; w++) {
		uint64_t from = w == lo / 64 ? ~0ull << lo % 64 : ~0ull;
		uint64_t to = w == hi / 64 ? ~0ull >> (63 - hi % 64) : ~0ull;
		words[w] |= from & to;
	}
}

void flow_know_servers(struct flow *f, const struct opt_ports *ports)
{
	for (size_t i = 0; i < ports->n; i++)
		set_bits(f->server_ports, ports->items[i].lo, ports->items[i].hi);
}

void flow_know_no_servers(struct flow *f)
{
	memset(f->server_ports, 0, sizeof(f->server_ports));
}

bool flow_is_server(const struct flow *f, uint16_t port)
{
	return f->server_ports[port / 64] >> port % 64 & 1;
}

/* ---- sessions ---- */

bool flow_wants_acks(const struct flow *f, const struct flow_session *s)
{
	for (uint32_t i = 0; i < f->n_ack_ports; i++)
		if (opt_ports_have(f->ack_ports[i], s->port[1]))
			return true;
	return false;
}

uint64_t flow_session_id(const struct flow_session *s, uint64_t start)
{
	uint8_t key[45];
	memcpy(key, s->addr, 32);
	for (unsigned i = 0; i < 2; i++) {
		key[32 + 2 * i] = (uint8_t)(s->port[i] >> 8);
		key[33 + 2 * i] = (uint8_t)s->port[i];
	}
	key[36] = s->proto;
	for (unsigned i = 0; i < 8; i++)
		key[37 + i] = (uint8_t)(start >> (56 - 8 * i));
	return XXH3_64bits(key, sizeof(key));
}

/* A second is coarse enough for two appliances to agree on. Where sessions end sooner, or had to
 * make room, two of one second could have the same addresses: then it is exact.
 */
uint64_t flow_late_start(const struct flow *f, const struct pkt *p)
{
	uint64_t soonest = f->timeout_ns[LIST_UDP];
	if (p->proto == IPPROTO_TCP_) {
		soonest = f->timeout_ns[LIST_OPEN];
		if (f->timeout_ns[LIST_CLOSED] < soonest)
			soonest = f->timeout_ns[LIST_CLOSED];
	}
	if (soonest < NS_PER_S || f->packets[FLOW_sessions_evicted])
		return p->time_ns * 31 + p->number;
	return p->time_ns / NS_PER_S;
}

enum flow_end flow_end_reason(const struct session *s, enum flow_end otherwise)
{
	if (s->list != LIST_CLOSED)
		return otherwise;
	return (s->dir[0].flags | s->dir[1].flags) & DIR_RST ? FLOW_END_RST : FLOW_END_FIN;
}

void flow_tell_end(struct flow *f, uint32_t idx, enum flow_end reason,
		   const struct flow_cause *cause)
{
	const struct flow_dir *d = f->table.s[idx].dir;
	struct flow_event *e = flow_emit(f, idx, 0, FLOW_END, cause);
	e->reason = (uint8_t)reason;
	e->closed = (d[0].flags & DIR_FIN ? 1 : 0) | (d[1].flags & DIR_FIN ? 2 : 0);
	f->packets[FLOW_resets] += reason == FLOW_END_RST;
	f->packets[FLOW_sessions_evicted] += reason == FLOW_END_EVICTED;
}

void flow_end_session(struct flow *f, uint32_t idx, enum flow_end reason,
		      const struct flow_cause *cause)
{
	struct session *s = &f->table.s[idx];
	if (s->list != LIST_TAIL) {
		if (session_is_tcp(s)) {
			reasm_finish(f, idx, 0, cause);
			reasm_finish(f, idx, 1, cause);
		}
		flow_tell_end(f, idx, reason, cause);
	}
	session_put(&f->table, idx);
}

static uint64_t idle_deadline(const struct flow *f, const struct session *s)
{
	return s->pub.last_ns + f->timeout_ns[s->list];
}

/* Holes that are due until @until_ns, in order of time. */
static void expire_holes(struct flow *f, uint32_t idx, uint64_t until_ns)
{
	struct session *s = &f->table.s[idx];
	while (s->dir[0].wait | s->dir[1].wait) {
		uint64_t due[2] = {reasm_deadline(f, &s->dir[0]), reasm_deadline(f, &s->dir[1])};
		unsigned dir = due[1] < due[0] ? 1 : 0;
		if (due[dir] > until_ns)
			return;
		reasm_fire(f, idx, dir);
		struct flow_cause cause = {.time_ns = due[dir], .number = s->number};
		tcp_settle(f, idx, &cause);
	}
}

bool flow_expire(struct flow *f, uint32_t idx, uint64_t now_ns)
{
	struct session *s = &f->table.s[idx];
	uint64_t idle_ns = idle_deadline(f, s);
	expire_holes(f, idx, now_ns < idle_ns ? now_ns : idle_ns);
	idle_ns = idle_deadline(f, s);
	if (idle_ns > now_ns)
		return false;
	struct flow_cause cause = {.time_ns = idle_ns, .number = s->number};
	flow_end_session(f, idx, flow_end_reason(s, FLOW_END_IDLE), &cause);
	return true;
}

/* A session to give up for another: one that costs nothing, then one that never opened, then one
 * that is over but for missing bytes, then the one idle longest.
 */
static uint32_t least_useful(const struct flow *f)
{
	const struct session_table *t = &f->table;
	static const uint8_t first[] = {LIST_TAIL, LIST_HALF_OPEN, LIST_CLOSED};
	for (unsigned i = 0; i < sizeof(first); i++)
		if (t->list[first[i]].head)
			return t->list[first[i]].head;
	uint32_t tcp = t->list[LIST_OPEN].head, udp = t->list[LIST_UDP].head;
	if (!tcp || !udp)
		return tcp ? tcp : udp;
	return t->s[udp].pub.last_ns < t->s[tcp].pub.last_ns ? udp : tcp;
}

uint32_t flow_begin_session(struct flow *f, const struct pkt *p, uint64_t hash, bool reversed)
{
	if (f->table.n_live == f->table.live_max) {
		struct flow_cause cause = {.time_ns = p->time_ns, .number = p->number};
		flow_end_session(f, least_useful(f), FLOW_END_EVICTED, &cause);
	}
	uint32_t idx = session_get(&f->table, p, hash, reversed);
	f->packets[idx ? FLOW_sessions : FLOW_no_session]++;
	return idx;
}

/* ---- UDP ---- */

/* The bytes behind the snap length. */
static __attribute__((noinline)) void udp_emit_cut(struct flow *f, uint32_t idx, unsigned dir,
						   const struct pkt *p)
{
	struct flow_dir *d = &f->table.s[idx].dir[dir];
	struct flow_cause cause = {.time_ns = p->time_ns, .number = p->number};
	struct flow_event *e = flow_emit(f, idx, dir, FLOW_GAP, &cause);
	e->gap_bytes = p->cut_bytes;
	e->stream_off = d->pos;
	e->reason = FLOW_GAP_SNAPLEN;
	e->datagram = true;
	d->pos += p->cut_bytes;
	f->bytes[FLOW_BYTES_gap_bytes] += p->cut_bytes;
	f->bytes[FLOW_BYTES_gaps]++;
}

static inline void udp_emit(struct flow *f, const struct flow_udp *u, const struct pkt *p)
{
	uint64_t off = flow_udp_take(f, u, p);
	if (p->len) {
		assert(f->n_ev < f->ev_max);
		f->ev[f->n_ev++] = (struct flow_event){
			.data = slice_of(p->payload, p->len),
			.stream_off = off,
			.time_ns = p->time_ns,
			.number = p->number,
			.session = u->idx,
			.kind = FLOW_DATA,
			.dir = (uint8_t)u->dir,
			.datagram = true,
			.peer_seen = u->s->pub.seen[!u->dir],
		};
	}
	if (p->cut_bytes)
		udp_emit_cut(f, u->idx, u->dir, p);
}

struct flow_udp flow_udp_search(const struct flow *f, const struct pkt *p, uint64_t hash)
{
	struct flow_udp u = {.dir = 0};
	u.idx = session_find(&f->table, p, hash, &u.dir);
	u.s = &f->table.s[u.idx];
	return u;
}

static uint32_t udp_begin(struct flow *f, const struct pkt *p, uint64_t hash)
{
	uint32_t idx = flow_begin_session(f, p, hash, false);
	if (!idx)
		return 0;
	struct flow_session *s = &f->table.s[idx].pub;
	s->id = flow_session_id(s, flow_late_start(f, p));
	session_enlist(&f->table, idx, LIST_UDP);
	return idx;
}

static inline void udp_track(struct flow *f, const struct pkt *p, uint64_t hash)
{
	struct flow_udp u = flow_udp_find(f, p, hash);
	if (u.idx && flow_udp_is_over(f, u.s, p->time_ns) && flow_expire(f, u.idx, p->time_ns))
		u.idx = 0;
	if (__builtin_expect(!u.idx, 0)) {
		u.dir = 0;
		u.idx = udp_begin(f, p, hash);
		if (!u.idx)
			return;
		u.s = &f->table.s[u.idx];
	}
	flow_udp_count(f, 1, p->len);
	udp_emit(f, &u, p);
}

/* ---- time and memory ---- */

/* What one call does at most beside its packets; more stays for the next call. */
#define EXPIRE_PER_CALL 1024
#define SHED_PER_CALL   8

/* Room for the end of any session, after all else that is held? */
static bool can_expire(const struct flow *f)
{
	return flow_room(f, 0);
}

static unsigned expire_waits(struct flow *f, uint64_t now_ns, unsigned budget)
{
	for (unsigned list = WAIT_SHORT; list <= WAIT_LONG; list++) {
		struct session_ends *l = &f->wait_list[list];
		while (budget && l->head && f->waits[l->head].armed_ns <= now_ns && can_expire(f)) {
			uint32_t w = l->head;
			if (f->waits[w].deadline_ns <= now_ns)
				flow_expire(f, f->waits[w].session, now_ns);
			if (l->head == w)
				reasm_requeue(f, w);
			budget--;
		}
	}
	return budget;
}

static void expire_sessions(struct flow *f, uint64_t now_ns, unsigned budget)
{
	for (unsigned list = 0; list < N_LISTS; list++) {
		struct session_ends *l = &f->table.list[list];
		while (budget && l->head && can_expire(f)) {
			uint32_t idx = l->head;
			uint64_t listed_ns = (uint64_t)f->table.s[idx].listed
					     << SESSION_GRAIN_SHIFT;
			if (listed_ns + f->timeout_ns[list] > now_ns)
				break;
			if (idle_deadline(f, &f->table.s[idx]) > now_ns) {
				if (session_grain(f->table.s[idx].pub.last_ns) ==
				    f->table.s[idx].listed)
					break; /* due within this unit of time */
				session_enlist(&f->table, idx, (enum session_list)list);
			} else {
				flow_expire(f, idx, now_ns);
			}
			budget--;
		}
	}
}

/* Little is left of the pool: the holes open longest are given up, those without a deadline first,
 * so that the next one need not be at once.
 */
static void shed_memory(struct flow *f)
{
	for (unsigned i = 0; i < SHED_PER_CALL; i++) {
		if (f->pool.n_free + f->pool.n_spent >= f->pool.n_pages / 16)
			return;
		uint32_t w = 0;
		for (unsigned list = N_WAIT_LISTS; !w && list-- > 0;)
			w = f->wait_list[list].head;
		if (!w || !can_expire(f))
			return;
		uint32_t idx = f->waits[w].session;
		unsigned dir = f->waits[w].dir;
		struct flow_cause cause = {.time_ns = f->now_ns, .number = f->table.s[idx].number};
		while (reasm_shed(f, idx, dir, &cause))
			;
		tcp_settle(f, idx, &cause);
	}
}

static void tick(struct flow *f)
{
	shed_memory(f);
	if (f->now_ns < TIME_SLACK_NS)
		return;
	unsigned budget = expire_waits(f, f->now_ns - TIME_SLACK_NS, EXPIRE_PER_CALL);
	expire_sessions(f, f->now_ns - TIME_SLACK_NS, budget);
}

/* ---- the calls ---- */

bool flow_has_few(const struct flow *f)
{
	return f->table.n_live <= FEW_SESSIONS;
}

unsigned flow_track(struct flow *f, const struct pkt *pkts, unsigned n,
		    const struct flow_event **ret_ev)
{
	uint64_t hashes[PKT_BURST];
	bool few = flow_has_few(f);
	assert(n <= PKT_BURST);
	f->n_ev = 0;
	if (!few)
		flow_foresee(f, pkts, n, hashes);
	f->packets[FLOW_packets_in] += n;
	for (unsigned i = 0; i < n; i++) {
		const struct pkt *p = &pkts[i];
		uint64_t hash = few ? session_hash(p) : hashes[i];
		flow_set_clock(f, p->time_ns);
		if (p->proto == IPPROTO_TCP_) {
			f->packets_left = n - i;
			tcp_track(f, p, hash);
		} else {
			udp_track(f, p, hash);
		}
	}
	f->packets_left = 0;
	tick(f);
	*ret_ev = f->ev;
	return f->n_ev;
}

unsigned flow_advance(struct flow *f, uint64_t now_ns, const struct flow_event **ret_ev)
{
	f->n_ev = 0;
	f->packets_left = 0;
	flow_set_clock(f, now_ns);
	tick(f);
	*ret_ev = f->ev;
	return f->n_ev;
}

/* Enough to keep the caller busy, little enough to stay in the cache. */
#define FINISH_EVENTS 1024

unsigned flow_finish(struct flow *f, const struct flow_event **ret_ev)
{
	f->n_ev = 0;
	f->packets_left = 0;
	while (f->table.birth.head && f->n_ev < FINISH_EVENTS && can_expire(f)) {
		uint32_t idx = f->table.birth.head;
		struct session *s = &f->table.s[idx];
		if (flow_expire(f, idx, f->now_ns))
			continue;
		struct flow_cause cause = {.time_ns = f->now_ns, .number = s->number};
		flow_end_session(f, idx, flow_end_reason(s, FLOW_END_CAPTURE), &cause);
	}
	assert(f->table.birth.head || (!f->runs_held && !f->bytes[FLOW_BYTES_in_flight]));
	*ret_ev = f->ev;
	return f->n_ev;
}

void flow_release(struct flow *f)
{
	seg_pool_release(&f->pool);
	session_release(&f->table);
}

const struct flow_session *flow_session(const struct flow *f, uint32_t session)
{
	assert(session && session <= f->table.n_touched);
	return &f->table.s[session].pub;
}

static void look_at_dir(const struct session *s, unsigned dir, struct flow_look *l)
{
	const struct flow_dir *d = &s->dir[dir];
	bool settled = !session_is_tcp(s) || d->flags & DIR_KNOWN;
	l->packets[dir] = (uint64_t)d->packets_high << 32 | d->n_packets;
	l->bytes[dir] = settled ? d->pos - d->base : 0;
}

bool flow_look(const struct flow *f, uint32_t session, struct flow_look *ret_l)
{
	const struct session *s = &f->table.s[session];
	if (!session || session > f->table.n_touched || !session_lives(&f->table, session) ||
	    s->list == LIST_TAIL)
		return false;
	ret_l->session = &s->pub;
	for (unsigned dir = 0; dir < 2; dir++)
		look_at_dir(s, dir, ret_l);
	return true;
}

uint32_t flow_sessions_end(const struct flow *f)
{
	return f->table.n_touched + 1;
}

uint32_t flow_sessions_max(const struct flow *f)
{
	return f->table.live_max + SESSION_SPARE + 1;
}

const uint64_t *flow_packet_row(const struct flow *f)
{
	return f->packets;
}

const uint64_t *flow_byte_row(const struct flow *f)
{
	return f->bytes;
}
