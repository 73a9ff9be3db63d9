#include "ctl/flow_table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/mem.h"
#include "dataplane/frame/origin.h"

/* What a session is; exactly one of the first, any of the rest. */
#define STATES(X)                                                                 \
	X(UNDECIDED, "undecided") /* too few bytes yet */                         \
	X(PLAIN, "plain")         /* its source's parser reads it */              \
	X(TLS, "tls")                                                             \
	X(COMPRESSED, "compressed") /* as a whole, which nobody reads */          \
	X(LEFT, "left")             /* it became something else: an upgrade */    \
	X(BAD, "bad")               /* it is not what its parser took it for */   \
	X(UNKNOWN, "unknown")       /* no source knows its first bytes */         \
	X(LATE, "late")             /* TCP whose beginning was not captured */    \
	X(ONE_SIDED, "one-sided")   /* TCP of which one direction was captured */ \
	X(GAPS, "gaps")             /* bytes of it were never captured */
#define STATE_ENUM(name, text) STATE_##name,
#define STATE_TEXT(name, text) text,
#define STATE_LIST(name, text) ", " text

enum { STATES(STATE_ENUM) N_STATES };
#define FIRST_FLAG STATE_LATE

static const char *const state_texts[] = {STATES(STATE_TEXT)};

struct row {
	struct flow_session s;
	uint64_t packets[2], bytes[2], gaps, gap_bytes;
	const char *why;
	uint16_t source, worker;
	uint16_t states; /* bits */
	bool has_source;
};

struct flow_table {
	struct flow_query q;
	uint64_t n_seen, n_fit;
	unsigned n, n_told; /* rows; of these, in the reply */
	struct row
		rows[]; /* a heap: the one that goes first when there is a better one is on top */
};

unsigned flow_state_bit(const char *name)
{
	for (unsigned i = 0; i < N_STATES; i++)
		if (strcmp(name, state_texts[i]) == 0)
			return 1u << i;
	return 0;
}

const char *flow_state_names(void)
{
	static const char list[] = STATES(STATE_LIST);
	return list + 2;
}

struct flow_table *flow_table_create(const struct flow_query *q)
{
	struct flow_table *t = mem_alloc(sizeof(*t) + q->limit * sizeof(struct row));
	if (t)
		t->q = *q;
	return t;
}

void flow_table_destroy(struct flow_table *t)
{
	mem_free(t);
}

/* ---- what a session is ---- */

static unsigned state_of(const struct frame_look *f)
{
	switch (f->claim) {
	case FRAME_UNDECIDED:
		return STATE_UNDECIDED;
	case FRAME_READ:
		return STATE_PLAIN;
	default:
		break;
	}
	if (strncmp(f->why, PARSER_TLS, strlen(PARSER_TLS)) == 0)
		return STATE_TLS;
	if (strncmp(f->why, "compressed", 10) == 0)
		return STATE_COMPRESSED;
	return f->claim == FRAME_NOBODYS ? STATE_UNKNOWN
	       : f->claim == FRAME_LEFT  ? STATE_LEFT
					 : STATE_BAD;
}

static unsigned states_of(const struct flow_session *s, const struct frame_look *f)
{
	bool tcp = s->proto == IPPROTO_TCP_;
	return 1u << state_of(f) | (unsigned)(tcp && !s->from_start) << STATE_LATE |
	       (unsigned)(tcp && !(s->seen[0] && s->seen[1])) << STATE_ONE_SIDED |
	       (unsigned)(f->gaps > 0) << STATE_GAPS;
}

/* ---- the heap ---- */

/* As qsort wants it: the larger session first. */
static int compare(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	uint64_t bytes_x = x->bytes[0] + x->bytes[1], bytes_y = y->bytes[0] + y->bytes[1];
	if (bytes_x != bytes_y)
		return bytes_x > bytes_y ? -1 : 1;
	if (x->s.first_ns != y->s.first_ns)
		return x->s.first_ns < y->s.first_ns ? -1 : 1;
	return (x->s.id > y->s.id) - (x->s.id < y->s.id);
}

/* @r takes the place of the last in the order, which is on top. */
static void sink(struct flow_table *t, const struct row *r)
{
	unsigned at = 0;
	for (unsigned child; (child = 2 * at + 1) < t->n; at = child) {
		if (child + 1 < t->n && compare(&t->rows[child + 1], &t->rows[child]) > 0)
			child++;
		if (compare(&t->rows[child], r) <= 0)
			break;
		t->rows[at] = t->rows[child];
	}
	t->rows[at] = *r;
}

static void rise(struct flow_table *t, const struct row *r)
{
	unsigned at = t->n++;
	for (unsigned parent; at && compare(&t->rows[parent = (at - 1) / 2], r) < 0; at = parent)
		t->rows[at] = t->rows[parent];
	t->rows[at] = *r;
}

