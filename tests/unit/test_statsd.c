/* statsd.c with listeners on the loopback that are there, away, and slow: who is sent when, and what is said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "log.h"

static char said[8192]; /* the log */

static void note(const char *module, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(const char *module, const char *format, ...)
{
    const size_t used = strlen(said);
    va_list list;

    (void)module;
    va_start(list, format);
    vsnprintf(said + used, sizeof said - used, format, list);
    va_end(list);
    strncat(said, "\n", sizeof said - strlen(said) - 1);
}

#include "sent_rows.h"
#include "udp_sender.h"

static bool is_way_full, is_memory_out;

static bool send_or_not(struct udp_sender *sender, const char *bytes, size_t length)
{
    return !is_way_full && udp_sender_send(sender, bytes, length);
}

static enum sent_result take_or_not(struct sent_rows *sent, const struct seg_row *row, const struct histogram *histogram,
                                    struct sent_interval *out)
{
    return is_memory_out ? SENT_NO_MEMORY : sent_rows_take(sent, row, histogram, out);
}

#define log_info note
#define log_warnx note
#define udp_sender_send send_or_not
#define sent_rows_take take_or_not
#include "statsd.c"
#include "statsd_losses.c"
#include "statsd_way.c"

#include "clock.h"
#include "random_fixture.h"
#include "statsd_fixture.h"

#define MS UINT64_C(1000000)
#define ROWS 3000
#define RECEIVED_MAX (8 << 20)

static struct seg_row rows[ROWS];
static struct histogram histograms[ROWS];
static const struct histogram *histogram_places[ROWS];
static char *tags[] = { (char *)"role:db" };
static struct config_instance configs[2] = { { .interface = (char *)"eth0", .tags = { tags, 1 } },
                                             { .interface = (char *)"eth1" } };
static const struct instance instances[2] = { { .config = &configs[0] }, { .config = &configs[1] } };
static struct config config;
static struct segment_contents contents;
static char received[RECEIVED_MAX];

/* Sending to that listener; the first second is over. */
static struct statsd *begin(const char *host, uint16_t port, uint32_t row_count, bool is_extended)
{
    struct statsd *statsd = statsd_new();

    assert_non_null(statsd);
    memset(rows, 0, sizeof rows);
    memset(histograms, 0, sizeof histograms);
    said[0] = '\0';
    for (uint32_t i = 0; i < ROWS; i++) {
        rows[i] = (struct seg_row){
            .birth = i + 1, .instance = i % 2, .local = { [10] = 0xff, 0xff, 10, 0, 0, 1 }, .local_family = SEG_FAMILY_V4
        };
        snprintf(rows[i].peer_name, sizeof rows[i].peer_name, "peer%u", i);
        histogram_places[i] = &histograms[i];
    }
    config = (struct config){ .submit_via = CONFIG_SUBMIT_DOGSTATSD,
                              .statsd_ip = (char *)host,
                              .statsd_port = port,
                              .extended_metrics = is_extended,
                              .resolve_interval_s = 300,
                              .instances = configs,
                              .instance_count = 2 };
    contents = (struct segment_contents){ .rows = rows, .histograms = histogram_places, .row_count = row_count };
    statsd_aim(statsd, &config);
    statsd_tick(statsd, &contents, instances, 999);
    return statsd;
}

static void add_sample(uint32_t place, uint64_t ns)
{
    rows[place].min_ns = rows[place].samples == 0 || ns < rows[place].min_ns ? ns : rows[place].min_ns;
    rows[place].max_ns = ns > rows[place].max_ns ? ns : rows[place].max_ns;
    rows[place].last_ns = rows[place].srtt_ns = ns;
    rows[place].sum_ns += ns;
    rows[place].samples++;
    histograms[place].count[histogram_bucket(ns)]++;
}

/* What has arrived, a newline behind each datagram; *count: of them. */
static const char *receive(int listener, size_t *count)
{
    size_t used = 0;
    ssize_t n;

    *count = 0;
    while ((n = recv(listener, received + used, sizeof received - used - 1, 0)) > 0) {
        used += (size_t)n;
        received[used++] = '\n';
        ++*count;
    }
    received[used] = '\0';
    return received;
}

static size_t count_of(const char *text, const char *part)
{
    size_t count = 0;

    for (; (text = strstr(text, part)) != NULL; text++)
        count++;
    return count;
}

static bool is_due(const struct statsd *statsd)
{
    struct pollfd fd = { .fd = statsd_fd(statsd), .events = POLLIN };

    return poll(&fd, 1, 0) == 1;
}

/* As monitor.c does, until nothing waits. What came meanwhile is in received[]; the number of datagrams. */
static size_t take_steps(struct statsd *statsd, int listener, size_t *most_at_once)
{
    size_t total = 0, count, used = 0;

    *most_at_once = 0;
    do {
        ssize_t n;

        for (count = 0; (n = recv(listener, received + used, sizeof received - used - 1, 0)) > 0; count++) {
            used += (size_t)n;
            received[used++] = '\n';
        }
        total += count;
        *most_at_once = count > *most_at_once ? count : *most_at_once;
        if (statsd->way.next == statsd->way.batch.count)
            break;
        while (!is_due(statsd))
            continue;
        statsd_step(statsd);
    } while (true);
    received[used] = '\0';
    return total;
}

static void a_row_is_sent_every_30_s_if_it_has_news(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, 2, false);
    size_t count;

    (void)state;
    add_sample(0, 2 * MS);
    for (uint32_t now_s = 1000; now_s < 1090; now_s++) {
        const char *text;

        if (now_s == 1060)
            add_sample(0, 3 * MS);
        statsd_tick(statsd, &contents, instances, now_s);
        text = receive(listener, &count);
        /* Birth 1: the second 1 of each round. */
        if (now_s == 1021) {
            assert_string_equal(text, "system.net.tcp.rtt:2.000000|g|#src:10.0.0.1,dst:peer0,iface:eth0,role:db\n"
                                      "system.net.tcp.rtt.avg:2.000000|g|#src:10.0.0.1,dst:peer0,iface:eth0,role:db\n"
                                      "system.net.tcp.rtt.jitter:0.000000|g|#src:10.0.0.1,dst:peer0,iface:eth0,role:db\n");
            assert_int_equal(count, 1);
        } else if (now_s == 1081) {
            assert_int_equal(count_of(text, "system.net.tcp.rtt:3.000000|g"), 1);
        } else {
            assert_int_equal(count, 0);
        }
    }
    assert_string_equal(statsd_trouble(statsd), "");
    statsd_free(statsd);
    close(listener);
}

