#include "parsers/mysql/chain.h"

LEDGER_DEFINE(mysql_chain, "chain", "events", MYSQL_CHAIN_COLS);

static uint64_t hash_of(struct slice s)
{
	uint64_t h = 0xcbf29ce484222325ull;
	for (size_t i = 0; i < s.len; i++)
		h = (h ^ s.ptr[i]) * 0x100000001b3ull;
	return h;
}

struct mysql_chain *mysql_chain_of(struct mysql_chains *cs, const struct mysql_pair *pair,
				   uint16_t *io_hint)
{
	struct mysql_chain *oldest = &cs->items[0];
	for (unsigned i = 0; i <= MYSQL_CHAINS; i++) {
		unsigned at = i ? i - 1 : *io_hint;
		struct mysql_chain *c = &cs->items[at];
		if (c->used && memcmp(&c->pair, pair, sizeof(*pair)) == 0) {
			c->used = ++cs->calls;
			*io_hint = (uint16_t)at;
			return c;
		}
		if (c->used < oldest->used)
			oldest = c;
	}
	memset(oldest, 0, sizeof(*oldest));
	oldest->pair = *pair;
	oldest->used = ++cs->calls;
	*io_hint = (uint16_t)(oldest - cs->items);
	return oldest;
}

/* --- Breaks ----------------------------------------------------------------------------------- */

static void set_file(struct mysql_place *p, struct slice file, uint64_t pos)
{
	p->file_len = file.len < MYSQL_CHAIN_FILE ? file.len : MYSQL_CHAIN_FILE;
	memcpy(p->file, file.ptr, p->file_len);
	p->pos = pos;
}

static void add_break(struct mysql_chains *cs, struct mysql_chain *c, enum mysql_break_kind kind,
		      const struct mysql_link *l)
{
	static const unsigned cols[MYSQL_BREAK_KINDS] = {
		[MYSQL_BREAK_HOLE] = MYSQL_CHAIN_holes,
		[MYSQL_BREAK_BETWEEN] = MYSQL_CHAIN_between,
		[MYSQL_BREAK_JUMP] = MYSQL_CHAIN_jumps,
		[MYSQL_BREAK_GTID] = MYSQL_CHAIN_gtid_gaps,
		[MYSQL_BREAK_CHECKSUM] = MYSQL_CHAIN_checksums,
	};
	cs->row[cols[kind]]++;
	c->waits = 0;
	if (cs->n_breaks == MYSQL_BREAKS)
		return;
	struct mysql_break *b = &cs->breaks[cs->n_breaks++];
	*b = (struct mysql_break){
		.time_ns = l->time_ns, .kind = kind, .pair = c->pair, .from = c->at};
	set_file(&b->to, l->file, kind == MYSQL_BREAK_CHECKSUM ? l->end : l->pos);
	if (kind == MYSQL_BREAK_GTID)
		b->from.pos = l->pos;
	c->waits = kind == MYSQL_BREAK_CHECKSUM ? 0 : cs->n_breaks;
}

/* --- Positions -------------------------------------------------------------------------------- */

/* Names of one log's files count up: by their length, then by their bytes. */
static int compare_files(struct slice a, struct slice b)
{
	if (a.len != b.len)
		return a.len < b.len ? -1 : 1;
	return memcmp(a.ptr, b.ptr, a.len);
}

static struct slice file_of(const struct mysql_place *p)
{
	return slice_of(p->file, p->file_len);
}

static bool same_log(const struct mysql_chain *c, const struct mysql_link *l)
{
	return !c->log_time || !l->log_time || c->log_time == l->log_time;
}

/* Is it all of what has passed by already, in another session? */
static bool is_repeated(const struct mysql_chain *c, const struct mysql_link *l)
{
	int order = compare_files(l->file, file_of(&c->at));
	if (c->session == l->owner)
		return false;
	if (order < 0) /* unless the log was begun anew since */
		return !c->log_time || l->log_time <= c->log_time;
	return order == 0 && same_log(c, l) && l->end <= c->at.pos;
}

