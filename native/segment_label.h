/* segment_label.h: what people are told an instance by: its interface, and which one it is where there are several. Pure. */
#ifndef GO_METRO_SEGMENT_LABEL_H
#define GO_METRO_SEGMENT_LABEL_H

#include <stdint.h>

#include "segment_reader.h"

#define SEGMENT_LABEL_STRLEN (SEG_INTERFACE_MAX + sizeof "#4294967295")

/* "eth0"; "eth0#2" where another instance has that interface too (or is a file as well): 2 is the place of this one in the
 * configuration, from 0. Returns `out`. */
const char *segment_label(char out[static SEGMENT_LABEL_STRLEN], const struct segment_copy *copy, uint32_t index);

#endif
