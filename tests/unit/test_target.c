/* Whom an instance wants: answers of the resolver -> whitelist, names, warnings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "target.c"

/* A resolver that only notes what it is asked, and refuses after `room` questions. */
static char asked[8][RESOLVE_NAME_MAX];
static unsigned asked_known[8]; /* of names: the families that are known */
static size_t asked_count, room;
static bool is_full_of_addresses;

static int note(const char *text)
{
    if (asked_count >= room)
        return -1;
    snprintf(asked[asked_count++], sizeof asked[0], "%s", text);
    return 0;
}

int resolver_submit_name(struct resolver *resolver, const char *name, unsigned known)
{
    (void)resolver;
    if (asked_count < room)
        asked_known[asked_count] = known;
    return note(name);
}

int resolver_submit_address(struct resolver *resolver, const struct ip_address *address)
{
    char text[ADDRESS_STRLEN];

    (void)resolver;
    return is_full_of_addresses ? -1 : note(address_format(text, address));
}

static struct ip_prefix prefix_of(const char *text)
{
    struct ip_prefix prefix;

    assert_true(prefix_parse(text, &prefix, NULL));
    return prefix;
}

static char *ips[] = { (char *)"192.0.2.1", (char *)"198.51.100.0/24" };
static char *hosts[] = { (char *)"db.example", (char *)"192.0.2.9" };

static struct targets *make(bool resolve_names)
{
    struct ip_prefix prefixes[2] = { prefix_of(ips[0]), prefix_of(ips[1]) };
    struct config_instance instance = { .ips = { ips, 2 }, .hosts = { hosts, 2 }, .ip_prefixes = prefixes };
    struct targets *targets = targets_new(&instance, resolve_names);

    assert_non_null(targets);
    return targets;
}

static struct resolve_answer forward(const char *name, struct ip_address *addresses, size_t count, const char *error)
{
    struct resolve_answer answer = { .kind = RESOLVE_FORWARD, .addresses = addresses, .count = count, .error = error };

    snprintf(answer.name, sizeof answer.name, "%s", name);
    return answer;
}

static const char *name_of(const struct targets *targets, const char *address)
{
    struct netset *set = targets_whitelist(targets);
    struct ip_prefix prefix = prefix_of(address);
    uint32_t index;
    bool found;

    assert_non_null(set);
    found = netset_lookup(set, &prefix.base, &index);
    netset_free(set);
    return found ? targets_name(targets, index) : "(not wanted)";
}

static void addresses_are_wanted_at_once(void **state)
{
    struct targets *targets = make(true);

    (void)state;
    assert_null(name_of(targets, "192.0.2.1"));
    assert_null(name_of(targets, "198.51.100.77"));
    assert_null(name_of(targets, "192.0.2.9"));
    assert_string_equal(name_of(targets, "192.0.2.2"), "(not wanted)");
    targets_free(targets);
}

static void asks_names_and_single_addresses(void **state)
{
    struct targets *targets = make(true);

    (void)state;
    asked_count = 0;
    room = 8;
    targets_ask(targets, NULL, 100, 300);
    assert_int_equal(asked_count, 3);
    assert_string_equal(asked[0], "192.0.2.1");
    assert_string_equal(asked[1], "db.example");
    assert_string_equal(asked[2], "192.0.2.9");
    targets_ask(targets, NULL, 399, 300);
    assert_int_equal(asked_count, 3);
    targets_ask(targets, NULL, 400, 300);
    assert_int_equal(asked_count, 6);
    targets_free(targets);
}

static void a_full_queue_gets_the_rest_later(void **state)
{
    struct targets *targets = make(true);

    (void)state;
    asked_count = 0;
    room = 1;
    targets_ask(targets, NULL, 100, 300);
    room = 8;
    targets_ask(targets, NULL, 101, 300);
    assert_int_equal(asked_count, 3); /* each once, the first not again */
    assert_string_equal(asked[1], "db.example");
    targets_free(targets);
}

/* Thousands of addresses wait for their names: that hinders no host. */
static void a_queue_full_of_addresses_takes_hosts(void **state)
{
    struct targets *targets = make(true);

    (void)state;
    asked_count = 0;
    room = 8;
    is_full_of_addresses = true;
    targets_ask(targets, NULL, 100, 300);
    is_full_of_addresses = false;
    assert_int_equal(asked_count, 1);
    assert_string_equal(asked[0], "db.example");
    targets_ask(targets, NULL, 101, 300);
    assert_int_equal(asked_count, 3);
    targets_free(targets);
}

