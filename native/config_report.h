/* config_report.h: how config.c and its helpers add to a report. Reading and printing it is config.h's. */
#ifndef GO_METRO_CONFIG_REPORT_H
#define GO_METRO_CONFIG_REPORT_H

#include "config.h"
#include "yaml_tree.h"

#define CONFIG_SHOWN_MAX 64

/* at: where, NULL: no place. Over CONFIG_MAX_REMARKS an error still takes the place of a lesser remark. */
void config_remark(struct config_report *report, enum config_severity severity, const struct yaml_node *at, const char *format,
                   ...) __attribute__((format(printf, 4, 5)));

/* The same for one key of the file: "key 'NAME': " goes in front. */
void config_remark_key(struct config_report *report, enum config_severity severity, const struct yaml_node *at, const char *key,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));

/* Puts remarks in the file's order; those without a place first. */
void config_report_sort(struct config_report *report);

/* What stands at the node, for messages: its text, shortened, or "a list", "a mapping", "nothing". Returns `out`. */
const char *config_show(char out[static CONFIG_SHOWN_MAX], const struct yaml_node *node);

#endif
