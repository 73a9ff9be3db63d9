#include "dataplane/graph/fn.h"

const struct fn_table *const fn_tables[] = {
	&fns_compare, &fns_arith, &fns_math,      &fns_cast, &fns_text, &fns_text_edit,
	&fns_pattern, &fns_time,  &fns_time_make, &fns_json, &fns_inet, &fns_hash,
};

const unsigned fn_n_tables = sizeof(fn_tables) / sizeof(fn_tables[0]);
