#include "dataplane/sink/encode.h"

const struct encoder *const encoders[] = {
	&encoder_json, &encoder_debezium, &encoder_canal, &encoder_maxwell, NULL,
};

const char *const encoder_names[] = {
	"json", "debezium-json", "canal-json", "maxwell-json", NULL,
};