/* A loop that was late, a machine that slept. */
static void seconds_that_were_left_out_are_made_up_for(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, 60, false);
    size_t count;

    (void)state;
    for (uint32_t i = 0; i < 60; i++)
        add_sample(i, MS);
    statsd_tick(statsd, &contents, instances, 1002); /* seconds 10, 11 and 12 of a round, two rows each */
    assert_int_equal(count_of(receive(listener, &count), "tcp.rtt:"), 6);
    statsd_tick(statsd, &contents, instances, 1002);
    assert_int_equal(count_of(receive(listener, &count), "tcp.rtt:"), 0);
    statsd_tick(statsd, &contents, instances, 5000);
    assert_int_equal(count_of(receive(listener, &count), "tcp.rtt:"), 54);
    statsd_free(statsd);
    close(listener);
}

static uint64_t samples_in(const char *text)
{
    uint64_t sum = 0;

    while ((text = strstr(text, "rtt.samples:")) != NULL)
        sum += strtoull(text += strlen("rtt.samples:"), NULL, 10);
    return sum;
}

/* Whatever the seconds between two ticks: a row that left the round for once is no new one. */
static void no_count_is_lost_or_sent_twice(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, 60, true);
    uint64_t added = 0, sent = 0;
    size_t count;

    (void)state;
    for (uint32_t now_s = 1000; now_s < 5000; now_s += 1 + draw(3)) {
        for (uint32_t i = draw(20); i > 0; i--, added++)
            add_sample(draw(60), MS);
        statsd_tick(statsd, &contents, instances, now_s);
        sent += samples_in(receive(listener, &count));
    }
    statsd_finish(statsd, &contents, instances);
    assert_int_equal(sent + samples_in(receive(listener, &count)), added);
    statsd_free(statsd);
    close(listener);
}

/* Rows 0..57 give way now and then to who has their place from then on; 58 and 59 are their instances' rows `other`. */
static void what_was_sent_of_who_gave_way_is_not_sent_as_others(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, 60, true);
    uint64_t added = 0, sent = 0, births = ROWS;
    size_t count, of_others = 0;

    (void)state;
    for (uint32_t n = 58; n < 60; n++) {
        rows[n].flags = SEG_ROW_OTHER;
        rows[n].local_family = SEG_FAMILY_NONE;
        snprintf(rows[n].peer_name, sizeof rows[n].peer_name, "other");
    }
    for (uint32_t now_s = 1000; now_s < 3000; now_s += 1 + draw(3)) {
        for (uint32_t i = draw(20); i > 0; i--, added++)
            add_sample(draw(58), MS);
        if (draw(3) == 0) {
            const uint32_t place = draw(58), other = 58 + place % 2;

            rows[other].samples += rows[place].samples;
            statsd_departed(statsd, rows[place].birth, rows[other].birth);
            rows[place].samples = rows[place].sum_ns = 0;
            rows[place].birth = ++births;
            memset(&histograms[place], 0, sizeof histograms[place]);
        }
        statsd_tick(statsd, &contents, instances, now_s);
        sent += samples_in(receive(listener, &count));
        of_others += count_of(received, "|#dst:other,iface:eth");
    }
    statsd_finish(statsd, &contents, instances);
    assert_int_equal(sent + samples_in(receive(listener, &count)), added);
    assert_true(of_others > 10);
    statsd_free(statsd);
    close(listener);
}

