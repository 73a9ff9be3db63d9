#include "dataplane/base/mem.h"
#include "dataplane/graph/op_parts.h"

/* What several nodes give, as one. The graph itself does it: `from` may be a list anywhere. */

#define UNION_COLS(X)                              \
	X(IN, records_in, "records of all inputs") \
	X(OUT, records_out, "the same")
#define UNION_COL(kind, name, help) UNION_##name,
enum { UNION_COLS(UNION_COL) UNION_N_COLS };
LEDGER_DEFINE(union, "union", "records", UNION_COLS);

static const struct opt union_opts[] = {OPT_END};

static int union_build(const void *conf, const struct op_env *env, struct op_plan **ret_p,
		       struct err *e)
{
	struct op_plan *p = mem_alloc(sizeof(*p));
	if (!p || op_ports_init(p, 1) < 0 || op_schema_copy(p, 0, env->in) < 0) {
		op_plan_free(p);
		return err_set(e, -ENOMEM, "no memory for %s", env->name);
	}
	*ret_p = p;
	return 0;
}

static void union_run(const struct op_plan *p, void *state, struct op_run *x,
		      struct rec *const *recs, unsigned n)
{
	uint64_t *row = op_row(x);
	row[UNION_records_in] += n;
	row[UNION_records_out] += n;
	op_emit(x, 0, recs, n);
}

const struct op op_union = {
	.name = "union",
	.summary = "The records of several nodes or sources as one stream",
	.opts = union_opts,
	.ledger = &union_ledger,
	.build = union_build,
	.destroy = op_plan_free,
	.run = union_run,
};
