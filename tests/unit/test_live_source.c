/* test_live_source.c: what is in flight when the capture of `live` is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "frame_fixture.h"
#include "live_source.c"
#include "tap_fixture.h"

static struct live_source *source;

static const struct meter_counters *counters(void)
{
    return meter_counters(source->meter, source->number);
}

/* A segment from the host itself waits for its ACK. */
static void set_up(void)
{
    const struct shot shot = from_to(1, 2, TCP_ACK, 1000, 6000, 50);
    struct frame frame = render(&shot);
    const struct captured_frame handed = captured(&frame, shot.length, S);

    memset(&next, 0, sizeof next);
    source = live_source_new(&(struct live_source_options){ .interface = "lo" });
    assert_non_null(source);
    next.check = OPENS;
    live_source_check(source, false);
    memcpy(&frame.bytes[26], (const uint8_t[4]){ 127, 0, 0, 1 }, 4);
    meter_frame(source->meter, instances_of(source), &handed, live_source_now_s());
    meter_flush(source->meter);
    assert_int_equal(counters()->open_flows, 1);
}

static int tear_down(void **state)
{
    (void)state;
    live_source_free(source);
    source = NULL;
    return 0;
}

static void it_goes_on_as_long_as_the_capture(void **state)
{
    (void)state;
    set_up();
    live_source_check(source, true);
    assert_int_equal(counters()->open_flows, 1);
}

static void it_ends_with_the_capture(void **state)
{
    static const enum fate fates[] = { CLOSES, IS_ANOTHER };

    (void)state;
    for (size_t n = 0; n < 2; n++) {
        set_up();
        next.check = fates[n];
        live_source_check(source, false);
        assert_int_equal(counters()->open_flows, 0);
        assert_int_equal(meter_pending(source->meter, source->number), 0);
        tear_down(NULL);
    }
}

static void it_ends_where_the_filter_cannot_follow(void **state)
{
    (void)state;
    set_up();
    next.filter_fails = true;
    live_source_check(source, true);
    assert_int_equal(counters()->open_flows, 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_teardown(name, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(it_goes_on_as_long_as_the_capture),
        CASE(it_ends_with_the_capture),
        CASE(it_ends_where_the_filter_cannot_follow),
    };

    return cmocka_run_group_tests_name("live_source", tests, NULL, NULL);
}
