#include "dataplane/dim/dim.h"

extern const struct dim_kind dim_binlog, dim_file, dim_redis;

const struct dim_kind *const dim_kinds[] = {&dim_file, &dim_redis, &dim_binlog, NULL};
