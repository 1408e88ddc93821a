/* undone.h: what a configuration may ask for and this version does not do: what is done instead, and what to do about it. One
 * text for the log, the segment and so the check. Each function: NULL where it is not asked for. Pure. */
#ifndef GO_METRO_UNDONE_H
#define GO_METRO_UNDONE_H

#include "config.h"

/* submit_via: dogstatsd. */
const char *undone_sending(const struct config *config);

/* sample: true. */
const char *undone_sampling(const struct config_instance *instance);

#endif
