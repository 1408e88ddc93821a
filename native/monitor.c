/* monitor.c: the helper in the foreground. */
#include "monitor.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "alarms.h"
#include "clock.h"
#include "clock_watch.h"
#include "config_watch.h"
#include "helper_log.h"
#include "links.h"
#include "log.h"
#include "privilege.h"
#include "publisher.h"
#include "renewal.h"
#include "resolve.h"
#include "roster.h"
#include "statsd.h"
#include "verdict.h"
#include "version.h"

#define DRAIN_MOST_NS (250 * UINT64_C(1000000))
#define ANSWERS_A_TURN 64
#define NOT_ENABLED_WAIT_MS 5000 /* supervisord calls an exit within its startsecs a failure, even with status 0 */

enum { POLL_SIGNAL, POLL_TIMER, POLL_LINKS, POLL_RESOLVER, POLL_STATSD, POLL_FIXED };

struct monitor {
    const struct options *options;
    char *const *argv;
    int signal_fd, timer_fd;
    struct config_watch watch;
    enum privilege_result privilege;
    char privilege_message[PRIVILEGE_MESSAGE_MAX];
    bool is_right_missed; /* to capture, and that was logged */
    struct links *links;
    struct resolver *resolver; /* NULL until the rights are settled */
    bool is_resolver_missed;
    struct roster *roster;
    struct publisher *publisher;
    struct statsd *statsd;
    bool is_short_of_memory; /* for the configuration in force */
    struct clock_watch clock;
    bool stop;
    int status;
};

static uint32_t now_s(void)
{
    return (uint32_t)(clock_ns(CLOCK_BOOTTIME) / 1000000000u);
}

/* Still root for want of its user, which it becomes as soon as that is there. */
static bool may_become_user(const struct monitor *monitor)
{
    return monitor->privilege == PRIVILEGE_FAILED && geteuid() == 0;
}

/* Files need no right to capture. What a configuration that is not right yet will need nobody knows. */
static bool misses_right(const struct monitor *monitor)
{
    const struct config *config = roster_config(monitor->roster);

    return monitor->privilege == PRIVILEGE_NO_CAPABILITY && (config == NULL || roster_captures(config));
}

static void say_right(struct monitor *monitor)
{
    const bool was_missed = monitor->is_right_missed;

    monitor->is_right_missed = misses_right(monitor);
    if (monitor->is_right_missed && !was_missed)
        log_critical("monitor", "%s", monitor->privilege_message);
}

static void end_what_changes(struct monitor *monitor, const struct config *config); /* below, with what it needs */

static void apply_config(struct monitor *monitor, struct config *config)
{
    const struct config *old = roster_config(monitor->roster);

    if (old != NULL && strcmp(old->user, config->user) != 0)
        log_warnx("monitor", "user: %s comes into force when go-metro is started anew", config->user);
    end_what_changes(monitor, config);
    publisher_aim(monitor->publisher, config->segment_path, config->user, roster_max_peers(config));
    statsd_aim(monitor->statsd, config);
    monitor->is_short_of_memory = roster_apply(monitor->roster, config) < 0;
    if (!monitor->is_short_of_memory)
        log_info("monitor", "%s is in force: %zu instance%s", monitor->watch.path, config->instance_count,
                 config->instance_count == 1 ? "" : "s");
    say_right(monitor);
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
        helper_log_open(monitor->options->log, config, may_become_user(monitor));
        apply_config(monitor, config);
        break;
    case CONFIG_ABSENT:
        snprintf(monitor->watch.error, sizeof monitor->watch.error,
                 "the configuration file is gone; put it back or stop go-metro");
        break;
    case CONFIG_INVALID:
    case CONFIG_UNREADABLE:
        break;
    }
}

/* Executes the program's file anew; when that fails all goes on as before. */
static void execute_anew(struct monitor *monitor)
{
    char path[PATH_MAX];
    int error;

    privilege_program_path(path, sizeof path);
    log_info("monitor", "%s has the capability now: executing it anew", path);
    publisher_close(monitor->publisher, false);
    log_close();
    renewal_execute(monitor->argv);
    error = errno;
    helper_log_open(monitor->options->log, roster_config(monitor->roster), may_become_user(monitor));
    errno = error;
    log_warn("monitor", "%s: cannot be executed (trying again when it changes)", path);
}

