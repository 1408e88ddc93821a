/* monitor.c: the helper in the foreground. */
#include "monitor.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "config_watch.h"
#include "links.h"
#include "log.h"
#include "privilege.h"
#include "publisher.h"
#include "resolve.h"
#include "roster.h"
#include "version.h"

#define DEFAULT_USER "dd-agent"
#define NOT_ENABLED_WAIT_MS 5000   /* supervisord calls an exit within its startsecs a failure, even with status 0 */
#define CLOCK_STEP_NS 5000000      /* what slewing (500 ppm) cannot do between two looks */

enum { POLL_SIGNAL, POLL_TIMER, POLL_LINKS, POLL_RESOLVER, POLL_FIXED };

struct monitor {
    const struct options *options;
    char *const *argv;
    int signal_fd, timer_fd;
    struct config_watch watch;
    enum privilege_result privilege;
    char privilege_message[PRIVILEGE_MESSAGE_MAX];
    struct links *links;
    struct resolver *resolver; /* NULL until the rights are settled */
    bool is_resolver_missed;
    struct roster *roster;
    struct publisher *publisher;
    int64_t clock_offset_ns; /* CLOCK_REALTIME - CLOCK_MONOTONIC at the last look */
    bool stop;
    int status;
};

static int64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static uint32_t now_s(void)
{
    return (uint32_t)(clock_ns(CLOCK_BOOTTIME) / 1000000000);
}

/* Keys that are read and checked but whose work this version does not do yet: they must not be swallowed. */
static void say_what_is_not_done(const struct config *config)
{
    if (config->submit_via == CONFIG_SUBMIT_DOGSTATSD)
        log_warnx("monitor", "submit_via: dogstatsd is not done by this version: nothing is sent to %s:%u; use the check",
                  config->statsd_ip, config->statsd_port);
    for (size_t i = 0; i < config->instance_count; i++)
        if (config->instances[i].sample)
            log_warnx("monitor", "%s: sample: true is not done by this version: it captures all the time",
                      config->instances[i].interface);
}

static void apply_config(struct monitor *monitor, struct config *config)
{
    const struct config *old = roster_config(monitor->roster);

    log_open(config->log_to_file ? monitor->options->log : NULL, config->log_level);
    if (old != NULL && strcmp(old->user, config->user) != 0)
        log_warnx("monitor", "user: %s comes into force when go-metro is started anew", config->user);
    say_what_is_not_done(config);
    publisher_aim(monitor->publisher, config->segment_path, config->max_peers);
    if (roster_apply(monitor->roster, config) == 0)
        log_info("monitor", "%s is in force: %zu instance%s", monitor->watch.path, config->instance_count,
                 config->instance_count == 1 ? "" : "s");
}

/* A wrong configuration leaves the old one in force. */
static void reload(struct monitor *monitor, const char *why)
{
    struct config *config;
    enum config_result result;

    log_info("monitor", "%s: reading %s", why, monitor->watch.path);
    result = config_watch_load(&monitor->watch, &config);
    config_watch_log(&monitor->watch);
    switch (result) {
    case CONFIG_OK:
        apply_config(monitor, config);
        break;
    case CONFIG_ABSENT:
        snprintf(monitor->watch.error, sizeof monitor->watch.error, "the configuration file is gone; put it back or stop go-metro");
        break;
    case CONFIG_INVALID:
    case CONFIG_UNREADABLE:
        break;
    }
}

/* Executes the program's file anew, because only that gives this process the capability that the file has now. */
static void execute_anew(struct monitor *monitor)
{
    char path[4096];

    privilege_program_path(path, sizeof path);
    log_info("monitor", "%s has the capability now: executing it anew", path);
    publisher_close(monitor->publisher, false);
    log_close();
    execv(path, monitor->argv);
    log_warn("monitor", "%s: cannot be executed", path);
}

static const char *user_of(const struct monitor *monitor)
{
    const struct config *config = roster_config(monitor->roster);

    return config == NULL ? DEFAULT_USER : config->user;
}

/* As root the segment of this process cannot be replaced by the user it becomes (a sticky folder), so it goes first. */
static void settle(struct monitor *monitor)
{
    const char *user = user_of(monitor);
    char message[PRIVILEGE_MESSAGE_MAX];

    if (geteuid() == 0)
        publisher_close(monitor->publisher, true);
    monitor->privilege = privilege_settle(user, message);
    if (monitor->privilege == PRIVILEGE_OK)
        log_info("monitor", "running as uid %u with CAP_NET_RAW permitted", (unsigned)geteuid());
    else if (strcmp(message, monitor->privilege_message) != 0)
        log_critical("monitor", "%s", message);
    snprintf(monitor->privilege_message, sizeof monitor->privilege_message, "%s",
             monitor->privilege == PRIVILEGE_OK ? "" : message);
}

