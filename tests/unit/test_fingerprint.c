/* test_fingerprint.c: canonical texts and their CRCs, computed by a few lines of Python that share no code with the helper. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "fingerprint.c"

#define STRINGS(...)                                                                                    \
    {                                                                                                   \
        .items = (char *[]){ __VA_ARGS__ }, .count = sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *) \
    }
#define HEAD "go-metro fingerprint 1\n"
#define NO_SAMPLE "sample=0\nsample_duration=0\nsample_interval=0\n"

static const struct {
    struct config_instance instance;
    const char *text;
    uint32_t crc;
} vectors[] = {
    { { .interface = "eth0",
        .ips = STRINGS("192.168.0.1"),
        .hosts = STRINGS("somehost.somedomain.to"),
        .tags = STRINGS("foo:bar") },
      HEAD
      "interface=eth0\npcap=\nip=192.168.0.1\nhost=somehost.somedomain.to\nall_peers=0\npromiscuous=0\ngroup_by=peer\n" NO_SAMPLE,
      0x26ce2ec7 },
    { { .interface = "any",
        .all_peers = true,
        .promiscuous = true,
        .group_by = METER_GROUP_SUBNET,
        .subnet_v4 = 24,
        .subnet_v6 = 48,
        .local_nets = STRINGS("198.51.100.0/24") },
      HEAD "interface=any\npcap=\nlocal_net=198.51.100.0/24\nall_peers=1\npromiscuous=1\ngroup_by=subnet\nsubnet_v4=24\n"
           "subnet_v6=48\n" NO_SAMPLE,
      0x43a846b7 },
    { { .interface = "file",
        .pcap = "/var/tmp/a b.pcap",
        .ips = STRINGS("2001:db8::1", "10.0.0.1", "10.0.0.1", "9.0.0.0/8", "2001:DB8::1"),
        .group_by = METER_GROUP_PEER_PORT,
        .subnet_v4 = 28, /* of no effect here */
        .subnet_v6 = 64 },
      HEAD "interface=file\npcap=/var/tmp/a b.pcap\nip=10.0.0.1\nip=2001:DB8::1\nip=2001:db8::1\nip=9.0.0.0/8\nall_peers=0\n"
           "promiscuous=0\ngroup_by=peer_port\n" NO_SAMPLE,
      0xa385e9b7 },
    { { .interface = "eth1",
        .hosts = STRINGS("b.example", "a.example", "B.example", "b.example"),
        .sample = true,
        .sample_duration_s = 30,
        .sample_interval_s = 270 },
      HEAD "interface=eth1\npcap=\nhost=B.example\nhost=a.example\nhost=b.example\nall_peers=0\npromiscuous=0\ngroup_by=peer\n"
           "sample=1\nsample_duration=30\nsample_interval=270\n",
      0xe44dab42 },
    { { .interface = "eth1", .hosts = STRINGS("a.example"), .sample_duration_s = 30, .sample_interval_s = 270 },
      HEAD "interface=eth1\npcap=\nhost=a.example\nall_peers=0\npromiscuous=0\ngroup_by=peer\n" NO_SAMPLE,
      0xa9cc4e76 },
    { { .interface = "\xc3\xa9th0", .all_peers = true },
      HEAD "interface=\xc3\xa9th0\npcap=\nall_peers=1\npromiscuous=0\ngroup_by=peer\n" NO_SAMPLE,
      0xeb2991a5 },
};

static void test_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        char *text;
        size_t size;

        assert_int_equal(fingerprint_text(&vectors[i].instance, &text, &size), 0);
        assert_string_equal(text, vectors[i].text);
        assert_int_equal(size, strlen(vectors[i].text));
        assert_int_equal(fingerprint_instance(&vectors[i].instance), vectors[i].crc);
        free(text);
    }
}