/* So many at most. The samples that came. */
static uint64_t take_few_steps(struct statsd *statsd, int listener, unsigned steps)
{
    uint64_t samples = 0;
    size_t count;

    for (; steps > 0 && statsd->way.next < statsd->way.batch.count; steps--) {
        while (!is_due(statsd))
            continue;
        statsd_step(statsd);
        samples += samples_in(receive(listener, &count));
        assert_true(count <= STEP_DATAGRAMS);
    }
    return samples;
}

/* In the middle of a second: what waits has the next ones still, and what is due in them comes behind it. */
static char *later_tags[] = { (char *)"role:other" };

static void before_rows_change_they_are_sent_whole(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, ROWS, true);
    uint64_t sent = 0;
    size_t count;

    (void)state;
    statsd_tick(statsd, &contents, instances, 1027);
    for (uint32_t i = 0; i < ROWS; i++)
        add_sample(i, MS);
    statsd_settle(statsd, &contents, instances);
    sent += samples_in(receive(listener, &count));
    assert_true(statsd->way.next < statsd->way.batch.count); /* it has only begun */
    configs[0].tags.items = later_tags;
    for (uint32_t i = 7; i < ROWS; i += 30) { /* births 8, 9, 10 and so on: due in seconds 1028 to 1030 */
        add_sample(i, MS);
        add_sample(i + 1, MS);
        add_sample(i + 2, MS);
    }
    statsd_tick(statsd, &contents, instances, 1030);
    sent += samples_in(receive(listener, &count));
    while (statsd->way.next < statsd->way.settling)
        sent += take_few_steps(statsd, listener, 1);
    assert_non_null(strstr(received, "role:db"));
    assert_true(statsd->way.next < statsd->way.batch.count); /* of those there is more */
    for (uint32_t now_s = 1031; now_s < 1033; now_s++) {
        statsd_tick(statsd, &contents, instances, now_s);
        sent += samples_in(receive(listener, &count));
        assert_true(now_s > 1031 || strstr(received, "role:other") != NULL);
        sent += take_few_steps(statsd, listener, 10);
    }
    assert_int_equal(sent, ROWS + 3 * ROWS / 30);
    assert_int_equal(statsd->way.settling, 0);
    assert_string_equal(statsd_trouble(statsd), "");
    configs[0].tags.items = tags;
    statsd_free(statsd);
    close(listener);
}

static void add_samples(uint32_t first, uint32_t step)
{
    for (uint32_t i = first; i < ROWS; i += step)
        add_sample(i, MS);
}

/* As monitor.c does before a configuration comes into force. */
static void aim(struct statsd *statsd, enum config_submit submit_via)
{
    config.submit_via = submit_via;
    if (!statsd_goes_on(statsd, &config))
        statsd_settle(statsd, &contents, instances);
    statsd_aim(statsd, &config);
}

static void what_was_counted_until_it_is_switched_off_goes_out_in_steps(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, ROWS, true);
    uint64_t sent = 0;
    size_t count;

    (void)state;
    statsd_tick(statsd, &contents, instances, 1027);
    add_samples(0, 1);
    aim(statsd, CONFIG_SUBMIT_CHECK);
    for (uint32_t now_s = 1028; statsd->is_parting; now_s++) {
        sent += samples_in(receive(listener, &count));
        assert_in_range(count, 0, STEP_DATAGRAMS);
        assert_null(strstr(said, "nothing is sent to dogstatsd any more"));
        add_samples(0, 1); /* the check's */
        sent += take_few_steps(statsd, listener, 10);
        statsd_tick(statsd, &contents, instances, now_s);
    }
    assert_int_equal(sent + samples_in(receive(listener, &count)), ROWS);
    assert_int_equal(count_of(said, "nothing is sent to dogstatsd any more"), 1);
    assert_int_equal(statsd->way.sender.fd, -1);
    assert_null(statsd->way.batch.datagrams);
    assert_string_equal(statsd_trouble(statsd), "");
    statsd_finish(statsd, &contents, instances);
    statsd_tick(statsd, &contents, instances, 1100);
    receive(listener, &count);
    assert_int_equal(count, 0);
    statsd_free(statsd);
    close(listener);
}

