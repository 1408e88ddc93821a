/* test_config.c: every file of data/config against its exact remarks; values, defaults and bounds. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <sys/types.h>
#include <cmocka.h>

#include "config.c"
#include "config_syntax.h"

#ifndef TEST_DATA_DIR
#define TEST_DATA_DIR "tests/unit/data"
#endif
#ifndef TEST_EXAMPLE
#define TEST_EXAMPLE "conf.d/go-metro.yaml.example"
#endif

#define SHORTEN "write CIDR blocks instead of single addresses"
#define INSTANCE_TEXT "instances:\n- interface: eth0\n  ips: [192.0.2.1]\n"

#define LABEL_61 "a234567890123456789012345678901234567890123456789012345678901"
#define LABEL_63 LABEL_61 "23"

static struct config_report report;

static char *slurp(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, 65536);

    if (file == NULL || text == NULL)
        fail_msg("%s cannot be read", path);
    *size = fread(text, 1, 65535, file);
    fclose(file);
    return text;
}

static char *printed(const char *name)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    assert_non_null(stream);
    config_report_print(&report, name, stream);
    fclose(stream);
    return text;
}

static struct config *parse(const char *text, enum config_result wanted)
{
    struct config *config;

    if (config_parse("test", text, strlen(text), &config, &report) != wanted)
        fail_msg("%s: %s", text, report.count > 0 ? report.remarks[0].text : "no remark");
    assert_true((config != NULL) == (wanted == CONFIG_OK));
    return config;
}

/* One file; true when it has an error. */
static bool check_file(const char *name)
{
    char path[512], expected_path[512];
    size_t size;
    char *expected, *got;
    struct config *config;
    enum config_result result;
    bool broken;

    snprintf(path, sizeof path, TEST_DATA_DIR "/config/%s", name);
    snprintf(expected_path, sizeof expected_path, TEST_DATA_DIR "/config/%.*s.expected", (int)strlen(name) - 5, name);
    expected = slurp(expected_path, &size);
    broken = strstr(expected, ": error: ") != NULL;
    result = config_load(path, &config, &report);
    got = printed(name);
    assert_string_equal(got, expected);
    assert_int_equal(result, broken ? CONFIG_INVALID : CONFIG_OK);
    assert_true((config == NULL) == broken);
    assert_true((report.errors > 0) == broken);
    config_free(config);
    free(expected);
    free(got);
    return broken;
}

static void test_files(void **state)
{
    DIR *folder = opendir(TEST_DATA_DIR "/config");
    size_t broken = 0, valid = 0;
    struct dirent *entry;

    (void)state;
    assert_non_null(folder);
    while ((entry = readdir(folder)) != NULL) {
        const char *ending = strrchr(entry->d_name, '.');

        if (ending != NULL && strcmp(ending, ".yaml") == 0) {
            if (check_file(entry->d_name))
                broken++;
            else
                valid++;
        }
    }
    closedir(folder);
    assert_in_range(broken, 30, 1000);
    assert_in_range(valid, 15, 1000);
}

static void expect_defaults(const struct config *config)
{
    assert_int_equal(config->snaplen, 512);
    assert_int_equal(config->idle_ttl_s, 300);
    assert_int_equal(config->exp_ttl_s, 60);
    assert_int_equal(config->check_interval_s, 0);
    assert_string_equal(config->statsd_ip, "127.0.0.1");
    assert_int_equal(config->statsd_port, 8125);
    assert_true(config->log_to_file);
    assert_int_equal(config->log_level, LOG_INFO);
    assert_string_equal(config->segment_path, "/dev/shm/go-metro");
    assert_string_equal(config->user, "dd-agent");
    assert_int_equal(config->submit_via, CONFIG_SUBMIT_CHECK);
    assert_false(config->extended_metrics);
    assert_int_equal(config->max_flows, 200000);
    assert_int_equal(config->max_peers, 10000);
    assert_int_equal(config->buffer_mib, 64);
    assert_int_equal(config->resolve_interval_s, 300);
    assert_true(config->resolve_names);
}

