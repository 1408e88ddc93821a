/* statsd.c: when which row is sent, and how many datagrams at once. */
#include "statsd.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "dogstatsd.h"
#include "log.h"
#include "sent_rows.h"
#include "statsd_host.h"
#include "statsd_losses.h"
#include "udp_sender.h"

/* A row is sent in the second of each round that its birth says: births are consecutive, so each second has its share. */
#define ROUND_S 30
#define EVERY_SLOT ((UINT32_C(1) << ROUND_S) - 1)

#define LATE_S 2 /* with more between two ticks, much more is due than a second's share */

/* A socket's buffer of the default size holds some 90 datagrams. A second's share goes out well before the next one is due. */
#define STEP_DATAGRAMS 48
#define STEP_MS 50
#define STEPS_A_SECOND 18
#define STEPS_AT_THE_END 40

struct statsd {
    bool is_on, is_extended;
    bool is_new; /* what the rows have counted so far is not to be sent */
    uint32_t resolve_interval_s;
    uint16_t port;
    struct statsd_host host;
    struct udp_sender sender;
    struct sent_rows *rows;
    struct dogstatsd_tags tags[SEG_MAX_INSTANCES]; /* length 0: not made yet in this second */
    struct dogstatsd_batch batch;                  /* of this second */
    size_t next, step;                             /* of the batch: the first that is not sent; how many at once */
    int pace_fd;                                   /* -1: all at once */
    uint32_t served_s;                             /* up to which second rows were sent */
    uint64_t sent, lost;                           /* at the last tick */
    size_t settling;                               /* of the batch: those that have a round to go out in */
    uint32_t settling_s;                           /* when that began */
    bool is_parting;                               /* it was switched off, and some of the batch is still to go out */
    bool is_awaiting;                              /* the first answer to the question where the present place is */
    bool is_short;                                 /* of memory, in this round */
    bool is_elsewhere;                             /* nobody took what was sent to the present address */
    struct statsd_losses losses;
};

/* ---- sending ---- */

static void on_loss(int error, void *arg)
{
    struct statsd *statsd = arg;

    statsd->is_elsewhere = true;
    statsd_losses_begin(&statsd->losses, error == ECONNREFUSED ? LOSS_AWAY : LOSS_WAY, strerror(error));
}

/* Datagrams that were not even tried. */
static void drop(struct statsd *statsd, enum statsd_loss kind, const char *cause)
{
    statsd->sender.lost += statsd->batch.count - statsd->next;
    statsd->next = statsd->batch.count;
    statsd_losses_begin(&statsd->losses, kind, cause);
}

static void drop_unaddressed(struct statsd *statsd)
{
    drop(statsd, LOSS_NAME, statsd->host.error == NULL ? "no answer yet" : statsd->host.error);
}

static void aim_sender(struct statsd *statsd)
{
    const struct ip_address *address = statsd_host_address(&statsd->host);

    statsd->is_elsewhere = false;
    udp_sender_close(&statsd->sender);
    if (address == NULL)
        return;
    if (udp_sender_aim(&statsd->sender, address, statsd->port) < 0)
        on_loss(errno, statsd);
}

static void set_pace(const struct statsd *statsd, bool is_on)
{
    const struct timespec step = { 0, is_on ? STEP_MS * 1000000L : 0 };

    if (statsd->pace_fd >= 0)
        (void)timerfd_settime(statsd->pace_fd, 0, &(struct itimerspec){ step, step }, NULL);
}

static bool is_reached(struct statsd *statsd)
{
    if (statsd->sender.fd < 0)
        aim_sender(statsd);
    return statsd->sender.fd >= 0;
}

static void send_some(struct statsd *statsd)
{
    const size_t left = statsd->batch.count - statsd->next;
    const size_t end = statsd->next + (left < statsd->step || statsd->pace_fd < 0 ? left : statsd->step);

    if (left == 0 || statsd->is_awaiting)
        return;
    if (!is_reached(statsd)) {
        if (statsd_host_address(&statsd->host) == NULL)
            drop_unaddressed(statsd);
        else
            drop(statsd, LOSS_WAY, "no socket"); /* aim_sender() has said more */
        return;
    }
    while (statsd->next < end
           && udp_sender_send(&statsd->sender, statsd->batch.datagrams[statsd->next].bytes,
                              statsd->batch.datagrams[statsd->next].length))
        statsd->next++;
}

