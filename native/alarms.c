/* alarms.c: signals and time as file descriptors. */
#include "alarms.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static int wait_for(const sigset_t *set)
{
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, set, NULL) < 0)
        return -1;
    return signalfd(-1, set, SFD_NONBLOCK | SFD_CLOEXEC);
}

int alarms_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGQUIT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    return wait_for(&set);
}

int alarms_signals_of(const int *signals, size_t count)
{
    struct sigaction action;
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < count; i++)
        if (sigaction(signals[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN)
            sigaddset(&set, signals[i]);
    return wait_for(&set);
}

void alarms_stop(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTSTP);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

int alarms_timer(unsigned interval_ms)
{
    const struct itimerspec times = {
        .it_value = { .tv_nsec = 1 },
        .it_interval = { .tv_sec = interval_ms / 1000, .tv_nsec = interval_ms % 1000 * 1000000L },
    };
    int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);

    if (fd >= 0 && timerfd_settime(fd, 0, &times, NULL) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}