/* bin.000010 behind bin.000009. */
static bool is_next_file(struct slice a, struct slice b)
{
	uint64_t number[2] = {0, 0}, unit = 1;
	size_t n = b.len;
	if (a.len != b.len)
		return false;
	for (; n && unit < 1000000000000ull; n--, unit *= 10) {
		uint8_t x = a.ptr[n - 1], y = b.ptr[n - 1];
		if (x < '0' || x > '9' || y < '0' || y > '9')
			break;
		number[0] += unit * (uint64_t)(x - '0');
		number[1] += unit * (uint64_t)(y - '0');
	}
	return memcmp(a.ptr, b.ptr, n) == 0 && number[1] == number[0] + 1;
}

static bool follows(const struct mysql_chain *c, const struct mysql_link *l)
{
	if (c->at.file_len == 0)
		return true;
	if (c->stopped && l->pos == 4 && is_next_file(file_of(&c->at), l->file))
		return true;
	return slice_eq(l->file, file_of(&c->at)) && same_log(c, l) && l->pos == c->at.pos;
}

/* The break in front of @l, or nothing where the server may leave out what it does not send. */
static void break_before(struct mysql_chains *cs, struct mysql_chain *c, const struct mysql_link *l)
{
	int order = compare_files(l->file, file_of(&c->at));
	bool forward = order ? order > 0 : l->pos > c->at.pos && same_log(c, l);
	bool new_session = c->session != l->owner;
	if (c->hole) {
		add_break(cs, c, MYSQL_BREAK_HOLE, l);
	} else if (new_session && forward && c->n_counts && l->pos == 4 &&
		   is_next_file(file_of(&c->at), l->file)) {
		c->turned = true;
		c->turned_at = c->at;
	} else if (new_session && forward) {
		add_break(cs, c, MYSQL_BREAK_BETWEEN, l);
	} else if (order == 0 && forward && (l->mariadb || c->mariadb)) {
		cs->row[MYSQL_CHAIN_left_out]++;
	} else {
		add_break(cs, c, MYSQL_BREAK_JUMP, l); /* or a log that was begun anew */
	}
}

static void advance(struct mysql_chain *c, const struct mysql_link *l)
{
	c->session = l->owner;
	c->log_time = l->log_time;
	c->hole = c->repeats = false;
	c->stopped = l->type == MYSQL_EV_STOP;
	set_file(&c->at, l->file, l->end);
}

void mysql_chain_event(struct mysql_chains *cs, struct mysql_chain *c, const struct mysql_link *l)
{
	cs->row[MYSQL_CHAIN_events_in]++;
	c->repeats = c->at.file_len && is_repeated(c, l);
	if (c->repeats) {
		cs->row[MYSQL_CHAIN_repeated]++;
	} else if (follows(c, l)) {
		cs->row[MYSQL_CHAIN_in_order]++;
	} else {
		cs->row[MYSQL_CHAIN_behind_break]++;
		break_before(cs, c, l);
	}
	if (l->sum_wrong)
		add_break(cs, c, MYSQL_BREAK_CHECKSUM, l);
	if (!c->repeats)
		advance(c, l);
}

void mysql_chain_moved(struct mysql_chain *c, const struct mysql_link *l)
{
	if (c->at.file_len && c->session == l->owner && !c->hole)
		advance(c, l);
}

/* --- GTIDs ------------------------------------------------------------------------------------ */

/* The count that @g belongs to, NULL when there is no room for another. */
static struct mysql_count *count_of(struct mysql_chain *c, const struct mysql_gtid *g,
				    bool *ret_new)
{
	uint8_t name[sizeof(c->counts[0].name)] = {0};
	if (g->kind == MYSQL_GTID_MARIA) {
		memcpy(name, &g->domain_id, sizeof(g->domain_id));
	} else {
		memcpy(name, g->sid, sizeof(g->sid));
		memcpy(name + 16, g->tag, sizeof(g->tag));
	}
	*ret_new = false;
	for (unsigned i = 0; i < c->n_counts; i++)
		if (memcmp(c->counts[i].name, name, sizeof(name)) == 0)
			return &c->counts[i];
	if (c->n_counts == MYSQL_CHAIN_GTIDS)
		return NULL;
	*ret_new = true;
	struct mysql_count *n = &c->counts[c->n_counts++];
	memcpy(n->name, name, sizeof(name));
	return n;
}