static void test_defaults(void **state)
{
    static const char *const texts[] = { INSTANCE_TEXT, "init_config:\n" INSTANCE_TEXT, "init_config: {}\n" INSTANCE_TEXT,
                                         "init_config: ~\ninstances:\n- interface: eth0\n  ips:\n  hosts: [a]\n  tags: []\n" };

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct config *config = parse(texts[i], CONFIG_OK);

        expect_defaults(config);
        assert_int_equal(config->instance_count, 1);
        assert_null(config->instances[0].pcap);
        assert_int_equal(config->instances[0].tags.count, 0);
        assert_int_equal(config->instances[0].group_by, METER_GROUP_PEER);
        assert_int_equal(config->instances[0].subnet_v4, 24);
        assert_int_equal(config->instances[0].subnet_v6, 48);
        assert_false(config->instances[0].sample || config->instances[0].all_peers || config->instances[0].promiscuous);
        config_free(config);
    }
}

static void test_every_init_key(void **state)
{
    struct config *config =
        parse("init_config:\n  snaplen: 1500\n  idle_ttl: 1\n  exp_ttl: 2\n  statsd_ip: '::1'\n"
              "  statsd_port: 1\n  log_to_file: off\n  log_level: CRIT\n  segment_path: /run/x\n  user: _a.b-1\n"
              "  submit_via: dogstatsd\n  extended_metrics: on\n  max_flows: 3\n  max_peers: 4\n"
              "  buffer_mib: 5\n  resolve_interval: 6\n  resolve_names: no\n" INSTANCE_TEXT,
              CONFIG_OK);

    (void)state;
    assert_int_equal(report.count, 0);
    assert_int_equal(config->snaplen, 1500);
    assert_int_equal(config->idle_ttl_s, 1);
    assert_int_equal(config->exp_ttl_s, 2);
    assert_string_equal(config->statsd_ip, "::1");
    assert_int_equal(config->statsd_port, 1);
    assert_false(config->log_to_file);
    assert_int_equal(config->log_level, LOG_CRITICAL);
    assert_string_equal(config->segment_path, "/run/x");
    assert_string_equal(config->user, "_a.b-1");
    assert_int_equal(config->submit_via, CONFIG_SUBMIT_DOGSTATSD);
    assert_true(config->extended_metrics);
    assert_int_equal(config->max_flows, 3);
    assert_int_equal(config->max_peers, 4);
    assert_int_equal(config->buffer_mib, 5);
    assert_int_equal(config->resolve_interval_s, 6);
    assert_false(config->resolve_names);
    config_free(config);
}

static void test_every_instance_key(void **state)
{
    struct config *config =
        parse("init_config:\ninstances:\n- interface: file\n  pcap: /tmp/x\n  tags: [a:b, \"5\"]\n"
              "  ips: [10.0.0.0/8, '2001:db8::1', 10.0.0.1]\n  hosts: [a.example, 192.0.2.7]\n"
              "  local_nets: [198.51.100.7/24]\n  sample: yes\n  sample_duration: 30\n  sample_interval: 0\n"
              "  all_peers: no\n  promiscuous: true\n  group_by: peer_port\n- interface: any\n  all_peers: true\n"
              "  group_by: subnet\n  subnet_v4: 20\n  subnet_v6: 64\n",
              CONFIG_OK);
    const struct config_instance *first = &config->instances[0];
    char text[PREFIX_STRLEN];

    (void)state;
    assert_string_equal(config->path, "test");
    assert_int_equal(config->instance_count, 2);
    assert_string_equal(first->interface, "file");
    assert_string_equal(first->pcap, "/tmp/x");
    assert_int_equal(first->tags.count, 2);
    assert_string_equal(first->tags.items[1], "5");
    assert_int_equal(first->ips.count, 3);
    assert_string_equal(first->ips.items[1], "2001:db8::1");
    assert_string_equal(prefix_format(text, &first->ip_prefixes[0]), "10.0.0.0/8");
    assert_int_equal(first->ip_prefixes[1].bits, 128);
    assert_int_equal(first->ip_prefixes[2].bits, 128);
    assert_string_equal(first->hosts.items[1], "192.0.2.7");
    assert_string_equal(first->local_nets.items[0], "198.51.100.7/24");
    assert_string_equal(prefix_format(text, &first->local_net_prefixes[0]), "198.51.100.0/24");
    assert_true(first->sample && first->promiscuous && !first->all_peers);
    assert_int_equal(first->sample_duration_s, 30);
    assert_int_equal(first->sample_interval_s, 0);
    assert_int_equal(first->group_by, METER_GROUP_PEER_PORT);
    assert_int_equal(first->line, 3);
    assert_int_equal(first->fingerprint, fingerprint_instance(first));
    assert_true(config->instances[1].all_peers);
    assert_int_equal(config->instances[1].subnet_v4, 20);
    assert_int_equal(config->instances[1].subnet_v6, 64);
    assert_int_equal(config->instances[1].line, 15);
    config_free(config);
}

