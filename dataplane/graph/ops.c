#include "dataplane/graph/op.h"

extern const struct op op_aggregate, op_dedup, op_enrich, op_filter, op_mask, op_project, op_route,
	op_sample, op_sql, op_union;

const struct op *const ops[] = {&op_aggregate, &op_dedup,   &op_enrich, &op_filter,
				&op_mask,      &op_project, &op_route,  &op_sample,
				&op_sql,       &op_union,   NULL};
