#include "tests/support/proto_oracle.h"

#include <stdlib.h>

struct proto_oracle {
	ProtobufCMessageDescriptor message;
	ProtobufCFieldDescriptor *fields;
	ProtobufCIntRange *ranges;
	unsigned *by_name;
};

static const ProtobufCFieldDescriptor time_fields[] = {
	{.name = "seconds",
	 .id = 1,
	 .label = PROTOBUF_C_LABEL_NONE,
	 .type = PROTOBUF_C_TYPE_INT64,
	 .offset = offsetof(struct proto_time, seconds)},
	{.name = "nanos",
	 .id = 2,
	 .label = PROTOBUF_C_LABEL_NONE,
	 .type = PROTOBUF_C_TYPE_INT32,
	 .offset = offsetof(struct proto_time, nanos)},
};
static const unsigned time_names[] = {1, 0};
static const ProtobufCIntRange time_ranges[] = {{1, 0}, {0, 2}};
static const ProtobufCMessageDescriptor time_message = {
	.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
	.name = "google.protobuf.Timestamp",
	.sizeof_message = sizeof(struct proto_time),
	.n_fields = 2,
	.fields = time_fields,
	.fields_sorted_by_name = time_names,
	.n_field_ranges = 1,
	.field_ranges = time_ranges,
};

/* A field's place in the message: the mark that it is there, and a value of at most 16 bytes. */
struct cell {
	uint64_t has;
	uint8_t value[16];
};

static void *must(void *p)
{
	if (!p)
		abort();
	return p;
}

static ProtobufCFieldDescriptor describe(const struct proto_field *f, unsigned i)
{
	size_t at = sizeof(ProtobufCMessage) + i * sizeof(struct cell);
	ProtobufCFieldDescriptor d = {.name = f->name,
				      .id = f->number,
				      .label = PROTOBUF_C_LABEL_OPTIONAL,
				      .type = PROTOBUF_C_TYPE_BYTES,
				      .quantifier_offset =
					      (unsigned)(at + offsetof(struct cell, has)),
				      .offset = (unsigned)(at + offsetof(struct cell, value))};
	if (f->kind == PROTO_K_BOOL)
		d.type = PROTOBUF_C_TYPE_BOOL;
	else if (f->kind == PROTO_K_INT64)
		d.type = PROTOBUF_C_TYPE_INT64;
	else if (f->kind == PROTO_K_DOUBLE)
		d.type = PROTOBUF_C_TYPE_DOUBLE;
	else if (f->kind == PROTO_K_TIME) {
		d.type = PROTOBUF_C_TYPE_MESSAGE;
		d.descriptor = &time_message;
	}
	return d;
}

struct proto_oracle *proto_oracle_create(const struct proto_field *fields, unsigned n)
{
	struct proto_oracle *o = must(calloc(1, sizeof(*o)));
	unsigned n_all = n + PROTO_N_META - 1, n_ranges = 0;
	o->fields = must(calloc(n_all, sizeof(*o->fields)));
	o->ranges = must(calloc(n_all + 1, sizeof(*o->ranges)));
	o->by_name = must(calloc(n_all, sizeof(*o->by_name)));
	for (unsigned i = 0; i < n_all; i++) {
		const struct proto_field *f =
			i < PROTO_N_META - 1 ? &proto_meta[i + 1] : &fields[i - PROTO_N_META + 1];
		o->fields[i] = describe(f, i);
		if (i == 0 || o->fields[i].id != o->fields[i - 1].id + 1)
			o->ranges[n_ranges++] = (ProtobufCIntRange){(int)f->number, i};
	}
	o->ranges[n_ranges] = (ProtobufCIntRange){0, n_all};
	o->message = (ProtobufCMessageDescriptor){
		.magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
		.name = "record",
		.sizeof_message = sizeof(ProtobufCMessage) + n_all * sizeof(struct cell),
		.n_fields = n_all,
		.fields = o->fields,
		.fields_sorted_by_name = o->by_name,
		.n_field_ranges = n_ranges,
		.field_ranges = o->ranges,
	};
	return o;
}

void proto_oracle_destroy(struct proto_oracle *o)
{
	if (!o)
		return;
	free(o->fields);
	free(o->ranges);
	free(o->by_name);
	free(o);
}

ProtobufCMessage *proto_oracle_read(const struct proto_oracle *o, struct slice bytes)
{
	ProtobufCMessage *m = protobuf_c_message_unpack(&o->message, NULL, bytes.len, bytes.ptr);
	if (m && m->n_unknown_fields) {
		protobuf_c_message_free_unpacked(m, NULL);
		return NULL;
	}
	return m;
}

bool proto_oracle_agrees(const ProtobufCMessage *m, struct slice bytes)
{
	size_t len = protobuf_c_message_get_packed_size(m);
	uint8_t *out = must(malloc(len + 1));
	protobuf_c_message_pack(m, out);
	bool same = slice_eq(slice_of(out, len), bytes);
	free(out);
	return same;
}

const void *proto_oracle_get(const ProtobufCMessage *m, uint32_t number)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		const uint8_t *value = (const uint8_t *)m + f->offset;
		if (f->id != number)
			continue;
		if (f->type == PROTOBUF_C_TYPE_MESSAGE)
			return *(void *const *)value;
		return *(const protobuf_c_boolean *)((const uint8_t *)m + f->quantifier_offset)
			       ? value
			       : NULL;
	}
	return NULL;
}
