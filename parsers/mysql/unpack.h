/* unpack.h - what MariaDB compressed inside of the log: events and columns (zlib).
 *
 * In:     compressed bytes.
 * Out:    bytes in the buffers of struct mysql_unpack, padded by SL_PAD.
 * Owns:   two buffers, one inflater: all made at create.
 * Runs:   create: main; the rest: worker. One per worker.
 * Limits: bytes_max each for one event and for one value; TOO_LARGE beyond.
 */
#ifndef SL_PARSERS_MYSQL_UNPACK_H
#define SL_PARSERS_MYSQL_UNPACK_H

#include "parsers/mysql/event.h"

/* @bytes_max: the longest event, and the longest value. 0 or -ENOMEM. */
int mysql_unpack_create(size_t bytes_max, struct mysql_unpack **ret_u);
void mysql_unpack_destroy(struct mysql_unpack *u);

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
