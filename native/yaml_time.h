/* yaml_time.h: the dates that PyYAML's SafeLoader sees in plain scalars. yaml_scalar.c's own; pure. */
#ifndef GO_METRO_YAML_TIME_H
#define GO_METRO_YAML_TIME_H

#include <stdbool.h>

/* The end of a date, or a date with a time, at the start of the text; NULL: none. *exists: Python's datetime has such a one. */
const char *yaml_time_match(const char *text, bool *exists);

#endif
