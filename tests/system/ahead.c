/* ahead.c: a library to preload: CLOCK_BOOTTIME is ahead by the seconds that PLACE says; each call reads them anew.
 *
 * Whoever reads them has them too, so that a minute passes in a few seconds for all programs of a stage. Timers go on as they
 * were. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define PLACE "/opt/ahead"

static long ahead_s(void)
{
    char text[16] = "";
    const int saved = errno, fd = open(PLACE, O_RDONLY | O_CLOEXEC);

    if (fd >= 0) {
        if (read(fd, text, sizeof text - 1) < 0)
            text[0] = '\0';
        close(fd);
    }
    errno = saved;
    return strtol(text, NULL, 10);
}

int clock_gettime(clockid_t clock, struct timespec *out)
{
    const int rc = (int)syscall(SYS_clock_gettime, clock, out);

    if (rc == 0 && clock == CLOCK_BOOTTIME)
        out->tv_sec += ahead_s();
    return rc;
}