/* Also when it is switched on and off faster than it is looked at. */
static void what_is_counted_while_it_is_off_is_not_sent_and_nothing_twice(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, ROWS, true);
    uint64_t sent = 0;
    size_t count;

    (void)state;
    statsd_tick(statsd, &contents, instances, 1027);
    add_samples(0, 1);
    for (int i = 0; i < 3; i++) {
        aim(statsd, CONFIG_SUBMIT_CHECK);
        add_samples(0, 1); /* the check's */
        aim(statsd, CONFIG_SUBMIT_DOGSTATSD);
    }
    sent += samples_in(receive(listener, &count));
    assert_true(statsd->way.next < statsd->way.batch.count);
    statsd_tick(statsd, &contents, instances, 1028); /* from here on it counts again */
    add_samples(0, 1);
    for (uint32_t now_s = 1029; now_s < 1029 + ROUND_S; now_s++) {
        statsd_tick(statsd, &contents, instances, now_s);
        sent += samples_in(receive(listener, &count));
        sent += take_few_steps(statsd, listener, 15);
    }
    assert_int_equal(sent, 2 * ROWS);
    assert_int_equal(statsd->way.sender.lost, 0);
    statsd_free(statsd);
    close(listener);
}

static void what_is_left_when_it_is_switched_off_is_waited_for_no_longer_than_a_round(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, 30, true);

    (void)state;
    add_sample(0, MS);
    is_way_full = true;
    aim(statsd, CONFIG_SUBMIT_CHECK);
    for (uint32_t now_s = 1000; now_s < 999 + ROUND_S; now_s++) {
        statsd_tick(statsd, &contents, instances, now_s);
        assert_int_equal(statsd->way.batch.count, 1);
    }
    statsd_tick(statsd, &contents, instances, 999 + ROUND_S);
    is_way_full = false;
    assert_false(statsd->is_parting);
    assert_int_equal(count_of(said, "1 datagrams were lost"), 1);
    assert_string_equal(statsd_trouble(statsd), "");
    statsd_free(statsd);
    close(listener);
}

static void what_is_left_when_it_was_switched_off_is_sent_at_the_end(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, 30, true);
    size_t count;

    (void)state;
    add_sample(0, MS);
    is_way_full = true;
    aim(statsd, CONFIG_SUBMIT_CHECK);
    is_way_full = false;
    add_sample(0, MS);
    statsd_finish(statsd, &contents, instances);
    assert_int_equal(samples_in(receive(listener, &count)), 1);
    statsd_free(statsd);
    close(listener);
}

/* Of a reload just before the end, say. */
static void what_is_left_at_the_end_goes_out_whatever_it_is(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, ROWS, true);
    size_t count;

    (void)state;
    is_way_full = true;
    while (statsd->way.batch.count <= (size_t)STEPS_AT_THE_END * STEP_DATAGRAMS) {
        add_samples(0, 1);
        statsd_settle(statsd, &contents, instances);
    }
    is_way_full = false;
    count = statsd->way.batch.count;
    statsd_finish(statsd, &contents, instances);
    assert_int_equal(statsd->way.sender.sent, count);
    assert_int_equal(statsd->way.sender.lost, 0);
    statsd_free(statsd);
    close(listener);
}

/* Of what is not sent any more all that was counted is sent first. */
static void counts_are_sent_before_they_are_not_sent_any_more(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, 30, true);
    size_t count;

    (void)state;
    for (uint32_t i = 0; i < 30; i++)
        add_sample(i, MS);
    aim(statsd, CONFIG_SUBMIT_DOGSTATSD);
    receive(listener, &count);
    assert_int_equal(count, 0);
    config.extended_metrics = false;
    aim(statsd, CONFIG_SUBMIT_DOGSTATSD);
    assert_int_equal(samples_in(receive(listener, &count)), 30);
    add_sample(0, MS);
    aim(statsd, CONFIG_SUBMIT_DOGSTATSD);
    receive(listener, &count);
    assert_int_equal(count, 0); /* that one has its turn */
    config.extended_metrics = true;
    aim(statsd, CONFIG_SUBMIT_DOGSTATSD);
    receive(listener, &count);
    assert_int_equal(count, 0);
    statsd_free(statsd);
    close(listener);
}