/* What is asked of the meter is the same whatever the interface does. */
static void test_asked(void **state)
{
    const struct {
        struct config_instance instance;
        bool alike;
    } others[] = {
        { { .interface = "file", .pcap = "b", .ips = STRINGS("10.0.0.2", "10.0.0.1", "10.0.0.2"), .promiscuous = true }, true },
        { { .ips = STRINGS("10.0.0.1", "10.0.0.2"), .sample = true, .sample_duration_s = 3, .tags = STRINGS("t") }, true },
        { { .ips = STRINGS("10.0.0.1", "10.0.0.2"), .subnet_v4 = 20 }, true }, /* of no effect here */
        { { .ips = STRINGS("10.0.0.1") }, false },
        { { .ips = STRINGS("10.0.0.1", "10.0.0.2"), .hosts = STRINGS("a") }, false },
        { { .ips = STRINGS("10.0.0.1", "10.0.0.2"), .local_nets = STRINGS("10.0.0.0/8") }, false },
        { { .ips = STRINGS("10.0.0.1", "10.0.0.2"), .all_peers = true }, false },
        { { .ips = STRINGS("10.0.0.1", "10.0.0.2"), .group_by = METER_GROUP_PEER_PORT }, false },
        { { .ips = STRINGS("10.0.0.1", "10.0.0.2"), .group_by = METER_GROUP_SUBNET, .subnet_v4 = 24, .subnet_v6 = 48 }, false },
    };
    const struct config_instance one = { .interface = "eth0", .ips = STRINGS("10.0.0.1", "10.0.0.2") };
    struct config_instance all = { .all_peers = true, .ips = STRINGS("10.0.0.1") }, more, blocks = others[8].instance;

    (void)state;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        assert_int_equal(fingerprint_asked(&others[i].instance) == fingerprint_asked(&one), others[i].alike);
    assert_int_equal(fingerprint_asked(&all), fingerprint_asked(&others[6].instance)); /* an address is a row in any case */
    all.hosts = (struct config_strings)STRINGS("a");
    more = all;
    assert_int_not_equal(fingerprint_asked(&all), fingerprint_asked(&others[6].instance)); /* but those of a host are one, */
    more.hosts = (struct config_strings)STRINGS("a", "b");
    assert_int_not_equal(fingerprint_asked(&more), fingerprint_asked(&all));
    more = all;
    more.ips = (struct config_strings)STRINGS("10.0.0.2");
    assert_int_not_equal(fingerprint_asked(&more), fingerprint_asked(&all)); /* unless it is listed by itself */
    more = others[6].instance;
    more.ip_names = (struct config_strings)STRINGS("a"); /* a name under `ips` is a host as well */
    assert_int_not_equal(fingerprint_asked(&more), fingerprint_asked(&others[6].instance));
    more = all;
    more.ips = (struct config_strings)STRINGS("10.0.0.2");
    more.group_by = all.group_by = METER_GROUP_SUBNET;
    assert_int_equal(fingerprint_asked(&more), fingerprint_asked(&all));
    blocks.subnet_v6 = 56;
    assert_int_not_equal(fingerprint_asked(&blocks), fingerprint_asked(&others[8].instance));
}

/* The lists stay in the order of the file: prefixes of config.h go by it. */
static void test_lists_are_left_alone(void **state)
{
    char *items[] = { "b", "a" };
    const struct config_instance instance = { .interface = "eth0", .hosts = { .items = items, .count = 2 } };

    (void)state;
    fingerprint_instance(&instance);
    assert_string_equal(items[0], "b");
    assert_string_equal(items[1], "a");
}

static void test_large_list(void **state)
{
    enum { COUNT = 100000 };
    static char names[COUNT][16];
    char **items = malloc(COUNT * sizeof *items);
    struct config_instance instance = { .interface = "eth0", .hosts = { .items = items, .count = COUNT } };
    uint32_t forward;

    (void)state;
    assert_non_null(items);
    for (int i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof names[i], "h%d", i);
        items[i] = names[i];
    }
    forward = fingerprint_instance(&instance);
    for (int i = 0; i < COUNT; i++)
        items[i] = names[COUNT - 1 - i];
    assert_int_equal(fingerprint_instance(&instance), forward);
    instance.hosts.count = COUNT - 1;
    assert_int_not_equal(fingerprint_instance(&instance), forward);
    free(items);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_asked),
        cmocka_unit_test(test_lists_are_left_alone),
        cmocka_unit_test(test_large_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
