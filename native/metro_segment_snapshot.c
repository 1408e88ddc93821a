/* metro_segment_snapshot.c: the type Snapshot: one publication of the helper; see metro_segment.h. */
#include "metro_segment.h"

#include <structmember.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "interval.h"
#include "segment.h"

/* X(name, documentation), in the order in which describe() makes them. */
#define ATTRIBUTES(X)                                                                                        \
    X(path, "The file it was read from.")                                                                    \
    X(state, "starting, capturing, degraded, failed, stopped, or stale: a running state without heartbeat.") \
    X(raw_state, "The state as published, never stale.")                                                     \
    X(error, "\"\", or what is wrong and what to do.")                                                       \
    X(age_s, "Seconds since it was published, inf when that was before the last boot.")                      \
    X(pid, "The helper's process.")                                                                          \
    X(pid_start_ticks, "Field 22 of /proc/PID/stat: tells a reused pid.")                                    \
    X(version, "The helper's version.")                                                                      \
    X(abi, "The segment's ABI, \"major.minor\".")                                                            \
    X(generation, "Counts the publications of this helper.")                                                 \
    X(publish_interval_s, "Seconds between two publications.")                                               \
    X(start_time, "When the helper started, seconds since the epoch.")                                       \
    X(uptime_s, "Seconds from its start to this publication, whatever became of the wall clock.")            \
    X(realtime, "When this was published, seconds since the epoch.")                                         \
    X(instances, "A tuple of dicts: the configured instances as the helper runs them.")                      \
    X(row_count, "How many rows there are.")

enum attribute {
#define X(name, doc) ATTRIBUTE_##name,
    ATTRIBUTES(X)
#undef X
        ATTRIBUTE_COUNT
};

typedef struct {
    PyObject_HEAD struct metro_reading reading;
    char *path;
    PyObject *attribute[ATTRIBUTE_COUNT];
} Snapshot;

static PyTypeObject snapshot_type;

static void snapshot_dealloc(PyObject *object)
{
    Snapshot *self = (Snapshot *)object;

    for (int i = 0; i < ATTRIBUTE_COUNT; i++)
        Py_XDECREF(self->attribute[i]);
    segment_copy_free(&self->reading.copy);
    free(self->path);
    PyObject_Free(self);
}

/* ---- attributes ---- */

static PyObject *ignored_dict(const struct seg_instance *instance)
{
    PyObject *dict = PyDict_New();

    for (int i = 0; dict != NULL && i < SEG_REASONS && instance->ignored[i].name[0] != '\0'; i++)
        if (metro_put_named(dict, instance->ignored[i].name, metro_number(instance->ignored[i].count)) < 0)
            Py_CLEAR(dict);
    return dict;
}

static int put_counters(PyObject *dict, const struct seg_instance *instance)
{
    static const struct {
        const char *name;
        size_t offset;
    } counters[] = {
#define COUNTER(field) { #field, offsetof(struct seg_instance, field) }
        COUNTER(received),
        COUNTER(dropped_kernel),
        COUNTER(dropped_interface),
        COUNTER(tcp),
        COUNTER(flows),
        COUNTER(open_flows),
        COUNTER(refused_flows),
        COUNTER(refused_peers),
        COUNTER(pending),
        COUNTER(given_timed),
        COUNTER(given_samples),
        COUNTER(given_handshake_samples),
        COUNTER(given_retransmits),
#undef COUNTER
    };

    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        uint64_t value;

        memcpy(&value, (const char *)instance + counters[i].offset, sizeof value);
        if (metro_put_named(dict, counters[i].name, metro_number(value)) < 0)
            return -1;
    }
    return 0;
}

static PyObject *sampling_text(const struct seg_instance *instance)
{
    const char *name = segment_sampling_name(instance->sampling);

    if (name != NULL)
        return metro_text(name);
    Py_INCREF(Py_None);
    return Py_None;
}

/* In windows or not; what is left of the present one, or of the pause, at the time of publishing. */
static int put_sampling(PyObject *dict, const struct seg_instance *instance, uint64_t published_ns)
{
    return metro_put_named(dict, "sampling", sampling_text(instance)) < 0
                   || metro_put_named(dict, "sample_open_s", metro_number(instance->sample_open_s)) < 0
                   || metro_put_named(dict, "sample_closed_s", metro_number(instance->sample_closed_s)) < 0
                   || metro_put_named(dict, "sample_left_s", metro_number(segment_sampling_left_s(instance, published_ns))) < 0
               ? -1
               : 0;
}

