/* statsd_way.c: see statsd_way.h. */
#include "statsd_way.h"

#include <errno.h>
#include <string.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

/* A socket's buffer of the default size holds some 90 datagrams. A second's share goes out well before the next one is due. */
#define STEP_DATAGRAMS 48
#define STEP_MS 50
#define STEPS_A_SECOND 18U
#define STEPS_AT_THE_END 40

/* ---- losses ---- */

static void on_loss(int error, void *arg)
{
    struct statsd_way *way = arg;

    way->is_elsewhere = true;
    statsd_losses_begin(&way->losses, error == ECONNREFUSED ? LOSS_AWAY : LOSS_WAY, strerror(error));
}

/* Datagrams that were not even tried. */
static void drop(struct statsd_way *way, enum statsd_loss kind, const char *cause)
{
    way->sender.lost += way->batch.count - way->next;
    way->next = way->batch.count;
    statsd_losses_begin(&way->losses, kind, cause);
}

static void drop_unaddressed(struct statsd_way *way)
{
    drop(way, LOSS_NAME, way->host.error == NULL ? "no answer yet" : way->host.error);
}

static void aim_sender(struct statsd_way *way)
{
    const struct ip_address *address = statsd_host_address(&way->host);

    way->is_elsewhere = false;
    udp_sender_close(&way->sender);
    if (address == NULL)
        return;
    if (udp_sender_aim(&way->sender, address, way->port) < 0)
        on_loss(errno, way);
}

static void set_pace(const struct statsd_way *way, bool is_on)
{
    const struct timespec step = { 0, is_on ? STEP_MS * 1000000L : 0 };

    if (way->pace_fd >= 0)
        (void)timerfd_settime(way->pace_fd, 0, &(struct itimerspec){ step, step }, NULL);
}

static bool is_reached(struct statsd_way *way)
{
    if (way->sender.fd < 0)
        aim_sender(way);
    return way->sender.fd >= 0;
}

static void send_some(struct statsd_way *way)
{
    const size_t left = way->batch.count - way->next;
    const size_t end = way->next + (left < way->step || way->pace_fd < 0 ? left : way->step);

    if (left == 0 || way->is_awaiting)
        return;
    if (!is_reached(way)) {
        if (statsd_host_address(&way->host) == NULL)
            drop_unaddressed(way);
        else
            drop(way, LOSS_WAY, "no socket"); /* aim_sender() has said more */
        return;
    }
    while (way->next < end
           && udp_sender_send(&way->sender, way->batch.datagrams[way->next].bytes, way->batch.datagrams[way->next].length))
        way->next++;
}

static void begin_steps(struct statsd_way *way, size_t steps)
{
    const size_t share = way->batch.count / steps + 1;

    way->next = 0;
    way->step = share > STEP_DATAGRAMS ? share : STEP_DATAGRAMS;
}

/* What is behind those that settle has as long as they; whoever comes later has the larger steps. */
static uint32_t seconds_left(const struct statsd_way *way, uint32_t now_s)
{
    return way->settling > 0 && now_s - way->settling_s < STATSD_ROUND_S ? STATSD_ROUND_S - (now_s - way->settling_s) : 1;
}

void statsd_way_begin(struct statsd_way *way, uint32_t now_s)
{
    begin_steps(way, STEPS_A_SECOND * seconds_left(way, now_s));
    send_some(way);
    if (way->next < way->batch.count)
        set_pace(way, true);
}

void statsd_way_step(struct statsd_way *way)
{
    uint64_t expirations;

    if (read(way->pace_fd, &expirations, sizeof expirations) != (ssize_t)sizeof expirations)
        return;
    send_some(way);
    if (way->next == way->batch.count)
        set_pace(way, false);
}

void statsd_way_settle(struct statsd_way *way, uint32_t now_s)
{
    way->settling = way->batch.count;
    way->settling_s = now_s;
}

static bool is_settling(const struct statsd_way *way, uint32_t now_s)
{
    return way->settling > 0 && now_s - way->settling_s < STATSD_ROUND_S;
}

/* Another address of the name is tried where nobody is at this one. */
void statsd_way_end(struct statsd_way *way, uint32_t now_s)
{
    const uint64_t sent_before = way->sent, lost_before = way->lost;

    if (way->next < way->batch.count && !is_settling(way, now_s)) {
        if (statsd_host_address(&way->host) == NULL)
            drop_unaddressed(way);
        else
            drop(way, LOSS_FULL, strerror(EAGAIN));
    }
    set_pace(way, false);
    udp_sender_look(&way->sender);
    way->sent = way->sender.sent;
    way->lost = way->sender.lost;
    statsd_losses_judge(&way->losses, way->sent - sent_before, way->lost - lost_before, now_s);
    if (way->is_elsewhere && statsd_host_next(&way->host))
        aim_sender(way);
    else
        way->is_elsewhere = false;
}

void statsd_way_keep_unsent(struct statsd_way *way)
{
    struct dogstatsd_batch *batch = &way->batch;
    const size_t left = batch->count - way->next;

    if (left > 0)
        memmove(batch->datagrams, batch->datagrams + way->next, left * sizeof *batch->datagrams);
    dogstatsd_clear(batch);
    batch->count = left;
    way->settling -= way->next < way->settling ? way->next : way->settling;
    way->next = 0;
}

void statsd_way_send_whole(struct statsd_way *way, uint32_t now_s)
{
    const struct timespec pause = { 0, STEP_MS * 1000000L };

    begin_steps(way, STEPS_AT_THE_END);
    for (int step = 0; step < STEPS_AT_THE_END && way->next < way->batch.count; step++) {
        if (!statsd_losses_is_on_the_way(&way->losses))
            (void)nanosleep(&pause, NULL);
        send_some(way);
    }
    statsd_way_end(way, now_s);
}

/* ---- life ---- */

void statsd_way_init(struct statsd_way *way)
{
    memset(way, 0, sizeof *way);
    way->sender = (struct udp_sender){ .fd = -1, .on_loss = on_loss, .arg = way };
    way->pace_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
}

void statsd_way_destroy(struct statsd_way *way)
{
    if (way->pace_fd >= 0)
        close(way->pace_fd);
    udp_sender_close(&way->sender);
    dogstatsd_free(&way->batch);
}

static void look_whether_known(struct statsd_way *way)
{
    way->is_awaiting &= statsd_host_address(&way->host) == NULL && way->host.error == NULL;
}

void statsd_way_lead(struct statsd_way *way, const char *host, uint16_t port, bool is_known)
{
    statsd_losses_total(&way->losses);
    statsd_losses_start(&way->losses, host, port);
    udp_sender_close(&way->sender);
    if (!is_known || strcmp(way->host.name, host) != 0)
        statsd_host_set(&way->host, host);
    way->port = port;
    way->is_awaiting = true;
    look_whether_known(way);
}

void statsd_way_answer(struct statsd_way *way, const struct resolve_answer *answer)
{
    if (statsd_host_answer(&way->host, answer))
        aim_sender(way);
    look_whether_known(way);
}

void statsd_way_close(struct statsd_way *way)
{
    statsd_losses_total(&way->losses);
    way->losses = (struct statsd_losses){ .is_trying = false };
    udp_sender_close(&way->sender);
    dogstatsd_free(&way->batch);
    way->next = way->settling = 0;
}
