/* The configuration file over the helper's life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "config_watch.c"

#define FOLDER_FILE "go-metro.yaml" /* as errors name it */
#include "folder_fixture.h"

static void put(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

#define RIGHT "init_config:\ninstances:\n- interface: lo\n  ips: [192.0.2.1]\n"

/* From now_s on, once it has rested. */
static bool has_changed(struct config_watch *watch, uint32_t now_s)
{
    bool changed = false;

    for (uint32_t i = 0; i < 2; i++)
        changed |= config_watch_changed(watch, now_s + i);
    assert_false(changed);
    return config_watch_changed(watch, now_s + 2);
}

static void a_missing_file_is_absent_and_its_coming_is_seen(void **state)
{
    struct config_watch watch;
    struct config *config;

    (void)state;
    unlink(path);
    config_watch_init(&watch, path);
    assert_int_equal(config_watch_load(&watch, &config), CONFIG_ABSENT);
    assert_null(config);
    assert_false(config_watch_changed(&watch, 10));
    put(RIGHT);
    assert_true(has_changed(&watch, 20));
    assert_int_equal(config_watch_load(&watch, &config), CONFIG_OK);
    assert_string_equal(watch.error, "");
    assert_false(has_changed(&watch, 30));
    config_free(config);
}

static void an_error_keeps_its_place_and_goes_when_mended(void **state)
{
    struct config_watch watch;
    struct config *config;

    (void)state;
    config_watch_init(&watch, path);
    put("init_config:\n  idle_ttl: soon\ninstances:\n- interface: lo\n  ips: [192.0.2.1]\n");
    assert_int_equal(config_watch_load(&watch, &config), CONFIG_INVALID);
    assert_null(config);
    assert_int_equal(strncmp(watch.error, "go-metro.yaml:2:13: ", 20), 0);
    assert_non_null(strstr(watch.error, "idle_ttl"));
    put(RIGHT);
    assert_int_equal(config_watch_load(&watch, &config), CONFIG_OK);
    assert_string_equal(watch.error, "");
    config_free(config);
}

static void a_file_replaced_by_one_of_the_same_length_is_seen(void **state)
{
    struct config_watch watch;
    struct config *config;
    char other[80];

    (void)state;
    config_watch_init(&watch, path);
    put(RIGHT);
    assert_int_equal(config_watch_load(&watch, &config), CONFIG_OK);
    config_free(config);
    snprintf(other, sizeof other, "%s.new", path);
    assert_int_equal(rename(path, other), 0);
    put(RIGHT);
    assert_true(has_changed(&watch, 10));
    unlink(other);
}

static void a_file_is_read_when_it_has_rested(void **state)
{
    struct config_watch watch;
    struct config *config;

    (void)state;
    config_watch_init(&watch, path);
    put(RIGHT);
    assert_int_equal(config_watch_load(&watch, &config), CONFIG_OK);
    config_free(config);
    assert_false(config_watch_changed(&watch, 10));
    put(RIGHT "# a piece");
    assert_false(config_watch_changed(&watch, 11));
    assert_false(config_watch_changed(&watch, 12));
    put(RIGHT "# a piece, and another");
    assert_false(config_watch_changed(&watch, 13));
    assert_false(config_watch_changed(&watch, 14));
    assert_true(config_watch_changed(&watch, 15));
    assert_true(config_watch_changed(&watch, 16)); /* until it is read */
    assert_int_equal(config_watch_load(&watch, &config), CONFIG_OK);
    config_free(config);
    assert_false(config_watch_changed(&watch, 17));
    unlink(path);
    assert_false(config_watch_changed(&watch, 18));
    assert_true(config_watch_changed(&watch, 20));
    put(RIGHT "# a piece, and another"); /* it was only being replaced */
    assert_false(config_watch_changed(&watch, 21));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_missing_file_is_absent_and_its_coming_is_seen),
        cmocka_unit_test(an_error_keeps_its_place_and_goes_when_mended),
        cmocka_unit_test(a_file_replaced_by_one_of_the_same_length_is_seen),
        cmocka_unit_test(a_file_is_read_when_it_has_rested),
    };

    return cmocka_run_group_tests_name("config_watch", tests, make_folder, remove_folder);
}
