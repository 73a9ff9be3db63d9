#include "dataplane/capture/file.h"

#include <stdio.h>

/* "de ad be ef", for the message about a file that is none. */
static void put_hex(struct slice s, char out[16])
{
	out[0] = '\0';
	for (size_t i = 0; i < s.len && i < 4; i++)
		snprintf(out + 3 * i, 16 - 3 * i, "%02x ", s.ptr[i]);
}

/* libpcap reads from a file of its own, from the start: not from pipes, memory, decompressors. */
static bool libpcap_can(const struct file *f)
{
	return f->block.fd >= 0 && !f->block.pipe && !f->block.unpack;
}

static int start_foreign(struct file *f)
{
	struct block *b = &f->block;
	if (libpcap_can(f)) {
		f->format = FILE_FOREIGN;
		return file_foreign_start(f);
	}
	char hex[16];
	put_hex(slice_of(b->at, block_left(b)), hex);
	return block_fail(b, -EINVAL, 0,
			  "expected pcap 2.4, pcapng or a binary log, found bytes %s(other formats "
			  "go through "
			  "libpcap, from plain files only)",
			  hex);
}

static int start_format(struct file *f)
{
	struct block *b = &f->block;
	if (!block_left(b))
		return block_fail(b, -EINVAL, 0, "expected pcap or pcapng, the file is empty");
	if (block_left(b) < 4)
		return start_foreign(f);
	uint32_t magic = file_u32(b->at, false);
	if (magic == PCAPNG_MAGIC) {
		f->format = FILE_PCAPNG;
		return file_pcapng_start(f);
	}
	if (magic == BINLOG_MAGIC) {
		f->format = FILE_BINLOG;
		return file_binlog_start(f);
	}
	f->pcap.swap = magic == bswap_32(PCAP_MAGIC_MICRO) || magic == bswap_32(PCAP_MAGIC_NANO);
	uint32_t ours = f->pcap.swap ? bswap_32(magic) : magic;
	f->pcap.nano = ours == PCAP_MAGIC_NANO;
	if (ours != PCAP_MAGIC_MICRO && ours != PCAP_MAGIC_NANO)
		return start_foreign(f);
	f->format = FILE_PCAP;
	int rc = file_pcap_start(f);
	return rc == -ENOTSUP ? start_foreign(f) : rc;
}

/* What is damaged in the header is no capture file to the caller. */
static int start_file(struct file *f, struct err *e)
{
	int rc = start_format(f);
	if (rc == 0)
		return 0;
	return err_set(e, rc == -EBADMSG ? -EINVAL : rc, "%s", f->block.err.text);
}

int file_init(struct file *f, const char *path, size_t read_bytes, struct capture_stats *stats,
	      struct err *e)
{
	int rc = block_init_file(&f->block, path, read_bytes, stats, e);
	return rc ? rc : start_file(f, e);
}

int file_init_memory(struct file *f, struct slice bytes, struct capture_stats *stats, struct err *e)
{
	int rc = block_init_memory(&f->block, bytes, stats, e);
	return rc ? rc : start_file(f, e);
}

void file_fini(struct file *f)
{
	if (f->format == FILE_PCAPNG)
		file_pcapng_fini(f);
	if (f->format == FILE_BINLOG)
		file_binlog_fini(f);
	if (f->format == FILE_FOREIGN)
		file_foreign_fini(f);
	block_fini(&f->block);
}

int file_rewind(struct file *f)
{
	if (f->format == FILE_FOREIGN)
		return file_foreign_rewind(f);
	int rc = block_rewind(&f->block);
	if (rc)
		return rc;
	/* The header is read again, and was right before; a file that has changed may fail. */
	if (f->format == FILE_BINLOG)
		return file_binlog_start(f);
	return f->format == FILE_PCAP ? file_pcap_start(f) : file_pcapng_start(f);
}

int file_burst(struct file *f, struct pkt_raw *out, unsigned max, bool may_fill)
{
	switch (f->format) {
	case FILE_PCAP:
		return file_pcap_burst(f, out, max, may_fill);
	case FILE_PCAPNG:
		return file_pcapng_burst(f, out, max, may_fill);
	case FILE_BINLOG:
		return file_binlog_burst(f, out, max, may_fill);
	case FILE_FOREIGN:
		break;
	}
	return file_foreign_burst(f, out, max, may_fill);
}
