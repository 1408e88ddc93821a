/* alarms.h: what wakes a program besides frames: signals and time, each as a file descriptor to poll. */
#ifndef GO_METRO_ALARMS_H
#define GO_METRO_ALARMS_H

#include <stddef.h>

/* Blocks SIGTERM, SIGINT, SIGQUIT, SIGHUP and SIGUSR1 for this and all later threads and gives a signalfd for them; SIGPIPE is
 * ignored. -1 with errno. Both descriptors are non-blocking and the caller's. */
int alarms_signals(void);

/* The same for these signals, as long as whoever started the program did not have them ignored (nohup, a shell's &). */
int alarms_signals_of(const int *signals, size_t count);
/* Stops the process as ^Z does where nobody waits for SIGTSTP; comes back when it goes on. */
void alarms_stop(void);

/* Readable at once and then every interval_ms (> 0), by CLOCK_BOOTTIME. -1 with errno. */
int alarms_timer(unsigned interval_ms);

#endif
