#include "parsers/mysql/pool.h"

#include <errno.h>

#include "dataplane/base/mem.h"

int mysql_pool_create(const void *conf, void *keep, void **ret_pool, struct err *e)
{
	int r;
	struct mysql_pool *p = mem_alloc(sizeof(*p));
	if (!p)
		return err_set(e, -ENOMEM, "no memory for mysql");
	p->conf = conf;
	struct mysql_schema_conf sc = {
		.charsets = &mysql_charsets,
		.ignore_case = p->conf->ignore_case,
	};
	if ((r = mysql_schema_create(&sc, &p->schema, e)) < 0 ||
	    (r = mysql_state_join(keep, conf, p->schema, &p->feed, e)) < 0)
		goto fail;
	if ((r = mysql_unpack_create(MYSQL_UNPACKED_BYTES, &p->unpack)) < 0 ||
	    (r = mysql_payloads_create(MYSQL_STREAM_BYTES, &p->payloads)) < 0 ||
	    (r = mysql_streams_create(&p->streams)) < 0 ||
	    (r = mysql_tables_create(&p->conf->tables, p->conf->ignore_case, &mysql_charsets,
				     p->schema, &p->tables)) < 0) {
		err_set(e, r, "no memory for mysql");
		goto fail;
	}
	p->decoder = (struct mysql_decoder){.charsets = &mysql_charsets, .unpack = p->unpack};
	*ret_pool = p;
	return 0;
fail:
	mysql_pool_destroy(p);
	return r;
}

void mysql_pool_destroy(void *pool)
{
	struct mysql_pool *p = pool;
	if (!p)
		return;
	mysql_tables_destroy(p->tables);
	mysql_streams_destroy(p->streams);
	mysql_payloads_destroy(p->payloads);
	mysql_unpack_destroy(p->unpack);
	mysql_schema_destroy(p->schema);
	mem_free(p);
}

const uint64_t *mysql_pool_row(const void *pool)
{
	return ((const struct mysql_pool *)pool)->chains.row;
}

size_t mysql_pool_tell(const void *const *pools, unsigned n, char *out, size_t cap)
{
	const struct mysql_chains *all[64];
	n = n < 64 ? n : 64;
	for (unsigned i = 0; i < n; i++)
		all[i] = &((const struct mysql_pool *)pools[i])->chains;
	return mysql_chains_tell(all, n, out, cap);
}

uint32_t mysql_pool_owner(struct mysql_pool *p)
{
	if (++p->owners == 0)
		p->owners = 1;
	return p->owners;
}

struct mysql_event_ctx *mysql_pool_event(struct mysql_pool *p)
{
	if (p->events[p->event_at].last_frame)
		p->event_at = (p->event_at + 1) % MYSQL_EVENT_CTXS;
	struct mysql_event_ctx *ctx = &p->events[p->event_at];
	ctx->last_frame = 0;
	ctx->name = slice_of(NULL, 0);
	ctx->known = NULL;
	ctx->raw_bytes = 0;
	p->rows_serial = 0;
	return ctx;
}

struct mysql_log *mysql_log_of(struct mysql_pool *p, uint32_t owner, uint16_t *io_slot)
{
	struct mysql_log *oldest = &p->logs[0];
	if (p->logs[*io_slot].owner == owner) {
		p->logs[*io_slot].used = ++p->log_calls;
		return &p->logs[*io_slot];
	}
	for (unsigned i = 0; i < MYSQL_LOGS; i++) {
		struct mysql_log *log = &p->logs[i];
		if (log->used < oldest->used)
			oldest = log;
	}
	*io_slot = (uint16_t)(oldest - p->logs);
	*oldest = (struct mysql_log){.owner = owner, .used = ++p->log_calls};
	mysql_format_init(&oldest->format);
	return oldest;
}

struct mysql_log *mysql_log_peek(struct mysql_pool *p, uint32_t owner, uint16_t slot)
{
	return p->logs[slot].owner == owner ? &p->logs[slot] : NULL;
}

void mysql_log_hole(struct mysql_pool *p, uint32_t owner, uint32_t next)
{
	for (unsigned i = 0; i < MYSQL_LOGS; i++) {
		struct mysql_log *log = &p->logs[i];
		if (log->owner != owner)
			continue;
		log->owner = next;
		log->gtid_len = 0;
		log->cause.len = 0;
		mysql_txn_lost(&log->txn);
		log->serial = log->inner = 0;
		log->lost_inside = NULL;
		log->rows = log->idx = 0;
		log->hole = log->unsure = true;
	}
}