static void test_snaplen_is_raised(void **state)
{
    struct config *config = parse("init_config: {snaplen: 104}\n" INSTANCE_TEXT, CONFIG_OK);

    (void)state;
    assert_int_equal(config->snaplen, CONFIG_MIN_SNAPLEN);
    assert_int_equal(report.count, 1);
    assert_int_equal(report.remarks[0].severity, CONFIG_NOTE);
    config_free(config);
}

/* What the old program ran with: numbers beyond a bound are brought to it. */
static void test_numbers_are_bent(void **state)
{
    struct config *config;

    (void)state;
    assert_int_equal(config_load(TEST_DATA_DIR "/config/valid_bent.yaml", &config, &report), CONFIG_OK);
    assert_int_equal(config->idle_ttl_s, 86400);
    assert_int_equal(config->exp_ttl_s, 86400);
    assert_int_equal(config->snaplen, CONFIG_MIN_SNAPLEN);
    assert_int_equal(config->instances[0].sample_duration_s, 604800);
    assert_int_equal(config->instances[0].sample_interval_s, 604800);
    assert_int_equal(config->instances[1].sample_duration_s, 0);
    assert_int_equal(config->instances[1].sample_interval_s, 0);
    config_free(config);
    assert_int_equal(config_load(TEST_DATA_DIR "/config/valid_bent_low.yaml", &config, &report), CONFIG_OK);
    assert_int_equal(config->idle_ttl_s, 1);
    assert_int_equal(config->exp_ttl_s, 0);
    config_free(config);
}

/* What has no effect as it is, and was wrong before. */
static void test_idle_keys_keep_their_defaults(void **state)
{
    struct config *config;

    (void)state;
    assert_int_equal(config_load(TEST_DATA_DIR "/config/valid_statsd_idle.yaml", &config, &report), CONFIG_OK);
    expect_defaults(config);
    assert_null(config->instances[0].pcap);
    config_free(config);
}

static void test_entries_are_left_out(void **state)
{
    struct config *config;
    const struct config_left_out *left_out;

    (void)state;
    assert_int_equal(config_load(TEST_DATA_DIR "/config/valid_left_out_ips.yaml", &config, &report), CONFIG_OK);
    left_out = &config->instances[0].left_out;
    assert_int_equal(config->instances[0].ips.count, 0);
    assert_int_equal(config->instances[0].ip_names.count, 1);
    assert_int_equal(left_out->count, 11);
    assert_int_equal(left_out->ips.count, 6); /* that are texts to the Agent too */
    assert_int_equal(left_out->hosts.count, 0);
    assert_string_equal(left_out->key, "ips");
    assert_int_equal(left_out->line, 5);
    assert_string_equal(left_out->text, "10.0.0.256");
    assert_int_equal(strncmp(left_out->why, "is not an IP address or a CIDR block; ", 38), 0);
    config_free(config);
    assert_int_equal(config_load(TEST_DATA_DIR "/config/valid_nobody_left.yaml", &config, &report), CONFIG_OK);
    assert_string_equal(config->instances[0].left_out.text, "");
    assert_string_equal(config->instances[0].left_out.why, "is empty; remove its '-'");
    assert_int_equal(config->instances[2].left_out.hosts.count, 1);
    config_free(config);
}