/* Only now: a thread that gave up its rights before the process became its user would make setuid() fail for all. */
static void start_resolver(struct monitor *monitor)
{
    if (monitor->resolver != NULL)
        return;
    monitor->resolver = resolver_new();
    if (monitor->resolver == NULL && !monitor->is_resolver_missed)
        log_warn("monitor", "the resolver's thread cannot be started (trying again): names are not resolved");
    monitor->is_resolver_missed = monitor->resolver == NULL;
}

/* Whether captures may be opened; mends what can be mended meanwhile. */
static bool is_privileged(struct monitor *monitor)
{
    if (monitor->privilege == PRIVILEGE_NO_CAPABILITY && privilege_file_is_capable())
        execute_anew(monitor);
    else if (monitor->privilege == PRIVILEGE_FAILED && getpwnam(user_of(monitor)) != NULL)
        settle(monitor);
    if (monitor->privilege == PRIVILEGE_OK)
        start_resolver(monitor);
    return monitor->privilege == PRIVILEGE_OK;
}

static struct publisher_verdict verdict_of(const struct monitor *monitor)
{
    const struct config *config = roster_config(monitor->roster);

    if (monitor->stop)
        return (struct publisher_verdict){ SEG_STOPPED, "stopped on request" };
    if (monitor->privilege != PRIVILEGE_OK)
        return (struct publisher_verdict){ SEG_FAILED, monitor->privilege_message };
    if (monitor->watch.error[0] != '\0')
        return (struct publisher_verdict){ config == NULL ? SEG_FAILED : SEG_DEGRADED, monitor->watch.error };
    return (struct publisher_verdict){ 0, NULL };
}

static void publish(struct monitor *monitor)
{
    struct publisher_verdict verdict = verdict_of(monitor);

    publisher_publish(monitor->publisher, monitor->roster, &verdict);
}

/* Moves what is in flight to `clock` when the wall clock was set. The frames that wait in the rings may be stamped by either clock, so
 * they are taken between two such moves. */
static void watch_clock(struct monitor *monitor)
{
    int64_t offset = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
    int64_t step = offset - monitor->clock_offset_ns;

    monitor->clock_offset_ns = offset;
    if (step > -CLOCK_STEP_NS && step < CLOCK_STEP_NS)
        return;
    log_warnx("monitor", "the wall clock was set by %lld ms: what is in flight gives no round trip", (long long)(step / 1000000));
    roster_clock_step(monitor->roster);
    roster_dispatch(monitor->roster, NULL, now_s());
    roster_clock_step(monitor->roster);
}

static void on_tick(struct monitor *monitor)
{
    bool is_locked;

    if (config_watch_changed(&monitor->watch))
        reload(monitor, "the configuration file changed");
    if (!publisher_ready(monitor->publisher, &is_locked) && is_locked && isatty(STDERR_FILENO)) {
        /* A person who started a second one by hand wants an answer, not a wait. */
        fprintf(stderr, "go-metro: %s\n", publisher_trouble(monitor->publisher));
        monitor->status = 1;
        monitor->stop = true;
        return;
    }
    if (is_privileged(monitor) && publisher_ready(monitor->publisher, NULL))
        roster_check(monitor->roster, monitor->resolver, now_s());
    if (monitor->privilege != PRIVILEGE_OK)
        (void)publisher_ready(monitor->publisher, NULL); /* what settle() took away, so that it can be said what is wrong */
    publish(monitor);
}

