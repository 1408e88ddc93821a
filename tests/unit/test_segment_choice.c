/* Which segment is read, of a configuration that is right, wrong, or cannot be read at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "segment_reader.h"

/* What there is in each place. */
static struct there {
    const char *path;
    enum segment_status result;
    uint32_t state;
    uint64_t age_ns;
} there[2];

static enum segment_status read_what_is_there(const char *where, const struct segment_read_options *options,
                                              struct segment_copy *out, struct segment_time *time,
                                              char message[static SEG_ERROR_MAX])
{
    const struct there *at = strcmp(there[0].path, where) == 0 ? &there[0] : &there[1];

    (void)options;
    assert_string_equal(at->path, where);
    *out = (struct segment_copy){ .header = { .publish_interval_ms = 1000 }, .snapshot = { .state = at->state } };
    *time = (struct segment_time){ .age_ns = at->age_ns };
    snprintf(message, SEG_ERROR_MAX, "%s", at->result == SEGMENT_OK ? "" : where);
    return at->result;
}

#define segment_read_now read_what_is_there
#include "segment_choice.c"

#define FOLDER_FILE "go-metro.yaml"
#include "folder_fixture.h"

#define INSTANCES "instances: [{interface: lo, ips: [127.0.0.1]}]\n"
#define WRONG "instances: [{interface: lo, ips: {a: b}}]\n"
#define MOVED "init_config: {segment_path: /run/s, user: root}\n"

static struct options options;
static struct segment_choice choice;