/* What was taken, in so many steps or fewer; 0: in as many as it takes. */
static void begin_steps(struct statsd *statsd, size_t steps)
{
    const size_t share = steps == 0 ? 0 : statsd->batch.count / steps + 1;

    statsd->next = 0;
    statsd->step = share > STEP_DATAGRAMS ? share : STEP_DATAGRAMS;
}

static void begin_sending(struct statsd *statsd, size_t steps)
{
    begin_steps(statsd, steps);
    send_some(statsd);
    if (statsd->next < statsd->batch.count)
        set_pace(statsd, true);
}

void statsd_step(struct statsd *statsd)
{
    uint64_t expirations;

    if (read(statsd->pace_fd, &expirations, sizeof expirations) != (ssize_t)sizeof expirations)
        return;
    send_some(statsd);
    if (statsd->next == statsd->batch.count)
        set_pace(statsd, false);
}

int statsd_fd(const struct statsd *statsd)
{
    return statsd->pace_fd;
}

/* What is more than a second's share, and what comes behind it, has a round to go out in. */
static void begin_settling(struct statsd *statsd)
{
    statsd->settling = statsd->batch.count;
    statsd->settling_s = statsd->served_s;
}

static bool is_settling(const struct statsd *statsd, uint32_t now_s)
{
    return statsd->settling > 0 && now_s - statsd->settling_s < ROUND_S;
}

/* A second is over: what became of it. Another address of the name is tried where nobody is at this one. */
static void end_sending(struct statsd *statsd, uint32_t now_s)
{
    const uint64_t sent_before = statsd->sent, lost_before = statsd->lost;

    if (statsd->next < statsd->batch.count && !is_settling(statsd, now_s)) {
        if (statsd_host_address(&statsd->host) == NULL)
            drop_unaddressed(statsd);
        else
            drop(statsd, LOSS_FULL, strerror(EAGAIN));
    }
    set_pace(statsd, false);
    udp_sender_look(&statsd->sender);
    statsd->sent = statsd->sender.sent;
    statsd->lost = statsd->sender.lost;
    statsd_losses_judge(&statsd->losses, statsd->sent - sent_before, statsd->lost - lost_before, now_s);
    if (statsd->is_elsewhere && statsd_host_next(&statsd->host))
        aim_sender(statsd);
    else
        statsd->is_elsewhere = false;
}

/* ---- rows ---- */

static const struct dogstatsd_tags *tags_of(struct statsd *statsd, const struct instance *instances, uint32_t index)
{
    struct dogstatsd_tags *tags = &statsd->tags[index];

    if (tags->length == 0)
        (void)dogstatsd_tags(tags, instances[index].config);
    return tags;
}

/* Empties the batch, but for what still waits for its turn. */
static void keep_unsent(struct statsd *statsd)
{
    struct dogstatsd_batch *batch = &statsd->batch;
    const size_t left = batch->count - statsd->next;

    if (left > 0)
        memmove(batch->datagrams, batch->datagrams + statsd->next, left * sizeof *batch->datagrams);
    dogstatsd_clear(batch);
    batch->count = left;
    statsd->settling -= statsd->next < statsd->settling ? statsd->next : statsd->settling;
    statsd->next = 0;
}

/* Those of the slots. instances: NULL where they are only to be remembered. */
static void take_rows(struct statsd *statsd, const struct segment_contents *contents, const struct instance *instances,
                      uint32_t slots)
{
    struct sent_interval taken;

    keep_unsent(statsd);
    for (size_t i = 0; i < SEG_MAX_INSTANCES; i++)
        statsd->tags[i].length = 0;
    for (uint32_t i = 0; i < contents->row_count; i++) {
        const struct seg_row *row = &contents->rows[i];
        enum sent_result result;

        if ((slots >> (row->birth % ROUND_S) & 1) == 0)
            continue;
        result = sent_rows_take(statsd->rows, row, statsd->is_extended ? contents->histograms[i] : NULL, &taken);
        statsd->is_short |= result == SENT_NO_MEMORY;
        if (result == SENT_NEWS && instances != NULL)
            dogstatsd_row(&statsd->batch, &taken.interval, tags_of(statsd, instances, row->instance), statsd->is_extended);
    }
    statsd->is_short |= statsd->batch.no_memory > 0;
    if (statsd->is_short)
        statsd_losses_begin(&statsd->losses, LOSS_MEMORY, "out of memory");
    statsd->losses.too_long += statsd->batch.too_long;
    if (statsd->batch.too_long > 0)
        statsd_losses_begin(&statsd->losses, LOSS_TOO_LONG, "1432 bytes");
}