static void what_was_counted_before_is_not_sent(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, 1, true);
    size_t count;

    (void)state;
    config.submit_via = CONFIG_SUBMIT_CHECK;
    statsd_aim(statsd, &config);
    add_sample(0, 900 * MS);
    statsd_tick(statsd, &contents, instances, 1031);
    statsd_finish(statsd, &contents, instances);
    config.submit_via = CONFIG_SUBMIT_DOGSTATSD;
    statsd_aim(statsd, &config);
    statsd_finish(statsd, &contents, instances);
    statsd_tick(statsd, &contents, instances, 1040);
    statsd_tick(statsd, &contents, instances, 1080);
    receive(listener, &count);
    assert_int_equal(count, 0);
    add_sample(0, MS);
    statsd_tick(statsd, &contents, instances, 1120);
    assert_int_equal(count_of(receive(listener, &count), "rtt.samples:1|c|#"), 1);
    assert_null(strstr(received, "max:9"));
    statsd_free(statsd);
    close(listener);
}

static void a_listener_that_is_away_is_said_once_and_its_return_too(void **state)
{
    uint16_t port;
    int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, 30, false);
    char place[64], text[256];
    size_t count;

    (void)state;
    close(listener);
    for (uint32_t now_s = 1000; now_s < 1090; now_s++) {
        for (uint32_t i = 0; i < 30; i++)
            add_sample(i, MS);
        statsd_tick(statsd, &contents, instances, now_s);
    }
    snprintf(place, sizeof place, "dogstatsd at 127.0.0.1:%u", port);
    snprintf(text, sizeof text, "%s is not there (Connection refused)", place);
    assert_int_equal(count_of(said, text), 1);
    assert_non_null(strstr(statsd_trouble(statsd), text));
    listener = listen_at("127.0.0.1", port, &port);
    for (uint32_t now_s = 1090; now_s < 1097; now_s++) {
        for (uint32_t i = 0; i < 30; i++)
            add_sample(i, MS);
        assert_non_null(strstr(statsd_trouble(statsd), text)); /* not over yet */
        statsd_tick(statsd, &contents, instances, now_s);
    }
    assert_int_equal(count_of(receive(listener, &count), "tcp.rtt:"), 7);
    snprintf(text, sizeof text, "%s: sending again; 90 datagrams were lost", place);
    assert_int_equal(count_of(said, text), 1);
    assert_string_equal(statsd_trouble(statsd), "");
    statsd_free(statsd);
    close(listener);
}

/* The listener's buffer holds some 90 datagrams; it is emptied between two steps. */
static void many_rows_are_spread(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, ROWS, true);
    size_t metrics = 0, most;

    (void)state;
    for (uint32_t now_s = 1000; now_s < 1030; now_s++) {
        for (uint32_t i = 0; i < ROWS; i++) {
            add_sample(i, MS);
            rows[i].retransmits++;
        }
        statsd_tick(statsd, &contents, instances, now_s);
        take_steps(statsd, listener, &most);
        assert_in_range(most, 1, STEP_DATAGRAMS);
        metrics += count_of(received, "system.net");
        assert_int_equal(count_of(received, "tcp.rtt:"), ROWS / 30);
    }
    assert_int_equal(metrics, ROWS * 10); /* no handshake */
    statsd_finish(statsd, &contents, instances);
    assert_string_equal(statsd_trouble(statsd), "");
    assert_int_equal(statsd->way.sender.lost, 0);
    statsd_free(statsd);
    close(listener);
}

/* What waits longer than a second is lost, so that nothing piles up. */
static void what_a_full_way_does_not_take_in_a_second_is_lost(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, 30, false);
    size_t count, most;

    (void)state;
    is_way_full = true;
    for (uint32_t now_s = 1000; now_s < 1010; now_s++) {
        for (uint32_t i = 0; i < 30; i++)
            add_sample(i, MS);
        statsd_tick(statsd, &contents, instances, now_s);
        assert_int_equal(statsd->way.batch.count, 1);
    }
    assert_int_equal(count_of(said, "cannot be sent to fast enough (Resource temporarily unavailable)"), 1);
    assert_non_null(strstr(statsd_trouble(statsd), "what is left over is lost"));
    is_way_full = false;
    assert_int_equal(take_steps(statsd, listener, &most), 1); /* of the last second, still in time */
    for (uint32_t now_s = 1010; now_s < 1018; now_s++)
        statsd_tick(statsd, &contents, instances, now_s);
    assert_int_equal(count_of(receive(listener, &count), "tcp.rtt:"), 8);
    assert_int_equal(count_of(said, "sending again; 9 datagrams were lost"), 1);
    assert_string_equal(statsd_trouble(statsd), "");
    statsd_free(statsd);
    close(listener);
}

