/* metro_segment_rows.c: the rows of a snapshot as dicts; see metro_segment.h. */
#include "metro_segment.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "interval.h"
#include "peer.h"
#include "segment.h"

#define V4_OFFSET 12 /* an IPv4 address is the last four of the 16 bytes */
#define V4_BITS 96

/* A row and the interval that is asked for. */
struct view {
    const struct metro_reading *now;
    const struct seg_row *row, *then; /* then: the counters at the interval's beginning */
    double ms[INTERVAL_MEASURE_COUNT];
    PyObject *src; /* of the row before and, as a rule, of this one; NULL: of none */
    const struct seg_row *src_row;
};

/* ---- one value each: a new reference, NULL with the error set ---- */

typedef PyObject *make_value(struct view *view, int which);

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

static PyObject *make_instance(struct view *view, int which)
{
    (void)which;
    return metro_number(view->row->instance);
}

static PyObject *make_other(struct view *view, int which)
{
    (void)which;
    return PyBool_FromLong((view->row->flags & SEG_ROW_OTHER) != 0);
}

/* A host has few addresses and many peers. */
static PyObject *make_src(struct view *view, int which)
{
    const struct seg_row *row = view->row, *before = view->src_row;

    (void)which;
    if (view->src == NULL || before->local_family != row->local_family
        || memcmp(before->local, row->local, sizeof row->local) != 0) {
        Py_XDECREF(view->src);
        view->src = address_text(row->local, row->local_family, 128);
        view->src_row = row;
    }
    Py_XINCREF(view->src);
    return view->src;
}

static PyObject *make_dst(struct view *view, int which)
{
    (void)which;
    return metro_text(view->row->peer_name);
}

static PyObject *make_dst_address(struct view *view, int which)
{
    (void)which;
    return address_text(view->row->peer, view->row->peer_family, view->row->peer_bits);
}

static PyObject *make_dst_port(struct view *view, int which)
{
    (void)which;
    return metro_number(view->row->peer_port);
}

static PyObject *make_birth(struct view *view, int which)
{
    (void)which;
    return metro_number(view->row->birth);
}

static PyObject *make_age_s(struct view *view, int which)
{
    const uint64_t sampled_ns = view->row->last_sample_boottime_ns, read_ns = view->now->time.read_ns;

    (void)which;
    if (sampled_ns == 0)
        return metro_none();
    if (view->now->time.age_ns == UINT64_MAX)
        return PyFloat_FromDouble(Py_HUGE_VAL);
    return metro_seconds(read_ns > sampled_ns ? read_ns - sampled_ns : 0);
}

/* None: nobody knows, or the wall clock was set meanwhile. */
static PyObject *make_life_s(struct view *view, int which)
{
    const uint64_t published_ns = view->now->copy.snapshot.realtime_ns, birth_ns = view->row->birth_realtime_ns;

    (void)which;
    if (birth_ns == 0 || birth_ns > published_ns)
        return metro_none();
    return metro_seconds(published_ns - birth_ns);
}

/* which: the offset of a counter in the row. */
static PyObject *make_counter(struct view *view, int which)
{
    uint64_t now, then;

    memcpy(&now, (const char *)view->row + which, sizeof now);
    memcpy(&then, (const char *)view->then + which, sizeof then);
    return metro_number(now - then);
}

static PyObject *make_measure(struct view *view, int which)
{
    return view->ms[which] < 0 ? metro_none() : PyFloat_FromDouble(view->ms[which]);
}

static make_value make_skipped;

/* ---- all values ---- */

struct value {
    const char *name;
    make_value *make;
    int which;
};

static const struct value values[] = {
#define VALUE(name) { #name, make_##name, 0 },
#define COUNTER(name) { #name, make_counter, offsetof(struct seg_row, name) },
    /* clang-format off */
    VALUE(instance) VALUE(other) VALUE(src) VALUE(dst) VALUE(dst_address) VALUE(dst_port) VALUE(birth) VALUE(age_s) VALUE(life_s)
    VALUE(skipped) COUNTER(samples) COUNTER(handshake_samples) COUNTER(flows) COUNTER(timed) COUNTER(retransmits)
/* clang-format on */
#undef COUNTER
#undef VALUE
#define X(name) { #name, make_measure, INTERVAL_##name },
            INTERVAL_MEASURES(X)
#undef X
/* From here on only by their names. */
#define X(enumerator, name) { name, make_counter, offsetof(struct seg_row, skipped[enumerator]) },
                SKIP_REASONS(X)
#undef X
};

#define SKIPS SKIP_REASON_COUNT
#define USUAL (sizeof values / sizeof values[0] - SKIPS)

_Static_assert(sizeof values / sizeof values[0] == METRO_VALUES, "metro_segment.h has room for each");

/* Their keys, made once: a row costs no allocation for them. */
static PyObject *keys[METRO_VALUES];

int metro_rows_prepare(void)
{
    for (size_t n = 0; n < METRO_VALUES; n++)
        if (keys[n] == NULL && (keys[n] = metro_text(values[n].name)) == NULL)
            return -1;
    return 0;
}

