/* replay.h - the replay source: capture files as a stream of packets.
 *
 * In:     pcap and pcapng files of either byte order, plain or compressed (gzip, zstd), "-" for
 *         standard input; what libpcap alone knows (old versions, vendors' pcap) from plain files.
 * Out:    struct pkt_raw, several files merged by time; borrowed until the next receive.
 * Owns:   its files, their buffers and decompressors, all made at open.
 * Runs:   open and close: main. receive: one worker; it allocates nothing, except that libpcap may
 *         in the formats that are its own.
 * Limits: 16 MiB a packet, 65,535 files, 4,096 interfaces a pcapng section, 128 MiB zstd window.
 *
 * Order:  a file keeps its own order, also where its times go backwards. Of several files the one
 *         whose next packet is the oldest comes first, and of equal ones the first named.
 * Errors: a file that breaks (cut in a packet, wrong block length, bad checksum of gzip) ends
 * there: what was whole before is handed out, the other files go on to their end, then receive
 *         returns the error of each broken file once, with "FILE: offset N: what" in capture.err,
 *         and after these -ENODATA. Offsets in compressed files count decompressed bytes, except
 *         where the compression itself is broken.
 * Loops:  each pass adds (newest - oldest time of the first pass) + REPLAY_GAP_NS to the times of
 * the one before, so that time goes on growing. Packet numbers go on growing too. A broken file
 *         ends the replay with the pass.
 */
#ifndef SL_CAPTURE_REPLAY_H
#define SL_CAPTURE_REPLAY_H

#include "dataplane/capture/capture.h"

#define REPLAY_PACKET_MAX   (16u << 20)
#define REPLAY_FILES_MAX    65535
#define REPLAY_READ_DEFAULT (256u << 10)
#define REPLAY_READ_MIN     64
#define REPLAY_READ_MAX     (1u << 30)

/* Between two passes: longer than any session lives idle (flow.tcp_idle is 1 h); with a speed 1 ms,
 * and sessions may then reach from one pass into the next.
 */
#define REPLAY_GAP_NS       (7200ull * 1000000000)
#define REPLAY_GAP_PACED_NS 1000000ull

struct replay_conf {
	const char *const *paths; /* "-": standard input, at most once; borrowed until close */
	unsigned n_paths;
	size_t read_bytes; /* of one read; 0: REPLAY_READ_DEFAULT. The packets are the same at any
			    */
	unsigned loop;     /* passes over the files; 0 and 1: once */
	double speed;      /* 0: as fast as possible; 1: real time; X: X times as fast as that */
};

/* Opens all files and checks their headers. -ENOENT, -EACCES, ...: a file cannot be opened.
 * -EINVAL: it is no capture file, or the configuration makes no sense. -ENOMEM. capture_stats:
 * bytes counts what was used of the files as they are (compressed), in steps of read_bytes;
 * bytes_total is the sum of their sizes times loop, 0 with standard input or a pipe.
 *
 * receive returns 0 when the next packet is not due yet (with speed) or when a pipe has no more
 * just now; it waits for either at most 1 ms.
 */
int replay_open(const struct replay_conf *conf, struct capture **ret_c, struct err *e);

/* The same formats out of memory, borrowed until close and not copied: packets point into it, so
 * SL_PAD readable bytes must follow it if later stages read with vectors.
 */
int replay_open_memory(const void *bytes, size_t len, unsigned loop, struct capture **ret_c,
		       struct err *e);

#endif
