/* Formats that libpcap alone knows: pcap before 2.4, the ones of Kuznetzov, Navtel, IXIA. It gives
 * one packet at a time out of a buffer of its own, so packets are copied into the window.
 */
#include <pcap/pcap.h>
#include <stdio.h>
#include <unistd.h>

#include "dataplane/base/civil.h"
#include "dataplane/base/mem.h"
#include "dataplane/capture/file.h"

struct foreign {
	pcap_t *pcap;
	uint16_t link;
	int state;    /* 0, or how it ended: libpcap tells an error only once */
	bool waiting; /* a packet that had no room in the burst before */
	size_t used;  /* bytes of the window taken by this burst */
	struct pcap_pkthdr *head;
	const u_char *bytes;
};

/* Link types are numbered as in files except for the few that systems number differently. */
static uint16_t link_of(pcap_t *pcap)
{
	int dlt = pcap_datalink(pcap);
	return dlt == DLT_RAW ? LINK_RAW : (uint16_t)dlt;
}

static int open_pcap(struct file *f)
{
	struct block *b = &f->block;
	char text[PCAP_ERRBUF_SIZE] = "";
	int fd = dup(b->fd);
	FILE *file = fd < 0 || lseek(fd, 0, SEEK_SET) < 0 ? NULL : fdopen(fd, "rb");
	if (!file) {
		int code = -errno;
		if (fd >= 0)
			close(fd);
		return block_fail(b, code, 0, "cannot open it again: %s", strerrordesc_np(-code));
	}
	f->foreign->pcap =
		pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, text);
	if (!f->foreign->pcap) {
		fclose(file);
		return block_fail(b, -EINVAL, 0,
				  "expected pcap or pcapng, or what libpcap reads; it says: %s",
				  text);
	}
	f->foreign->link = link_of(f->foreign->pcap);
	f->foreign->waiting = false;
	f->foreign->state = 0;
	b->counted = 0;
	return 0;
}

int file_foreign_start(struct file *f)
{
	f->foreign = mem_alloc(sizeof(*f->foreign));
	if (!f->foreign)
		return block_fail(&f->block, -ENOMEM, 0, "no memory");
	return open_pcap(f);
}

int file_foreign_rewind(struct file *f)
{
	bool sealed = mem_sealed();
	mem_seal(false);
	pcap_close(f->foreign->pcap);
	f->foreign->pcap = NULL;
	int rc = open_pcap(f);
	mem_seal(sealed);
	return rc;
}

void file_foreign_fini(struct file *f)
{
	if (f->foreign && f->foreign->pcap)
		pcap_close(f->foreign->pcap);
	mem_free(f->foreign);
}

static uint64_t position(struct file *f)
{
	off_t at = ftello(pcap_file(f->foreign->pcap));
	return at < 0 ? 0 : (uint64_t)at;
}

/* libpcap keeps the unsigned seconds of the file in a signed word. */
static uint64_t time_of(const struct pcap_pkthdr *head)
{
	return (uint32_t)head->ts.tv_sec * NS_PER_S + (uint64_t)head->ts.tv_usec;
}

/* 0 with the next packet in foreign.head, -ENODATA, or an error. */
static int next_packet(struct file *f)
{
	struct foreign *x = f->foreign;
	struct block *b = &f->block;
	if (x->waiting || x->state)
		return x->state;
	bool sealed = mem_sealed();
	mem_seal(false); /* its buffer grows with the packets */
	int rc = pcap_next_ex(x->pcap, &x->head, &x->bytes);
	mem_seal(sealed);
	if (rc == PCAP_ERROR_BREAK)
		x->state = -ENODATA;
	else if (rc != 1)
		x->state = block_fail(b, -EBADMSG, position(f), "libpcap says: %s",
				      pcap_geterr(x->pcap));
	else if (x->head->caplen > REPLAY_PACKET_MAX)
		x->state = block_fail(b, -EBADMSG, position(f), "the packet is longer than 16 MiB");
	else if (x->head->caplen > b->cap)
		x->state = block_fail(b, -EBADMSG, position(f), "the file grew while it was read");
	x->waiting = !x->state;
	if (x->state)
		block_count_to(b, position(f));
	return x->state;
}

int file_foreign_burst(struct file *f, struct pkt_raw *out, unsigned max, bool may_fill)
{
	struct foreign *x = f->foreign;
	struct block *b = &f->block;
	if (may_fill) {
		x->used = 0;
		block_count_to(b, position(f));
	}
	for (unsigned n = 0;; n++) {
		int rc = n < max ? next_packet(f) : 0;
		if (rc && !n)
			return rc;
		if (rc || n == max || x->head->caplen > b->cap - x->used)
			return (int)n;
		uint8_t *to = b->buf + x->used;
		memcpy(to, x->bytes, x->head->caplen);
		x->used += x->head->caplen;
		x->waiting = false;
		file_packet(&out[n], to, x->head->caplen, x->head->len, 0);
		out[n].time_ns = file_add_ns(time_of(x->head), f->shift_ns);
		out[n].link = x->link;
		out[n].port = 0;
	}
}
