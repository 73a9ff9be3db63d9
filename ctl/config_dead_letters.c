#include "ctl/config_read.h"

/* Without the section there are none. */
int config_read_dead_letters(struct config_loader *l)
{
	const struct yaml_val *v = yaml_val_get(l->root, "dead_letters");
	struct options_part part = {dead_letter_opts, &l->c->dead_letters};
	struct options_shape shape = {.parts = &part, .n_parts = 1};
	if (!v)
		return 0;
	if (options_read(&l->r, &shape, v) &&
	    l->c->dead_letters.bytes_max < 2 * l->c->dead_letters.segment_bytes)
		option_err(&l->r, yaml_val_get(v, "bytes_max") ? yaml_val_get(v, "bytes_max") : v,
			   "room for less than two segments; expected at least 2 * segment");
	return 0;
}
