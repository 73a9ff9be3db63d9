/* reference.h - documents made of the option tables: conf/sluice.yaml and conf/REFERENCE.md.
 *
 * In:     the option tables of stages, parsers, sinks and of the configuration itself.
 * Out:    text; scripts/generate.sh puts it into conf/, a test compares.
 * Owns:   nothing.
 * Runs:   main.
 * Limits: -
 */
#ifndef SL_CTL_REFERENCE_H
#define SL_CTL_REFERENCE_H

#include <stdio.h>

/* Every option at its default, with comments; it loads without errors. */
void reference_write_yaml(FILE *out);

/* The same as tables in Markdown. */
void reference_write_md(FILE *out);

#endif
