/* proto_oracle.h - protobuf-c as the judge of messages that we wrote ourselves.
 *
 * In:     the fields of a shape; the bytes of a message.
 * Out:    the message as protobuf-c reads it; the same packed by protobuf-c.
 * Owns:   its descriptors, made at run time.
 * Runs:   any thread.
 * Limits: strings are bytes to it: protobuf-c ends a string at its first NUL.
 */
#ifndef SL_TESTS_PROTO_ORACLE_H
#define SL_TESTS_PROTO_ORACLE_H

#include <protobuf-c/protobuf-c.h>

#include "dataplane/sink/proto_shape.h"

struct proto_oracle;

/* The fields of every record, and @fields in the order of their numbers. Aborts without memory. */
struct proto_oracle *proto_oracle_create(const struct proto_field *fields, unsigned n);
void proto_oracle_destroy(struct proto_oracle *o);

/* NULL when it is no such message, or has a field that is none of these. */
ProtobufCMessage *proto_oracle_read(const struct proto_oracle *o, struct slice bytes);

/* protobuf-c's bytes of the same message are these. */
bool proto_oracle_agrees(const ProtobufCMessage *m, struct slice bytes);

/* The value of field @number, or NULL where it is not there: int64_t, double, protobuf_c_boolean,
 * ProtobufCBinaryData, or struct proto_time.
 */
const void *proto_oracle_get(const ProtobufCMessage *m, uint32_t number);

struct proto_time {
	ProtobufCMessage base;
	int64_t seconds;
	int32_t nanos;
};

#endif
