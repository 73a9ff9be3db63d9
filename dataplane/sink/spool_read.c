#include <string.h>

#include "dataplane/sink/spool_priv.h"

void spool_reader_close(struct spool *s)
{
	seg_file_close(s->file);
	s->file = NULL;
	s->unpacked = false;
}

int spool_reader_open(struct spool *s, const struct spool_seg *g, struct err *e)
{
	char path[FILE_OPS_PATH];
	if (s->file && s->file_seq == g->first_seq)
		return 0;
	spool_reader_close(s);
	spool_seg_path(s, g, path);
	int rc = seg_file_open(s->io, path, &s->file, e);
	s->file_seq = g->first_seq;
	return rc;
}

void spool_rewind(struct spool *s, uint64_t seq)
{
	s->read = seq > s->ack ? seq : s->ack;
	s->unpacked = false;
}

/* The segment that has the next record, or n_segs. */
static unsigned seg_to_read(const struct spool *s)
{
	unsigned lo = 0, hi = s->n_segs;
	while (lo < hi) {
		unsigned mid = lo + (hi - lo) / 2;
		if (s->segs[mid].end_seq > s->read)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* Numbers that were found damaged before are passed over. */
static bool pass_lost(struct spool *s)
{
	for (unsigned i = 0; i < s->n_lost; i++)
		if (s->lost[i].seq <= s->read && s->read < s->lost[i].end) {
			s->read = s->lost[i].end;
			return true;
		}
	return false;
}

/* Up to number @end nothing can be read. What is delivered meanwhile makes room in the list. */
static int lose(struct spool *s, unsigned at, uint64_t end, const struct err *why, struct err *e)
{
	uint64_t n = spool_seg_count(s, at, s->read, end);
	if (s->n_lost == SPOOL_LOST_MAX && s->lost[s->n_lost - 1].end != s->read)
		return 0;
	err_set(e, 0, "queue %s: %llu records are lost: %s", s->queue, (unsigned long long)n,
		why->text);
	spool_set_lost(s, s->read, end, n);
	s->read = end;
	s->read_fails = 0;
	return 1;
}

/* Something hinders it. A disk may want another try; damage is for ever. 1: passed over. */
static int hindered(struct spool *s, unsigned at, uint64_t end, int rc, const struct err *why,
		    struct err *e)
{
	bool ours = rc == -ENOMEM || rc == -EMFILE || rc == -ENFILE;
	s->unpacked = false;
	if (rc != -EBADMSG && rc != -ENOENT && (ours || ++s->read_fails < SPOOL_READ_TRIES))
		return err_set(e, rc, "%s", why->text);
	return lose(s, at, end, why, e);
}

/* Unpacks the frame that has the next record. 1: done, 2: passed over, 0: nothing, or -errno. */
static int unpack(struct spool *s, unsigned at, struct err *e)
{
	struct err why = {0};
	uint32_t n;
	struct spool_seg *g = &s->segs[at];
	uint64_t end = g->end_seq;
	int rc = spool_reader_open(s, g, &why);
	const struct seg_frame *frames = rc == 0 ? spool_seg_frames(s, at, &n, &why) : NULL;
	if (!frames) {
		rc = hindered(s, at, end, rc ? rc : -EIO, &why, e);
		return rc == 1 ? 2 : rc;
	}
	const struct seg_frame *fr = frames + spool_frame_of(frames, n, s->read);
	if (fr == frames + n) {
		s->read = end;
		return 2;
	}
	if (s->read < fr->seq)
		s->read = fr->seq;
	rc = seg_file_load(s->file, fr, &why);
	if (rc < 0) {
		rc = hindered(s, at, fr->seq + fr->n_recs, rc, &why, e);
		return rc == 1 ? 2 : rc;
	}
	s->read_fails = 0;
	if (s->read > fr->seq)
		seg_file_seek(s->file, (uint32_t)(s->read - fr->seq));
	s->unpacked = true;
	return 1;
}

int spool_read(struct spool *s, struct out_batch *into, uint64_t *ret_seq, struct err *e)
{
	for (;;) {
		unsigned at = seg_to_read(s);
		if (at == s->n_segs)
			return 0;
		if (pass_lost(s))
			continue;
		if (!s->unpacked) {
			int rc = unpack(s, at, e);
			if (rc == 2)
				continue;
			if (rc <= 0)
				return rc;
		}
		int n = seg_file_fill(s->file, into);
		if (n > 0) {
			*ret_seq = s->read;
			s->read += (uint64_t)n;
			return 1;
		}
		if (n < 0)
			return err_set(e, n,
				       "queue %s: record %llu is larger than a batch of %zu bytes",
				       s->queue, (unsigned long long)s->read, into->cap);
		s->unpacked = false;
	}
}
