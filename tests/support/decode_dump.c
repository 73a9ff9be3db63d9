/* decode_dump.c - one line for each packet of a capture file: what it was decoded to.
 *
 * In:     [-d off|safe|all] [-x] FILE
 * Out:    number, outcome (a column of decode_ledger), addresses, protocol, ports, TCP numbers,
 *         length, bytes cut, checksum, and with -x the payload in hex; tab-separated. The ledger
 *         goes to standard error, its imbalance is the exit code.
 * Owns:   -
 * Runs:   tests; decode_oracle.py compares it with other dissectors.
 * Limits: a file of one link type.
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "tests/support/decode_in.h"

static const char *outcome(const uint64_t *before, const uint64_t *after)
{
	for (unsigned i = 0; i < DECODE_N_COLS; i++) {
		enum ledger_kind kind = decode_ledger.cols[i].kind;
		if (kind != LEDGER_IN && kind != LEDGER_INFO && kind != LEDGER_MERGED &&
		    i != DECODE_fragment_timeout && after[i] > before[i])
			return decode_ledger.cols[i].name;
	}
	return "?";
}

static void print_address(const uint8_t *a)
{
	char text[INET6_ADDRSTRLEN];
	bool mapped = memcmp(a, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12) == 0;
	printf("\t%s", mapped ? inet_ntop(AF_INET, a + 12, text, sizeof(text))
			      : inet_ntop(AF_INET6, a, text, sizeof(text)));
}

static void print_packet(const struct pkt *p, bool hex)
{
	print_address(p->src);
	print_address(p->dst);
	printf("\t%u\t%u\t%u\t%u\t%u\t%u\t%u\t%u\t%u", p->proto, p->sport, p->dport, p->seq, p->ack,
	       p->tcp_flags, p->len, p->cut_bytes, p->checksum);
	printf("\t");
	for (uint32_t i = 0; hex && i < p->len; i++)
		printf("%02x", p->payload[i]);
}

int main(int argc, char **argv)
{
	struct decode_conf conf = decode_conf_default();
	bool hex = false;
	int c;
	while ((c = getopt(argc, argv, "d:x")) != -1) {
		if (c == 'x')
			hex = true;
		else if (c == 'd')
			conf.dedup = *optarg == 'o' ? DEDUP_OFF
						    : (*optarg == 'a' ? DEDUP_ALL : DEDUP_SAFE);
		else
			return 2;
	}
	struct decode_in in;
	struct decode *d;
	struct err e;
	if (optind + 1 != argc || !decode_in_open(&in, argv[optind])) {
		fprintf(stderr, "decode_dump: %s\n", optind + 1 == argc ? in.text : "one FILE");
		return 2;
	}
	if (decode_create(&conf, &d, &e) != 0) {
		fprintf(stderr, "decode_dump: %s\n", e.text);
		return 2;
	}
	struct pkt_raw raw;
	struct pkt out;
	int64_t wrong = 0;
	while (decode_in_next(&in, &raw)) {
		uint64_t before[DECODE_N_COLS];
		memcpy(before, decode_row(d), sizeof(before));
		unsigned n = decode_burst(d, &raw, 1, &out);
		printf("%" PRIu64 "\t%s", raw.number, outcome(before, decode_row(d)));
		if (n)
			print_packet(&out, hex);
		printf("\n");
		decode_release(d);
		wrong |= ledger_imbalance(&decode_ledger, decode_row(d));
	}
	decode_finish(d);
	wrong |= ledger_imbalance(&decode_ledger, decode_row(d));
	for (unsigned i = 0; i < DECODE_N_COLS; i++)
		if (decode_row(d)[i])
			fprintf(stderr, "%s %" PRIu64 "\n", decode_ledger.cols[i].name,
				decode_row(d)[i]);
	decode_destroy(d);
	decode_in_close(&in);
	return wrong != 0;
}