static void set_gtid(struct mysql_place *p, struct slice text)
{
	p->gtid_len = text.len < sizeof(p->gtid) ? text.len : sizeof(p->gtid);
	memcpy(p->gtid, text.ptr, p->gtid_len);
}

void mysql_chain_gtid(struct mysql_chains *cs, struct mysql_chain *c, const struct mysql_gtid *g,
		      struct slice text, const struct mysql_link *l)
{
	bool is_new;
	if (g->kind == MYSQL_GTID_NONE || c->repeats)
		return;
	struct mysql_count *n = count_of(c, g, &is_new);
	bool gap = n && !is_new && g->number > n->last + 1;
	c->mariadb |= g->kind == MYSQL_GTID_MARIA;
	if (gap && c->turned) {
		add_break(cs, c, MYSQL_BREAK_BETWEEN, l);
		if (c->waits)
			cs->breaks[c->waits - 1].from = c->turned_at;
	}
	if (gap && !c->waits && !c->turned)
		add_break(cs, c, MYSQL_BREAK_GTID, l);
	else if (gap)
		cs->row[MYSQL_CHAIN_gtid_gaps]++;
	if (c->waits)
		set_gtid(&cs->breaks[c->waits - 1].to, text);
	c->waits = 0;
	c->turned = false;
	set_gtid(&c->at, text);
	if (n && (is_new || g->number > n->last))
		n->last = g->number;
}

/* --- Delay ------------------------------------------------------------------------------------ */

static void note_delay(struct mysql_delay *d, uint64_t from_ns, uint64_t to_ns)
{
	uint64_t ns = to_ns > from_ns ? to_ns - from_ns : 0, limit = 100000;
	unsigned step = 0;
	while (step < MYSQL_DELAY_STEPS - 1 && ns >= limit) {
		step++;
		limit *= 10;
	}
	d->early += to_ns < from_ns;
	d->min_ns = d->n == 0 || ns < d->min_ns ? ns : d->min_ns;
	d->max_ns = ns > d->max_ns ? ns : d->max_ns;
	d->sum_ns += ns;
	d->n++;
	d->steps[step]++;
}

static const struct mysql_pending *first_pending(const struct mysql_chain *c)
{
	return &c->pending[(c->next_pending - c->n_pending) % MYSQL_CHAIN_ACKS];
}

static void skip_pending(struct mysql_chain *c)
{
	struct mysql_delay *d = first_pending(c)->file ? &c->ack : &c->tcp_ack;
	d->skipped++;
	c->n_pending--;
}

void mysql_chain_commit(struct mysql_chain *c, const struct mysql_link *l, uint64_t commit_ns,
			bool fine)
{
	c->fine = fine;
	note_delay(&c->wire, commit_ns, l->time_ns);
	struct mysql_pending p = {.commit_ns = commit_ns, .owner = l->owner};
	p.pos = l->end_off ? l->end_off : l->end;
	p.file = l->end_off ? 0 : hash_of(l->file);
	if (l->end_off && (!l->acked || l->acked - 1 >= l->end_off)) {
		c->tcp_ack.skipped++; /* behind a hole, say: it was not seen when that came */
		return;
	}
	if (c->n_pending == MYSQL_CHAIN_ACKS)
		skip_pending(c);
	c->pending[c->next_pending++ % MYSQL_CHAIN_ACKS] = p;
	c->n_pending++;
}

void mysql_chain_tcp_ack(struct mysql_chain *c, uint32_t owner, uint64_t off, uint64_t time_ns)
{
	while (c->n_pending) {
		const struct mysql_pending *p = first_pending(c);
		if (p->owner != owner) {
			skip_pending(c);
			continue;
		}
		if (p->file || p->pos > off)
			return;
		note_delay(&c->tcp_ack, p->commit_ns, time_ns);
		c->n_pending--;
	}
}

void mysql_chain_ack(struct mysql_chain *c, struct slice file, uint64_t pos, uint64_t time_ns)
{
	uint64_t name = hash_of(file);
	while (c->n_pending) {
		const struct mysql_pending *p = first_pending(c);
		if (p->file != name) {
			skip_pending(c);
			continue;
		}
		if (p->pos > pos)
			return;
		note_delay(&c->ack, p->commit_ns, time_ns);
		c->n_pending--;
	}
}
