#include "ctl/complete.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char bash_script[] = "_sluicectl() {\n"
				  "    local IFS=$'\\n'\n"
				  "    COMPREPLY=($(sluicectl complete "
				  "\"${COMP_WORDS[@]:1:COMP_CWORD}\" 2>/dev/null | cut -f1))\n"
				  "}\n"
				  "complete -o default -F _sluicectl sluicectl\n";

static const char zsh_script[] =
	"#compdef sluicectl\n"
	"_sluicectl() {\n"
	"    local -a lines\n"
	"    lines=(\"${(@f)$(sluicectl complete \"${(@)words[2,CURRENT]}\" 2>/dev/null |\n"
	"        sed 's/:/\\\\:/g; s/\\t/:/')}\")\n"
	"    [[ -n $lines[1] ]] && _describe -t commands sluicectl lines || _files\n"
	"}\n"
	"# Autoloaded from a file, or evaluated.\n"
	"if [[ $funcstack[1] == _sluicectl ]]; then _sluicectl \"$@\"\n"
	"else compdef _sluicectl sluicectl; fi\n";

const char *complete_script(const char *shell)
{
	return strcmp(shell, "bash") == 0  ? bash_script
	       : strcmp(shell, "zsh") == 0 ? zsh_script
					   : NULL;
}

static void offer(const char *word, size_t len, const char *help, const char *begun, FILE *f)
{
	if (strncmp(word, begun, strlen(begun)) == 0 && len >= strlen(begun))
		fprintf(f, "%.*s\t%.*s\n", (int)len, word, (int)strcspn(help, "\n"), help);
}

/* How many words of the path stand on the line; -1: another one does. *ret_rest: what is behind. */
static int words_met(const char *path, int argc, char **argv, const char **ret_rest)
{
	int n = 0;
	while (*path && n < argc) {
		size_t len = strcspn(path, " ");
		if (strlen(argv[n]) != len || strncmp(path, argv[n], len) != 0)
			return -1;
		path += len + (path[len] == ' ');
		n++;
	}
	*ret_rest = path;
	return n;
}

/* Has an earlier entry offered this word already? Their paths are the same up to it. */
static bool offered(const struct complete_conf *conf, unsigned i, const char *word, size_t len)
{
	size_t upto = (size_t)(word - conf->entries[i].path) + len;
	for (unsigned k = 0; k < i; k++) {
		const char *path = conf->entries[k].path;
		if (strncmp(path, conf->entries[i].path, upto) == 0 && strchr(" ", path[upto]))
			return true;
	}
	return false;
}

static void offer_choices(const char *choices, const char *begun, FILE *f)
{
	for (;;) {
		size_t len = strcspn(choices, "| ");
		offer(choices, len, "", begun, f);
		if (choices[len] != '|')
			return;
		choices += len + 1;
	}
}

static void offer_names(const struct complete_conf *conf, const char *kind, const char *begun,
			FILE *f)
{
	char *names = conf->names(conf->arg, kind);
	for (const char *at = names; at && *at;) {
		size_t len = strcspn(at, "\n");
		offer(at, len, kind, begun, f);
		at += len + (at[len] == '\n');
	}
	free(names);
}

void complete_print(const struct complete_conf *conf, int argc, char **argv, FILE *f)
{
	const char *begun = argc ? argv[argc - 1] : "";
	int n_before = argc ? argc - 1 : 0;
	for (unsigned i = 0; i < conf->n_entries; i++) {
		const struct complete_entry *e = &conf->entries[i];
		const char *rest;
		int met = words_met(e->path, n_before, argv, &rest);
		if (met < 0)
			continue;
		size_t len = strcspn(rest, " ");
		int arg = n_before - met;
		if (*rest && !offered(conf, i, rest, len))
			offer(rest, len, rest[len] ? "" : e->help, begun, f);
		else if (!*rest && arg == 0 && e->choices)
			offer_choices(e->choices, begun, f);
		else if (!*rest && arg < COMPLETE_ARGS_MAX && e->args[arg])
			offer_names(conf, e->args[arg], begun, f);
	}
}