static void without_resolve_names_only_hosts_are_asked(void **state)
{
    struct targets *targets = make(false);

    (void)state;
    asked_count = 0;
    room = 8;
    targets_ask(targets, NULL, 100, 300);
    assert_int_equal(asked_count, 1);
    assert_string_equal(asked[0], "db.example");
    targets_free(targets);
}

static void a_host_becomes_wanted_and_follows(void **state)
{
    struct targets *targets = make(true);
    struct ip_address first[] = { prefix_of("203.0.113.1").base, prefix_of("2001:db8::1").base };
    struct ip_address second[] = { prefix_of("203.0.113.2").base };
    struct resolve_answer answer = forward("db.example", first, 2, NULL);

    (void)state;
    assert_true(targets_answer(targets, &answer));
    assert_string_equal(name_of(targets, "203.0.113.1"), "db.example");
    assert_string_equal(name_of(targets, "2001:db8::1"), "db.example");
    assert_false(targets_answer(targets, &answer)); /* the same again changes nothing */
    answer = forward("db.example", second, 1, NULL);
    answer.known = RESOLVE_V4 | RESOLVE_V6;
    assert_true(targets_answer(targets, &answer));
    assert_string_equal(name_of(targets, "203.0.113.1"), "(not wanted)");
    assert_string_equal(name_of(targets, "203.0.113.2"), "db.example");
    targets_free(targets);
}

static void a_name_that_fails_keeps_its_addresses_and_warns(void **state)
{
    struct targets *targets = make(true);
    struct ip_address good[] = { prefix_of("203.0.113.1").base };
    struct resolve_answer answer = forward("db.example", good, 1, NULL);
    char warning[256];

    (void)state;
    assert_true(targets_answer(targets, &answer));
    targets_warning(targets, 100, warning, sizeof warning);
    assert_string_equal(warning, "");
    answer = forward("db.example", NULL, 0, "Name or service not known");
    assert_false(targets_answer(targets, &answer));
    assert_string_equal(name_of(targets, "203.0.113.1"), "db.example");
    targets_warning(targets, 100, warning, sizeof warning);
    assert_string_equal(warning,
                        "the host 'db.example' does not resolve (Name or service not known); correct `hosts` or the resolver");
    answer = forward("db.example", good, 1, NULL);
    assert_false(targets_answer(targets, &answer));
    targets_warning(targets, 100, warning, sizeof warning);
    assert_string_equal(warning, "");
    targets_free(targets);
}

static const char *warning_of(const struct targets *targets)
{
    static char warning[256];

    targets_warning(targets, 100, warning, sizeof warning);
    return warning;
}

/* As the resolver answers when the name server fails for one of the families that the asker knows of. */
static void a_family_that_fails_keeps_its_addresses_and_warns(void **state)
{
    static const char trouble[] = "its IPv4 addresses cannot be looked up now";
    struct targets *targets = make(false);
    struct ip_address both[] = { prefix_of("203.0.113.1").base, prefix_of("2001:db8::1").base };
    struct ip_address other[] = { prefix_of("2001:db8::2").base };
    struct resolve_answer answer = forward("db.example", both, 2, NULL);

    (void)state;
    asked_count = 0;
    room = 8;
    targets_ask(targets, NULL, 100, 300);
    assert_int_equal(asked_known[0], 0);
    assert_true(targets_answer(targets, &answer));
    targets_ask(targets, NULL, 400, 300);
    assert_int_equal(asked_count, 2);
    assert_int_equal(asked_known[1], RESOLVE_V4 | RESOLVE_V6);
    answer = forward("db.example", &both[1], 1, trouble);
    answer.known = RESOLVE_V4 | RESOLVE_V6;
    answer.failed = RESOLVE_V4;
    assert_false(targets_answer(targets, &answer));
    assert_string_equal(name_of(targets, "203.0.113.1"), "db.example");
    assert_string_equal(name_of(targets, "2001:db8::1"), "db.example");
    assert_string_equal(warning_of(targets),
                        "the host 'db.example' does not resolve (its IPv4 addresses cannot be looked up now); "
                        "correct `hosts` or the resolver");
    targets_ask(targets, NULL, 414, 300);
    assert_int_equal(asked_count, 2);
    targets_ask(targets, NULL, 415, 300);
    assert_int_equal(asked_count, 3);
    answer.addresses = other; /* the other family is followed meanwhile */
    assert_true(targets_answer(targets, &answer));
    assert_string_equal(name_of(targets, "203.0.113.1"), "db.example");
    assert_string_equal(name_of(targets, "2001:db8::1"), "(not wanted)");
    assert_string_equal(name_of(targets, "2001:db8::2"), "db.example");
    answer = forward("db.example", other, 1, NULL); /* there certainly is none of it now */
    answer.known = RESOLVE_V4 | RESOLVE_V6;
    assert_true(targets_answer(targets, &answer));
    assert_string_equal(name_of(targets, "203.0.113.1"), "(not wanted)");
    assert_string_equal(warning_of(targets), "");
    targets_ask(targets, NULL, 714, 300);
    assert_int_equal(asked_count, 3);
    targets_ask(targets, NULL, 715, 300);
    assert_int_equal(asked_known[3], RESOLVE_V6);
    targets_free(targets);
}

