/* What people are told an instance by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "segment_label.c"

static struct seg_instance instances[4];
static struct segment_copy copy = { .instances = instances };

static void is_told_by(uint32_t index, const char *wanted)
{
    char label[SEGMENT_LABEL_STRLEN];

    assert_string_equal(segment_label(label, &copy, index), wanted);
}

static void an_interface_is_enough_where_there_is_one_of_it(void **state)
{
    (void)state;
    strcpy(instances[0].interface, "eth0");
    strcpy(instances[1].interface, "lo");
    strcpy(instances[2].interface, "eth0");
    copy.snapshot.instance_count = 2;
    is_told_by(0, "eth0");
    is_told_by(1, "lo");
    copy.snapshot.instance_count = 3;
    is_told_by(0, "eth0#0");
    is_told_by(1, "lo");
    is_told_by(2, "eth0#2");
}

static void the_longest_interface(void **state)
{
    (void)state;
    copy.snapshot.instance_count = 2;
    for (uint32_t n = 0; n < 2; n++)
        memset(instances[n].interface, 'x', sizeof instances[n].interface - 1);
    is_told_by(1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx#1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_interface_is_enough_where_there_is_one_of_it),
        cmocka_unit_test(the_longest_interface),
    };

    return cmocka_run_group_tests_name("segment_label", tests, NULL, NULL);
}
