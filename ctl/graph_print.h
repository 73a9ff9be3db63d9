/* graph_print.h - the pipeline for people: nodes in their order, and what is known at each edge.
 *
 * In:     struct pipeline.
 * Out:    text, or a graph in the words of Graphviz (dot).
 * Owns:   nothing.
 * Runs:   main.
 * Limits: GRAPH_PRINT_FIELDS fields are named at an edge of a drawing.
 */
#ifndef SL_CTL_GRAPH_PRINT_H
#define SL_CTL_GRAPH_PRINT_H

#include <stdio.h>

#include "ctl/pipeline.h"

#define GRAPH_PRINT_FIELDS 12

/* Nothing, when there are no nodes. */
void graph_print(const struct pipeline *p, FILE *out);

void graph_print_dot(const struct pipeline *p, FILE *out);

#endif
