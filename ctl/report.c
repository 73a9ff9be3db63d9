#include "ctl/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <xxhash.h>

#include "ctl/report_told.h"
#include "dataplane/base/mem.h"

struct why {
	const char *text;
	uint64_t bytes, times;
	unsigned col;
	struct why *next;
};

struct row {
	const struct ledger_table *table;
	char *scope;
	uint64_t cols[LEDGER_COLS_MAX];
	struct why *whys; /* by column and text, so that the order is the same in every run */
	struct row *next;
	struct row *chain; /* of rows whose stage and scope have the same hash */
};

struct report {
	struct row *first, **end;
	struct row **chains; /* 1 << log2_chains of them */
	unsigned log2_chains;
	size_t n;
	json_t *told; /* an array, or NULL */
};

struct report *report_create(void)
{
	struct report *r = mem_alloc(sizeof(*r));
	if (r)
		r->end = &r->first;
	return r;
}

void report_destroy(struct report *r)
{
	if (!r)
		return;
	json_decref(r->told);
	for (struct row *row = r->first, *next; row; row = next) {
		next = row->next;
		for (struct why *w = row->whys, *after; w; w = after) {
			after = w->next;
			mem_free(w);
		}
		mem_free(row->scope);
		mem_free(row);
	}
	mem_free(r->chains);
	mem_free(r);
}

static size_t chain_of(const struct report *r, const char *stage, const char *scope)
{
	uint64_t seed = XXH3_64bits(stage, strlen(stage));
	uint64_t hash = XXH3_64bits_withSeed(scope, strlen(scope), seed);
	return hash & (((size_t)1 << r->log2_chains) - 1);
}

static bool grow(struct report *r)
{
	struct report larger = {.log2_chains = r->log2_chains ? r->log2_chains + 1 : 8};
	larger.chains = mem_alloc(sizeof(struct row *) << larger.log2_chains);
	if (!larger.chains)
		return false;
	for (struct row *row = r->first; row; row = row->next) {
		struct row **at = &larger.chains[chain_of(&larger, row->table->stage, row->scope)];
		row->chain = *at;
		*at = row;
	}
	mem_free(r->chains);
	r->chains = larger.chains;
	r->log2_chains = larger.log2_chains;
	return true;
}

static struct row *find_row(const struct report *r, const struct ledger_table *t, const char *scope)
{
	struct row *row = r->n ? r->chains[chain_of(r, t->stage, scope)] : NULL;
	while (row && (row->table != t || strcmp(row->scope, scope) != 0))
		row = row->chain;
	return row;
}

const uint64_t *report_find(const struct report *r, const char *stage, const char *scope,
			    const struct ledger_table **ret_t)
{
	struct row *row = r->n ? r->chains[chain_of(r, stage, scope)] : NULL;
	while (row && (strcmp(row->table->stage, stage) != 0 || strcmp(row->scope, scope) != 0))
		row = row->chain;
	if (row)
		*ret_t = row->table;
	return row ? row->cols : NULL;
}

/* NULL when out of memory. */
static struct row *new_row(struct report *r, const struct ledger_table *t, const char *scope)
{
	if ((!r->chains || r->n >> r->log2_chains) && !grow(r))
		return NULL;
	struct row *row = mem_alloc(sizeof(*row));
	char *text = mem_strdup(scope);
	if (!row || !text) {
		mem_free(row);
		mem_free(text);
		return NULL;
	}
	struct row **at = &r->chains[chain_of(r, t->stage, scope)];
	*row = (struct row){.table = t, .scope = text, .chain = *at};
	*at = row;
	*r->end = row;
	r->end = &row->next;
	r->n++;
	return row;
}

void report_add(struct report *r, const struct ledger_table *t, const char *scope,
		const uint64_t *cols)
{
	struct row *row = find_row(r, t, scope);
	if (!row && !(row = new_row(r, t, scope)))
		return;
	for (unsigned i = 0; i < t->n_cols; i++)
		row->cols[i] += cols[i];
}

static int why_compare(const struct why *w, unsigned col, const char *text)
{
	return w->col != col ? (w->col > col) - (w->col < col) : strcmp(w->text, text);
}