/* Two instances may have one name, and the one knows more than the other. */
static void what_another_asked_takes_nothing_away(void **state)
{
    struct targets *targets = make(false), *fresh = make(false);
    struct ip_address both[] = { prefix_of("203.0.113.1").base, prefix_of("2001:db8::1").base };
    struct resolve_answer answer = forward("db.example", both, 2, NULL);

    (void)state;
    assert_true(targets_answer(targets, &answer));
    answer = forward("db.example", &both[1], 1, NULL); /* the fresh one's, who knew of nothing */
    assert_false(targets_answer(targets, &answer));
    assert_true(targets_answer(fresh, &answer));
    assert_string_equal(name_of(targets, "203.0.113.1"), "db.example");
    answer = forward("db.example", &both[1], 1, "its IPv4 addresses cannot be looked up now");
    answer.known = RESOLVE_V4 | RESOLVE_V6;
    answer.failed = RESOLVE_V4;
    assert_false(targets_answer(fresh, &answer));
    assert_string_equal(warning_of(fresh), ""); /* who misses nothing */
    assert_string_equal(name_of(fresh, "2001:db8::1"), "db.example");
    targets_free(targets);
    targets_free(fresh);
}

/* At the start nobody knows what there is of a name: whether there is more is looked at once more. */
static void a_first_answer_of_one_family_is_looked_at_again_soon(void **state)
{
    struct targets *targets = make(false);
    struct ip_address both[] = { prefix_of("203.0.113.1").base, prefix_of("2001:db8::1").base };
    struct resolve_answer answer = forward("db.example", &both[1], 1, NULL);

    (void)state;
    asked_count = 0;
    room = 8;
    targets_ask(targets, NULL, 100, 300);
    assert_true(targets_answer(targets, &answer));
    assert_string_equal(warning_of(targets), "");
    targets_ask(targets, NULL, 114, 300);
    assert_int_equal(asked_count, 1);
    targets_ask(targets, NULL, 115, 300);
    assert_int_equal(asked_count, 2);
    answer.known = RESOLVE_V6;
    assert_false(targets_answer(targets, &answer));
    targets_ask(targets, NULL, 414, 300); /* but once */
    assert_int_equal(asked_count, 2);
    targets_free(targets);
    targets = make(false);
    answer = forward("db.example", both, 2, NULL);
    targets_ask(targets, NULL, 100, 300);
    assert_true(targets_answer(targets, &answer));
    targets_ask(targets, NULL, 399, 300);
    assert_int_equal(asked_count, 3);
    targets_free(targets);
}

static void a_name_without_an_answer_is_warned_of(void **state)
{
    struct targets *targets = make(true), *reloaded = make(true);
    struct ip_address good[] = { prefix_of("203.0.113.1").base };
    struct resolve_answer answer = forward("db.example", good, 1, NULL);
    char warning[256];

    (void)state;
    targets_warning(targets, 100, warning, sizeof warning);
    assert_string_equal(warning, "the host 'db.example' does not resolve (not asked for yet); correct `hosts` or the resolver");
    asked_count = 0;
    room = 8;
    targets_ask(targets, NULL, 100, 300);
    targets_ask(targets, NULL, 114, 1); /* that it is asked for again does not put it off */
    targets_warning(targets, 114, warning, sizeof warning);
    assert_string_equal(warning, "");
    targets_warning(targets, 115, warning, sizeof warning);
    assert_string_equal(warning, "the host 'db.example' does not resolve (no answer yet); correct `hosts` or the resolver");
    targets_answer(targets, &answer);
    targets_warning(targets, 115, warning, sizeof warning);
    assert_string_equal(warning, "");
    assert_true(targets_inherit(reloaded, targets)); /* which asks for nothing anew */
    targets_warning(reloaded, 1000, warning, sizeof warning);
    assert_string_equal(warning, "");
    targets_free(targets);
    targets_free(reloaded);
}

