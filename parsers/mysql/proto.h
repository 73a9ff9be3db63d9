/* proto.h - the client/server protocol of MySQL and MariaDB, as far as replication needs it.
 *
 * In:     payloads of packets; the bytes around a hole.
 * Out:    what a greeting, a login, a command says; where the next event begins.
 * Owns:   nothing.
 * Runs:   worker. Nothing here keeps state.
 * Limits: -
 *
 *     packet:              len u24 | sequence u8 | payload; len 0xffffff: the next one goes on
 *     compressed packet:   len u24 | sequence u8 | len before u24 (0: stored) | zlib or zstd
 *     answer to a dump:    0x00 | [0xef, flags: semi-sync] | event       0xff error, 0xfe end
 */
#ifndef SL_PARSERS_MYSQL_PROTO_H
#define SL_PARSERS_MYSQL_PROTO_H

#include "parsers/mysql/event.h"

#define MYSQL_PACKET_HEADER   4
#define MYSQL_SQUEEZED_HEADER 7
#define MYSQL_PACKET_MAX      0xffffffu
/* What must be there to see whether an event begins: packet header, OK byte, semi-sync, header. */
#define MYSQL_LOOK_BYTES      (MYSQL_PACKET_HEADER + 3 + MYSQL_EVENT_HEADER_LEN)

#define MYSQL_CAP_COMPRESS    (1u << 5)
#define MYSQL_CAP_41          (1u << 9)
#define MYSQL_CAP_SSL         (1u << 11)
#define MYSQL_CAP_ZSTD        (1u << 26)

enum mysql_command {
	MYSQL_COM_QUIT = 0x01,
	MYSQL_COM_QUERY = 0x03,
	MYSQL_COM_PING = 0x0e,
	MYSQL_COM_BINLOG_DUMP = 0x12,
	MYSQL_COM_REGISTER_SLAVE = 0x15,
	MYSQL_COM_PREPARE = 0x16,
	MYSQL_COM_EXECUTE = 0x17,
	MYSQL_COM_BINLOG_DUMP_GTID = 0x1e,
};

#define MYSQL_ACK 0xef /* a replica's semi-sync acknowledgement, in place of a command */

/* Version 10 of the protocol, which all servers since 1998 speak. False: it is no greeting. */
bool mysql_greeting_read(struct slice payload, uint32_t *ret_caps);

/* The client's answer to it. @ret_tls: it asks for TLS, and what follows is not readable. False: it
 * is no login.
 */
bool mysql_login_read(struct slice payload, uint32_t *ret_caps, bool *ret_tls);

/* COM_BINLOG_DUMP or COM_BINLOG_DUMP_GTID, whole. @ret_file is empty when the replica asks by GTID.
 */
bool mysql_dump_read(struct slice payload, struct slice *ret_file, uint64_t *ret_pos);

/* The server id of the replica that asks: of what mysql_dump_read has read. */
uint32_t mysql_dump_replica(struct slice payload);

/* Does this query say that the replica can bear no checksums? Then the server takes them off. */
bool mysql_query_refuses_sums(struct slice sql);

/* Is this the start of a client's packet with a command in it? The look of a few bytes: for finding
 * one's way in a session that was joined late. @s holds at least 8 bytes.
 */
bool mysql_looks_like_command(struct slice s);

/* The event in a packet of a dump: behind the OK byte and the semi-sync prefix. False: it holds
 * none, or one of another size.
 */
bool mysql_packet_event(struct slice payload, struct slice *ret_event);

/* --- Finding an event where bytes are missing or unknown -------------------------------------- */

enum mysql_scan { MYSQL_SCAN_FOUND, MYSQL_SCAN_MORE, MYSQL_SCAN_NONE };

struct mysql_scan_how {
	bool packets; /* each event in a packet of its own; else they follow each other (files) */
	bool sums_known; /* events end in a checksum: one without is none */
	bool last;       /* nothing follows these bytes */
	size_t *budget;  /* bytes that may still be summed up in vain: mysql_scan_refill */
};

/* Work in vain behind a hole, in bytes: at the beginning, and more for each byte passed over. */
#define MYSQL_SCAN_BUDGET (4u << 20)
#define MYSQL_SCAN_FACTOR 16

static inline void mysql_scan_refill(size_t *budget)
{
	if (*budget < MYSQL_SCAN_BUDGET)
		*budget += MYSQL_SCAN_FACTOR;
}

/* Looks for the first event in @s: a known type, a size that agrees with its packet, and a right
 * checksum; or, without one, a successor whose position goes on from there. @ret_at: where it (or
 * its packet) begins; bytes before it belong to none. MORE: to be asked again from there with
 * @ret_needed bytes.
 */
enum mysql_scan mysql_scan(struct slice s, const struct mysql_scan_how *how, size_t *ret_at,
			   size_t *ret_needed);

#endif