void report_add_reason(struct report *r, const struct ledger_table *t, const char *scope,
		       unsigned col, const char *text, uint64_t bytes, uint64_t times)
{
	struct row *row = find_row(r, t, scope);
	struct why **at = row ? &row->whys : NULL;
	if (!at)
		return;
	while (*at && why_compare(*at, col, text) < 0)
		at = &(*at)->next;
	if (!*at || why_compare(*at, col, text) != 0) {
		struct why *w = mem_alloc(sizeof(*w));
		if (!w)
			return;
		*w = (struct why){.text = text, .col = col, .next = *at};
		*at = w;
	}
	(*at)->bytes += bytes;
	(*at)->times += times;
}

void report_tell(struct report *r, const char *scope, const char *text, size_t len)
{
	json_t *o = len ? json_loadb(text, len, 0, NULL) : NULL;
	if (!o)
		return;
	if (!r->told)
		r->told = json_array();
	json_object_set_new(o, "source", json_string(scope));
	json_array_append_new(r->told, o);
}

static uint64_t row_losses(const struct row *row)
{
	return ledger_sum(row->table, row->cols, LEDGER_LOSS) +
	       ledger_sum(row->table, row->cols, LEDGER_MISSED);
}

void report_each(const struct report *r, report_row_fn *row, void *arg)
{
	for (const struct row *at = r->first; at; at = at->next)
		row(arg, at->table, at->scope, at->cols);
}

uint64_t report_losses(const struct report *r)
{
	uint64_t n = 0;
	for (const struct row *row = r->first; row; row = row->next)
		n += row_losses(row);
	return n;
}

