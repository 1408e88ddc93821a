/* window.c: see window.h. */
#include "window.h"

struct window window_make(bool sample, uint32_t duration_s, uint32_t interval_s)
{
    const bool is_sampling = sample && duration_s > 0 && interval_s > 0;

    return (
        struct window){ .duration_s = is_sampling ? duration_s : 0, .pause_s = is_sampling ? interval_s : 0, .is_open = true };
}

bool window_is_sampling(const struct window *window)
{
    return window->pause_s > 0;
}

bool window_is_alike(const struct window *a, const struct window *b)
{
    return a->duration_s == b->duration_s && a->pause_s == b->pause_s;
}

static uint64_t period_s(const struct window *window)
{
    return (uint64_t)window->duration_s + window->pause_s;
}

/* How many periods were over at the last look. */
static uint64_t number_of(const struct window *window)
{
    return (window->looked_s - window->begun_s) / period_s(window);
}

static bool is_in_window(const struct window *window)
{
    return (window->looked_s - window->begun_s) % period_s(window) < window->duration_s;
}

static void begin(struct window *window, uint32_t now_s)
{
    window->is_begun = true;
    window->begun_s = window->looked_s = now_s;
}

enum window_turn window_look(struct window *window, uint32_t now_s)
{
    const bool was_open = window->is_open;
    uint64_t before;

    if (!window_is_sampling(window))
        return WINDOW_SAME;
    if (!window->is_begun)
        begin(window, now_s);
    *(was_open ? &window->open_s : &window->closed_s) += now_s - window->looked_s;
    before = number_of(window);
    window->looked_s = now_s;
    window->is_open = is_in_window(window) && !(was_open && number_of(window) != before);
    if (window->is_open == was_open)
        return WINDOW_SAME;
    return window->is_open ? WINDOW_OPENED : WINDOW_CLOSED;
}

uint64_t window_turn_s(const struct window *window)
{
    if (!window_is_sampling(window) || !window->is_begun)
        return 0;
    if (!window->is_open && is_in_window(window))
        return (uint64_t)window->looked_s + 1; /* the next look opens it */
    return window->begun_s + number_of(window) * period_s(window) + (window->is_open ? window->duration_s : period_s(window));
}