static const char *user_of(const struct monitor *monitor)
{
    const struct config *config = roster_config(monitor->roster);

    return config == NULL ? CONFIG_DEFAULT_USER : config->user;
}

/* As root the segment of this process cannot be replaced by the user it becomes (a sticky folder), so it goes first. */
static void settle(struct monitor *monitor)
{
    const char *user = user_of(monitor);
    char before[PRIVILEGE_MESSAGE_MAX];

    memcpy(before, monitor->privilege_message, sizeof before);
    if (geteuid() == 0)
        publisher_close(monitor->publisher, true);
    monitor->privilege = privilege_settle(user, monitor->privilege_message);
    if (!may_become_user(monitor))
        helper_log_open(monitor->options->log, roster_config(monitor->roster), false);
    if (monitor->privilege == PRIVILEGE_OK)
        log_info("monitor", "running as uid %u with CAP_NET_RAW permitted", (unsigned)geteuid());
    else if (monitor->privilege == PRIVILEGE_FAILED && strcmp(before, monitor->privilege_message) != 0)
        log_critical("monitor", "%s", monitor->privilege_message);
    say_right(monitor);
}

/* Only now: a thread that gave up its rights before the process became its user would make setuid() fail for all. */
static void start_resolver(struct monitor *monitor)
{
    if (monitor->resolver != NULL)
        return;
    monitor->resolver = resolver_new();
    if (monitor->resolver == NULL && !monitor->is_resolver_missed)
        log_warn("monitor", "the resolver's threads cannot be started (trying again): names are not resolved");
    monitor->is_resolver_missed = monitor->resolver == NULL;
}

/* Mends what can be mended of the rights. Where only files are read nothing is wrong, and they are not read anew for nothing. */
static void look_after_rights(struct monitor *monitor)
{
    if (misses_right(monitor) && renewal_is_due())
        execute_anew(monitor);
    else if (monitor->privilege == PRIVILEGE_FAILED && getpwnam(user_of(monitor)) != NULL)
        settle(monitor);
    if (monitor->privilege != PRIVILEGE_FAILED)
        start_resolver(monitor);
}

/* As whom it should not be it does nothing; without the right to capture it reads files. */
static void check_roster(struct monitor *monitor)
{
    const char *forbidden = monitor->privilege == PRIVILEGE_OK ? NULL : monitor->privilege_message;

    if (monitor->privilege != PRIVILEGE_FAILED)
        roster_check(monitor->roster, monitor->resolver, forbidden, now_s());
}

/* Why nothing may be measured; the right to capture is missed by the instances that need it. */
static const char *privilege_trouble(const struct monitor *monitor)
{
    const bool is_instances = monitor->privilege == PRIVILEGE_NO_CAPABILITY && roster_config(monitor->roster) != NULL;

    return is_instances ? "" : monitor->privilege_message;
}

static struct verdict verdict_of(const struct monitor *monitor)
{
    const struct config *config = roster_config(monitor->roster);
    char memory[SEG_ERROR_MAX] = "";
    struct verdict verdict;

    if (monitor->is_short_of_memory)
        snprintf(memory, sizeof memory,
                 "out of memory for max_flows=%u and max_peers=%u; make them smaller, or free memory and send SIGHUP",
                 config->max_flows, config->max_peers);
    verdict_make(&verdict, &(struct verdict_causes){
                               .is_stopping = monitor->stop,
                               .is_configured = config != NULL,
                               .is_measuring = roster_meter(monitor->roster) != NULL,
                               .configuration = monitor->watch.error,
                               .privilege = privilege_trouble(monitor),
                               .memory = memory,
                               .sending = statsd_trouble(monitor->statsd),
                           });
    return verdict;
}

static void publish(struct monitor *monitor)
{
    struct verdict verdict = verdict_of(monitor);

    publisher_publish(monitor->publisher, monitor->roster, &verdict);
}

static void say_clock_step(struct clock_watch *clock, const struct clock_sample *sample)
{
    uint32_t steps = clock_watch_to_say(clock, sample);

    if (steps > 0)
        log_warnx("monitor", "the wall clock was set (%u time%s; at last by %lld ms): what is in flight gives no round trip",
                  steps, steps == 1 ? "" : "s", (long long)(clock->step_ns / 1000000));
}

