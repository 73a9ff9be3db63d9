/* unpack.h - what a server compressed inside of the log: MariaDB's events and columns (zlib),
 * MySQL's transactions (zstd).
 *
 * In:     compressed bytes.
 * Out:    bytes in the buffers of struct mysql_unpack, padded by SL_PAD.
 * Owns:   three buffers, one inflater, one zstd context: all made at create.
 * Runs:   create: main; the rest: worker. One per worker.
 * Limits: bytes_max each for the events of a transaction, for one event, for one value; TOO_LARGE
 * beyond.
 */
#ifndef SL_PARSERS_MYSQL_UNPACK_H
#define SL_PARSERS_MYSQL_UNPACK_H

#include "parsers/mysql/event.h"

/* @bytes_max: the longest transaction payload, and the longest event. 0 or -ENOMEM. */
int mysql_unpack_create(size_t bytes_max, struct mysql_unpack **ret_u);
void mysql_unpack_destroy(struct mysql_unpack *u);

/* TRANSACTION_PAYLOAD: the events inside, one behind the other, without checksums: read them with
 * mysql_event_parse and a format whose `checksum` is false. The result lives until the next
 * payload: events inside of it may be unpacked again (mysql_unpack_event).
 */
enum mysql_fault mysql_unpack_payload(struct mysql_unpack *u, const struct mysql_event *ev,
				      struct slice *ret_events);

/* A zlib block of MariaDB: `0x80 | n`, n bytes of length (big-endian), zlib stream. The result
 * lives until the next call. mysql_query_parse and mysql_rows_begin call this themselves.
 */
enum mysql_fault mysql_unpack_event(struct mysql_unpack *u, struct slice block,
				    struct slice *ret_body);

/* One value of a compressed column. The result lives until the next value; it has a buffer of its
 * own, so that values inside of unpacked events can be read.
 */
enum mysql_fault mysql_unpack_column(struct mysql_unpack *u, struct slice block,
				     struct slice *ret_value);

#endif
