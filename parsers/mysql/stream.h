/* stream.h - packets that do not stand whole in what TCP brings: compressed ones, and events of
 * more than 16 MiB, which go on in further packets.
 *
 * In:     units of a session's server side, in order: a packet, or a compressed packet.
 * Out:    payloads, contiguous, borrowed until the stream is fed or the payload dropped.
 * Owns:   MYSQL_STREAMS buffers, lent to sessions that hold half an event; an inflater.
 * Runs:   create and destroy: main; the rest: worker.
 * Limits: MYSQL_STREAM_BYTES a session; when all buffers are lent the one that has been quiet for
 *         longest is taken away.
 */
#ifndef SL_PARSERS_MYSQL_STREAM_H
#define SL_PARSERS_MYSQL_STREAM_H

#include "dataplane/base/slice.h"

#define MYSQL_STREAMS      32
#define MYSQL_STREAM_BYTES (96u << 20)

struct mysql_streams;
struct mysql_stream;

enum mysql_squeeze { MYSQL_PLAIN, MYSQL_ZLIB, MYSQL_ZSTD };

/* 0 or -ENOMEM. */
int mysql_streams_create(struct mysql_streams **ret_ss);
void mysql_streams_destroy(struct mysql_streams *ss);

/* The stream that @owner (not 0) has been lent; with @lend also a new one. NULL: none. */
struct mysql_stream *mysql_stream_of(struct mysql_streams *ss, uint32_t owner, bool lend);

/* Bytes behind those that are there. NULL, or static text that says why not: the stream is of no
 * more use then.
 */
const char *mysql_stream_add(struct mysql_stream *s, struct slice bytes);

/* The same for a compressed packet, header included. */
const char *mysql_stream_add_squeezed(struct mysql_streams *ss, struct mysql_stream *s,
				      enum mysql_squeeze how, struct slice packet);

/* The first bytes of what a compressed packet holds, at most @cap, without a stream: of zlib and of
 * stored ones the start of the packet is enough, of zstd the whole packet must be there. 0: they
 * cannot be had.
 */
size_t mysql_stream_start(struct mysql_streams *ss, enum mysql_squeeze how, struct slice packet,
			  uint8_t *out, size_t cap);

/* The payload of the first packet, if it is there to its end: the continuations of a long one are
 * joined to it.
 */
bool mysql_stream_payload(struct mysql_stream *s, struct slice *ret_payload);

/* That packet is done with. */
void mysql_stream_drop(struct mysql_stream *s);

/* All bytes that are there, and some of them done with: to look for an event behind a hole. */
struct slice mysql_stream_bytes(const struct mysql_stream *s);
void mysql_stream_skip(struct mysql_stream *s, size_t n);

/* The buffer is lent no longer. */
void mysql_stream_give_back(struct mysql_stream *s);

#endif