static void rows_that_cannot_be_remembered_are_said_until_a_whole_round_went_well(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, 30, false);
    size_t count;

    (void)state;
    is_memory_out = true;
    statsd_tick(statsd, &contents, instances, 1005);
    statsd_tick(statsd, &contents, instances, 1006);
    is_memory_out = false;
    assert_int_equal(count_of(said, "does not get all (out of memory)"), 1);
    for (uint32_t now_s = 1007; now_s < 1050; now_s++) {
        statsd_tick(statsd, &contents, instances, now_s);
        assert_non_null(strstr(statsd_trouble(statsd), "lower `max_peers`"));
    }
    statsd_tick(statsd, &contents, instances, 1050);
    assert_string_equal(statsd_trouble(statsd), "");
    receive(listener, &count);
    assert_int_equal(count, 0);
    statsd_free(statsd);
    close(listener);
}

static void all_that_is_due_is_sent_at_the_end(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, 100, false);
    size_t count;

    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        add_sample(i, MS);
    statsd_tick(statsd, &contents, instances, 1000);
    assert_int_equal(count_of(receive(listener, &count), "tcp.rtt:"), 4);
    statsd_finish(statsd, &contents, instances);
    assert_int_equal(count_of(receive(listener, &count), "tcp.rtt:"), 96);
    statsd_free(statsd);
    close(listener);
}

/* Whoever is away at the end is not waited for. */
static void the_end_does_not_wait_for_who_is_away(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, ROWS, true);
    uint64_t begin_ns, took_ns;

    (void)state;
    close(listener);
    for (uint32_t i = 0; i < ROWS; i++)
        add_sample(i, MS);
    begin_ns = clock_ns(CLOCK_MONOTONIC);
    statsd_finish(statsd, &contents, instances);
    took_ns = clock_ns(CLOCK_MONOTONIC) - begin_ns;
    assert_in_range(took_ns, 0, 1000 * MS);
    assert_non_null(strstr(said, "is not there"));
    assert_non_null(strstr(said, "datagrams were lost"));
    statsd_free(statsd);
}

static void the_end_does_not_wait_for_a_name(void **state)
{
    struct statsd *statsd = begin("statsd.example", 8125, 30, true);
    uint64_t begin_ns;

    (void)state;
    add_sample(0, MS);
    begin_ns = clock_ns(CLOCK_MONOTONIC);
    statsd_finish(statsd, &contents, instances);
    assert_in_range(clock_ns(CLOCK_MONOTONIC) - begin_ns, 0, 1000 * MS);
    assert_non_null(strstr(said, "cannot be found (no answer yet)"));
    assert_non_null(strstr(said, "1 datagrams were lost"));
    statsd_free(statsd);
}

static void another_place_is_sent_to_at_once(void **state)
{
    uint16_t port, other;
    const int listener = listen_at("127.0.0.1", 0, &port), another = listen_at("127.0.0.1", 0, &other);
    struct statsd *statsd = begin("127.0.0.1", port, 30, false);
    size_t count;

    (void)state;
    for (uint32_t i = 0; i < 30; i++)
        add_sample(i, MS);
    statsd_tick(statsd, &contents, instances, 1000);
    assert_int_equal(count_of(receive(listener, &count), "tcp.rtt:"), 1);
    config.statsd_port = other;
    statsd_aim(statsd, &config);
    statsd_tick(statsd, &contents, instances, 1029);
    assert_int_equal(count_of(receive(another, &count), "tcp.rtt:"), 29);
    receive(listener, &count);
    assert_int_equal(count, 0);
    statsd_free(statsd);
    close(listener);
    close(another);
}

static void resolve(struct statsd *statsd, const char *name, const char *place)
{
    struct ip_address address;
    struct resolve_answer answer = { .kind = RESOLVE_FORWARD, .addresses = &address, .count = 1 };

    assert_true(address_parse(place, &address));
    snprintf(answer.name, sizeof answer.name, "%s", name);
    statsd_answer(statsd, &answer);
}