static PyObject *instance_dict(const struct seg_instance *instance, uint32_t index, uint64_t published_ns)
{
    PyObject *dict = PyDict_New();

    if (dict != NULL
        && (metro_put_named(dict, "index", metro_number(index)) < 0
            || metro_put_named(dict, "fingerprint", metro_number(instance->fingerprint)) < 0
            || metro_put_named(dict, "interface", metro_text(instance->interface)) < 0
            || metro_put_named(dict, "state", metro_text(segment_state_name(instance->state))) < 0
            || metro_put_named(dict, "error", metro_text(instance->error)) < 0
            || metro_put_named(dict, "warning", metro_text(instance->warning)) < 0
            || metro_put_named(dict, "ignored", ignored_dict(instance)) < 0 || put_counters(dict, instance) < 0
            || put_sampling(dict, instance, published_ns) < 0))
        Py_CLEAR(dict);
    return dict;
}

static PyObject *instances_tuple(const struct segment_copy *copy)
{
    const uint32_t count = copy->snapshot.instance_count;
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);

    for (uint32_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *instance = instance_dict(&copy->instances[i], i, copy->snapshot.boottime_ns);

        if (instance == NULL)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, instance);
    }
    return tuple;
}

static int describe(Snapshot *self)
{
    const struct metro_reading *reading = &self->reading;
    const struct seg_header *header = &reading->copy.header;
    const struct seg_snapshot *snapshot = &reading->copy.snapshot;
    const char *raw_state = segment_state_name(snapshot->state);
    char abi[sizeof "65535.65535"];
    int rc = 0;

    snprintf(abi, sizeof abi, "%u.%u", (unsigned)header->abi_major, (unsigned)header->abi_minor);
    PyObject *const value[ATTRIBUTE_COUNT] = {
        [ATTRIBUTE_path] = metro_text(self->path),
        [ATTRIBUTE_state] = metro_text(segment_is_stale(&reading->copy, reading->time.age_ns) ? "stale" : raw_state),
        [ATTRIBUTE_raw_state] = metro_text(raw_state),
        [ATTRIBUTE_error] = metro_text(snapshot->error),
        [ATTRIBUTE_age_s] = reading->time.age_ns == UINT64_MAX ? PyFloat_FromDouble(Py_HUGE_VAL)
                                                               : metro_seconds(reading->time.age_ns),
        [ATTRIBUTE_pid] = metro_number(header->pid),
        [ATTRIBUTE_pid_start_ticks] = metro_number(header->pid_start_ticks),
        [ATTRIBUTE_version] = metro_text(header->version),
        [ATTRIBUTE_abi] = metro_text(abi),
        [ATTRIBUTE_generation] = metro_number(snapshot->generation),
        [ATTRIBUTE_publish_interval_s] = PyFloat_FromDouble(header->publish_interval_ms / 1e3),
        [ATTRIBUTE_start_time] = metro_seconds(header->start_realtime_ns),
        [ATTRIBUTE_uptime_s] = metro_seconds(snapshot->boottime_ns - header->start_boottime_ns), /* checked: not below 0 */
        [ATTRIBUTE_realtime] = metro_seconds(snapshot->realtime_ns),
        [ATTRIBUTE_instances] = instances_tuple(&reading->copy),
        [ATTRIBUTE_row_count] = metro_number(snapshot->row_count),
    };
    for (int i = 0; i < ATTRIBUTE_COUNT; i++) {
        self->attribute[i] = value[i];
        if (value[i] == NULL)
            rc = -1;
    }
    return rc;
}

