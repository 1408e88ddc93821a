/* fingerprint.c: canonical texts of an instance and their CRCs. The check computes the same fingerprint from the same YAML. */
#include "fingerprint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crc32c.h"

static int compare_texts(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Puts the texts behind those that are there. */
static size_t append(char **out, size_t count, const struct config_strings *texts)
{
    if (texts->count > 0)
        memcpy(out + count, texts->items, texts->count * sizeof *out);
    return count + texts->count;
}

/* One line for each text of the lists (the last: NULL), sorted by bytes, doubles once. */
static int write_sorted(FILE *stream, const char *name, const struct config_strings *const *lists)
{
    size_t count = 0;
    char **sorted;

    for (size_t i = 0; lists[i] != NULL; i++)
        count += lists[i]->count;
    if (count == 0)
        return 0;
    sorted = malloc(count * sizeof *sorted);
    if (sorted == NULL)
        return -1;
    count = 0;
    for (size_t i = 0; lists[i] != NULL; i++)
        count = append(sorted, count, lists[i]);
    qsort(sorted, count, sizeof *sorted, compare_texts);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(sorted[i], sorted[i - 1]) != 0)
            fprintf(stream, "%s=%s\n", name, sorted[i]);
    free(sorted);
    return 0;
}

static int write_peers(FILE *stream, const struct config_instance *instance)
{
    const struct config_strings *const ips[] = { &instance->ips, &instance->ip_names, &instance->left_out.ips, NULL };
    const struct config_strings *const hosts[] = { &instance->hosts, &instance->left_out.hosts, NULL };

    return write_sorted(stream, "ip", ips) < 0 || write_sorted(stream, "host", hosts) < 0 ? -1 : 0;
}

static int write_local_nets(FILE *stream, const struct config_instance *instance)
{
    const struct config_strings *const nets[] = { &instance->local_nets, NULL };

    return write_sorted(stream, "local_net", nets);
}

static void write_grouping(FILE *stream, const struct config_instance *instance)
{
    static const char *const groups[] = {
        [METER_GROUP_PEER] = "peer", [METER_GROUP_PEER_PORT] = "peer_port", [METER_GROUP_SUBNET] = "subnet"
    };

    fprintf(stream, "group_by=%s\n", groups[instance->group_by]);
    if (instance->group_by == METER_GROUP_SUBNET)
        fprintf(stream, "subnet_v4=%u\nsubnet_v6=%u\n", instance->subnet_v4, instance->subnet_v6);
}

static int write_fingerprint(FILE *stream, const struct config_instance *instance)
{
    fprintf(stream, "go-metro fingerprint 1\ninterface=%s\npcap=%s\n", instance->interface,
            instance->pcap != NULL ? instance->pcap : "");
    if (write_peers(stream, instance) < 0 || write_local_nets(stream, instance) < 0)
        return -1;
    fprintf(stream, "all_peers=%d\npromiscuous=%d\n", instance->all_peers, instance->promiscuous);
    write_grouping(stream, instance);
    fprintf(stream, "sample=%d\nsample_duration=%u\nsample_interval=%u\n", instance->sample,
            instance->sample ? instance->sample_duration_s : 0, instance->sample ? instance->sample_interval_s : 0);
    return ferror(stream) ? -1 : 0;
}

/* Where all are wanted the lists only say which peers are one row, and that are a host's, but for those under `ips`. */
static bool are_lists_asked(const struct config_instance *instance)
{
    return !instance->all_peers
           || (instance->hosts.count + instance->ip_names.count > 0 && instance->group_by != METER_GROUP_SUBNET);
}

static int write_asked(FILE *stream, const struct config_instance *instance)
{
    if ((are_lists_asked(instance) && write_peers(stream, instance) < 0) || write_local_nets(stream, instance) < 0)
        return -1;
    fprintf(stream, "all_peers=%d\n", instance->all_peers);
    write_grouping(stream, instance);
    return ferror(stream) ? -1 : 0;
}

static int make_text(const struct config_instance *instance, int (*write)(FILE *stream, const struct config_instance *instance),
                     char **out, size_t *size)
{
    FILE *stream;
    int rc = -1;

    *out = NULL;
    stream = open_memstream(out, size);
    if (stream != NULL) {
        rc = write(stream, instance);
        if (fclose(stream) != 0)
            rc = -1;
    }
    if (rc < 0) {
        free(*out);
        *out = NULL;
        errno = ENOMEM;
    }
    return rc;
}

int fingerprint_text(const struct config_instance *instance, char **out, size_t *size)
{
    return make_text(instance, write_fingerprint, out, size);
}

static uint32_t sum_up(const struct config_instance *instance, int (*write)(FILE *stream, const struct config_instance *instance))
{
    char *text;
    size_t size;
    uint32_t crc;

    if (make_text(instance, write, &text, &size) < 0)
        return 0;
    crc = crc32c(0, text, size);
    free(text);
    return crc;
}

uint32_t fingerprint_instance(const struct config_instance *instance)
{
    return sum_up(instance, write_fingerprint);
}

uint32_t fingerprint_asked(const struct config_instance *instance)
{
    return sum_up(instance, write_asked);
}