void report_losses_by_unit(const struct report *r, struct report_lost *ret_lost)
{
	*ret_lost = (struct report_lost){0};
	for (const struct row *row = r->first; row; row = row->next) {
#define ADD(unit_)                                 \
	if (strcmp(row->table->unit, #unit_) == 0) \
		ret_lost->unit_ += row_losses(row);
		REPORT_UNITS(ADD)
#undef ADD
	}
}

uint64_t report_imbalances(const struct report *r)
{
	uint64_t n = 0;
	for (const struct row *row = r->first; row; row = row->next)
		n += ledger_imbalance(row->table, row->cols) != 0;
	return n;
}

static bool is_quiet(const struct row *row)
{
	for (unsigned i = 0; i < row->table->n_cols; i++)
		if (row->cols[i])
			return false;
	return true;
}

static const char *kind_word(enum ledger_kind kind)
{
	static const char *const words[] = {
		[LEDGER_IN] = "in",           [LEDGER_OUT] = "out",       [LEDGER_LOSS] = "lost",
		[LEDGER_POLICY] = "left out", [LEDGER_MERGED] = "merged", [LEDGER_HELD] = "held",
		[LEDGER_INFO] = "note",       [LEDGER_MISSED] = "missed",
	};
	return words[kind];
}

/* Columns of zero say nothing, except what came in and what went out. */
static bool worth_showing(const struct row *row, unsigned i)
{
	enum ledger_kind kind = row->table->cols[i].kind;
	return row->cols[i] || kind == LEDGER_IN || kind == LEDGER_OUT;
}

void report_print_losses(const struct report *r, FILE *out)
{
	for (const struct row *row = r->first; row; row = row->next)
		for (unsigned i = 0; i < row->table->n_cols; i++) {
			const struct ledger_col *c = &row->table->cols[i];
			if (!row->cols[i] || (c->kind != LEDGER_LOSS && c->kind != LEDGER_MISSED))
				continue;
			fprintf(out, "    %s: %s%s%s: %" PRIu64 " %s %s: %s\n", kind_word(c->kind),
				row->table->stage, row->scope[0] ? " " : "", row->scope,
				row->cols[i], row->table->unit, c->name, c->help);
		}
}

/* Below a column: why, in the same unit. */
static void print_whys(const struct row *row, unsigned col, FILE *out)
{
	for (const struct why *w = row->whys; w; w = w->next) {
		if (w->col != col)
			continue;
		fprintf(out, "    %-9s   %-18s %14" PRIu64 "  %s", "", "why", w->bytes, w->text);
		if (w->times)
			fprintf(out, " (%" PRIu64 " %s)", w->times,
				w->times == 1 ? "time" : "times");
		fputc('\n', out);
	}
}

void report_print(const struct report *r, FILE *out)
{
	fprintf(out, "ledger  (in = out + lost + left out + merged + held)\n");
	for (const struct row *row = r->first; row; row = row->next) {
		if (is_quiet(row))
			continue;
		int64_t off = ledger_imbalance(row->table, row->cols);
		fprintf(out, "  %s%s%s, %s", row->table->stage, row->scope[0] ? " " : "",
			row->scope, row->table->unit);
		if (off)
			fprintf(out, "   DOES NOT BALANCE: %+" PRId64, off);
		fputc('\n', out);
		for (unsigned i = 0; i < row->table->n_cols; i++) {
			const struct ledger_col *c = &row->table->cols[i];
			if (!worth_showing(row, i))
				continue;
			fprintf(out, "    %-9s %-20s %14" PRIu64 "  %s\n", kind_word(c->kind),
				c->name, row->cols[i], c->help);
			print_whys(row, i, out);
		}
	}
	report_told_print(r->told, out);
	uint64_t lost = report_losses(r), off = report_imbalances(r);
	if (off)
		fprintf(out,
			"  %" PRIu64
			" rows do not balance: this is a bug of sluice, please report it\n",
			off);
	fprintf(out, "  balanced: %s; %s\n", off ? "NO" : "yes",
		lost ? "lost or missed:" : "nothing lost");
	report_print_losses(r, out);
}

static json_t *whys_json(const struct row *row)
{
	json_t *list = json_array();
	for (const struct why *w = row->whys; w; w = w->next) {
		json_t *o = json_object();
		json_object_set_new(o, "name", json_string(row->table->cols[w->col].name));
		json_object_set_new(o, "why", json_string(w->text));
		json_object_set_new(o, "bytes", json_integer((json_int_t)w->bytes));
		json_object_set_new(o, "times", json_integer((json_int_t)w->times));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *row_json(const struct row *row)
{
	const struct ledger_table *t = row->table;
	json_t *o = json_object();
	json_t *cols = json_object();
	json_object_set_new(o, "stage", json_string(t->stage));
	json_object_set_new(o, "scope", json_string(row->scope));
	json_object_set_new(o, "unit", json_string(t->unit));
	json_object_set_new(o, "imbalance", json_integer(ledger_imbalance(t, row->cols)));
	for (int kind = LEDGER_IN; kind <= LEDGER_MISSED; kind++) {
		json_t *of_kind = json_object();
		for (unsigned i = 0; i < t->n_cols; i++)
			if ((int)t->cols[i].kind == kind)
				json_object_set_new(of_kind, t->cols[i].name,
						    json_integer((json_int_t)row->cols[i]));
		static const char *const keys[] = {"in",     "out",  "loss", "policy",
						   "merged", "held", "info", "missed"};
		json_object_set_new(cols, keys[kind], of_kind);
	}
	json_object_update(o, cols);
	if (row->whys)
		json_object_set_new(o, "reasons", whys_json(row));
	json_decref(cols);
	return o;
}

json_t *report_json(const struct report *r)
{
	json_t *o = json_object(), *rows = json_array();
	json_object_set_new(o, "balanced", json_boolean(report_imbalances(r) == 0));
	json_object_set_new(o, "lost", json_integer((json_int_t)report_losses(r)));
	for (const struct row *row = r->first; row; row = row->next)
		json_array_append_new(rows, row_json(row));
	json_object_set_new(o, "rows", rows);
	if (r->told)
		json_object_set(o, "told", r->told);
	return o;
}

int report_write_json(const struct report *r, const char *path, struct err *e)
{
	json_t *o = report_json(r);
	int rc = json_dump_file(o, path, JSON_INDENT(1));
	json_decref(o);
	return rc < 0 ? err_set(e, -EIO, "%s: cannot write the ledger: %s", path, strerror(errno))
		      : 0;
}
