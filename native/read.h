/* read.h: `go-metro read`: round trips of capture files. */
#ifndef GO_METRO_READ_H
#define GO_METRO_READ_H

#include "options.h"

/* Prints to stdout what the options ask for; what is wrong with a file goes to stderr, a line each. The exit status: 0; 1 a file
 * could not be read to its end (rows so far are printed); 2 a --local that is none. */
int read_run(const struct options *options);

#endif