static void configure(const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void make(const char *text)
{
    configure(text);
    options = (struct options){ .cfg = path };
    segment_choice_make(&choice, &options);
}

static int let_go(void **state)
{
    (void)state;
    segment_choice_free(&choice);
    return 0;
}

static void the_file_says_where_though_it_is_wrong_elsewhere(void **state)
{
    static const struct {
        const char *text;
        size_t count;
        const char *path;
        bool is_guess;
        const char *why; /* a part of it */
    } cases[] = {
        { MOVED INSTANCES, 1, "/run/s", false, "" },
        { INSTANCES, 1, SEG_DEFAULT_PATH, false, "" },
        { MOVED WRONG, 2, "/run/s", false, "go-metro.yaml:2:34: key 'ips': a mapping is not a list" },
        { MOVED, 2, "/run/s", false, "go-metro.yaml: key 'instances': no instance" },
        { MOVED "instances: 7\n", 2, "/run/s", false, "go-metro.yaml:2:12: key 'instances': " },
        { "init_config: {segment_path: /run/s, max_flows: many}\n" INSTANCES, 2, "/run/s", false, ":1:48: key 'max_flows'" },
        { "init_config: {user: root}\n" WRONG, 2, SEG_DEFAULT_PATH, false, ":2:34: key 'ips'" },
        { WRONG, 1, SEG_DEFAULT_PATH, false, ":1:34: key 'ips'" }, /* it is in its default place either way */
        { "init_config:\n" WRONG, 1, SEG_DEFAULT_PATH, false, ":2:34: key 'ips'" },
        { "init_config: {segment_path: run/s}\n" WRONG, 1, SEG_DEFAULT_PATH, true, ":1:29: key 'segment_path': " },
        { "init_config: {segment_path: [/run/s]}\n" INSTANCES, 1, SEG_DEFAULT_PATH, true, ":1:29: key 'segment_path': " },
        { "init_config: {user: ''}\n" WRONG, 1, SEG_DEFAULT_PATH, true, ":1:21: key 'user': " },
        { "init_config: /run/s\n" INSTANCES, 1, SEG_DEFAULT_PATH, true, ":1:14: key 'init_config': " },
        { MOVED "instances: [\n", 1, SEG_DEFAULT_PATH, true, "go-metro.yaml:" },
        { "", 1, SEG_DEFAULT_PATH, true, "go-metro.yaml: the file is empty" },
        { "- x\n", 1, SEG_DEFAULT_PATH, true, "is not a mapping" },
    };

    (void)state;
    for (size_t n = 0; n < sizeof cases / sizeof cases[0]; n++) {
        make(cases[n].text);
        if (choice.count != cases[n].count || strcmp(choice.places[0].path, cases[n].path) != 0
            || choice.is_guess != cases[n].is_guess || strstr(choice.why, cases[n].why) == NULL
            || (choice.why[0] == '\0') != (cases[n].why[0] == '\0'))
            fail_msg("%s: %zu, %s, %d: %s", cases[n].text, choice.count, choice.places[0].path, choice.is_guess, choice.why);
        if (choice.count == 2)
            assert_string_equal(choice.places[1].path, SEG_DEFAULT_PATH);
        segment_choice_free(&choice);
    }
}

static void whose_it_may_be(void **state)
{
    (void)state;
    make("init_config: {segment_path: /run/s, user: root}\n" WRONG);
    assert_true(choice.places[0].how.has_owner && choice.places[0].how.owner == 0 && !choice.places[0].how.any_owner);
    segment_choice_free(&choice);
    make("init_config: {user: no-such-user}\n" INSTANCES);
    assert_false(choice.places[0].how.has_owner || choice.places[0].how.any_owner);
}

static void expect_read(enum segment_status result, const char *message, const char *note)
{
    char got[SEG_ERROR_MAX];
    struct segment_copy copy;
    struct segment_time time;

    assert_int_equal(segment_choice_read(&choice, &copy, &time, got), result);
    assert_string_equal(got, message);
    if (strstr(choice.note, note) == NULL || (choice.note[0] == '\0') != (note[0] == '\0'))
        fail_msg("%s", choice.note);
}

/* A helper that runs goes on with the configuration before; one that is started anew has none. */
static void where_there_is_a_mistake_both_places_are_looked_at(void **state)
{
    const uint64_t s = UINT64_C(1000000000);

    (void)state;
    make(MOVED WRONG);
    there[0] = (struct there){ "/run/s", SEGMENT_OK, SEG_DEGRADED, s };
    there[1] = (struct there){ SEG_DEFAULT_PATH, SEGMENT_OK, SEG_FAILED, s / 2 }; /* of another helper */
    expect_read(SEGMENT_OK, "", "");
    there[0].state = SEG_STOPPED;
    expect_read(SEGMENT_OK, "", ":2:34: key 'ips': a mapping is not a list");
    expect_read(SEGMENT_OK, "", "; the default place, /dev/shm/go-metro, is looked at instead; --segment FILE names another");
    there[0].state = SEG_CAPTURING;
    there[0].age_ns = 20 * s;
    expect_read(SEGMENT_OK, "", "instead");
    there[1].age_ns = 30 * s; /* of once upon a time */
    expect_read(SEGMENT_OK, "", "");
    there[0].age_ns = UINT64_MAX;
    expect_read(SEGMENT_OK, "", "instead");
    there[1].age_ns = UINT64_MAX;
    expect_read(SEGMENT_OK, "", "");
    there[0].result = SEGMENT_FOREIGN_OWNER;
    expect_read(SEGMENT_OK, "", "instead");
    there[1].result = SEGMENT_MISSING;
    expect_read(SEGMENT_FOREIGN_OWNER, "/run/s", "the default place, /dev/shm/go-metro, is looked at too; --segment");
}

static void one_that_is_mended_is_read_again(void **state)
{
    (void)state;
    make(MOVED "instances: [\n");
    there[0] = (struct there){ "/run/s", SEGMENT_OK, SEG_CAPTURING, 0 };
    there[1] = (struct there){ SEG_DEFAULT_PATH, SEGMENT_MISSING, 0, 0 };
    expect_read(SEGMENT_MISSING, SEG_DEFAULT_PATH, "the configuration cannot be used: ");
    configure(MOVED INSTANCES);
    expect_read(SEGMENT_OK, "", "");
    configure(""); /* one that is right is not read again: the helper may never have seen what comes later */
    expect_read(SEGMENT_OK, "", "");
}

static void one_that_is_not_there(void **state)
{
    (void)state;
    unlink(path);
    options = (struct options){ .cfg = path };
    segment_choice_make(&choice, &options);
    there[0] = (struct there){ SEG_DEFAULT_PATH, SEGMENT_OK, SEG_CAPTURING, 0 };
    expect_read(SEGMENT_OK, "", "go-metro.yaml: no such file; copy go-metro.yaml.example to it; the default place, ");
}

/* The note is a line of its own, in JSON and in a comment too. */
static void a_path_of_odd_letters(void **state)
{
    char odd[3000];

    (void)state;
    memset(odd, '\n', sizeof odd - 1);
    odd[sizeof odd - 1] = '\0';
    options = (struct options){ .cfg = odd };
    segment_choice_make(&choice, &options);
    there[0] = (struct there){ SEG_DEFAULT_PATH, SEGMENT_OK, SEG_CAPTURING, 0 };
    expect_read(SEGMENT_OK, "", "??: cannot be read: File name too long");
    assert_null(strchr(choice.note, '\n'));
    assert_non_null(strstr(choice.note, "--segment FILE names another"));
}

static void a_segment_of_ones_own_choice(void **state)
{
    (void)state;
    options = (struct options){ .cfg = "/no/such/file", .segment = "/run/mine" };
    segment_choice_make(&choice, &options);
    assert_true(choice.count == 1 && choice.places[0].how.any_owner);
    there[0] = (struct there){ "/run/mine", SEGMENT_MISSING, 0, 0 };
    expect_read(SEGMENT_MISSING, "/run/mine", "");
}

#define TEST(function) cmocka_unit_test_teardown(function, let_go)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_file_says_where_though_it_is_wrong_elsewhere),
        TEST(whose_it_may_be),
        TEST(where_there_is_a_mistake_both_places_are_looked_at),
        TEST(one_that_is_mended_is_read_again),
        TEST(one_that_is_not_there),
        TEST(a_path_of_odd_letters),
        TEST(a_segment_of_ones_own_choice),
    };

    return cmocka_run_group_tests_name("segment_choice", tests, make_folder, remove_folder);
}
