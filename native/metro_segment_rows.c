/* metro_segment_rows.c: the rows of a snapshot as dicts; see metro_segment.h. */
#include "metro_segment.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "interval.h"
#include "peer.h"
#include "segment.h"

#define V4_OFFSET 12 /* an IPv4 address is the last four of the 16 bytes */
#define V4_BITS 96

/* The keys of a row, made once: a row costs no allocation for them. The measures are interval.h's. */
/* clang-format off */
#define ROW_KEYS(X) \
    X(instance) X(other) X(src) X(dst) X(dst_address) X(dst_port) X(birth) X(life_s) X(age_s) \
    X(samples) X(handshake_samples) X(flows) X(timed) X(retransmits) X(skipped)
/* clang-format on */

enum row_key {
#define X(name) KEY_##name,
    ROW_KEYS(X)
#undef X
        ROW_KEY_COUNT
};

static const char *const row_key_names[ROW_KEY_COUNT] = {
#define X(name) #name,
    ROW_KEYS(X)
#undef X
};

static const char *const measure_names[INTERVAL_MEASURE_COUNT] = {
#define X(name) #name,
    INTERVAL_MEASURES(X)
#undef X
};

static const char *const skip_names[SKIP_REASON_COUNT] = {
#define X(enumerator, name) name,
    SKIP_REASONS(X)
#undef X
};

static PyObject *row_keys[ROW_KEY_COUNT], *measure_keys[INTERVAL_MEASURE_COUNT], *skip_keys[SKIP_REASON_COUNT];

static int make_keys(PyObject **keys, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (keys[i] == NULL && (keys[i] = metro_text(names[i])) == NULL)
            return -1;
    return 0;
}

int metro_rows_prepare(void)
{
    return make_keys(row_keys, row_key_names, ROW_KEY_COUNT) < 0
                   || make_keys(measure_keys, measure_names, INTERVAL_MEASURE_COUNT) < 0
                   || make_keys(skip_keys, skip_names, SKIP_REASON_COUNT) < 0
               ? -1
               : 0;
}

static PyObject *address_text(const uint8_t address[static 16], uint8_t family, uint8_t bits)
{
    char buffer[INET6_ADDRSTRLEN + sizeof "/128"];
    const bool v4 = family == SEG_FAMILY_V4;
    size_t length;

    if (family == SEG_FAMILY_NONE
        || inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address + V4_OFFSET : address, buffer, INET6_ADDRSTRLEN) == NULL)
        return metro_none();
    length = strlen(buffer);
    if (bits < 128)
        snprintf(buffer + length, sizeof buffer - length, "/%d", v4 ? (bits > V4_BITS ? bits - V4_BITS : 0) : bits);
    return metro_text(buffer);
}

static int put(PyObject *dict, enum row_key key, PyObject *value)
{
    return metro_put(dict, row_keys[key], value);
}

static int put_identity(PyObject *dict, const struct seg_row *row)
{
    return put(dict, KEY_instance, metro_number(row->instance)) < 0
                   || put(dict, KEY_other, PyBool_FromLong((row->flags & SEG_ROW_OTHER) != 0)) < 0
                   || put(dict, KEY_src, address_text(row->local, row->local_family, 128)) < 0
                   || put(dict, KEY_dst, metro_text(row->peer_name)) < 0
                   || put(dict, KEY_dst_address, address_text(row->peer, row->peer_family, row->peer_bits)) < 0
                   || put(dict, KEY_dst_port, metro_number(row->peer_port)) < 0
                   || put(dict, KEY_birth, metro_number(row->birth)) < 0
               ? -1
               : 0;
}

static PyObject *row_age(const struct metro_reading *now, const struct seg_row *row)
{
    if (row->last_sample_boottime_ns == 0)
        return metro_none();
    if (now->time.age_ns == UINT64_MAX)
        return PyFloat_FromDouble(Py_HUGE_VAL);
    return metro_seconds(now->time.read_ns > row->last_sample_boottime_ns ? now->time.read_ns - row->last_sample_boottime_ns : 0);
}

/* None: nobody knows, or the wall clock was set meanwhile. */
static PyObject *row_life(const struct metro_reading *now, const struct seg_row *row)
{
    const uint64_t published_ns = now->copy.snapshot.realtime_ns;

    if (row->birth_realtime_ns == 0 || row->birth_realtime_ns > published_ns)
        return metro_none();
    return metro_seconds(published_ns - row->birth_realtime_ns);
}

static int put_times(PyObject *dict, const struct metro_reading *now, const struct seg_row *row)
{
    return put(dict, KEY_age_s, row_age(now, row)) < 0 || put(dict, KEY_life_s, row_life(now, row)) < 0 ? -1 : 0;
}

static PyObject *skipped_dict(const struct seg_row *now, const struct seg_row *then)
{
    PyObject *dict = PyDict_New();

    for (int i = 0; dict != NULL && i < SKIP_REASON_COUNT; i++)
        if (metro_put(dict, skip_keys[i], metro_number(now->skipped[i] - then->skipped[i])) < 0)
            Py_CLEAR(dict);
    return dict;
}

static int put_counters(PyObject *dict, const struct seg_row *now, const struct seg_row *then)
{
    return put(dict, KEY_skipped, skipped_dict(now, then)) < 0
                   || put(dict, KEY_samples, metro_number(now->samples - then->samples)) < 0
                   || put(dict, KEY_handshake_samples, metro_number(now->handshake_samples - then->handshake_samples)) < 0
                   || put(dict, KEY_flows, metro_number(now->flows - then->flows)) < 0
                   || put(dict, KEY_timed, metro_number(now->timed - then->timed)) < 0
                   || put(dict, KEY_retransmits, metro_number(now->retransmits - then->retransmits)) < 0
               ? -1
               : 0;
}

static int put_measures(PyObject *dict, const struct interval *interval)
{
    double ms[INTERVAL_MEASURE_COUNT];

    interval_measure(interval, ms);
    for (int i = 0; i < INTERVAL_MEASURE_COUNT; i++)
        if (metro_put(dict, measure_keys[i], ms[i] < 0 ? metro_none() : PyFloat_FromDouble(ms[i])) < 0)
            return -1;
    return 0;
}

static PyObject *row_dict(const struct metro_reading *now, const struct interval *interval)
{
    PyObject *dict = PyDict_New();

    if (dict != NULL
        && (put_identity(dict, interval->now) < 0 || put_times(dict, now, interval->now) < 0
            || put_counters(dict, interval->now, interval_start(interval)) < 0 || put_measures(dict, interval) < 0))
        Py_CLEAR(dict);
    return dict;
}

static int append_row(PyObject *list, const struct metro_reading *now, struct interval_index *index, uint32_t place)
{
    struct interval interval;
    PyObject *row;
    int rc;

    if (interval_find(index, &now->copy, place, &interval) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    row = row_dict(now, &interval);
    rc = row == NULL ? -1 : PyList_Append(list, row);
    Py_XDECREF(row);
    return rc;
}

PyObject *metro_rows(const struct metro_reading *now, const struct metro_reading *since, long long instance)
{
    struct interval_index index;
    PyObject *list = PyList_New(0);

    interval_index_init(&index, since == NULL ? NULL : &since->copy, &now->copy);
    for (uint32_t i = 0; list != NULL && i < now->copy.snapshot.row_count; i++)
        if ((instance < 0 || now->copy.rows[i].instance == instance) && append_row(list, now, &index, i) < 0)
            Py_CLEAR(list);
    interval_index_free(&index);
    return list;
}