/* Whoever measures only once asks for this first. */
static void who_is_wanted_is_known_when_all_have_answered(void **state)
{
    struct targets *targets = make(true), *hosts_only = make(false);
    struct ip_address address = prefix_of("203.0.113.1").base;
    struct resolve_answer good = forward("db.example", &address, 1, NULL), bad = forward("db.example", NULL, 0, "no such name");
    struct resolve_answer reverse = { .kind = RESOLVE_REVERSE, .error = "no such name" };

    (void)state;
    assert_false(targets_are_answered(targets) || targets_are_answered(hosts_only));
    assert_int_equal(targets_found(targets), 0);
    targets_answer(targets, &bad);
    targets_answer(hosts_only, &bad);
    assert_int_equal(targets_found(targets), 0); /* but that is an answer */
    assert_true(targets_are_answered(hosts_only));
    assert_false(targets_are_answered(targets));
    reverse.address = prefix_of("192.0.2.1").base;
    targets_answer(targets, &reverse);
    assert_false(targets_are_answered(targets));
    reverse.address = prefix_of("192.0.2.9").base;
    targets_answer(targets, &reverse);
    assert_true(targets_are_answered(targets));
    targets_answer(targets, &good);
    assert_int_equal(targets_found(targets), 1);
    targets_answer(targets, &bad);
    assert_int_equal(targets_found(targets), 1); /* its last addresses stay */
    assert_true(targets_are_answered(targets));
    targets_free(targets);
    targets_free(hosts_only);
}

static void an_address_takes_its_reverse_name(void **state)
{
    struct targets *targets = make(true);
    struct resolve_answer answer = { .kind = RESOLVE_REVERSE, .name = "web.example", .address = prefix_of("192.0.2.1").base };

    (void)state;
    assert_false(targets_answer(targets, &answer));
    room = 8;
    targets_ask(targets, NULL, 100, 300);
    assert_string_equal(name_of(targets, "192.0.2.1"), "web.example");
    answer = (struct resolve_answer){ .kind = RESOLVE_REVERSE, .address = prefix_of("192.0.2.1").base, .error = "no" };
    assert_false(targets_answer(targets, &answer));
    assert_string_equal(name_of(targets, "192.0.2.1"), "web.example"); /* a tag does not flap */
    targets_free(targets);
}

static void a_name_that_two_addresses_have_names_neither(void **state)
{
    struct targets *targets = make(true);
    struct resolve_answer one = { .kind = RESOLVE_REVERSE, .name = "gate.example", .address = prefix_of("192.0.2.1").base };
    struct resolve_answer two = { .kind = RESOLVE_REVERSE, .name = "gate.example", .address = prefix_of("192.0.2.9").base };

    (void)state;
    room = asked_count = 8;
    targets_answer(targets, &one);
    targets_answer(targets, &two);
    targets_ask(targets, NULL, 100, 300);
    assert_null(name_of(targets, "192.0.2.1")); /* two series with the same tags would overwrite each other */
    assert_null(name_of(targets, "192.0.2.9"));
    snprintf(two.name, sizeof two.name, "other.example");
    targets_answer(targets, &two);
    targets_ask(targets, NULL, 101, 300);
    assert_string_equal(name_of(targets, "192.0.2.1"), "gate.example");
    assert_string_equal(name_of(targets, "192.0.2.9"), "other.example");
    targets_free(targets);
}

/* Targets of these addresses and hosts. */
static struct targets *make_of(struct config_strings addresses, struct config_strings names)
{
    struct ip_prefix prefixes[4];
    struct config_instance instance = { .ips = addresses, .hosts = names, .ip_prefixes = prefixes };
    struct targets *targets;

    for (size_t i = 0; i < addresses.count; i++)
        prefixes[i] = prefix_of(addresses.items[i]);
    targets = targets_new(&instance, true);
    assert_non_null(targets);
    return targets;
}

#define TEXTS(...)                                                                                    \
    {                                                                                                 \
        .items = (char *[]){ __VA_ARGS__ }, .count = sizeof(char *[]){ __VA_ARGS__ } / sizeof(char *) \
    }
#define LIST(...) (struct config_strings) TEXTS(__VA_ARGS__)

static void answer_reverse(struct targets *targets, const char *address, const char *name)
{
    struct resolve_answer answer = { .kind = RESOLVE_REVERSE, .address = prefix_of(address).base };

    snprintf(answer.name, sizeof answer.name, "%s", name);
    targets_answer(targets, &answer);
    room = asked_count = 8;
    targets_ask(targets, NULL, 100, 300);
}