static void test_ips_as_libpcap_took_them(void **state)
{
    static const char *const meant[] = { "10.0.0.0/24", "192.168.0.1", "10.1.0.0/16", "10.0.0.1" };
    static const char *const others[] = { "10.0.0.256", "10.0.0.", ".10.0", "10", "10..0", "1.2.3.4.5", "", "10.0.0x", "256.1" };
    char text[PREFIX_STRLEN];
    struct config *config;
    struct ip_prefix prefix;

    (void)state;
    assert_int_equal(config_load(TEST_DATA_DIR "/config/valid_as_libpcap.yaml", &config, &report), CONFIG_OK);
    assert_int_equal(config->instances[0].ips.count, sizeof meant / sizeof meant[0]);
    for (size_t i = 0; i < sizeof meant / sizeof meant[0]; i++)
        assert_string_equal(prefix_format(text, &config->instances[0].ip_prefixes[i]), meant[i]);
    assert_string_equal(config->instances[0].ip_names.items[0], "db1.example.com");
    assert_int_equal(config->instances[0].left_out.count, 0);
    config_free(config);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        assert_false(config_syntax_old_net(others[i], &prefix));
}

static void test_merged_instances(void **state)
{
    struct config *config;

    (void)state;
    assert_int_equal(config_load(TEST_DATA_DIR "/config/valid_merge.yaml", &config, &report), CONFIG_OK);
    assert_int_equal(config->instances[0].group_by, METER_GROUP_PEER_PORT);
    assert_string_equal(config->instances[0].ips.items[0], "192.0.2.1");
    assert_string_equal(config->instances[1].interface, "eth2");
    assert_int_equal(config->instances[1].group_by, METER_GROUP_SUBNET);
    assert_string_equal(config->instances[1].tags.items[0], "a:b");
    config_free(config);
}

static void test_which_value_counts(void **state)
{
    static const struct {
        const char *text;
        uint32_t idle_ttl_s, exp_ttl_s;
    } cases[] = {
        { "init_config:\n  idle_ttl: 100\n  idle_ttl: 200\n" INSTANCE_TEXT, 200, 60 },
        { "init_config:\n  idle_ttl: 5x\n  idle_ttl: 200\n" INSTANCE_TEXT, 200, 60 },
        { "init_config:\n  expired_ttl: 120\n  exp_ttl: 61\n" INSTANCE_TEXT, 300, 120 },
        { "init_config:\n  expired_ttl: 120\n" INSTANCE_TEXT, 300, 120 },
        { "init_config:\n  expired_ttl: 0\n" INSTANCE_TEXT, 300, 0 },
        { "init_config:\n  expired_ttl:\n  exp_ttl: 61\n" INSTANCE_TEXT, 300, 61 },
        { "x: &x {idle_ttl: 7}\ninit_config:\n  idle_ttl: 8\n  <<: *x\n" INSTANCE_TEXT, 8, 60 },
        { "init_config:\n  <<: [{idle_ttl: 7}, {idle_ttl: 8, exp_ttl: 9}]\n" INSTANCE_TEXT, 7, 9 },
        { "init_config:\n  <<: {idle_ttl: 7}\n  <<: {idle_ttl: 8}\n" INSTANCE_TEXT, 8, 60 },
        { "init_config: {\"idle_ttl\": 0x10, 'exp_ttl': 1:00}\n" INSTANCE_TEXT, 16, 60 },
        { "init_config: {idle_ttl: ! '5', exp_ttl: !!int '6'}\n" INSTANCE_TEXT, 5, 6 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct config *config = parse(cases[i].text, CONFIG_OK);

        assert_int_equal(config->idle_ttl_s, cases[i].idle_ttl_s);
        assert_int_equal(config->exp_ttl_s, cases[i].exp_ttl_s);
        config_free(config);
    }
}

/* The Agent's own key, which is never an error here. */
static void test_check_interval(void **state)
{
    static const struct {
        const char *init, *instance;
        uint32_t seconds;
    } cases[] = {
        { "300", "~", 300 },
        { "~", "300", 300 },
        { "60", "20", 60 },
        { "20", "60", 60 },
        { "30.2", "~", 31 },
        { "1.0e+300", "~", 86400 },
        { ".inf", "~", 86400 },
        { ".nan", "~", 0 },
        { "86401", "~", 86400 },
        { "-5", "-5.5", 0 },
        { "soon", "[9]", 0 },
        { "'300'", "yes", 0 },
        { "9999999999999999999999", "{a: 5}", 86400 },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256];
        struct config *config;

        snprintf(text, sizeof text,
                 "init_config:\n  min_collection_interval: %s\n" INSTANCE_TEXT "  min_collection_interval: %s\n", cases[i].init,
                 cases[i].instance);
        config = parse(text, CONFIG_OK);
        assert_int_equal(report.count, 0);
        assert_int_equal(config->check_interval_s, cases[i].seconds);
        config_free(config);
    }
}

