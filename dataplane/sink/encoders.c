#include "dataplane/sink/encode.h"

const struct encoder *const encoders[] = {
	&encoder_json,
	NULL,
};

const char *const encoder_names[] = {
	"json",
	NULL,
};
