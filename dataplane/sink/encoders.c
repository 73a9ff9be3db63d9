#include "dataplane/sink/encode.h"

const struct encoder *const encoders[] = {
	&encoder_json, &encoder_debezium, &encoder_canal, &encoder_maxwell, &encoder_protobuf, NULL,
};

const char *const encoder_names[] = {
	"json", "debezium-json", "canal-json", "maxwell-json", "protobuf", NULL,
};