static void test_log_levels(void **state)
{
    static const struct {
        const char *name;
        enum log_level level;
    } levels_of_old[] = { { "trace", LOG_TRACE }, { "Debug", LOG_DEBUG },   { "INFO", LOG_INFO },
                          { "warn", LOG_WARN },   { "Warning", LOG_WARN },  { "err", LOG_ERROR },
                          { "error", LOG_ERROR }, { "crit", LOG_CRITICAL }, { "CRITICAL", LOG_CRITICAL } };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof levels_of_old / sizeof *levels_of_old; i++) {
        struct config *config;

        snprintf(text, sizeof text, "init_config:\n  log_level: %s\n" INSTANCE_TEXT, levels_of_old[i].name);
        config = parse(text, CONFIG_OK);
        assert_int_equal(config->log_level, levels_of_old[i].level);
        config_free(config);
    }
}

/* What the old program ran with runs: no level that it knew was `warning` to it. */
static void test_unknown_log_levels(void **state)
{
    static const char *const words[] = { "loud", "off", "5", "notice", "'info '", "\"\"" };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        struct config *config;

        snprintf(text, sizeof text, "init_config:\n  log_level: %s\n" INSTANCE_TEXT, words[i]);
        config = parse(text, CONFIG_OK);
        assert_int_equal(config->log_level, LOG_WARN);
        assert_int_equal(report.warnings, 1);
        config_free(config);
    }
}

/* head, then `count` times item (with its number where it has a %d), then tail. */
static char *repeat(const char *head, const char *item, int count, const char *tail)
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);

    assert_non_null(stream);
    fputs(head, stream);
    for (int i = 0; i < count; i++) {
        const char *mark = strstr(item, "%d");

        if (mark == NULL)
            fputs(item, stream);
        else
            fprintf(stream, "%.*s%d%s", (int)(mark - item), item, i, mark + 2);
    }
    fputs(tail, stream);
    fclose(stream);
    return text;
}

/* The first remark of a file that is refused, or NULL in place of `remark` for one that is taken. */
static void expect_bound(const char *head, const char *item, int count, const char *tail, const char *remark)
{
    char *text = repeat(head, item, count, tail);
    struct config *config = parse(text, remark == NULL ? CONFIG_OK : CONFIG_INVALID);

    if (remark != NULL)
        assert_string_equal(report.remarks[0].text, remark);
    config_free(config);
    free(text);
}

