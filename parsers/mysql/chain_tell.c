/* What the chains of all workers have seen, as JSON. Contract: chain.h. */
#include <stdio.h>

#include "dataplane/rec/json_text.h"
#include "parsers/mysql/chain.h"

/* Text that ends, once and for all, where it does not fit. */
struct text {
	char *at, *end;
	bool full;
};

static void put(struct text *t, const char *s)
{
	size_t len = strlen(s);
	t->full |= len >= (size_t)(t->end - t->at);
	if (t->full)
		return;
	memcpy(t->at, s, len);
	t->at += len;
}

static void put_u64(struct text *t, const char *key, uint64_t v)
{
	char s[96];
	snprintf(s, sizeof(s), "%s%llu", key, (unsigned long long)v);
	put(t, s);
}

static void put_name(struct text *t, const char *key, const char *s, size_t len)
{
	uint8_t buf[JSON_TEXT_FACTOR * 256 + 1];
	bool invalid = false;
	put(t, key);
	if (len == 0) {
		put(t, "null");
		return;
	}
	buf[json_text_put(buf, (const uint8_t *)s, len, &invalid)] = 0;
	put(t, "\"");
	put(t, (const char *)buf);
	put(t, "\"");
}

static void put_address(struct text *t, const uint8_t a[16])
{
	static const uint8_t v4[12] = {[10] = 0xff, [11] = 0xff};
	char s[64];
	if (memcmp(a, v4, sizeof(v4)) == 0) {
		snprintf(s, sizeof(s), "%u.%u.%u.%u", a[12], a[13], a[14], a[15]);
		put(t, s);
		return;
	}
	for (unsigned i = 0; i < 16; i += 2) {
		snprintf(s, sizeof(s), "%s%x", i ? ":" : "[", (unsigned)(a[i] << 8 | a[i + 1]));
		put(t, s);
	}
	put(t, "]");
}

static void put_pair(struct text *t, const struct mysql_pair *p)
{
	put(t, "\"server\":\"");
	put_address(t, p->server);
	put_u64(t, ":", p->server_port);
	put(t, "\",\"replica\":\"");
	put_address(t, p->replica);
	put_u64(t, "\",\"replica_id\":", p->replica_id);
}

static void put_place(struct text *t, const char *key, const struct mysql_place *p)
{
	put(t, key);
	put_name(t, "{\"file\":", p->file, p->file_len);
	put_u64(t, ",\"pos\":", p->pos);
	put_name(t, ",\"gtid\":", p->gtid, p->gtid_len);
	put(t, "}");
}

static void put_break(struct text *t, const struct mysql_break *b)
{
	static const char *const kinds[] = {"hole", "between", "jump", "gtid", "checksum"};
	put_u64(t, "{\"time_ns\":", b->time_ns);
	put(t, ",\"kind\":\"");
	put(t, kinds[b->kind]);
	put(t, "\",");
	put_pair(t, &b->pair);
	put_place(t, ",\"from\":", &b->from);
	put_place(t, ",\"to\":", &b->to);
	put(t, "}");
}

static bool is_before(const struct mysql_break *a, const struct mysql_break *b)
{
	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns;
	int order = memcmp(&a->pair, &b->pair, sizeof(a->pair));
	return order ? order < 0 : a->to.pos < b->to.pos;
}

/* The first ones of all pools, by time; those of one pool stay in their order. */
static void put_breaks(struct text *t, const struct mysql_chains *const *all, unsigned n)
{
	unsigned at[64] = {0};
	put(t, "\"breaks\":[");
	for (unsigned told = 0; told < MYSQL_BREAKS; told++) {
		const struct mysql_break *first = NULL;
		unsigned of = 0;
		for (unsigned i = 0; i < n && i < 64; i++) {
			if (at[i] == all[i]->n_breaks)
				continue;
			const struct mysql_break *b = &all[i]->breaks[at[i]];
			if (!first || is_before(b, first)) {
				first = b;
				of = i;
			}
		}
		if (!first)
			break;
		at[of]++;
		put(t, told ? "," : "");
		put_break(t, first);
	}
	put(t, "]");
}

static void put_delay(struct text *t, const char *key, const struct mysql_delay *d)
{
	static const char *const steps[] = {"100us", "1ms", "10ms", "100ms",
					    "1s",    "10s", "100s", "more"};
	put_u64(t, key, d->n);
	put_u64(t, ",\"early\":", d->early);
	put_u64(t, ",\"skipped\":", d->skipped);
	put_u64(t, ",\"min_ns\":", d->min_ns);
	put_u64(t, ",\"mean_ns\":", d->n ? d->sum_ns / d->n : 0);
	put_u64(t, ",\"max_ns\":", d->max_ns);
	put(t, ",\"below\":{");
	for (unsigned i = 0; i < MYSQL_DELAY_STEPS; i++) {
		put(t, i ? ",\"" : "\"");
		put(t, steps[i]);
		put_u64(t, "\":", d->steps[i]);
	}
	put(t, "}}");
}

/* Pairs of all pools in the order of their addresses, whichever worker had them. */
static const struct mysql_chain *next_chain(const struct mysql_chains *const *all, unsigned n,
					    const struct mysql_chain *behind)
{
	const struct mysql_chain *next = NULL;
	for (unsigned i = 0; i < n; i++)
		for (unsigned k = 0; k < MYSQL_CHAINS; k++) {
			const struct mysql_chain *c = &all[i]->items[k];
			if (!c->used || c->pair.file_port || c->wire.n == 0)
				continue;
			if (behind && memcmp(&c->pair, &behind->pair, sizeof(c->pair)) <= 0)
				continue;
			if (!next || memcmp(&c->pair, &next->pair, sizeof(c->pair)) < 0)
				next = c;
		}
	return next;
}

/* By name; those that are not known by number. */
static void put_types(struct text *t, const struct mysql_chains *const *all, unsigned n)
{
	const char *comma = "";
	put(t, "\"events\":{");
	for (unsigned type = 0; type < 256; type++) {
		const char *name = mysql_event_name((uint8_t)type);
		uint64_t events = 0;
		for (unsigned i = 0; i < n; i++)
			events += all[i]->types[type];
		if (!events)
			continue;
		put(t, comma);
		if (name)
			put_name(t, "", name, strlen(name));
		else
			put_u64(t, "\"type ", type);
		put_u64(t, name ? ":" : "\":", events);
		comma = ",";
	}
	put(t, "},");
}

size_t mysql_chains_tell(const struct mysql_chains *const *all, unsigned n, char *out, size_t cap)
{
	struct text t = {.at = out, .end = out + cap};
	put(&t, "{");
	put_types(&t, all, n);
	put_breaks(&t, all, n);
	put(&t, ",\"delays\":[");
	const struct mysql_chain *c = NULL, *first = next_chain(all, n, NULL);
	for (c = first; c; c = next_chain(all, n, c)) {
		put(&t, c == first ? "{" : ",{");
		put_pair(&t, &c->pair);
		put(&t, c->fine ? ",\"stamp\":\"us\"" : ",\"stamp\":\"s\"");
		put_delay(&t, ",\"wire\":{\"transactions\":", &c->wire);
		put_delay(&t, ",\"ack\":{\"transactions\":", &c->ack);
		put_delay(&t, ",\"tcp_ack\":{\"transactions\":", &c->tcp_ack);
		put(&t, "}");
	}
	put(&t, "]}");
	return t.full ? 0 : (size_t)(t.at - out);
}