/* Rows and place at once, and the place is a name: all of it goes there when it is known where that is. */
static void what_was_counted_for_another_place_waits_for_the_new_ones_name(void **state)
{
    uint16_t port, other;
    const int listener = listen_at("127.0.0.1", 0, &port), another = listen_at("127.0.0.1", 0, &other);
    struct statsd *statsd = begin("127.0.0.1", port, ROWS, true);
    uint64_t sent = 0;
    size_t count;

    (void)state;
    statsd_tick(statsd, &contents, instances, 1000);
    add_samples(0, 1);
    statsd_settle(statsd, &contents, instances);
    sent += samples_in(receive(listener, &count));
    config.statsd_ip = (char *)"statsd.example";
    config.statsd_port = other;
    statsd_aim(statsd, &config);
    add_samples(0, 1);
    for (uint32_t now_s = 1001; now_s < 1010; now_s++) {
        statsd_tick(statsd, &contents, instances, now_s);
        take_few_steps(statsd, another, 2);
    }
    assert_string_equal(statsd_trouble(statsd), "");
    resolve(statsd, "statsd.example", "127.0.0.1");
    for (uint32_t now_s = 1010; now_s < 1000 + ROUND_S; now_s++) {
        statsd_tick(statsd, &contents, instances, now_s);
        sent += samples_in(receive(another, &count));
        assert_in_range(count, 0, STEP_DATAGRAMS);
        sent += take_few_steps(statsd, another, 15);
    }
    config.statsd_port = port; /* where that name is, is known by now */
    statsd_aim(statsd, &config);
    statsd_tick(statsd, &contents, instances, 1000 + ROUND_S);
    sent += samples_in(receive(listener, &count));
    sent += take_few_steps(statsd, listener, 15);
    assert_int_equal(sent, 2 * ROWS);
    assert_int_equal(statsd->way.sender.lost, 0);
    statsd_free(statsd);
    close(listener);
    close(another);
}

/* What is due after a long sleep, say, is all that there is. */
static void what_is_made_up_for_goes_out_in_steps(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, ROWS, true);
    size_t most;

    (void)state;
    add_samples(0, 1);
    statsd_tick(statsd, &contents, instances, 5000);
    take_steps(statsd, listener, &most);
    assert_in_range(most, 1, STEP_DATAGRAMS);
    assert_int_equal(samples_in(received), ROWS);
    statsd_free(statsd);
    close(listener);
}

static void a_name_is_waited_for_and_its_addresses_are_tried_in_turn(void **state)
{
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("statsd.example", port, 30, false);
    struct ip_address addresses[2];
    struct resolve_answer answer = { .kind = RESOLVE_FORWARD, .name = "statsd.example", .error = "Name or service not known" };
    size_t count;

    (void)state;
    assert_true(address_parse("127.0.0.2", &addresses[0]));
    assert_true(address_parse("127.0.0.1", &addresses[1]));
    add_sample(0, MS);
    statsd_tick(statsd, &contents, instances, 998 + ROUND_S);
    assert_string_equal(statsd_trouble(statsd), "");
    statsd_tick(statsd, &contents, instances, 999 + ROUND_S);
    assert_non_null(strstr(statsd_trouble(statsd), "statsd.example:"));
    assert_non_null(strstr(statsd_trouble(statsd), "cannot be found (no answer yet)"));
    statsd_answer(statsd, &answer);
    add_sample(0, MS);
    statsd_tick(statsd, &contents, instances, 1051);
    answer = (struct resolve_answer){ .kind = RESOLVE_FORWARD, .name = "statsd.example", .addresses = addresses, .count = 2 };
    statsd_answer(statsd, &answer);
    add_sample(1, MS);
    add_sample(2, MS);
    statsd_tick(statsd, &contents, instances, 1052); /* nobody is at the first */
    statsd_tick(statsd, &contents, instances, 1053);
    assert_int_equal(count_of(receive(listener, &count), "tcp.rtt:"), 1);
    statsd_tick(statsd, &contents, instances, 1054);
    statsd_tick(statsd, &contents, instances, 1059);
    assert_string_equal(statsd_trouble(statsd), "");
    assert_int_equal(count_of(said, "sending again; 3 datagrams were lost"), 1);
    statsd_free(statsd);
    close(listener);
}

static void what_does_not_fit_a_datagram_is_said_once(void **state)
{
    static char tag[1500];
    static char *long_tags[] = { tag };
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd = begin("127.0.0.1", port, 2, false);
    size_t count;

    (void)state;
    memset(tag, 'x', sizeof tag - 1);
    configs[0].tags = (struct config_strings){ long_tags, 1 };
    for (int i = 0; i < 3; i++) {
        add_sample(0, MS);
        add_sample(1, MS);
        statsd_tick(statsd, &contents, instances, 2000 + 100 * (uint32_t)i);
        receive(listener, &count);
        assert_int_equal(count, 1);
        assert_int_equal(count_of(received, "iface:eth1"), 3);
    }
    assert_int_equal(count_of(said, "longer than a datagram"), 1);
    assert_non_null(strstr(statsd_trouble(statsd), "shorten `tags`"));
    configs[0].tags = (struct config_strings){ tags, 1 };
    statsd_aim(statsd, &config);
    assert_string_equal(statsd_trouble(statsd), "");
    statsd_finish(statsd, &contents, instances);
    assert_non_null(strstr(said, "9 metrics were longer than a datagram"));
    statsd_free(statsd);
    close(listener);
}

