/* top.c: `go-metro top`: looks at the segment, waits for keys, and draws. */
#include "top.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "alarms.h"
#include "clock.h"
#include "privilege.h"
#include "segment_choice.h"
#include "segment_reader.h"
#include "top_keys.h"
#include "top_model.h"
#include "top_screen.h"
#include "top_view.h"

#define NS_PER_MS UINT64_C(1000000)
#define LOOK_MS 1000      /* between two looks, unless the helper publishes more seldom */
#define LOOK_LEAST_MS 100 /* also where a publication is due */
#define AFTER_MS 50       /* a publication is looked for so long after it is due */

enum { POLL_INPUT, POLL_SIGNAL, POLL_COUNT };

struct top {
    struct segment_choice choice;
    struct segment_copy copies[2];
    const struct segment_copy *earlier, *later; /* of `copies`; NULL: none */
    uint64_t read_ns, age_ns;                   /* when the later one was read, and how old it was then */
    enum segment_status result;
    char message[SEG_ERROR_MAX];
    uint64_t next_look_ns; /* CLOCK_BOOTTIME */
    struct top_model model;
    int signal_fd;
    bool stop, is_memory_short;
};

/* ---- looking ---- */

static void forget(struct top *top)
{
    top_model_forget(&top->model);
    top->earlier = top->later = NULL;
    for (size_t i = 0; i < 2; i++)
        segment_copy_free(&top->copies[i]);
}

static bool is_news(const struct top *top, const struct segment_copy *copy)
{
    return top->later == NULL || !interval_same_helper(top->later, copy)
           || copy->snapshot.generation != top->later->snapshot.generation;
}

/* The copy becomes ours. */
static void keep(struct top *top, const struct segment_copy *copy)
{
    struct segment_copy *oldest = top->later == &top->copies[0] ? &top->copies[1] : &top->copies[0];

    segment_copy_free(oldest);
    *oldest = *copy;
    top->earlier = top->later;
    top->later = oldest;
    top->is_memory_short = top_model_take(&top->model, top->earlier, top->later) < 0;
}

static void look(struct top *top)
{
    struct segment_copy copy;
    struct segment_time time;

    top->result = segment_choice_read(&top->choice, &copy, &time, top->message);
    if (top->result != SEGMENT_OK) {
        forget(top);
        return;
    }
    top->read_ns = time.read_ns;
    top->age_ns = time.age_ns;
    if (is_news(top, &copy))
        keep(top, &copy);
    else
        segment_copy_free(&copy);
}

/* While nobody looks nobody knows more. */
static uint64_t age_at(const struct top *top, uint64_t now_ns)
{
    return top->age_ns == UINT64_MAX || top->model.is_paused ? top->age_ns : top->age_ns + (now_ns - top->read_ns);
}

/* Just after the next publication, so that each is seen once; at least once a second, as the age counts on. */
static void plan_look(struct top *top, uint64_t now_ns)
{
    uint64_t wait_ms = LOOK_MS;

    if (top->later != NULL && top->age_ns != UINT64_MAX && top->later->header.publish_interval_ms <= LOOK_MS) {
        const uint64_t age_ms = age_at(top, now_ns) / NS_PER_MS;

        wait_ms = age_ms < LOOK_MS ? LOOK_MS + AFTER_MS - age_ms : LOOK_MS;
        if (wait_ms < LOOK_LEAST_MS)
            wait_ms = LOOK_LEAST_MS;
    }
    top->next_look_ns = now_ns + wait_ms * NS_PER_MS;
}

/* ---- drawing ---- */

static void draw_on(const struct canvas *canvas, void *arg)
{
    struct top *top = arg;
    const struct top_status status = { .result = top->result,
                                       .message = top->message,
                                       .note = top->choice.note,
                                       .earlier = top->earlier,
                                       .later = top->later,
                                       .age_ns = age_at(top, clock_ns(CLOCK_BOOTTIME)) };

    top_view_draw(canvas, &top->model, &status);
}

/* ---- the loop ---- */

static void pause_as_asked(struct top *top)
{
    top_screen_leave();
    alarms_stop();
    top_screen_return();
    top->next_look_ns = 0;
}

static void on_signal(struct top *top)
{
    struct signalfd_siginfo info;

    while (!top->stop && read(top->signal_fd, &info, sizeof info) == (ssize_t)sizeof info)
        switch (info.ssi_signo) {
        case SIGWINCH: /* each picture is as large as the window is */
            break;
        case SIGCONT: /* who was stopped without being asked finds the terminal as the shell likes it */
            top_screen_return();
            break;
        case SIGTSTP:
            pause_as_asked(top);
            break;
        default:
            top->stop = true;
        }
}

static void on_input(struct top *top, short events)
{
    int key = top_screen_key();

    if (key == TOP_SCREEN_NONE || (events & (POLLHUP | POLLERR)) != 0)
        top->stop = true; /* the terminal is gone */
    for (; key != TOP_SCREEN_NONE && !top->stop; key = top_screen_key())
        switch (top_keys_press(&top->model, key)) {
        case TOP_GO_ON:
            break;
        case TOP_QUIT:
            top->stop = true;
            break;
        case TOP_NO_MEMORY:
            top->is_memory_short = true;
            break;
        }
}

static int time_left_ms(const struct top *top)
{
    const uint64_t now_ns = clock_ns(CLOCK_BOOTTIME);

    return top->next_look_ns <= now_ns ? 0 : (int)((top->next_look_ns - now_ns) / NS_PER_MS + 1);
}

static void turn(struct top *top)
{
    struct pollfd fds[POLL_COUNT] = {
        [POLL_INPUT] = { .fd = STDIN_FILENO, .events = POLLIN },
        [POLL_SIGNAL] = { .fd = top->signal_fd, .events = POLLIN },
    };

    if (time_left_ms(top) == 0) {
        if (!top->model.is_paused)
            look(top);
        plan_look(top, clock_ns(CLOCK_BOOTTIME));
    }
    top_screen_draw(draw_on, top);
    if (poll(fds, POLL_COUNT, time_left_ms(top)) <= 0)
        return;
    if (fds[POLL_SIGNAL].revents != 0)
        on_signal(top);
    if (fds[POLL_INPUT].revents != 0 && !top->stop)
        on_input(top, fds[POLL_INPUT].revents);
}

/* ---- start and end ---- */

/* The right to capture, which the program's file may give to anybody, is not for what reads keys and terminal descriptions. */
static int give_up_rights(void)
{
    return geteuid() == 0 ? 0 : privilege_drop_thread();
}

static int fail(const char *why)
{
    fprintf(stderr, "go-metro: top: %s; `go-metro status` prints the same once\n", why);
    return 1;
}

int top_run(const struct options *options)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP, SIGCONT };
    struct top top = { .age_ns = UINT64_MAX };
    const char *why;
    int status = 1;

    if (give_up_rights() < 0 || (top.signal_fd = alarms_signals_of(signals, sizeof signals / sizeof signals[0])) < 0)
        return fail(strerror(errno));
    if (top_screen_open(&why) == 0) {
        segment_choice_make(&top.choice, options);
        top_model_init(&top.model);
        while (!top.stop && !top.is_memory_short)
            turn(&top);
        top_screen_close();
        status = top.is_memory_short ? fail("out of memory") : 0;
        forget(&top);
        top_model_free(&top.model);
        segment_choice_free(&top.choice);
    } else {
        fail(why);
    }
    close(top.signal_fd);
    return status;
}
