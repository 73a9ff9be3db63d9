#include "dataplane/frame/reasons.h"

#include <assert.h>

#include "dataplane/frame/parser.h"

static const char other_reasons[] = "other reasons";

unsigned reasons_place(struct reasons *r, unsigned col, const char *text)
{
	for (unsigned i = 0; i < REASONS_MAX; i++) {
		struct reason *at = &r->of[i];
		if (i == REASONS_NAMED)
			text = other_reasons;
		if (!at->text)
			*at = (struct reason){.text = text, .col = col};
		if (at->text == text && at->col == col)
			return i;
	}
	assert(false);
	return REASONS_MAX - 1;
}

const char *reason_of_bytes(struct slice first)
{
	static const struct {
		struct slice begin;
		const char *text;
	} known[] = {
		{SLICE_LIT("PRI * HTTP/2"), "HTTP/2, which is not read"},
		{SLICE_LIT("SSH-"), "SSH"},
		{SLICE_LIT("\x1f\x8b"), "compressed as a whole: gzip"},
		{SLICE_LIT("\x28\xb5\x2f\xfd"), "compressed as a whole: zstd"},
		{SLICE_LIT("\x04\x22\x4d\x18"), "compressed as a whole: lz4"},
		{SLICE_LIT("BZh"), "compressed as a whole: bzip2"},
		{SLICE_LIT("\xfd"
			   "7zXZ"),
		 "compressed as a whole: xz"},
	};
	if (parser_sees_tls(first))
		return PARSER_TLS;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (slice_starts(first, known[i].begin))
			return known[i].text;
	return "no source knows its first bytes";
}
