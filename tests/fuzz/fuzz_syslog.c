#include "parsers/parsers.h"
#include "tests/fuzz/fuzz_parser.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t len)
{
	return fuzz_parser(&parser_syslog, p, len);
}
