/* live.c: `go-metro live`: the command from its start to its end. */
#include "live.h"

#include <errno.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "alarms.h"
#include "config.h"
#include "links.h"
#include "live_output.h"
#include "live_source.h"
#include "local_nets.h"
#include "log.h"
#include "privilege.h"

#define INTERVAL_MS 1000

enum { POLL_SIGNAL, POLL_TIMER, POLL_LINKS, POLL_SOURCE, POLL_COUNT };

struct live {
    const struct options *options;
    int signal_fd, timer_fd;
    struct links *links;
    struct live_source *source;
    struct live_output *output;
    bool stop;
    int status;
};

static int fail(struct live *live, const char *what, const char *why)
{
    fprintf(stderr, "go-metro: %s: %s\n", what, why);
    live->status = 1;
    live->stop = true;
    return -1;
}

/* rc: of a function of live_output.h. */
static void check(struct live *live, int rc)
{
    if (rc == 0)
        return;
    live_output_leave(live->output);
    fail(live, live->options->interface, live_output_problem(live->output));
}

/* ---- the loop ---- */

static void pause_as_asked(struct live *live)
{
    live_output_leave(live->output);
    alarms_stop();
    check(live, live_output_begin(live->output));
}

static void on_signal(struct live *live)
{
    struct signalfd_siginfo info;

    while (!live->stop && read(live->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        switch (info.ssi_signo) {
        case SIGWINCH:
            check(live, live_output_resized(live->output));
            break;
        case SIGTSTP:
            pause_as_asked(live);
            break;
        default:
            live->stop = true;
        }
}

static void on_timer(struct live *live)
{
    uint64_t expirations;

    if (read(live->timer_fd, &expirations, sizeof expirations) != (ssize_t)sizeof expirations)
        return;
    live_source_check(live->source, false);
    check(live, live_output_look(live->output));
}

static void turn(struct live *live)
{
    struct pollfd fds[POLL_COUNT] = {
        [POLL_SIGNAL] = { .fd = live->signal_fd, .events = POLLIN },
        [POLL_TIMER] = { .fd = live->timer_fd, .events = POLLIN },
        [POLL_LINKS] = { .fd = links_fd(live->links), .events = POLLIN },
        [POLL_SOURCE] = { .fd = live_source_fd(live->source), .events = POLLIN },
    };

    if (poll(fds, POLL_COUNT, -1) < 0)
        return; /* EINTR; anything else would be ENOMEM, and the next turn tries again */
    live_source_take(live->source, fds[POLL_SOURCE].revents != 0);
    if (live->options->samples)
        check(live, live_output_flush(live->output));
    if (fds[POLL_LINKS].revents != 0 && links_dispatch(live->links))
        live_source_check(live->source, true);
    if (fds[POLL_SIGNAL].revents != 0)
        on_signal(live);
    if (fds[POLL_TIMER].revents != 0 && !live->stop)
        on_timer(live);
}

/* ---- start and end ---- */

/* Nothing of root is needed but the right to capture, and an unprivileged user is on every system. */
static const char *choose_user(void)
{
    static const char *const users[] = { CONFIG_DEFAULT_USER, "nobody" };

    for (size_t i = 0; i < sizeof users / sizeof users[0]; i++)
        if (getpwnam(users[i]) != NULL)
            return users[i];
    if (geteuid() == 0)
        fputs("go-metro: there is no user " CONFIG_DEFAULT_USER " or nobody to become: staying root, with CAP_NET_RAW alone\n",
              stderr);
    return "root";
}

static int open_all(struct live *live, const struct netset *local)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP };
    const struct options *options = live->options;
    const struct live_source_options source = { options->interface, options->filter, local,
                                                options->samples ? live_output_sample : NULL };

    live->signal_fd = alarms_signals_of(signals, sizeof signals / sizeof signals[0]);
    live->timer_fd = alarms_timer(INTERVAL_MS);
    live->links = links_open();
    live->source = live_source_new(&source);
    if (live->source != NULL)
        live->output = live_output_new(options, live->source);
    if (live->signal_fd >= 0 && live->timer_fd >= 0 && live->links != NULL && live->output != NULL)
        return 0;
    return fail(live, "cannot start", strerror(errno));
}

/* What is wrong from the beginning is the command's end; only an interface that is down is waited for. */
static int start(struct live *live, const struct netset *local)
{
    const char *interface = live->options->interface;
    char message[PRIVILEGE_MESSAGE_MAX];

    (void)log_open(NULL, LOG_CRITICAL); /* the tap's own lines are for a log; here its state is shown */
    if (links_state(interface) == LINKS_ABSENT)
        return fail(live, interface, "no such interface; \"ip link\" lists those that are there");
    if (privilege_settle(choose_user(), message) != PRIVILEGE_OK)
        return fail(live, interface, message);
    if (open_all(live, local) < 0)
        return -1;
    live_source_check(live->source, false);
    if (live_source_fd(live->source) < 0 && links_state(interface) == LINKS_UP)
        return fail(live, interface, live_source_trouble(live->source));
    check(live, live_output_begin(live->output));
    return live->stop ? -1 : 0;
}

static void close_all(struct live *live)
{
    live_output_free(live->output);
    live_source_free(live->source);
    links_close(live->links);
    if (live->timer_fd >= 0)
        close(live->timer_fd);
    if (live->signal_fd >= 0)
        close(live->signal_fd);
}

int live_run(const struct options *options)
{
    struct live live = { .options = options, .signal_fd = -1, .timer_fd = -1 };
    struct netset *local;

    live.status = local_nets_make(options, &local);
    if (live.status == 0 && start(&live, local) == 0) {
        while (!live.stop)
            turn(&live);
        if (live.status == 0) {
            live_source_finish(live.source);
            check(&live, live_output_end(live.output));
        }
    }
    close_all(&live);
    netset_free(local);
    return live.status;
}
