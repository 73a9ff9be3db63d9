#include "dataplane/dim/dim.h"

extern const struct dim_kind dim_file, dim_redis;

const struct dim_kind *const dim_kinds[] = {&dim_file, &dim_redis, NULL};