static void test_bounds(void **state)
{
    const char *list = "init_config:\ninstances:\n- interface: eth0\n  hosts:\n";
    const char *merges =
        "init_config:\na0: &a0 {k: 1, l: 2, m: 3, n: 4, o: 5, p: 6, q: 7, r: 8}\n"
        "a1: &a1 {<<: [*a0, *a0, *a0, *a0, *a0, *a0, *a0, *a0]}\na2: &a2 {<<: [*a1, *a1, *a1, *a1, *a1, *a1, *a1]}\n"
        "a3: &a3 {<<: [*a2, *a2, *a2, *a2, *a2, *a2, *a2, *a2]}\na4: &a4 {<<: [*a3, *a3, *a3, *a3, *a3, *a3, *a3]}\n"
        "a5: &a5 {<<: [*a4, *a4, *a4, *a4, *a4, *a4, *a4, *a4]}\na6: &a6 {<<: [*a5, *a5, *a5, *a5, *a5, *a5, *a5]}\n";

    (void)state;
    expect_bound("init_config:\ninstances:\n", "- {interface: eth%d, all_peers: true}\n", 64, "", NULL);
    expect_bound("init_config:\ninstances:\n", "- {interface: eth%d, all_peers: true}\n", 65, "",
                 "key 'instances': 65 instances; at most 64 are possible");
    expect_bound(list, "  - h%d\n", 100000, "", NULL);
    expect_bound(list, "  - h%d\n", 100001, "",
                 "key 'hosts': the lists of the file have more than 100000 entries in all; " SHORTEN);
    expect_bound(list, "  - h%d\n", 100000, "  ips: [10.0.0.1]\n",
                 "key 'hosts': the lists of the file have more than 100000 entries in all; " SHORTEN);
    expect_bound("init_config:\n" INSTANCE_TEXT "x:\n", "- %d\n", 300000, "",
                 "the file holds more than 500000 values; shorten its lists");
    expect_bound("init_config:\n" INSTANCE_TEXT "# ", "x", 4 * 1024 * 1024, "",
                 "the file is larger than 4194304 bytes; shorten its lists");
    expect_bound("init_config:\n" INSTANCE_TEXT "x:\n", "- &x%d\n", 1001, "", "the file has more than 1000 anchors");
    expect_bound(merges, "", 0, INSTANCE_TEXT, "the file holds more than 500000 values; shorten its lists");
    expect_bound("init_config:\n" INSTANCE_TEXT "x: ", "[", 63, "*a",
                 "the alias *a has no anchor (&a) above it; put a text that begins with '*' in quotes");
    expect_bound("init_config:\n" INSTANCE_TEXT "x: ", "[", 64, "*a", "lists and mappings are nested deeper than 64");
    expect_bound("x: ", "{? ", 100000, "",
                 "a list or a mapping cannot be a key; put a text that begins with '[' or '{' in quotes");
}

/* An instance with one value of one key; whether it is taken. */
static void expect_taken(const char *key, const char *value, bool taken)
{
    char text[1024];
    bool list = strcmp(key, "hosts") == 0 || strcmp(key, "ips") == 0;
    struct config *config;

    snprintf(text, sizeof text, "init_config:\ninstances:\n- %s: %s\'%s\'%s\n%s%s", key, list ? "[" : "", value, list ? "]" : "",
             strcmp(key, "interface") == 0 ? "" : "  interface: eth0\n", list ? "" : "  all_peers: true\n");
    config = parse(text, taken || list ? CONFIG_OK : CONFIG_INVALID);
    if (list) {
        assert_int_equal(config_instance_names_any(&config->instances[0]), taken);
        assert_int_equal(config->instances[0].left_out.count, !taken);
    }
    config_free(config);
}

