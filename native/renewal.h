/* renewal.h: executing the program's file anew, because only that gives a process the capability that its file has got since;
 * once for each change of the file, since it does not help everywhere (a tracer, a user namespace).
 *
 * Without the right: renewal_is_due() about once a second, and when it says so renewal_execute(); in the process that comes of it
 * renewal_was_in_vain() tells whether it helped. What was tried goes on in an environment variable. */
#ifndef GO_METRO_RENEWAL_H
#define GO_METRO_RENEWAL_H

#include <stdbool.h>

#define RENEWAL_VARIABLE "GO_METRO_RENEWED"

/* The file at the program's path is capable, and was not executed anew in its present state. */
bool renewal_is_due(void);

/* Remembers the file's state and executes it. Returns only on failure, with errno; then it is due again after the next change. */
void renewal_execute(char *const argv[]);

/* For a process that lacks the right: its file is capable, but was executed anew in this very state. */
bool renewal_was_in_vain(void);

#endif