/* Around a step of the wall clock the frames in the rings may be stamped by either clock: they are skipped, and what was measured
 * before them does not go on after them. At the end of the quiet time whatever waits goes too. */
static void take_frames(struct monitor *monitor, const struct pollfd *polled)
{
    struct clock_sample sample = clock_sample();
    enum clock_verdict verdict = clock_watch_look(&monitor->clock, &sample);

    if (verdict == CLOCK_STEPPED) {
        say_clock_step(&monitor->clock, &sample);
        roster_clock_step(monitor->roster);
    }
    roster_dispatch(monitor->roster, verdict == CLOCK_QUIET_OVER ? NULL : polled, now_s(), verdict != CLOCK_STEADY);
    if (verdict == CLOCK_QUIET_OVER)
        roster_finish(monitor->roster);
}

/* A person who started a second one by hand wants an answer, not a wait. */
static void give_up(struct monitor *monitor)
{
    fprintf(stderr, "go-metro: %s\n", publisher_trouble(monitor->publisher));
    monitor->status = 1;
    monitor->stop = true;
}

/* Measures what was captured before something ends (roster.h): until the kernel has handed over all of it, and a flood, which is
 * still there where somebody else wants it, holds up nothing for longer than DRAIN_MOST_NS. */
static void drain(struct monitor *monitor)
{
    const uint64_t begun_ns = clock_ns(CLOCK_MONOTONIC);
    uint64_t spent_ns, left_ns;

    do {
        take_frames(monitor, NULL);
        spent_ns = clock_ns(CLOCK_MONOTONIC) - begun_ns;
        left_ns = spent_ns < TAP_LAST_BLOCK_NS ? TAP_LAST_BLOCK_NS - spent_ns : 0;
    } while (spent_ns < DRAIN_MOST_NS && roster_await(monitor->roster, (int)(left_ns / 1000000)));
    roster_ended(monitor->roster);
}

/* Before that configuration: what it ends is measured, and sent where it would not be counted on. */
static void end_what_changes(struct monitor *monitor, const struct config *config)
{
    size_t count;

    if (roster_end_changed(monitor->roster, config))
        drain(monitor);
    if (roster_meter(monitor->roster) == NULL
        || (roster_goes_on(monitor->roster, config) && statsd_goes_on(monitor->statsd, config)))
        return;
    publish(monitor);
    statsd_settle(monitor->statsd, publisher_contents(monitor->publisher), roster_instances(monitor->roster, &count));
}

static void turn_windows(struct monitor *monitor)
{
    if (roster_turn_windows(monitor->roster, now_s()))
        drain(monitor);
}

static void on_tick(struct monitor *monitor)
{
    bool is_alone;
    size_t count;

    if (config_watch_changed(&monitor->watch, now_s()))
        reload(monitor, "the configuration file changed");
    look_after_rights(monitor); /* before the segment: it may take away root's */
    is_alone = publisher_claim(monitor->publisher);
    if (!is_alone && isatty(STDERR_FILENO)) {
        give_up(monitor);
        return;
    }
    if (!is_alone)
        roster_close(monitor->roster); /* another helper measures */
    turn_windows(monitor);
    statsd_ask(monitor->statsd, monitor->resolver, now_s()); /* before the many names of the roster */
    if (is_alone)
        check_roster(monitor);
    publish(monitor);
    statsd_tick(monitor->statsd, publisher_contents(monitor->publisher), roster_instances(monitor->roster, &count), now_s());
}

static const char *signal_name(uint32_t number)
{
    return number == SIGTERM ? "SIGTERM" : number == SIGINT ? "SIGINT" : "SIGQUIT";
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
            helper_log_reopen();
            break;
        default:
            log_info("monitor", "%s: stopping", signal_name(info.ssi_signo));
            monitor->stop = true;
        }
}