static void test_names(void **state)
{
    static const struct {
        const char *key, *value;
        bool taken;
    } cases[] = {
        { "interface", "any", true },
        { "interface", "br-0123456789_.", true },
        { "interface", "br-0123456789_.x", true }, /* a name that no interface has, as the old program took it */
        { "interface", "eth0:1", true },
        { "interface", LABEL_63, true },
        { "interface", LABEL_63 "x", false },
        { "interface", "", false },
        { "interface", "..", false },
        { "interface", "a\tb", false },
        { "hosts", "a", true },
        { "hosts", "localhost.", true },
        { "hosts", ".", false },
        { "hosts", "a-.example", false },
        { "hosts", "a.example..", false },
        { "hosts", "1.example", true },
        { "hosts", "a.1", false },
        { "hosts", "a.1.", false },
        { "hosts", "1.2.3", false },
        { "hosts", "2001:db8::1", true },
        { "hosts", "fe80::1%eth0", false },
        { "hosts", LABEL_63 ".example", true },
        { "hosts", LABEL_63 "x.example", false },
        { "hosts", LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_61, true },
        { "hosts", LABEL_63 "." LABEL_63 "." LABEL_63 "." LABEL_61 "x", false },
        { "ips", "::ffff:10.0.0.1", true },
        { "ips", "10.0.0.1/32", true },
        { "ips", "10.0.0.1/", false },
        { "ips", " 10.0.0.1", false },
        { "ips", "10.0.0.1-10.0.0.9", false },
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        expect_taken(cases[i].key, cases[i].value, cases[i].taken);
}

static void test_suggestions(void **state)
{
    (void)state;
    assert_string_equal(config_key_suggest(&config_level_init, "idle_tlt"), "idle_ttl"); /* swapped */
    assert_string_equal(config_key_suggest(&config_level_init, "idel-ttl"), "idle_ttl"); /* swapped, and one wrong */
    assert_string_equal(config_key_suggest(&config_level_init, "Snaplen"), "snaplen");
    assert_string_equal(config_key_suggest(&config_level_instance, "tag"), "tags");
    assert_string_equal(config_key_suggest(&config_level_instance, "interfaces"), "interface");
    assert_null(config_key_suggest(&config_level_instance, "name"));
    assert_null(config_key_suggest(&config_level_instance, ""));
    assert_null(config_key_suggest(&config_level_instance, "interface_interface_interface_interface"));
}

/* An error that comes after more remarks than there is room for still shows. */
static void test_many_remarks(void **state)
{
    char *text = repeat("", "k%d: 1\n", 200, "init_config:\n  idle_ttl: 5x\n" INSTANCE_TEXT);
    bool shown = false;

    (void)state;
    parse(text, CONFIG_INVALID);
    assert_int_equal(report.count, CONFIG_MAX_REMARKS + 1);
    assert_int_equal(report.warnings, 200);
    assert_int_equal(report.errors, 1);
    for (size_t i = 0; i < report.count; i++)
        shown = shown || report.remarks[i].severity == CONFIG_ERROR;
    assert_true(shown);
    assert_string_equal(report.remarks[CONFIG_MAX_REMARKS].text, "there is more to say; mend what is above first");
    free(text);
}

/* Every prefix of a rich file gives an answer, and every byte of it may be spoilt. */
static void test_parts_and_spoilt_bytes(void **state)
{
    size_t size;
    char *text = slurp(TEST_DATA_DIR "/config/valid_merge.yaml", &size);
    struct config *config;

    (void)state;
    for (size_t n = 0; n <= size; n++) {
        char *part = malloc(n + 1);

        assert_non_null(part);
        memcpy(part, text, n);
        config_parse("test", part, n, &config, &report);
        config_free(config);
        for (int byte = 0; n > 0 && byte < 256; byte += 5) {
            part[n - 1] = (char)byte;
            config_parse("test", part, n, &config, &report);
            config_free(config);
        }
        free(part);
    }
    free(text);
}

static void test_long_values_are_shortened(void **state)
{
    char *text = repeat("init_config:\n  idle_ttl: ", "x", 5000, "\n" INSTANCE_TEXT);

    (void)state;
    parse(text, CONFIG_INVALID);
    assert_string_equal(report.remarks[0].text,
                        "key 'idle_ttl': xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx... is "
                        "not a number; write whole seconds from 1 to 86400");
    free(text);
}

static void expect_load(const char *path, enum config_result wanted, const char *remark)
{
    struct config *config;

    assert_int_equal(config_load(path, &config, &report), wanted);
    assert_null(config);
    assert_string_equal(report.remarks[0].text, remark);
    assert_int_equal(report.remarks[0].line, 0);
}

static void test_load(void **state)
{
    char folder[] = "/tmp/test_config.XXXXXX";
    char path[64];

    (void)state;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    expect_load(path, CONFIG_UNREADABLE, "cannot be read: Invalid argument; it must be a regular file");
    expect_load(folder, CONFIG_UNREADABLE, "cannot be read: Is a directory; it must be a regular file");
    unlink(path);
    expect_load(path, CONFIG_ABSENT, "no such file; copy go-metro.yaml.example to it");
    assert_int_equal(symlink(path, path), 0);
    expect_load(path, CONFIG_UNREADABLE,
                "cannot be read: Too many levels of symbolic links; make it readable for the helper's user");
    unlink(path);
    assert_int_equal(rmdir(folder), 0);
}

/* The example gives each key once, says its defaults, and nothing is to be said against it. */
static void test_example(void **state)
{
    struct config *config;
    size_t size;
    char *text = slurp(TEST_EXAMPLE, &size);

    (void)state;
    assert_int_equal(config_load(TEST_EXAMPLE, &config, &report), CONFIG_OK);
    assert_int_equal(report.count, 0);
    expect_defaults(config);
    config_free(config);
    for (size_t i = 0; i < config_level_init.count; i++) {
        char line[64];

        snprintf(line, sizeof line, "\n    %s: ", config_level_init.keys[i].name);
        if (strcmp(config_level_init.keys[i].name, "expired_ttl") != 0 && strstr(text, line) == NULL)
            fail_msg("no line for %s", config_level_init.keys[i].name);
    }
    for (size_t i = 0; i < config_level_instance.count; i++) {
        char line[64];

        snprintf(line, sizeof line, "    # %s: ", config_level_instance.keys[i].name);
        if (strstr(text, line) == NULL && strncmp(config_level_instance.keys[i].name, "sample_", 7) != 0)
            fail_msg("no line for %s", config_level_instance.keys[i].name);
    }
    free(text);
}

/* What the example shows as comments ("    # key: value", no sentence behind it) is right as well. */
static void test_example_uncommented(void **state)
{
    static const char *const lines[] = { "    # all_peers: true\n",      "    # group_by: peer\n",
                                         "    # subnet_v4: 24\n",        "    # subnet_v6: 48\n",
                                         "    # promiscuous: false\n",   "    # local_nets: [198.51.100.0/24]\n",
                                         "    # sample: false\n",        "    # sample_duration: 30\n",
                                         "    # sample_interval: 270\n", "    # pcap: /var/tmp/capture.pcap\n" };
    size_t size;
    char *text = slurp(TEST_EXAMPLE, &size);

    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char *at = strstr(text, lines[i]);

        if (at == NULL)
            fail_msg("not in the example: %s", lines[i]);
        else
            memmove(at + 4, at + 6, strlen(at + 6) + 1);
    }
    config_free(parse(text, CONFIG_OK));
    for (size_t i = 0; i < report.count; i++)
        assert_null(strstr(report.remarks[i].text, "not known"));
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_every_init_key),
        cmocka_unit_test(test_every_instance_key),
        cmocka_unit_test(test_merged_instances),
        cmocka_unit_test(test_which_value_counts),
        cmocka_unit_test(test_check_interval),
        cmocka_unit_test(test_log_levels),
        cmocka_unit_test(test_unknown_log_levels),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_suggestions),
        cmocka_unit_test(test_snaplen_is_raised),
        cmocka_unit_test(test_numbers_are_bent),
        cmocka_unit_test(test_idle_keys_keep_their_defaults),
        cmocka_unit_test(test_entries_are_left_out),
        cmocka_unit_test(test_ips_as_libpcap_took_them),
        cmocka_unit_test(test_many_remarks),
        cmocka_unit_test(test_parts_and_spoilt_bytes),
        cmocka_unit_test(test_long_values_are_shortened),
        cmocka_unit_test(test_load),
        cmocka_unit_test(test_example),
        cmocka_unit_test(test_example_uncommented),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
