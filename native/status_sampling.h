/* status_sampling.h: what `go-metro status` says of instances that are measured in windows (window.h). All goes to stdout. */
#ifndef GO_METRO_STATUS_SAMPLING_H
#define GO_METRO_STATUS_SAMPLING_H

#include <stdint.h>

#include "segment.h"

/* Members of the instance's JSON object, a comma in front; read_ns: when the segment was read, CLOCK_BOOTTIME. */
void status_sampling_json(const struct seg_instance *instance, uint64_t read_ns);

/* For people, behind the state of an instance that captures now: in a window or between two, and for how long. */
void status_sampling_now(const struct seg_instance *instance, uint64_t read_ns);
/* A line of its own: how long it was either. */
void status_sampling_sums(const struct seg_instance *instance);

/* The index tells two instances on one interface apart. */
void status_sampling_prometheus(const struct seg_instance *instances, uint32_t count);

#endif