static void what_is_replaced_in_tags_is_said(void **state)
{
    static char *odd[] = { (char *)"a,b" };
    uint16_t port;
    const int listener = listen_at("127.0.0.1", 0, &port);
    struct statsd *statsd;

    (void)state;
    configs[1].tags = (struct config_strings){ odd, 1 };
    statsd = begin("127.0.0.1", port, 1, false);
    assert_non_null(strstr(said, "eth1: bars, commas and number signs in its tags are sent as underscores"));
    assert_null(strstr(said, "eth0: bars"));
    configs[1].tags = (struct config_strings){ 0 };
    statsd_free(statsd);
    close(listener);
}

static void the_seconds_of_a_round(void **state)
{
    (void)state;
    assert_int_equal(slots_between(7, 7), 0);
    assert_int_equal(slots_between(7, 8), 1 << 8);
    assert_int_equal(slots_between(29, 31), 3);
    assert_int_equal(slots_between(100, 130), EVERY_SLOT);
    assert_int_equal(slots_between(100, 129), EVERY_SLOT & ~(UINT32_C(1) << 10));
    assert_int_equal(slots_between(UINT32_MAX, 0), 1);
}

/* Whatever there is to settle is out when its round is over. */
static void what_settles_has_a_round_and_no_more(void **state)
{
    enum { MANY = 40000, SECONDS = 1000 };
    struct statsd_way way;

    (void)state;
    statsd_way_init(&way);
    way.batch.count = MANY;
    way.is_awaiting = true; /* nothing is sent */
    statsd_way_begin(&way, SECONDS);
    assert_in_range(way.step * STEPS_A_SECOND, MANY, MANY + STEPS_A_SECOND);
    statsd_way_settle(&way, SECONDS);
    statsd_way_begin(&way, SECONDS);
    assert_in_range(way.step * STEPS_A_SECOND * STATSD_ROUND_S, MANY, MANY + STEPS_A_SECOND * STATSD_ROUND_S);
    statsd_way_begin(&way, SECONDS + STATSD_ROUND_S - 2);
    assert_in_range(way.step * STEPS_A_SECOND * 2, MANY, MANY + 2 * STEPS_A_SECOND);
    way.batch.count = way.next = 0;
    statsd_way_destroy(&way);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_settles_has_a_round_and_no_more),
        cmocka_unit_test(a_row_is_sent_every_30_s_if_it_has_news),
        cmocka_unit_test(seconds_that_were_left_out_are_made_up_for),
        cmocka_unit_test(no_count_is_lost_or_sent_twice),
        cmocka_unit_test(what_was_sent_of_who_gave_way_is_not_sent_as_others),
        cmocka_unit_test(before_rows_change_they_are_sent_whole),
        cmocka_unit_test(what_was_counted_until_it_is_switched_off_goes_out_in_steps),
        cmocka_unit_test(what_is_counted_while_it_is_off_is_not_sent_and_nothing_twice),
        cmocka_unit_test(what_is_left_when_it_is_switched_off_is_waited_for_no_longer_than_a_round),
        cmocka_unit_test(what_is_left_when_it_was_switched_off_is_sent_at_the_end),
        cmocka_unit_test(what_is_left_at_the_end_goes_out_whatever_it_is),
        cmocka_unit_test(counts_are_sent_before_they_are_not_sent_any_more),
        cmocka_unit_test(what_was_counted_before_is_not_sent),
        cmocka_unit_test(a_listener_that_is_away_is_said_once_and_its_return_too),
        cmocka_unit_test(many_rows_are_spread),
        cmocka_unit_test(what_a_full_way_does_not_take_in_a_second_is_lost),
        cmocka_unit_test(rows_that_cannot_be_remembered_are_said_until_a_whole_round_went_well),
        cmocka_unit_test(all_that_is_due_is_sent_at_the_end),
        cmocka_unit_test(the_end_does_not_wait_for_who_is_away),
        cmocka_unit_test(the_end_does_not_wait_for_a_name),
        cmocka_unit_test(another_place_is_sent_to_at_once),
        cmocka_unit_test(what_was_counted_for_another_place_waits_for_the_new_ones_name),
        cmocka_unit_test(what_is_made_up_for_goes_out_in_steps),
        cmocka_unit_test(a_name_is_waited_for_and_its_addresses_are_tried_in_turn),
        cmocka_unit_test(what_does_not_fit_a_datagram_is_said_once),
        cmocka_unit_test(what_is_replaced_in_tags_is_said),
        cmocka_unit_test(the_seconds_of_a_round),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
