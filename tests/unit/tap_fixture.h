/* tap_fixture.h: a tap that captures nothing, in place of tap.c's, and whose capture does what the test says. After cmocka.h. */
#ifndef TAP_FIXTURE_H
#define TAP_FIXTURE_H

#include <stdlib.h>
#include <string.h>

#include "tap.h"

/* What becomes of the capture when it is asked for next. */
enum fate { STAYS, OPENS, CLOSES, IS_ANOTHER };

struct tap {
    char interface[SEG_INTERFACE_MAX];
    int fd;
    struct netset *wanted, *ours;
};

static struct {
    enum fate check;
    bool filter_fails;
    unsigned opened, filtered;
} next;

struct tap *tap_new(const char *interface, const struct tap_settings *settings)
{
    struct tap *tap = calloc(1, sizeof *tap);

    (void)settings;
    assert_non_null(tap);
    strncpy(tap->interface, interface, sizeof tap->interface - 1);
    tap->fd = -1;
    return tap;
}

void tap_free(struct tap *tap)
{
    if (tap == NULL)
        return;
    netset_free(tap->wanted);
    netset_free(tap->ours);
    free(tap);
}

const char *tap_interface(const struct tap *tap)
{
    return tap->interface;
}

int tap_fd(const struct tap *tap)
{
    return tap->fd;
}

enum seg_state tap_state(const struct tap *tap)
{
    return tap->fd < 0 ? SEG_FAILED : SEG_CAPTURING;
}

const char *tap_error(const struct tap *tap)
{
    (void)tap;
    return "";
}

void tap_statistics(struct tap *tap, struct capture_statistics *out)
{
    (void)tap;
    *out = (struct capture_statistics){ 0 };
}

bool tap_differs(const struct tap *tap, const struct tap_settings *settings)
{
    (void)tap;
    (void)settings;
    return false;
}

bool tap_configure(struct tap *tap, const struct tap_settings *settings)
{
    (void)tap;
    (void)settings;
    return false;
}

static void set_filter(struct tap *tap)
{
    if (next.filter_fails)
        tap->fd = -1;
}

void tap_wanted(struct tap *tap, struct netset *wanted, struct netset *ours)
{
    netset_free(tap->wanted);
    netset_free(tap->ours);
    tap->wanted = wanted;
    tap->ours = ours;
    next.filtered++;
    set_filter(tap);
}

void tap_reject(struct tap *tap)
{
    set_filter(tap);
}

bool tap_check(struct tap *tap, uint32_t now_s)
{
    const enum fate fate = next.check;

    (void)now_s;
    next.check = STAYS;
    if (fate == STAYS)
        return false;
    tap->fd = fate == CLOSES ? -1 : 100;
    next.opened += fate != CLOSES;
    return true;
}

bool tap_dispatch(struct tap *tap, const struct tap_sink *sink)
{
    (void)tap;
    (void)sink;
    return false;
}

bool tap_has_frames(const struct tap *tap)
{
    (void)tap;
    return false;
}

unsigned tap_rest_ms(struct tap *tap)
{
    (void)tap;
    return 0;
}

void tap_forbid(struct tap *tap, const char *why)
{
    (void)tap;
    (void)why;
}

void tap_close(struct tap *tap)
{
    tap->fd = -1;
}

#endif
