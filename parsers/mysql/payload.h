/* payload.h - the events inside of a transaction that MySQL has compressed, one by one, whatever
 * their sum.
 *
 * In:     a TRANSACTION_PAYLOAD event, whole or as its bytes come.
 * Out:    the events inside, borrowed until the next call; they have no checksums of their own.
 * Owns:   MYSQL_PAYLOADS readers: each a zstd context with its window, and room for one event.
 * Runs:   create and destroy: main; the rest: worker.
 * Limits: an event inside has at most @inner_max bytes (a longer one is told and passed over); what
 *         comes out of one payload is bounded by its begin; windows as zstd's own tool has them
 *         (128 MiB: that of level 22; 2 MiB at MySQL's default level). Memory is touched as it is
 *         needed. When all readers are lent the one that has been quiet for longest is taken away.
 *
 *     header of the event, 19 bytes |
 *     { field packed, length packed, value }... 0       1: size of the compressed bytes
 *                                                       2: algorithm, 0 zstd, 255 none
 *                                                       3: size of the events
 *     compressed bytes | checksum of all before
 */
#ifndef SL_PARSERS_MYSQL_PAYLOAD_H
#define SL_PARSERS_MYSQL_PAYLOAD_H

#include "parsers/mysql/event.h"

#define MYSQL_PAYLOADS      8
/* What stands in front of the compressed bytes is shorter. */
#define MYSQL_PAYLOAD_HEAD  128
/* The first bytes of the event that are kept, to be shown when it cannot be read. */
#define MYSQL_PAYLOAD_FRONT 65536

struct mysql_payloads;
struct mysql_payload;

/* 0 or -ENOMEM. */
int mysql_payloads_create(size_t inner_max, struct mysql_payloads **ret_ps);
void mysql_payloads_destroy(struct mysql_payloads *ps);

/* The reader that @owner (not 0) has been lent for its event number @serial, or 0: any. NULL: none.
 */
struct mysql_payload *mysql_payload_of(struct mysql_payloads *ps, uint32_t owner, uint64_t serial);

/* A reader for the event that begins with ev->bytes: MYSQL_PAYLOAD_HEAD of them at least, or all.
 * @bytes_max: what may come out of it. @skip: events inside of that many bytes are done with.
 */
struct mysql_payload *mysql_payload_begin(struct mysql_payloads *ps, uint32_t owner,
					  uint64_t serial, const struct mysql_event *ev,
					  uint64_t bytes_max, uint64_t skip);
void mysql_payload_give_back(struct mysql_payload *p);

/* So many bytes of the event are done with; those behind them are what mysql_payload_next takes. */
size_t mysql_payload_fed(const struct mysql_payload *p);

/* Bytes of the events inside that are done with. */
uint64_t mysql_payload_done(const struct mysql_payload *p);

/* The first bytes of the event, up to MYSQL_PAYLOAD_FRONT of those that are fed. */
struct slice mysql_payload_front(const struct mysql_payload *p);

/* The next event inside: OK with all of it and some bytes that stand behind it, enough to see
 * whether they commit; END; MORE when @io_in is used up. What is taken of @io_in is cut off its
 * front. TOO_LARGE: that event alone cannot be held, *ret_events is its header. All other faults
 * end the payload, and stay.
 */
enum mysql_fault mysql_payload_next(struct mysql_payload *p, struct slice *io_in,
				    struct slice *ret_events);

/* The first @n bytes of what came out are done with: an event. */
void mysql_payload_drop(struct mysql_payload *p, size_t n);

/* Behind END, for what came in pieces: the rest of the event is taken, and its checksum compared,
 * if it has one (@sums: it may). OK, MORE or CHECKSUM.
 */
enum mysql_fault mysql_payload_sum(struct mysql_payload *p, struct slice *io_in, bool sums);

/* What was found to be wrong with it, or OK; bytes may be wanted still that are shown with it. */
enum mysql_fault mysql_payload_fault(const struct mysql_payload *p);

/* From now on this is what mysql_payload_next says. */
void mysql_payload_fail(struct mysql_payload *p, enum mysql_fault fault);

#endif