/* What is left is there in the next turn, behind the frames that came meanwhile. */
static void on_answers(struct monitor *monitor)
{
    struct resolve_answer answer;

    for (int n = 0; n < ANSWERS_A_TURN && resolver_next(monitor->resolver, &answer); n++) {
        roster_answer(monitor->roster, &answer);
        statsd_answer(monitor->statsd, &answer);
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
        [POLL_STATSD] = { .fd = statsd_fd(monitor->statsd), .events = POLLIN },
    };
    int timeout_ms;
    size_t taps = roster_poll(monitor->roster, &fds[POLL_FIXED], &timeout_ms);

    if (poll(fds, POLL_FIXED + (nfds_t)taps, timeout_ms) < 0)
        return; /* EINTR; anything else would be ENOMEM, and the next turn tries again */
    take_frames(monitor, &fds[POLL_FIXED]);
    if (fds[POLL_SIGNAL].revents != 0)
        on_signal(monitor);
    if (monitor->stop)
        return; /* before the timer, whose work may be to execute the program anew */
    if (fds[POLL_LINKS].revents != 0 && links_dispatch(monitor->links))
        roster_links_changed(monitor->roster);
    if (fds[POLL_RESOLVER].revents != 0)
        on_answers(monitor);
    if (roster_follow(monitor->roster) && publisher_claim(monitor->publisher))
        check_roster(monitor);
    if (fds[POLL_STATSD].revents != 0)
        statsd_step(monitor->statsd);
    if (fds[POLL_TIMER].revents != 0)
        on_timer(monitor);
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
    struct clock_sample sample;
    uint64_t seed[2];

    if (getrandom(seed, sizeof seed, 0) != (ssize_t)sizeof seed)
        return -1;
    monitor->signal_fd = alarms_signals();
    monitor->timer_fd = alarms_timer(PUBLISHER_INTERVAL_MS);
    monitor->links = links_open();
    monitor->roster = roster_new(monitor->options->filter, seed);
    monitor->publisher = publisher_new();
    monitor->statsd = statsd_new();
    if (monitor->signal_fd < 0 || monitor->timer_fd < 0 || monitor->links == NULL || monitor->roster == NULL
        || monitor->publisher == NULL || monitor->statsd == NULL)
        return -1;
    roster_on_departure(monitor->roster, statsd_departed, monitor->statsd);
    publisher_aim(monitor->publisher, SEG_DEFAULT_PATH, CONFIG_DEFAULT_USER,
                  1); /* for what must be said before there is a configuration */
    sample = clock_sample();
    clock_watch_init(&monitor->clock, &sample);
    return 0;
}

static void close_all(struct monitor *monitor)
{
    publisher_free(monitor->publisher);
    roster_free(monitor->roster);
    statsd_free(monitor->statsd);
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
    const char *user = config == NULL ? CONFIG_DEFAULT_USER : config->user;

    monitor->privilege = privilege_settle(user, monitor->privilege_message);
    if (monitor->privilege == PRIVILEGE_NO_CAPABILITY && renewal_was_in_vain())
        snprintf(monitor->privilege_message, sizeof monitor->privilege_message,
                 "the program's file has cap_net_raw+ep, but the kernel does not grant it to this process (a tracer, a user "
                 "namespace?); start go-metro without that");
    helper_log_open(monitor->options->log, config, may_become_user(monitor));
    log_info("monitor", "go-metro %s starts, pid %d", GO_METRO_VERSION, (int)getpid());
    config_watch_log(&monitor->watch);
    if (monitor->options->soften_given)
        log_info("monitor", "-st has no effect: the average is always the smoothed one of RFC 6298");
    if (monitor->privilege == PRIVILEGE_FAILED)
        log_critical("monitor", "%s", monitor->privilege_message);
    if (config != NULL)
        apply_config(monitor, config);
    else
        say_right(monitor);
}

int monitor_run(const struct options *options, char *const argv[])
{
    struct monitor monitor = { .options = options, .argv = argv, .signal_fd = -1, .timer_fd = -1, .status = 1 };
    struct config *config = NULL;
    enum config_result result;
    size_t count;

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
        roster_end_all(monitor.roster);
        drain(&monitor);
        publish(&monitor);
        statsd_finish(monitor.statsd, publisher_contents(monitor.publisher), roster_instances(monitor.roster, &count));
    }
out:
    close_all(&monitor);
    return monitor.status;
}
