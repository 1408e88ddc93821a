/* status_prometheus.h: the helper and its captures as Prometheus text; report.h has the rows. */
#ifndef GO_METRO_STATUS_PROMETHEUS_H
#define GO_METRO_STATUS_PROMETHEUS_H

#include <stdbool.h>
#include <stdio.h>

#include "report.h"
#include "segment_reader.h"

/* state: as `status` names it; "stale": the segment says what was. copy NULL: there is no segment that can be read, and that it
 * is not up is all that is known. Instances on one interface are one capture. */
void status_prometheus(FILE *stream, const struct segment_copy *copy, const char *state);
/* Leaves in a row `other` what it counted itself; of any other row nothing changes. What a row had counted that gave way stands
 * in that row's series already, and the series `other` would jump by it: rate() and increase() would count it twice. */
void status_prometheus_own(struct report_row *row, const struct seg_instance *instance);
/* Whether what is published is of now, in that state of the helper. */
bool status_is_running(const char *state);
/* Whether, in that state of the helper, any instance measures, so that there are values, and they are of now: the others may be
 * starting or fail. */
bool status_is_measuring(const struct segment_copy *copy, const char *state);
/* Whether the instance's rows are of now. One that failed has nothing to say, whatever others measure: the Agent's check submits
 * nothing of it either. */
bool status_has_rows(const struct seg_instance *instance, const char *state);

#endif
