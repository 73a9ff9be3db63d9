#include "ctl/config_read.h"
#include "ctl/say.h"

static const char *const forms[] = {[SAY_TEXT] = "text", [SAY_JSON] = "json", NULL};

const struct opt config_log_opts[] = {
	{.name = "level",
	 .type = OPT_ENUM,
	 .off = offsetof(struct log_conf, level),
	 .choices = say_levels,
	 .def = "info",
	 .help = "The least of what `sluiced run` tells on standard error; `sluicectl log` changes "
		 "it while it runs."},
	{.name = "form",
	 .type = OPT_ENUM,
	 .off = offsetof(struct log_conf, form),
	 .choices = forms,
	 .def = "text",
	 .help = "A line of text, or a JSON object: time, level, part, text. Beneath systemd each "
		 "line has its level for the journal."},
	OPT_END,
};
