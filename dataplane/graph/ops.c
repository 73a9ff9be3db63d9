#include "dataplane/graph/op.h"

extern const struct op op_enrich, op_filter, op_project, op_route, op_union;

const struct op *const ops[] = {&op_enrich, &op_filter, &op_project, &op_route, &op_union, NULL};