static bool answer_forward(struct targets *targets, const char *name, const char *address)
{
    struct ip_address found = prefix_of(address).base;
    struct resolve_answer answer = forward(name, &found, 1, NULL);

    return targets_answer(targets, &answer);
}

static void expect_taken(char *address, char *host, const char *reverse)
{
    struct targets *targets = make_of(LIST(address), LIST(host)), *next = make_of(LIST(address), LIST(host));

    answer_reverse(targets, address, reverse);
    assert_null(name_of(targets, address));
    assert_true(answer_forward(targets, host, "192.0.2.2"));
    assert_string_equal(name_of(targets, "192.0.2.2"), host);
    assert_true(targets_inherit(next, targets)); /* nor after a reload */
    assert_null(name_of(next, address));
    answer_reverse(next, address, "db10.example");
    assert_string_equal(name_of(next, address), "db10.example");
    targets_free(targets);
    targets_free(next);
}

/* Two rows of the same tags would overwrite each other: whatever a name server says, each row is told from all others. */
static void a_name_that_is_taken_names_no_address(void **state)
{
    static char *const addresses[] = { "192.0.2.1", "::" };
    static char *const hosts_of_it[] = { "db1.example", "DB1.example", "db1.example.", "Db1.Example.." };
    static const char *const taken[] = { "db1.example", "DB1.EXAMPLE", "other", "Other", "192.0.2.9", "192.0.2.9." };

    (void)state;
    for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
        for (size_t j = 0; j < sizeof hosts_of_it / sizeof *hosts_of_it; j++)
            for (size_t k = 0; k < sizeof taken / sizeof *taken; k++)
                expect_taken(addresses[i], hosts_of_it[j], taken[k]);
}

static void a_name_in_capitals_is_the_same_name(void **state)
{
    struct targets *targets = make_of(LIST("192.0.2.1", "192.0.2.9"), LIST("192.0.2.1"));

    (void)state;
    answer_reverse(targets, "192.0.2.1", "gate.example");
    assert_string_equal(name_of(targets, "192.0.2.1"), "gate.example"); /* that it stands there twice does not matter */
    answer_reverse(targets, "192.0.2.9", "GATE.example");
    assert_null(name_of(targets, "192.0.2.1"));
    assert_null(name_of(targets, "192.0.2.9"));
    targets_free(targets);
}

static uint32_t value_of(const struct targets *targets, const char *address)
{
    struct netset *set = targets_whitelist(targets);
    struct ip_prefix prefix = prefix_of(address);
    uint32_t value = 0;

    assert_non_null(set);
    assert_true(netset_lookup(set, &prefix.base, &value));
    netset_free(set);
    return value;
}

/* Each is asked for as it is written, but the row is one. */
static void hosts_of_one_name_are_one_row(void **state)
{
    const struct config_strings names = TEXTS("DB1.example", "web.example", "db1.example.", "db1.example", "db1.example");
    const struct config_strings turned = TEXTS("a.example", "db1.example", "web.example", "DB1.example");
    struct targets *targets = make_of((struct config_strings){ 0 }, names), *next;
    uint32_t value;

    (void)state;
    assert_true(answer_forward(targets, "DB1.example", "192.0.2.1"));
    value = value_of(targets, "192.0.2.1");
    assert_true(answer_forward(targets, "web.example", "192.0.2.2"));
    assert_true(answer_forward(targets, "db1.example.", "192.0.2.3"));
    assert_true(answer_forward(targets, "db1.example", "192.0.2.4"));
    assert_int_equal(value_of(targets, "192.0.2.3"), value);
    assert_int_equal(value_of(targets, "192.0.2.4"), value);
    assert_int_not_equal(value_of(targets, "192.0.2.2"), value);
    assert_string_equal(targets_name(targets, value), "DB1.example");
    assert_string_equal(name_of(targets, "192.0.2.2"), "web.example");
    next = make_of((struct config_strings){ 0 }, turned);
    assert_true(targets_inherit(next, targets));
    assert_int_equal(value_of(next, "192.0.2.1"), value); /* the row stays */
    assert_int_equal(value_of(next, "192.0.2.4"), value);
    assert_string_equal(targets_name(next, value), "db1.example");
    assert_string_equal(name_of(next, "192.0.2.2"), "web.example");
    targets_free(targets);
    targets_free(next);
}

