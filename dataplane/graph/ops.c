#include "dataplane/graph/op.h"

extern const struct op op_union;

const struct op *const ops[] = {&op_union, NULL};