void flow_table_add(struct flow_table *t, unsigned worker, const struct flow_look *flow,
		    const struct frame_look *frame)
{
	bool has_source = frame->claim != FRAME_UNDECIDED && frame->claim != FRAME_NOBODYS;
	unsigned states = states_of(flow->session, frame);
	t->n_seen++;
	if ((t->q.by_id && flow->session->id != t->q.id) ||
	    (t->q.state && !(t->q.state & states)) ||
	    (t->q.source >= 0 && !(has_source && frame->source == t->q.source)))
		return;
	t->n_fit++;
	struct row r = {
		.s = *flow->session,
		.packets = {flow->packets[0], flow->packets[1]},
		.bytes = {flow->bytes[0], flow->bytes[1]},
		.gaps = frame->gaps,
		.gap_bytes = frame->gap_bytes,
		.why = frame->why,
		.source = frame->source,
		.worker = (uint16_t)worker,
		.states = (uint16_t)states,
		.has_source = has_source,
	};
	if (t->n < t->q.limit)
		rise(t, &r);
	else if (compare(&t->rows[0], &r) > 0)
		sink(t, &r);
}

/* ---- the reply ---- */

static json_t *texts_of(unsigned states, unsigned first, unsigned end)
{
	char text[64] = "";
	for (unsigned i = first; i < end; i++)
		if (states >> i & 1) {
			size_t len = strlen(text);
			snprintf(text + len, sizeof(text) - len, "%s%s", len ? " " : "",
				 state_texts[i]);
		}
	return json_string(text);
}

/* @end 0: the client, 1: the server. */
static json_t *end_of(const struct flow_session *s, unsigned end)
{
	char text[ORIGIN_LEN_MAX];
	size_t len = origin_end_put(text, s->addr[end], s->port[end]);
	return json_stringn(text, len);
}

static json_t *time_of(uint64_t ns)
{
	char text[40];
	return json_stringn(text, civil_put_rfc3339_9(text, (int64_t)ns));
}

static void set_u64(json_t *o, const char *name, uint64_t v)
{
	json_object_set_new(o, name, json_integer((json_int_t)v));
}

static json_t *row_json(const struct row *r, const char *source)
{
	char id[17];
	json_t *o = json_object();
	snprintf(id, sizeof(id), "%016" PRIx64, r->s.id);
	json_object_set_new(o, "session", json_string(id));
	json_object_set_new(o, "protocol", json_string(r->s.proto == IPPROTO_TCP_ ? "tcp" : "udp"));
	json_object_set_new(o, "client", end_of(&r->s, 0));
	json_object_set_new(o, "server", end_of(&r->s, 1));
	json_object_set_new(o, "source", json_string(source));
	json_object_set_new(o, "state", texts_of(r->states, 0, FIRST_FLAG));
	json_object_set_new(o, "notes", texts_of(r->states, FIRST_FLAG, N_STATES));
	set_u64(o, "packets_out", r->packets[0]);
	set_u64(o, "packets_back", r->packets[1]);
	set_u64(o, "bytes_out", r->bytes[0]);
	set_u64(o, "bytes_back", r->bytes[1]);
	set_u64(o, "gaps", r->gaps);
	set_u64(o, "gap_bytes", r->gap_bytes);
	json_object_set_new(o, "first", time_of(r->s.first_ns));
	json_object_set_new(o, "last", time_of(r->s.last_ns));
	set_u64(o, "worker", r->worker);
	json_object_set_new(o, "why", json_string(r->why ? r->why : ""));
	return o;
}

void flow_table_reply(struct flow_table *const *tables, unsigned n,
		      const char *(*source)(const void *arg, unsigned i), const void *arg,
		      json_t *reply)
{
	json_t *rows = json_array();
	uint64_t n_seen = 0, n_fit = 0;
	for (unsigned i = 0; i < n; i++) {
		n_seen += tables[i]->n_seen;
		n_fit += tables[i]->n_fit;
		qsort(tables[i]->rows, tables[i]->n, sizeof(struct row), compare);
	}
	while (json_array_size(rows) < tables[0]->q.limit) {
		const struct row *best = NULL;
		unsigned from = 0;
		for (unsigned i = 0; i < n; i++) {
			const struct row *r = &tables[i]->rows[tables[i]->n_told];
			if (tables[i]->n_told < tables[i]->n && (!best || compare(r, best) < 0)) {
				best = r;
				from = i;
			}
		}
		if (!best)
			break;
		tables[from]->n_told++;
		json_array_append_new(
			rows, row_json(best, best->has_source ? source(arg, best->source) : ""));
	}
	set_u64(reply, "sessions", n_seen);
	set_u64(reply, "left_out", n_fit - json_array_size(rows));
	json_object_set_new(reply, "rows", rows);
}
