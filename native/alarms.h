/* alarms.h: what wakes the helper besides frames: signals and time, each as a file descriptor to poll. */
#ifndef GO_METRO_ALARMS_H
#define GO_METRO_ALARMS_H

/* Blocks SIGTERM, SIGINT, SIGHUP and SIGUSR1 for this and all later threads and gives a signalfd for them; SIGPIPE is ignored.
 * -1 with errno. Both descriptors are non-blocking and the caller's. */
int alarms_signals(void);

/* Readable at once and then every interval_ms (> 0), by CLOCK_BOOTTIME. -1 with errno. */
int alarms_timer(unsigned interval_ms);

#endif