static PyObject *make_skipped(struct view *view, int which)
{
    PyObject *dict = PyDict_New();

    (void)which;
    for (size_t n = USUAL; dict != NULL && n < METRO_VALUES; n++)
        if (metro_put(dict, keys[n], values[n].make(view, values[n].which)) < 0)
            Py_CLEAR(dict);
    return dict;
}

/* ---- what is asked for ---- */

void metro_want_usual(struct metro_wanted *wanted)
{
    wanted->count = 0;
    while (wanted->count < USUAL) {
        wanted->value[wanted->count] = (uint8_t)wanted->count;
        wanted->count++;
    }
}

/* The value's number; METRO_VALUES: there is none of that name; -1: the error is set. */
static int find_value(PyObject *name)
{
    int n = 0, found = 0;

    while (n < METRO_VALUES && (found = PyObject_RichCompareBool(keys[n], name, Py_EQ)) == 0)
        n++;
    return found < 0 ? -1 : n;
}

static int want(struct metro_wanted *wanted, PyObject *name)
{
    const int n = name == NULL ? -1 : find_value(name);

    if (n < 0)
        return -1;
    if (n == METRO_VALUES || wanted->count == METRO_VALUES) {
        PyErr_Format(PyExc_ValueError, n == METRO_VALUES ? "a row has no value of that name" : "too many names");
        return -1;
    }
    wanted->value[wanted->count++] = (uint8_t)n;
    return 0;
}

int metro_want(struct metro_wanted *wanted, PyObject *names)
{
    const Py_ssize_t count = PySequence_Size(names);
    int rc = count < 0 ? -1 : 0;

    wanted->count = 0;
    for (Py_ssize_t n = 0; n < count && rc == 0; n++) {
        PyObject *name = PySequence_GetItem(names, n);

        rc = want(wanted, name);
        Py_XDECREF(name);
    }
    return rc;
}

/* Which of the wanted values come from where. */
static bool wants(const struct metro_wanted *wanted, bool (*is_such)(const struct value *value))
{
    for (unsigned n = 0; n < wanted->count; n++)
        if (is_such(&values[wanted->value[n]]))
            return true;
    return false;
}

static bool is_measure(const struct value *value)
{
    return value->make == make_measure;
}

static bool is_of_histogram(const struct value *value)
{
    static const int measures[] = { INTERVAL_p50, INTERVAL_p95, INTERVAL_p99, INTERVAL_min, INTERVAL_max };

    for (size_t n = 0; n < sizeof measures / sizeof measures[0]; n++)
        if (is_measure(value) && value->which == measures[n])
            return true;
    return false;
}

/* ---- rows ---- */

static PyObject *row_dict(struct view *view, const struct metro_wanted *wanted)
{
    PyObject *dict = PyDict_New();

    for (unsigned n = 0; dict != NULL && n < wanted->count; n++) {
        const struct value *value = &values[wanted->value[n]];

        if (metro_put(dict, keys[wanted->value[n]], value->make(view, value->which)) < 0)
            Py_CLEAR(dict);
    }
    return dict;
}

static bool has_counted(const struct seg_row *now, const struct seg_row *then)
{
    return now->flows != then->flows || now->timed != then->timed || now->samples != then->samples
           || now->retransmits != then->retransmits || memcmp(now->skipped, then->skipped, sizeof now->skipped) != 0;
}

static int append_row(PyObject *list, struct view *view, const struct metro_wanted *wanted)
{
    PyObject *row = row_dict(view, wanted);
    const int rc = row == NULL ? -1 : PyList_Append(list, row);

    Py_XDECREF(row);
    return rc;
}

static int append_rows(PyObject *list, struct view *view, struct interval_index *index, const struct metro_wanted *wanted)
{
    const bool measures = wants(wanted, is_measure), histograms = wants(wanted, is_of_histogram);
    const struct segment_copy *copy = &view->now->copy;
    struct interval interval;

    for (uint32_t place = 0; place < copy->snapshot.row_count; place++) {
        if (wanted->instance >= 0 && copy->rows[place].instance != wanted->instance)
            continue;
        if (interval_find(index, copy, place, &interval) < 0) {
            PyErr_NoMemory();
            return -1;
        }
        view->row = interval.now;
        view->then = interval_start(&interval);
        if (wanted->counted && !has_counted(view->row, view->then))
            continue;
        if (!histograms)
            interval.now_buckets.count = NULL;
        if (measures)
            interval_measure(&interval, view->ms);
        if (append_row(list, view, wanted) < 0)
            return -1;
    }
    return 0;
}

PyObject *metro_rows(const struct metro_reading *now, const struct metro_reading *since, const struct metro_wanted *wanted)
{
    struct view view = { .now = now };
    struct interval_index index;
    PyObject *list = PyList_New(0);

    interval_index_init(&index, since == NULL ? NULL : &since->copy, &now->copy);
    if (list != NULL && append_rows(list, &view, &index, wanted) < 0)
        Py_CLEAR(list);
    interval_index_free(&index);
    Py_XDECREF(view.src);
    return list;
}