void statsd_departed(void *arg, uint64_t birth, uint64_t other)
{
    struct statsd *statsd = arg;

    sent_rows_hand_over(statsd->rows, birth, other);
}

/* Every row had its turn. */
static void end_round(struct statsd *statsd)
{
    sent_rows_sweep(statsd->rows);
    if (!statsd->is_short)
        statsd_losses_end(&statsd->losses, LOSS_MEMORY);
    statsd->is_short = false;
}

static uint32_t slots_between(uint32_t from_s, uint32_t to_s)
{
    uint32_t slots = 0;

    if (to_s - from_s >= ROUND_S)
        return EVERY_SLOT;
    while (from_s != to_s)
        slots |= UINT32_C(1) << (++from_s % ROUND_S);
    return slots;
}

/* It was switched off, and all is out, or has had its round. */
static void part(struct statsd *statsd)
{
    statsd_losses_total(&statsd->losses);
    statsd->losses = (struct statsd_losses){ .is_trying = false };
    udp_sender_close(&statsd->sender);
    dogstatsd_free(&statsd->batch);
    statsd->next = statsd->settling = 0;
    statsd->is_parting = false;
    log_info("statsd", "nothing is sent to dogstatsd any more");
}

static void tick_parting(struct statsd *statsd, uint32_t now_s)
{
    statsd->served_s = now_s;
    end_sending(statsd, now_s);
    keep_unsent(statsd);
    if (statsd->batch.count > 0)
        begin_sending(statsd, 0);
    else
        part(statsd);
}

/* What is due meanwhile is not taken, and made up for. */
static bool goes_on_waiting(struct statsd *statsd, uint32_t now_s)
{
    statsd->is_awaiting &= now_s - statsd->served_s < ROUND_S;
    return statsd->is_awaiting;
}

static void tick_working(struct statsd *statsd, const struct segment_contents *contents, const struct instance *instances,
                         uint32_t now_s)
{
    const uint32_t before_s = statsd->served_s;

    statsd->served_s = now_s;
    end_sending(statsd, now_s);
    take_rows(statsd, contents, instances, slots_between(before_s, now_s));
    if (now_s / ROUND_S != before_s / ROUND_S)
        end_round(statsd);
    if (now_s - before_s > LATE_S && statsd->settling == 0) /* whatever comes late, there is one end to it */
        begin_settling(statsd);
    begin_sending(statsd, statsd->settling > 0 ? 0 : STEPS_A_SECOND);
}

void statsd_tick(struct statsd *statsd, const struct segment_contents *contents, const struct instance *instances, uint32_t now_s)
{
    if (statsd->is_parting) {
        tick_parting(statsd, now_s);
    } else if (statsd->is_on && statsd->is_new) {
        statsd->served_s = now_s;
        take_rows(statsd, contents, NULL, EVERY_SLOT);
        statsd->is_new = false;
    } else if (statsd->is_on && !goes_on_waiting(statsd, now_s)) {
        tick_working(statsd, contents, instances, now_s);
    }
}

bool statsd_goes_on(const struct statsd *statsd, const struct config *config)
{
    return !statsd->is_on
           || (config->submit_via == CONFIG_SUBMIT_DOGSTATSD && (config->extended_metrics || !statsd->is_extended));
}

void statsd_settle(struct statsd *statsd, const struct segment_contents *contents, const struct instance *instances)
{
    if (!statsd->is_on || statsd->is_new)
        return;
    take_rows(statsd, contents, instances, EVERY_SLOT);
    begin_settling(statsd);
    begin_sending(statsd, 0);
}

/* ---- the end ---- */

/* What was taken, behind what was sent just before. Pauses only for a listener that may be there. */
static void send_whole(struct statsd *statsd)
{
    const struct timespec pause = { 0, STEP_MS * 1000000L };

    begin_steps(statsd, STEPS_AT_THE_END);
    for (int step = 0; step < STEPS_AT_THE_END && statsd->next < statsd->batch.count; step++) {
        if (!statsd_losses_is_on_the_way(&statsd->losses))
            (void)nanosleep(&pause, NULL);
        send_some(statsd);
    }
    end_sending(statsd, statsd->served_s);
}

