/* config.h: go-metro.yaml -> struct config, through libyaml and one table of keys.
 *
 * config_load() gives a configuration or says what is wrong, each with file, line, column, key and what would be right;
 * config_free() gives it back. A scalar means what PyYAML's SafeLoader makes of it (YAML 1.1), because the Agent reads the same
 * file. */
#ifndef GO_METRO_CONFIG_H
#define GO_METRO_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "address.h"
#include "log.h"
#include "meter.h"

#define CONFIG_DEFAULT_PATH "/etc/dd-agent/conf.d/go-metro.yaml"
#define CONFIG_DEFAULT_USER "dd-agent"
#define CONFIG_FILE_INTERFACE "file" /* interface: file, with pcap: PATH */

enum config_submit { CONFIG_SUBMIT_CHECK, CONFIG_SUBMIT_DOGSTATSD };

struct config_strings {
    char **items;
    size_t count;
};

/* Entries of `ips` and `hosts` that nobody can be measured by. */
struct config_left_out {
    struct config_strings ips, hosts; /* the texts among them, as written */
    size_t count;                     /* of all, also of what is no text or nothing at all */
    const char *key;                  /* of the first: its key, line, text (shortened), and why */
    int line;
    char text[40], why[128];
};

struct config_instance {
    char *interface;
    char *pcap; /* NULL: none */
    struct config_strings tags;
    struct config_strings ips;      /* as written: addresses and CIDR blocks */
    struct config_strings ip_names; /* what else stands under `ips` and is measured: names */
    struct config_strings hosts;    /* names */
    struct config_left_out left_out;
    struct config_strings local_nets;
    struct ip_prefix *ip_prefixes;        /* of ips, same order */
    struct ip_prefix *local_net_prefixes; /* of local_nets */
    bool sample;
    uint32_t sample_duration_s, sample_interval_s;
    bool all_peers;
    bool promiscuous;
    enum meter_group group_by;
    uint32_t subnet_v4, subnet_v6; /* 24, 48: prefix lengths of what is one row under METER_GROUP_SUBNET */
    uint32_t fingerprint, asked;   /* fingerprint.h */
    int line;                      /* of the instance in the file, from 1 */
};

struct config {
    char *path;
    uint32_t snaplen;         /* default 512; at least CONFIG_MIN_SNAPLEN */
    uint32_t idle_ttl_s;      /* 300 */
    uint32_t exp_ttl_s;       /* 60; also expired_ttl, which counts where both are given; 0: as idle_ttl_s */
    char *statsd_ip;          /* "127.0.0.1" */
    uint16_t statsd_port;     /* 8125 */
    bool log_to_file;         /* true */
    enum log_level log_level; /* LOG_INFO */
    char *segment_path;       /* SEG_DEFAULT_PATH */
    char *user;               /* CONFIG_DEFAULT_USER */
    enum config_submit submit_via;
    bool extended_metrics;
    uint32_t max_flows;          /* 200000 */
    uint32_t max_peers;          /* 10000 */
    uint32_t buffer_mib;         /* 64: all rings together */
    uint32_t resolve_interval_s; /* 300 */
    bool resolve_names;          /* true */
    uint32_t check_interval_s;   /* the longest of the Agent's own min_collection_interval, rounded up; 0: none is given */
    struct config_instance *instances;
    size_t instance_count;
};

#define CONFIG_MIN_SNAPLEN 192

enum config_severity { CONFIG_NOTE, CONFIG_WARNING, CONFIG_ERROR };

/* One remark, as printed by check-config: "FILE:LINE:COLUMN: error: key 'x': ...". */
struct config_remark {
    enum config_severity severity;
    int line, column; /* from 1; 0: not about a place */
    char text[512];   /* without place and severity; printable (other bytes escaped) */
};

#define CONFIG_MAX_REMARKS 64 /* one more says that there are more */

struct config_report {
    struct config_remark remarks[CONFIG_MAX_REMARKS + 1];
    size_t count;
    size_t errors, warnings;
};

enum config_result { CONFIG_OK, CONFIG_INVALID, CONFIG_ABSENT /* no such file */, CONFIG_UNREADABLE };

/* CONFIG_OK: *out is the caller's (warnings may be in the report). Else *out is NULL and the report says why. Remarks are in the
 * file's order, those without a place first. Bounds: 4 MiB, 64 instances, 100,000 list entries in all. CONFIG_UNREADABLE also
 * says that memory ran out. */
enum config_result config_load(const char *path, struct config **out, struct config_report *report);
/* No more than where the segment is and whose, for who reads one: segment_path and user, of a file that may be wrong in all else.
 * The other fields have their defaults, and there are no instances. CONFIG_INVALID: the file does not say, and why. */
enum config_result config_load_place(const char *path, struct config **out, struct config_report *report);
/* The same as config_load() from memory; path is only for the messages. */
enum config_result config_parse(const char *path, const char *text, size_t size, struct config **out,
                                struct config_report *report);
void config_free(struct config *config);

/* Whether it is a capture file. */
bool config_interface_is_file(const char *interface);
bool config_instance_is_file(const struct config_instance *instance);
/* Whether there is anybody in its `ips` and `hosts`. */
bool config_instance_names_any(const struct config_instance *instance);

/* Prints each remark as "path:line:column: error: text". */
void config_report_print(const struct config_report *report, const char *path, FILE *stream);

#endif