/* dst:other is the row of those beyond max_peers, and an address is its own. */
static void a_host_whose_name_is_a_tag_of_others_names_nobody(void **state)
{
    static char *const names[] = { "other", "OTHER.", "192.0.2.9." };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct targets *targets = make_of(LIST("192.0.2.9"), LIST("others", names[i]));

        answer_forward(targets, names[i], "192.0.2.1");
        answer_forward(targets, "others", "192.0.2.2");
        assert_null(name_of(targets, "192.0.2.1"));
        assert_int_equal(value_of(targets, "192.0.2.1") & METER_SHARED_ROW, 0);
        assert_string_equal(name_of(targets, "192.0.2.2"), "others");
        targets_free(targets);
    }
}

/* Whoever keeps names must hear of each that is another: also of those that only a look at all others settles. */
static void a_new_name_is_a_new_revision(void **state)
{
    struct targets *targets = make(true), *next = make(true);
    struct resolve_answer answer = { .kind = RESOLVE_REVERSE, .name = "web.example", .address = prefix_of("192.0.2.1").base };
    struct ip_address address = prefix_of("203.0.113.1").base;
    struct resolve_answer host = forward("db.example", &address, 1, NULL);
    uint64_t before = targets_revision(targets);

    (void)state;
    room = asked_count = 8;
    targets_ask(targets, NULL, 100, 300);
    assert_int_equal(targets_revision(targets), before);
    targets_answer(targets, &answer);
    assert_true(targets_revision(targets) > before);
    before = targets_revision(targets);
    targets_ask(targets, NULL, 101, 300); /* nobody else has it: only now it is in use */
    assert_true(targets_revision(targets) > before);
    before = targets_revision(targets);
    targets_answer(targets, &answer);
    targets_ask(targets, NULL, 102, 300);
    assert_int_equal(targets_revision(targets), before);
    targets_answer(targets, &host);
    assert_true(targets_revision(targets) > before);
    before = targets_revision(targets);
    targets_answer(targets, &host);
    assert_int_equal(targets_revision(targets), before);
    assert_true(targets_inherit(next, targets));
    assert_true(targets_revision(next) > before);
    targets_free(targets);
    targets_free(next);
}

static void a_name_that_fails_is_asked_again_soon(void **state)
{
    struct targets *targets = make(false);
    struct resolve_answer answer = forward("db.example", NULL, 0, "Temporary failure in name resolution");

    (void)state;
    asked_count = 0;
    room = 8;
    targets_ask(targets, NULL, 100, 300);
    targets_answer(targets, &answer);
    targets_ask(targets, NULL, 114, 300);
    assert_int_equal(asked_count, 1);
    targets_ask(targets, NULL, 115, 300);
    assert_int_equal(asked_count, 2);
    targets_free(targets);
}

/* When the question about the address's name is put, after the answers so far; asked_s: the last time. */
static uint32_t next_question_s(struct targets *targets, uint32_t asked_s, uint32_t interval_s)
{
    const size_t before = asked_count = 0;

    room = 8;
    while (asked_count == before)
        targets_ask(targets, NULL, ++asked_s, interval_s);
    return asked_s;
}

/* So that a resolver that comes up late is soon heard, and a reverse zone that never answers is not asked thousands of questions.
 */
static void an_address_that_nobody_could_be_asked_for_is_asked_for_again_soon(void **state)
{
    static const uint32_t waits_s[] = { 15, 30, 60, 120, 240, 300, 300 };
    static char *one[] = { (char *)"192.0.2.1" };
    struct ip_prefix prefix = prefix_of(one[0]);
    struct config_instance instance = { .ips = { one, 1 }, .ip_prefixes = &prefix };
    struct targets *targets = targets_new(&instance, true);
    struct resolve_answer answer = { .kind = RESOLVE_REVERSE, .address = prefix.base, .error = "later", .is_passing = true };
    uint32_t now_s = 100;

    (void)state;
    now_s = next_question_s(targets, now_s, 300);
    for (size_t i = 0; i < sizeof waits_s / sizeof waits_s[0]; i++) {
        targets_answer(targets, &answer);
        assert_string_equal(warning_of(targets), "");
        assert_int_equal(next_question_s(targets, now_s, 300) - now_s, waits_s[i]);
        now_s += waits_s[i];
    }
    for (int i = 0; i < 40; i++) {
        targets_answer(targets, &answer);
        assert_true(i < 10 || targets->items[0].again_s >= 86400); /* nor does it wrap */
    }
    assert_int_equal(next_question_s(targets, now_s, 86400) - now_s, 86400);
    now_s += 86400;
    answer.is_passing = false; /* it has no name: that is asked every interval */
    targets_answer(targets, &answer);
    assert_int_equal(next_question_s(targets, now_s, 300) - now_s, 300);
    now_s += 300;
    answer.is_passing = true;
    targets_answer(targets, &answer);
    assert_int_equal(next_question_s(targets, now_s, 300) - now_s, 15);
    now_s += 15;
    answer = (struct resolve_answer){ .kind = RESOLVE_REVERSE, .address = prefix.base, .name = "web.example" };
    targets_answer(targets, &answer);
    assert_int_equal(next_question_s(targets, now_s, 300) - now_s, 300);
    targets_free(targets);
}

