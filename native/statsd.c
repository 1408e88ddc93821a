/* statsd.c: when which row is sent; statsd_way.h has how. */
#include "statsd.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "sent_rows.h"
#include "statsd_way.h"

/* A row is sent in the second of each round that its birth says: births are consecutive, so each second has its share. */
#define ROUND_S STATSD_ROUND_S
#define EVERY_SLOT ((UINT32_C(1) << ROUND_S) - 1)

#define LATE_S 2 /* with more between two ticks, much more is due than a second's share */

struct statsd {
    bool is_on, is_extended;
    bool is_new; /* what the rows have counted so far is not to be sent */
    uint32_t resolve_interval_s;
    struct sent_rows *rows;
    struct dogstatsd_tags tags[SEG_MAX_INSTANCES]; /* length 0: not made yet in this second */
    uint32_t served_s;                             /* up to which second rows were sent */
    bool is_parting;                               /* it was switched off, and some of the batch is still to go out */
    bool is_short;                                 /* of memory, in this round */
    struct statsd_way way;
};

/* ---- sending ---- */

void statsd_step(struct statsd *statsd)
{
    statsd_way_step(&statsd->way);
}

int statsd_fd(const struct statsd *statsd)
{
    return statsd->way.pace_fd;
}

/* ---- rows ---- */

static const struct dogstatsd_tags *tags_of(struct statsd *statsd, const struct instance *instances, uint32_t index)
{
    struct dogstatsd_tags *tags = &statsd->tags[index];

    if (tags->length == 0)
        (void)dogstatsd_tags(tags, instances[index].config);
    return tags;
}

/* Those of the slots. instances: NULL where they are only to be remembered. */
static void take_rows(struct statsd *statsd, const struct segment_contents *contents, const struct instance *instances,
                      uint32_t slots)
{
    struct sent_interval taken;

    statsd_way_keep_unsent(&statsd->way);
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
            dogstatsd_row(&statsd->way.batch, &taken.interval, tags_of(statsd, instances, row->instance), statsd->is_extended);
    }
    statsd->is_short |= statsd->way.batch.no_memory > 0;
    if (statsd->is_short)
        statsd_losses_begin(&statsd->way.losses, LOSS_MEMORY, "out of memory");
    statsd->way.losses.too_long += statsd->way.batch.too_long;
    if (statsd->way.batch.too_long > 0)
        statsd_losses_begin(&statsd->way.losses, LOSS_TOO_LONG, "1432 bytes");
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
        statsd_losses_end(&statsd->way.losses, LOSS_MEMORY);
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
    statsd_way_close(&statsd->way);
    statsd->is_parting = false;
    log_info("statsd", "nothing is sent to dogstatsd any more");
}

static void tick_parting(struct statsd *statsd, uint32_t now_s)
{
    statsd->served_s = now_s;
    statsd_way_end(&statsd->way, now_s);
    statsd_way_keep_unsent(&statsd->way);
    if (statsd->way.batch.count > 0)
        statsd_way_begin(&statsd->way, now_s);
    else
        part(statsd);
}

/* What is due meanwhile is not taken, and made up for. */
static bool goes_on_waiting(struct statsd *statsd, uint32_t now_s)
{
    statsd->way.is_awaiting &= now_s - statsd->served_s < ROUND_S;
    return statsd->way.is_awaiting;
}

static void tick_working(struct statsd *statsd, const struct segment_contents *contents, const struct instance *instances,
                         uint32_t now_s)
{
    const uint32_t before_s = statsd->served_s;

    statsd->served_s = now_s;
    statsd_way_end(&statsd->way, now_s);
    take_rows(statsd, contents, instances, slots_between(before_s, now_s));
    if (now_s / ROUND_S != before_s / ROUND_S)
        end_round(statsd);
    if (now_s - before_s > LATE_S && statsd->way.settling == 0) /* whatever comes late, there is one end to it */
        statsd_way_settle(&statsd->way, statsd->served_s);
    statsd_way_begin(&statsd->way, now_s);
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
    statsd_way_settle(&statsd->way, statsd->served_s);
    statsd_way_begin(&statsd->way, statsd->served_s);
}

/* ---- the end ---- */

void statsd_finish(struct statsd *statsd, const struct segment_contents *contents, const struct instance *instances)
{
    if (!statsd->is_on && !statsd->is_parting)
        return;
    statsd->way.is_awaiting = false;
    statsd_way_keep_unsent(&statsd->way);
    statsd->way.settling = 0; /* that was the last chance */
    statsd_way_send_whole(&statsd->way, statsd->served_s);
    if (statsd->is_on && !statsd->is_new) {
        take_rows(statsd, contents, instances, EVERY_SLOT);
        statsd_way_send_whole(&statsd->way, statsd->served_s);
    }
    statsd_losses_total(&statsd->way.losses);
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
    statsd_way_init(&statsd->way);
    return statsd;
}

void statsd_free(struct statsd *statsd)
{
    if (statsd == NULL)
        return;
    statsd_way_destroy(&statsd->way);
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

static void lead(struct statsd *statsd, const struct config *config)
{
    statsd_way_lead(&statsd->way, config->statsd_ip, config->statsd_port, statsd->is_on);
    log_info("statsd", "sending to dogstatsd at %s, each row every %d s", statsd->way.losses.place, ROUND_S);
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
    if (!statsd->is_on || statsd->way.port != config->statsd_port || strcmp(statsd->way.host.name, config->statsd_ip) != 0)
        lead(statsd, config);
    say_replaced(config);
    statsd_losses_end(&statsd->way.losses, LOSS_TOO_LONG); /* tags may be others now */
    statsd->is_new |= !statsd->is_on;
    statsd->is_on = true;
    statsd->is_parting = false;
    statsd->is_extended = config->extended_metrics;
    statsd->resolve_interval_s = config->resolve_interval_s;
}

const char *statsd_trouble(struct statsd *statsd)
{
    return statsd_losses_text(&statsd->way.losses);
}

void statsd_ask(struct statsd *statsd, struct resolver *resolver, uint32_t now_s)
{
    if ((statsd->is_on || statsd->is_parting) && resolver != NULL)
        statsd_host_ask(&statsd->way.host, resolver, now_s, statsd->resolve_interval_s);
}

void statsd_answer(struct statsd *statsd, const struct resolve_answer *answer)
{
    if (statsd->is_on || statsd->is_parting)
        statsd_way_answer(&statsd->way, answer);
}
