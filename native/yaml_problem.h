/* yaml_problem.h: what libyaml says is wrong -> a place and words that help whoever wrote the file. */
#ifndef GO_METRO_YAML_PROBLEM_H
#define GO_METRO_YAML_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "yaml_tree.h"

/* Both are always false, so that a caller can return them. */
bool yaml_problem_set(struct yaml_problem *problem, int line, int column, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
bool yaml_problem_memory(struct yaml_problem *problem);

/* parser: one whose yaml_parser_parse() has just failed on these bytes. */
void yaml_problem_describe(const yaml_parser_t *parser, const char *text, size_t size, struct yaml_problem *problem);

#endif
