/* file_time.c: see file_time.h. */
#include "file_time.h"

#define NS_PER_S INT64_C(1000000000)

bool file_time_turn(struct file_time *time, int64_t time_ns)
{
    const bool is_first = !time->has_time;
    const uint32_t before_s = time->now_s;
    int64_t elapsed_s;

    if (is_first) {
        time->has_time = true;
        time->start_ns = time_ns;
        time->now_s = time->base_s;
    }
    elapsed_s = (time_ns - time->start_ns) / NS_PER_S;
    if (elapsed_s > (int64_t)(time->now_s - time->base_s) && elapsed_s <= UINT32_MAX - time->base_s)
        time->now_s = time->base_s + (uint32_t)elapsed_s;
    time->next_s_ns = time->start_ns + ((int64_t)(time->now_s - time->base_s) + 1) * NS_PER_S;
    return time->now_s != before_s;
}