/* resolve_names off, and on again, by reloads. */
static void names_that_are_wanted_again_are_asked_for_at_once(void **state)
{
    struct targets *first = make(true), *without = make(false), *again = make(true), *kept = make(true);
    struct resolve_answer answer = { .kind = RESOLVE_REVERSE, .name = "web.example", .address = prefix_of("192.0.2.1").base };

    (void)state;
    asked_count = 0;
    room = 8;
    targets_ask(first, NULL, 100, 300);
    targets_answer(first, &answer);
    assert_true(targets_inherit(kept, first));
    assert_true(targets_inherit(without, first));
    targets_ask(without, NULL, 101, 300);
    targets_ask(kept, NULL, 101, 300);
    assert_int_equal(asked_count, 3);
    assert_string_equal(name_of(kept, "192.0.2.1"), "web.example");
    assert_null(name_of(without, "192.0.2.1"));
    assert_true(targets_inherit(again, without));
    targets_ask(again, NULL, 102, 300);
    assert_int_equal(asked_count, 5); /* both addresses, and not the host */
    targets_free(first);
    targets_free(without);
    targets_free(again);
    targets_free(kept);
}

static void addresses_that_are_left_out_are_warned_of(void **state)
{
    struct targets *targets = make(true), *reloaded = make(true);
    struct ip_address good[] = { prefix_of("203.0.113.1").base };
    struct resolve_answer answer = forward("db.example", good, 1, NULL);
    char warning[256];

    (void)state;
    answer.left_out = 44;
    assert_true(targets_answer(targets, &answer));
    targets_excess(targets, warning, sizeof warning);
    assert_string_equal(warning,
                        "the host 'db.example' has 300 addresses, of which 256 are measured; write the others under `ips`");
    answer = forward("db.example", NULL, 0, "Name or service not known");
    assert_false(targets_answer(targets, &answer)); /* it keeps its last addresses, and these are not all */
    assert_true(targets_inherit(reloaded, targets));
    targets_excess(reloaded, warning, sizeof warning);
    assert_non_null(strstr(warning, "has 300 addresses"));
    answer = forward("192.0.2.9", good, 1, NULL);
    answer.left_out = 1;
    targets_answer(targets, &answer); /* an address is no host, whatever is said of it */
    targets_excess(targets, warning, sizeof warning);
    assert_non_null(strstr(warning, "has 300 addresses"));
    answer = forward("db.example", good, 1, NULL);
    assert_false(targets_answer(targets, &answer));
    targets_excess(targets, warning, sizeof warning);
    assert_string_equal(warning, "");
    targets_free(targets);
    targets_free(reloaded);
}

static void hosts_of_too_many_addresses_are_counted(void **state)
{
    static char *names[] = { (char *)"a.example", (char *)"b.example", (char *)"c.example" };
    struct config_instance instance = { .hosts = { names, 3 } };
    struct targets *targets = targets_new(&instance, true);
    struct ip_address good[] = { prefix_of("203.0.113.1").base };
    char warning[256];

    (void)state;
    assert_non_null(targets);
    for (size_t i = 1; i < 3; i++) {
        struct resolve_answer answer = forward(names[i], good, 1, NULL);

        answer.left_out = i;
        targets_answer(targets, &answer);
    }
    targets_excess(targets, warning, sizeof warning);
    assert_string_equal(warning, "2 hosts have more than 256 addresses, of which so many are measured, 'b.example' the first; "
                                 "write the others under `ips`");
    targets_free(targets);
}

static void a_reload_inherits(void **state)
{
    struct targets *old = make(true), *fresh = make(true);
    struct ip_address good[] = { prefix_of("203.0.113.1").base };
    struct resolve_answer answer = forward("db.example", good, 1, NULL);

    (void)state;
    assert_true(targets_answer(old, &answer));
    assert_true(targets_inherit(fresh, old));
    targets_free(old);
    assert_string_equal(name_of(fresh, "203.0.113.1"), "db.example");
    targets_free(fresh);
}