void statsd_finish(struct statsd *statsd, const struct segment_contents *contents, const struct instance *instances)
{
    if (!statsd->is_on && !statsd->is_parting)
        return;
    statsd->is_awaiting = false;
    keep_unsent(statsd);
    statsd->settling = 0; /* that was the last chance */
    send_whole(statsd);
    if (statsd->is_on && !statsd->is_new) {
        take_rows(statsd, contents, instances, EVERY_SLOT);
        send_whole(statsd);
    }
    statsd_losses_total(&statsd->losses);
}

/* ---- life ---- */

struct statsd *statsd_new(void)
{
    struct statsd *statsd = calloc(1, sizeof *statsd);

    if (statsd == NULL)
        return NULL;
    statsd->rows = sent_rows_new();
    if (statsd->rows == NULL) {
        free(statsd);
        return NULL;
    }
    statsd->sender = (struct udp_sender){ .fd = -1, .on_loss = on_loss, .arg = statsd };
    statsd->pace_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    return statsd;
}

void statsd_free(struct statsd *statsd)
{
    if (statsd == NULL)
        return;
    if (statsd->pace_fd >= 0)
        close(statsd->pace_fd);
    udp_sender_close(&statsd->sender);
    dogstatsd_free(&statsd->batch);
    sent_rows_free(statsd->rows);
    free(statsd);
}

/* What was taken and is not out yet (statsd_settle()) still goes out; of what is counted from here on nothing is taken. */
static void switch_off(struct statsd *statsd)
{
    if (!statsd->is_on)
        return;
    statsd->is_on = statsd->is_new = false;
    statsd->is_parting = true;
    sent_rows_clear(statsd->rows);
}

/* What is not out yet goes there too: where it should have gone may be the very thing that was wrong. */
static void set_place(struct statsd *statsd, const char *host, uint16_t port)
{
    statsd_losses_total(&statsd->losses);
    statsd_losses_start(&statsd->losses, host, port);
    udp_sender_close(&statsd->sender);
    if (!statsd->is_on || strcmp(statsd->host.name, host) != 0)
        statsd_host_set(&statsd->host, host);
    statsd->port = port;
    statsd->is_awaiting = statsd_host_address(&statsd->host) == NULL && statsd->host.error == NULL;
    log_info("statsd", "sending to dogstatsd at %s, each row every %d s", statsd->losses.place, ROUND_S);
}

static void say_replaced(const struct config *config)
{
    struct dogstatsd_tags tags;

    for (size_t i = 0; i < config->instance_count; i++)
        if (dogstatsd_tags(&tags, &config->instances[i]))
            log_warnx("statsd", "%s: bars, commas and number signs in its tags are sent as underscores",
                      config->instances[i].interface);
}

void statsd_aim(struct statsd *statsd, const struct config *config)
{
    if (config->submit_via != CONFIG_SUBMIT_DOGSTATSD) {
        switch_off(statsd);
        return;
    }
    if (!statsd->is_on || statsd->port != config->statsd_port || strcmp(statsd->host.name, config->statsd_ip) != 0)
        set_place(statsd, config->statsd_ip, config->statsd_port);
    say_replaced(config);
    statsd_losses_end(&statsd->losses, LOSS_TOO_LONG); /* tags may be others now */
    statsd->is_new |= !statsd->is_on;
    statsd->is_on = true;
    statsd->is_parting = false;
    statsd->is_extended = config->extended_metrics;
    statsd->resolve_interval_s = config->resolve_interval_s;
}

const char *statsd_trouble(struct statsd *statsd)
{
    return statsd_losses_text(&statsd->losses);
}

void statsd_ask(struct statsd *statsd, struct resolver *resolver, uint32_t now_s)
{
    if ((statsd->is_on || statsd->is_parting) && resolver != NULL)
        statsd_host_ask(&statsd->host, resolver, now_s, statsd->resolve_interval_s);
}

void statsd_answer(struct statsd *statsd, const struct resolve_answer *answer)
{
    if (!statsd->is_on && !statsd->is_parting)
        return;
    if (statsd_host_answer(&statsd->host, answer))
        aim_sender(statsd);
    statsd->is_awaiting &= statsd_host_address(&statsd->host) == NULL && statsd->host.error == NULL;
}