static void on_signal(struct monitor *monitor)
{
    struct signalfd_siginfo info;

    while (read(monitor->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        switch (info.ssi_signo) {
        case SIGHUP:
            reload(monitor, "SIGHUP");
            break;
        case SIGUSR1:
            log_reopen();
            log_info("monitor", "SIGUSR1: the log was opened anew");
            break;
        default:
            log_info("monitor", "%s: stopping", info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT");
            monitor->stop = true;
        }
}

static void on_answers(struct monitor *monitor)
{
    struct resolve_answer answer;

    while (resolver_next(monitor->resolver, &answer)) {
        roster_answer(monitor->roster, &answer);
        resolver_answer_free(&answer);
    }
}

static void on_timer(struct monitor *monitor)
{
    uint64_t expirations;

    if (read(monitor->timer_fd, &expirations, sizeof expirations) == (ssize_t)sizeof expirations)
        on_tick(monitor);
}

static void turn(struct monitor *monitor)
{
    struct pollfd fds[POLL_FIXED + ROSTER_MAX] = {
        [POLL_SIGNAL] = { .fd = monitor->signal_fd, .events = POLLIN },
        [POLL_TIMER] = { .fd = monitor->timer_fd, .events = POLLIN },
        [POLL_LINKS] = { .fd = links_fd(monitor->links), .events = POLLIN },
        [POLL_RESOLVER] = { .fd = monitor->resolver == NULL ? -1 : resolver_fd(monitor->resolver), .events = POLLIN },
    };
    size_t taps = roster_poll(monitor->roster, &fds[POLL_FIXED]);

    if (poll(fds, POLL_FIXED + (nfds_t)taps, -1) < 0)
        return; /* EINTR; anything else would be ENOMEM, and the next turn tries again */
    watch_clock(monitor);
    roster_dispatch(monitor->roster, &fds[POLL_FIXED], now_s());
    if (fds[POLL_LINKS].revents != 0 && links_dispatch(monitor->links)) {
        roster_links_changed(monitor->roster);
        if (monitor->privilege == PRIVILEGE_OK && publisher_ready(monitor->publisher, NULL))
            roster_check(monitor->roster, monitor->resolver, now_s());
    }
    if (fds[POLL_RESOLVER].revents != 0)
        on_answers(monitor);
    if (fds[POLL_TIMER].revents != 0)
        on_timer(monitor);
    if (fds[POLL_SIGNAL].revents != 0)
        on_signal(monitor);
}

static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigaddset(&set, SIGUSR1);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return -1;
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static int open_timer(void)
{
    const struct itimerspec every_second = { .it_value = { .tv_nsec = 1 }, .it_interval = { .tv_sec = PUBLISHER_INTERVAL_MS / 1000 } };
    int fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);

    if (fd >= 0 && timerfd_settime(fd, 0, &every_second, NULL) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* No configuration: the owner did not enable go-metro, and that is no failure. A signal ends the wait early. */
static int not_enabled(const struct monitor *monitor)
{
    struct pollfd fd = { .fd = monitor->signal_fd, .events = POLLIN };

    log_warnx("monitor", "there is no %s: go-metro is not enabled; copy go-metro.yaml.example to that name to enable it",
              monitor->watch.path);
    (void)poll(&fd, 1, NOT_ENABLED_WAIT_MS);
    return 0;
}

static int open_all(struct monitor *monitor)
{
    uint64_t seed[2];

    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return -1;
    monitor->signal_fd = open_signals();
    monitor->timer_fd = open_timer();
    monitor->links = links_open();
    monitor->roster = roster_new(monitor->options->filter, seed);
    monitor->publisher = publisher_new();
    if (monitor->signal_fd < 0 || monitor->timer_fd < 0 || monitor->links == NULL || monitor->roster == NULL
        || monitor->publisher == NULL)
        return -1;
    publisher_aim(monitor->publisher, SEG_DEFAULT_PATH, 1); /* for what must be said before there is a configuration */
    monitor->clock_offset_ns = clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_MONOTONIC);
    return 0;
}

static void close_all(struct monitor *monitor)
{
    publisher_free(monitor->publisher);
    roster_free(monitor->roster);
    resolver_free(monitor->resolver);
    links_close(monitor->links);
    if (monitor->timer_fd >= 0)
        close(monitor->timer_fd);
    if (monitor->signal_fd >= 0)
        close(monitor->signal_fd);
    log_close();
}

/* From root to the configured user; then the log and the threads, which must be that user's. */
static void start(struct monitor *monitor, struct config *config)
{
    const char *user = config == NULL ? DEFAULT_USER : config->user;

    monitor->privilege = privilege_settle(user, monitor->privilege_message);
    if (config != NULL)
        log_open(config->log_to_file ? monitor->options->log : NULL, config->log_level);
    else
        log_open(monitor->options->log, LOG_INFO);
    log_info("monitor", "go-metro %s starts, pid %d", GO_METRO_VERSION, (int)getpid());
    config_watch_log(&monitor->watch);
    if (monitor->options->soften_given)
        log_info("monitor", "-st has no effect: the average is always the smoothed one of RFC 6298");
    if (monitor->privilege != PRIVILEGE_OK)
        log_critical("monitor", "%s", monitor->privilege_message);
    if (config != NULL)
        apply_config(monitor, config);
}

int monitor_run(const struct options *options, char *const argv[])
{
    struct monitor monitor = { .options = options, .argv = argv, .signal_fd = -1, .timer_fd = -1, .status = 1 };
    struct config *config = NULL;
    enum config_result result;

    config_watch_init(&monitor.watch, options->cfg);
    if (open_all(&monitor) < 0) {
        log_warn("monitor", "cannot start");
        goto out;
    }
    result = config_watch_load(&monitor.watch, &config);
    if (result == CONFIG_ABSENT) {
        monitor.status = not_enabled(&monitor);
        goto out;
    }
    start(&monitor, config);
    monitor.status = 0;
    while (!monitor.stop)
        turn(&monitor);
    if (monitor.status == 0) {
        roster_dispatch(monitor.roster, NULL, now_s());
        publish(&monitor);
    }
out:
    close_all(&monitor);
    return monitor.status;
}