PyObject *metro_snapshot_new(const char *path, struct metro_reading *reading)
{
    Snapshot *self = (Snapshot *)PyType_GenericAlloc(&snapshot_type, 0); /* zeroed */

    if (self == NULL) {
        segment_copy_free(&reading->copy);
        return NULL;
    }
    self->reading = *reading;
    if ((self->path = strdup(path)) == NULL)
        PyErr_NoMemory();
    if (self->path != NULL && describe(self) == 0)
        return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

/* ---- methods ---- */

/* Whether `since` can stand for the beginning of an interval that ends at self; else ValueError. */
static bool is_earlier(const Snapshot *self, const Snapshot *since)
{
    const struct metro_reading *now = &self->reading, *then = &since->reading;
    const bool newer = interval_same_helper(&now->copy, &then->copy)
                           ? then->copy.snapshot.generation > now->copy.snapshot.generation
                           : then->time.read_ns > now->time.read_ns;

    if (strcmp(self->path, since->path) != 0)
        PyErr_SetString(PyExc_ValueError, "since is a snapshot of another segment");
    else if (newer)
        PyErr_SetString(PyExc_ValueError, "since is newer than the snapshot itself");
    else
        return true;
    return false;
}

/* -1: the error is set. */
static int parse_instance(PyObject *object, long long *instance)
{
    *instance = -1;
    if (object == Py_None)
        return 0;
    if (!PyArg_Parse(object, "L;instance must be an index or None", instance))
        return -1;
    if (*instance < 0)
        PyErr_Format(PyExc_ValueError, "instance is not an index");
    return *instance < 0 ? -1 : 0;
}

/* NULL in *out: None. -1: the error is set. */
static int parse_since(const Snapshot *self, PyObject *object, const Snapshot **out)
{
    *out = NULL;
    if (object == Py_None)
        return 0;
    if (!PyObject_TypeCheck(object, &snapshot_type)) {
        PyErr_Format(PyExc_TypeError, "since must be a Snapshot or None");
        return -1;
    }
    *out = (const Snapshot *)object;
    return is_earlier(self, *out) ? 0 : -1;
}

static PyObject *snapshot_rows(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = { "since", "instance", "names", "counted", NULL };
    const Snapshot *self = (const Snapshot *)object, *since;
    PyObject *since_object = Py_None, *instance = Py_None, *values = Py_None, *counted = Py_False;
    struct metro_wanted wanted;
    int is_counted;

    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OOOO:rows", names, &since_object, &instance, &values, &counted)
        || parse_instance(instance, &wanted.instance) < 0 || parse_since(self, since_object, &since) < 0
        || (is_counted = PyObject_IsTrue(counted)) < 0)
        return NULL;
    wanted.counted = is_counted > 0;
    metro_want_usual(&wanted);
    if (values != Py_None && metro_want(&wanted, values) < 0)
        return NULL;
    return metro_rows(&self->reading, since == NULL ? NULL : &since->reading, &wanted);
}

static const struct segment_copy *copy_of(PyObject *snapshot)
{
    return &((const Snapshot *)snapshot)->reading.copy;
}

static PyObject *snapshot_continues(PyObject *self, PyObject *earlier)
{
    if (!PyObject_TypeCheck(earlier, &snapshot_type))
        return PyErr_Format(PyExc_TypeError, "earlier must be a Snapshot");
    return PyBool_FromLong(interval_same_helper(copy_of(self), copy_of(earlier)));
}

/* ---- the type ---- */

static PyMethodDef snapshot_methods[] = {
    { "rows", (PyCFunction)(void (*)(void))snapshot_rows, METH_VARARGS | METH_KEYWORDS,
      "rows(since=None, instance=None, names=None, counted=False) -> list of dicts\n\n"
      "The rows (of one instance, by its index) with the statistics of the interval from `since`, an earlier Snapshot of the\n"
      "same path, to this one. Without `since`, for a row that was not there then, and after a restart of the helper, the\n"
      "row's whole life is the interval. Values are in ms, None where the interval has no sample. min and max are exact over\n"
      "a whole life, else the bounds of the histogram buckets; percentiles need histograms in both snapshots.\n"
      "names: only these values, which costs less; a reason of `skipped` can be named too, and is then its counter alone.\n"
      "counted: only rows where something was counted in the interval.\n"
      "ValueError: `since` is newer, or of another path; or there is no value of such a name." },
    { "continues", snapshot_continues, METH_O, "continues(earlier) -> bool: published by the same helper process as `earlier`." },
    { NULL, NULL, 0, NULL },
};

static PyMemberDef snapshot_members[] = {
#define X(name, doc) { #name, T_OBJECT_EX, offsetof(Snapshot, attribute) + ATTRIBUTE_##name * sizeof(PyObject *), READONLY, doc },
    ATTRIBUTES(X)
#undef X
        { NULL, 0, 0, 0, NULL },
};

static PyTypeObject snapshot_type = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "metro_segment.Snapshot",
    .tp_basicsize = sizeof(Snapshot),
    .tp_dealloc = snapshot_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "One whole publication of the helper; made by read().",
    .tp_methods = snapshot_methods,
    .tp_members = snapshot_members,
};

PyObject *metro_snapshot_type(void)
{
    if (metro_rows_prepare() < 0 || PyType_Ready(&snapshot_type) < 0)
        return NULL;
    Py_INCREF((PyObject *)&snapshot_type);
    return (PyObject *)&snapshot_type;
}
