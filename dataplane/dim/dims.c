#include "dataplane/dim/dim.h"

extern const struct dim_kind dim_file;

const struct dim_kind *const dim_kinds[] = {&dim_file, NULL};