/* So many hosts, the first of them the last in the list. */
static struct targets *make_crowd(size_t count)
{
    char(*names)[48] = calloc(count, sizeof *names), **items = calloc(count, sizeof *items);
    struct config_instance instance = { .hosts = { items, count } };
    struct targets *targets;

    assert_true(names != NULL && items != NULL);
    for (size_t i = 0; i < count; i++) {
        snprintf(names[i], sizeof names[i], "host%zu.example", i);
        items[count - 1 - i] = names[i];
    }
    targets = targets_new(&instance, true);
    assert_non_null(targets);
    free(items);
    free(names);
    return targets;
}

static void a_host_keeps_its_row_over_a_reload(void **state)
{
    struct targets *few = make_crowd(3), *more = make_crowd(5), *fewer = make_crowd(2);
    const uint32_t ours = METER_SHARED_ROW | 2; /* host0 */

    (void)state;
    assert_string_equal(targets_name(few, ours), "host0.example");
    assert_true(targets_inherit(more, few));
    assert_string_equal(targets_name(more, ours), "host0.example");
    assert_true(targets_inherit(fewer, more));
    assert_string_equal(targets_name(fewer, ours), "host0.example");
    assert_string_equal(targets_name(fewer, METER_SHARED_ROW | 1), "host1.example");
    assert_null(targets_name(fewer, METER_SHARED_ROW | 0)); /* host2 is gone */
    assert_null(targets_name(fewer, METER_SHARED_ROW | 99));
    targets_free(few);
    targets_free(more);
    targets_free(fewer);
}

/* CPU time of naming each of so many hosts, the best of three. */
static uint64_t naming_ns(size_t count)
{
    struct targets *targets = make_crowd(count);
    uint64_t best_ns = UINT64_MAX;

    for (int n = 0; n < 3; n++) {
        const uint64_t begun_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
        uint64_t took_ns;

        for (uint32_t id = 0; id < count; id++)
            assert_true(targets_name(targets, METER_SHARED_ROW | id) != NULL);
        took_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - begun_ns;
        best_ns = took_ns < best_ns ? took_ns : best_ns;
    }
    targets_free(targets);
    return best_ns;
}

/* 100 times as many would take 10,000 times as long if each were looked for from the first one on. */
static void thousands_of_hosts_are_named_fast(void **state)
{
    (void)state;
    assert_true(naming_ns(20000) < 1000 * naming_ns(200));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_wanted_at_once),
        cmocka_unit_test(asks_names_and_single_addresses),
        cmocka_unit_test(a_full_queue_gets_the_rest_later),
        cmocka_unit_test(a_queue_full_of_addresses_takes_hosts),
        cmocka_unit_test(without_resolve_names_only_hosts_are_asked),
        cmocka_unit_test(a_host_becomes_wanted_and_follows),
        cmocka_unit_test(a_name_that_fails_keeps_its_addresses_and_warns),
        cmocka_unit_test(a_family_that_fails_keeps_its_addresses_and_warns),
        cmocka_unit_test(what_another_asked_takes_nothing_away),
        cmocka_unit_test(a_first_answer_of_one_family_is_looked_at_again_soon),
        cmocka_unit_test(a_name_without_an_answer_is_warned_of),
        cmocka_unit_test(who_is_wanted_is_known_when_all_have_answered),
        cmocka_unit_test(an_address_takes_its_reverse_name),
        cmocka_unit_test(a_name_that_two_addresses_have_names_neither),
        cmocka_unit_test(a_name_that_is_taken_names_no_address),
        cmocka_unit_test(a_name_in_capitals_is_the_same_name),
        cmocka_unit_test(hosts_of_one_name_are_one_row),
        cmocka_unit_test(a_host_whose_name_is_a_tag_of_others_names_nobody),
        cmocka_unit_test(a_new_name_is_a_new_revision),
        cmocka_unit_test(a_name_that_fails_is_asked_again_soon),
        cmocka_unit_test(an_address_that_nobody_could_be_asked_for_is_asked_for_again_soon),
        cmocka_unit_test(names_that_are_wanted_again_are_asked_for_at_once),
        cmocka_unit_test(addresses_that_are_left_out_are_warned_of),
        cmocka_unit_test(hosts_of_too_many_addresses_are_counted),
        cmocka_unit_test(a_reload_inherits),
        cmocka_unit_test(a_host_keeps_its_row_over_a_reload),
        cmocka_unit_test(thousands_of_hosts_are_named_fast),
    };

    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
