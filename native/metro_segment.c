/* metro_segment.c: the CPython extension `metro_segment`: a snapshot of the segment as plain Python values.
 *
 * One source for CPython 2.7 and 3.x. It only converts: what a segment is, and whether to believe it, is segment_reader.c's
 * business. No PyUnicode function is called ("s" of Py_BuildValue gives the native str), so that one build serves UCS2 and
 * UCS4 interpreters. Every helper that is handed a new reference takes it over, also when it fails. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "crc32c.h"
#include "interval.h"
#include "peer.h"
#include "segment.h"
#include "segment_reader.h"
#include "version.h"

#define NS_PER_S 1e9
#define V4_OFFSET 12 /* an IPv4 address is the last four of the 16 bytes */
#define V4_BITS 96

/* ---- values ---- */

/* An int where it fits (a small number shows without the "L" under 2.7), else a long. */
static PyObject *number(uint64_t value)
{
    if (value <= (uint64_t)PY_SSIZE_T_MAX)
        return Py_BuildValue("n", (Py_ssize_t)value);
    return Py_BuildValue("K", (unsigned long long)value);
}

static PyObject *text(const char *value)
{
    return Py_BuildValue("s", value);
}

static PyObject *none(void)
{
    return Py_BuildValue("");
}

static int put(PyObject *dict, const char *key, PyObject *value)
{
    int rc = value == NULL ? -1 : PyDict_SetItemString(dict, key, value);

    Py_XDECREF(value);
    return rc;
}

/* ---- errors ---- */

enum error_class {
    ERROR_BASE, ERROR_MISSING, ERROR_UNREADABLE, ERROR_FOREIGN_OWNER, ERROR_NOT_SEGMENT, ERROR_OTHER_ABI, ERROR_CORRUPT,
    ERROR_UNPUBLISHED, ERROR_TORN, ERROR_CLASSES
};

static struct {
    const char *name, *full_name, *doc;
    PyObject *type;
} error_classes[ERROR_CLASSES] = {
    [ERROR_BASE] = { "SegmentError", "metro_segment.SegmentError", "Nothing can be read; `status` names the exact cause.", NULL },
    [ERROR_MISSING] = { "Missing", "metro_segment.Missing", "There is no such file.", NULL },
    [ERROR_UNREADABLE] = { "Unreadable", "metro_segment.Unreadable", "The file cannot be opened or read.", NULL },
    [ERROR_FOREIGN_OWNER] = { "ForeignOwner", "metro_segment.ForeignOwner", "Somebody else owns it or may write it.", NULL },
    [ERROR_NOT_SEGMENT] = { "NotSegment", "metro_segment.NotSegment", "Not a regular file, empty, or of another kind.", NULL },
    [ERROR_OTHER_ABI] = { "OtherABI", "metro_segment.OtherABI", "Written by a helper of another ABI.", NULL },
    [ERROR_CORRUPT] = { "Corrupt", "metro_segment.Corrupt", "Truncated, or a checksum, size or text is wrong.", NULL },
    [ERROR_UNPUBLISHED] = { "Unpublished", "metro_segment.Unpublished", "Whole, but nothing was ever published.", NULL },
    [ERROR_TORN] = { "Torn", "metro_segment.Torn", "No snapshot stood still long enough to be read.", NULL },
};

static const enum error_class class_of_status[SEGMENT_STATUS_COUNT] = {
    [SEGMENT_MISSING] = ERROR_MISSING,
    [SEGMENT_UNREADABLE] = ERROR_UNREADABLE,
    [SEGMENT_NOT_REGULAR] = ERROR_NOT_SEGMENT,
    [SEGMENT_FOREIGN_OWNER] = ERROR_FOREIGN_OWNER,
    [SEGMENT_WRITABLE] = ERROR_FOREIGN_OWNER,
    [SEGMENT_EMPTY] = ERROR_NOT_SEGMENT,
    [SEGMENT_TRUNCATED] = ERROR_CORRUPT,
    [SEGMENT_BAD_MAGIC] = ERROR_NOT_SEGMENT,
    [SEGMENT_OTHER_ABI] = ERROR_OTHER_ABI,
    [SEGMENT_BAD_HEADER] = ERROR_CORRUPT,
    [SEGMENT_BAD_LAYOUT] = ERROR_CORRUPT,
    [SEGMENT_UNPUBLISHED] = ERROR_UNPUBLISHED,
    [SEGMENT_TORN] = ERROR_TORN,
    [SEGMENT_CORRUPT] = ERROR_CORRUPT,
};

/* Sets the Python error for a status that is not SEGMENT_OK; always NULL. */
static PyObject *raise_status(enum segment_status status, const char *message)
{
    PyObject *type, *error, *name = NULL;

    if (status == SEGMENT_NO_MEMORY)
        return PyErr_NoMemory();
    type = error_classes[class_of_status[status]].type;
    error = PyObject_CallFunction(type, "s", message);
    if (error != NULL)
        name = text(segment_status_name(status));
    if (name != NULL && PyObject_SetAttrString(error, "status", name) == 0)
        PyErr_SetObject(type, error);
    Py_XDECREF(name);
    Py_XDECREF(error);
    return NULL;
}

/* ---- rows ---- */

/* The keys of a row, made once: a row costs no allocation for them. The measures are interval.h's. */
#define ROW_KEYS(X)                                                                                                        \
    X(instance) X(other) X(src) X(dst) X(dst_address) X(dst_port) X(birth) X(life_s) X(age_s)                              \
    X(samples) X(handshake_samples) X(flows) X(timed) X(retransmits) X(skipped)

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

static int row_put(PyObject *dict, PyObject *key, PyObject *value)
{
    int rc = value == NULL ? -1 : PyDict_SetItem(dict, key, value);

    Py_XDECREF(value);
    return rc;
}

static PyObject *row_address(const uint8_t address[static 16], uint8_t family, uint8_t bits)
{
    char buffer[INET6_ADDRSTRLEN + sizeof "/128"];
    const bool v4 = family == SEG_FAMILY_V4;
    size_t length;

    if (family == SEG_FAMILY_NONE ||
        inet_ntop(v4 ? AF_INET : AF_INET6, v4 ? address + V4_OFFSET : address, buffer, INET6_ADDRSTRLEN) == NULL)
        return none();
    length = strlen(buffer);
    if (bits < 128)
        snprintf(buffer + length, sizeof buffer - length, "/%d", v4 ? (bits > V4_BITS ? bits - V4_BITS : 0) : bits);
    return text(buffer);
}

static int row_put_identity(PyObject *dict, const struct seg_row *row)
{
    return row_put(dict, row_keys[KEY_instance], number(row->instance)) < 0 ||
           row_put(dict, row_keys[KEY_other], PyBool_FromLong((row->flags & SEG_ROW_OTHER) != 0)) < 0 ||
           row_put(dict, row_keys[KEY_src], row_address(row->local, row->local_family, 128)) < 0 ||
           row_put(dict, row_keys[KEY_dst], text(row->peer_name)) < 0 ||
           row_put(dict, row_keys[KEY_dst_address], row_address(row->peer, row->peer_family, row->peer_bits)) < 0 ||
           row_put(dict, row_keys[KEY_dst_port], number(row->peer_port)) < 0 ||
           row_put(dict, row_keys[KEY_birth], number(row->birth)) < 0 ? -1 : 0;
}

static int row_put_counters(PyObject *dict, const struct seg_row *now, const struct seg_row *then)
{
    PyObject *skipped = PyDict_New();

    for (int i = 0; skipped != NULL && i < SKIP_REASON_COUNT; i++)
        if (row_put(skipped, skip_keys[i], number(now->skipped[i] - then->skipped[i])) < 0)
            Py_CLEAR(skipped);
    return row_put(dict, row_keys[KEY_skipped], skipped) < 0 ||
           row_put(dict, row_keys[KEY_samples], number(now->samples - then->samples)) < 0 ||
           row_put(dict, row_keys[KEY_handshake_samples], number(now->handshake_samples - then->handshake_samples)) < 0 ||
           row_put(dict, row_keys[KEY_flows], number(now->flows - then->flows)) < 0 ||
           row_put(dict, row_keys[KEY_timed], number(now->timed - then->timed)) < 0 ||
           row_put(dict, row_keys[KEY_retransmits], number(now->retransmits - then->retransmits)) < 0 ? -1 : 0;
}

static int row_put_measures(PyObject *dict, const struct interval *interval)
{
    double ms[INTERVAL_MEASURE_COUNT];

    interval_measure(interval, ms);
    for (int i = 0; i < INTERVAL_MEASURE_COUNT; i++)
        if (row_put(dict, measure_keys[i], ms[i] < 0 ? none() : PyFloat_FromDouble(ms[i])) < 0)
            return -1;
    return 0;
}

/* ---- Snapshot ---- */

/* X(name, documentation), in the order in which snapshot_describe() makes them. */
#define ATTRIBUTES(X)                                                                                                      \
    X(path, "The file it was read from.")                                                                                  \
    X(state, "starting, capturing, degraded, failed, stopped, or stale: a running state without heartbeat.")               \
    X(raw_state, "The state as published, never stale.")                                                                 \
    X(error, "\"\", or what is wrong and what to do.")                                                                     \
    X(age_s, "Seconds since it was published, inf when that was before the last boot.")                                    \
    X(pid, "The helper's process.")                                                                                        \
    X(pid_start_ticks, "Field 22 of /proc/PID/stat: tells a reused pid.")                                                  \
    X(version, "The helper's version.")                                                                                    \
    X(abi, "The segment's ABI, \"major.minor\".")                                                                          \
    X(generation, "Counts the publications of this helper.")                                                               \
    X(publish_interval_s, "Seconds between two publications.")                                                             \
    X(start_time, "When the helper started, seconds since the epoch.")                                                     \
    X(realtime, "When this was published, seconds since the epoch.")                                                       \
    X(instances, "A tuple of dicts: the configured instances as the helper runs them.")                                    \
    X(row_count, "How many rows there are.")

enum attribute {
#define X(name, doc) ATTRIBUTE_##name,
    ATTRIBUTES(X)
#undef X
    ATTRIBUTE_COUNT
};

typedef struct {
    PyObject_HEAD
    struct segment_copy copy;
    char *path;
    uint64_t read_ns; /* CLOCK_BOOTTIME */
    bool this_boot;
    PyObject *attribute[ATTRIBUTE_COUNT];
} Snapshot;

static PyTypeObject snapshot_type;

static void snapshot_dealloc(PyObject *object)
{
    Snapshot *self = (Snapshot *)object;

    for (int i = 0; i < ATTRIBUTE_COUNT; i++)
        Py_XDECREF(self->attribute[i]);
    segment_copy_free(&self->copy);
    free(self->path);
    PyObject_Free(self);
}

static PyObject *instance_ignored(const struct seg_instance *instance)
{
    PyObject *dict = PyDict_New();

    for (int i = 0; dict != NULL && i < SEG_REASONS && instance->ignored[i].name[0] != '\0'; i++)
        if (put(dict, instance->ignored[i].name, number(instance->ignored[i].count)) < 0)
            Py_CLEAR(dict);
    return dict;
}

static PyObject *instance_dict(const struct seg_instance *instance, uint32_t index)
{
    static const struct {
        const char *name;
        size_t offset;
    } counters[] = {
#define COUNTER(field) { #field, offsetof(struct seg_instance, field) }
        COUNTER(received), COUNTER(dropped_kernel), COUNTER(dropped_interface), COUNTER(tcp), COUNTER(flows),
        COUNTER(open_flows), COUNTER(refused_flows), COUNTER(refused_peers), COUNTER(pending),
#undef COUNTER
    };
    PyObject *dict = PyDict_New();

    if (dict == NULL)
        return NULL;
    if (put(dict, "index", number(index)) < 0 || put(dict, "fingerprint", number(instance->fingerprint)) < 0 ||
        put(dict, "interface", text(instance->interface)) < 0 ||
        put(dict, "state", text(segment_state_name(instance->state))) < 0 ||
        put(dict, "error", text(instance->error)) < 0 || put(dict, "warning", text(instance->warning)) < 0 ||
        put(dict, "ignored", instance_ignored(instance)) < 0)
        goto fail;
    for (size_t i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        uint64_t value;

        memcpy(&value, (const char *)instance + counters[i].offset, sizeof value);
        if (put(dict, counters[i].name, number(value)) < 0)
            goto fail;
    }
    return dict;
fail:
    Py_DECREF(dict);
    return NULL;
}

static PyObject *snapshot_instances(const struct segment_copy *copy)
{
    const uint32_t count = copy->snapshot.instance_count;
    PyObject *tuple = PyTuple_New((Py_ssize_t)count);

    for (uint32_t i = 0; tuple != NULL && i < count; i++) {
        PyObject *instance = instance_dict(&copy->instances[i], i);

        if (instance == NULL)
            Py_CLEAR(tuple);
        else
            PyTuple_SET_ITEM(tuple, (Py_ssize_t)i, instance);
    }
    return tuple;
}

static int snapshot_describe(Snapshot *self, uint64_t age_ns)
{
    const struct seg_header *header = &self->copy.header;
    const struct seg_snapshot *snapshot = &self->copy.snapshot;
    const char *raw_state = segment_state_name(snapshot->state);
    char abi[sizeof "65535.65535"];
    PyObject **made = self->attribute;

    snprintf(abi, sizeof abi, "%u.%u", (unsigned)header->abi_major, (unsigned)header->abi_minor);
    PyObject *const value[ATTRIBUTE_COUNT] = {
        [ATTRIBUTE_path] = text(self->path),
        [ATTRIBUTE_state] = text(segment_is_stale(&self->copy, age_ns) ? "stale" : raw_state),
        [ATTRIBUTE_raw_state] = text(raw_state),
        [ATTRIBUTE_error] = text(snapshot->error),
        [ATTRIBUTE_age_s] = PyFloat_FromDouble(self->this_boot ? (double)age_ns / NS_PER_S : Py_HUGE_VAL),
        [ATTRIBUTE_pid] = number(header->pid),
        [ATTRIBUTE_pid_start_ticks] = number(header->pid_start_ticks),
        [ATTRIBUTE_version] = text(header->version),
        [ATTRIBUTE_abi] = text(abi),
        [ATTRIBUTE_generation] = number(snapshot->generation),
        [ATTRIBUTE_publish_interval_s] = PyFloat_FromDouble(header->publish_interval_ms / 1e3),
        [ATTRIBUTE_start_time] = PyFloat_FromDouble((double)header->start_realtime_ns / NS_PER_S),
        [ATTRIBUTE_realtime] = PyFloat_FromDouble((double)snapshot->realtime_ns / NS_PER_S),
        [ATTRIBUTE_instances] = snapshot_instances(&self->copy),
        [ATTRIBUTE_row_count] = number(snapshot->row_count),
    };
    int rc = 0;

    for (int i = 0; i < ATTRIBUTE_COUNT; i++) {
        made[i] = value[i];
        if (value[i] == NULL)
            rc = -1;
    }
    return rc;
}

/* Whether `since` can stand for the beginning of an interval that ends at self; else ValueError. */
static bool snapshot_is_earlier(const Snapshot *self, const Snapshot *since)
{
    if (strcmp(self->path, since->path) != 0) {
        PyErr_SetString(PyExc_ValueError, "since is a snapshot of another segment");
        return false;
    }
    if (interval_same_helper(&self->copy, &since->copy) ? since->copy.snapshot.generation > self->copy.snapshot.generation
                                                        : since->read_ns > self->read_ns) {
        PyErr_SetString(PyExc_ValueError, "since is newer than the snapshot itself");
        return false;
    }
    return true;
}

/* From an earlier moment to a later one; 0 when the clock says otherwise. */
static PyObject *seconds_between(uint64_t from_ns, uint64_t to_ns)
{
    return PyFloat_FromDouble(to_ns > from_ns ? (double)(to_ns - from_ns) / NS_PER_S : 0.0);
}

static PyObject *row_age(const Snapshot *self, const struct seg_row *row)
{
    if (row->last_sample_boottime_ns == 0)
        return none();
    return self->this_boot ? seconds_between(row->last_sample_boottime_ns, self->read_ns) : PyFloat_FromDouble(Py_HUGE_VAL);
}

static PyObject *row_dict(const Snapshot *self, const struct interval *interval)
{
    const struct seg_row *now = interval->now;
    PyObject *dict = PyDict_New();

    if (dict == NULL)
        return NULL;
    if (row_put_identity(dict, now) == 0 && row_put(dict, row_keys[KEY_age_s], row_age(self, now)) == 0 &&
        row_put(dict, row_keys[KEY_life_s], seconds_between(now->birth_realtime_ns, self->copy.snapshot.realtime_ns)) == 0 &&
        row_put_counters(dict, now, interval_start(interval)) == 0 && row_put_measures(dict, interval) == 0)
        return dict;
    Py_DECREF(dict);
    return NULL;
}

static int rows_append(PyObject *list, const Snapshot *self, struct interval_index *index, uint32_t place)
{
    struct interval interval;
    PyObject *row;
    int rc;

    if (interval_find(index, &self->copy, place, &interval) < 0) {
        PyErr_NoMemory();
        return -1;
    }
    row = row_dict(self, &interval);
    rc = row == NULL ? -1 : PyList_Append(list, row);
    Py_XDECREF(row);
    return rc;
}

/* instance: its index, or -1 for all. */
static PyObject *collect_rows(const Snapshot *self, const Snapshot *since, long long instance)
{
    struct interval_index index;
    PyObject *list = PyList_New(0);

    interval_index_init(&index, since == NULL ? NULL : &since->copy, &self->copy);
    for (uint32_t i = 0; list != NULL && i < self->copy.snapshot.row_count; i++)
        if ((instance < 0 || self->copy.rows[i].instance == instance) && rows_append(list, self, &index, i) < 0)
            Py_CLEAR(list);
    interval_index_free(&index);
    return list;
}

static PyObject *snapshot_rows(PyObject *object, PyObject *args, PyObject *keywords)
{
    static char *names[] = { "since", "instance", NULL };
    const Snapshot *self = (const Snapshot *)object, *since = NULL;
    PyObject *since_object = Py_None, *instance_object = Py_None;
    long long instance = -1;

    if (!PyArg_ParseTupleAndKeywords(args, keywords, "|OO:rows", names, &since_object, &instance_object))
        return NULL;
    if (instance_object != Py_None && !PyArg_Parse(instance_object, "L;instance must be an index or None", &instance))
        return NULL;
    if (instance_object != Py_None && instance < 0)
        return PyErr_Format(PyExc_ValueError, "instance is not an index");
    if (since_object != Py_None) {
        if (!PyObject_TypeCheck(since_object, &snapshot_type))
            return PyErr_Format(PyExc_TypeError, "since must be a Snapshot or None");
        since = (const Snapshot *)since_object;
        if (!snapshot_is_earlier(self, since))
            return NULL;
    }
    return collect_rows(self, since, instance);
}

static PyObject *snapshot_continues(PyObject *self, PyObject *earlier)
{
    if (!PyObject_TypeCheck(earlier, &snapshot_type))
        return PyErr_Format(PyExc_TypeError, "earlier must be a Snapshot");
    return PyBool_FromLong(interval_same_helper(&((const Snapshot *)self)->copy, &((const Snapshot *)earlier)->copy));
}

static PyMethodDef snapshot_methods[] = {
    { "rows", (PyCFunction)(void (*)(void))snapshot_rows, METH_VARARGS | METH_KEYWORDS,
      "rows(since=None, instance=None) -> list of dicts\n\n"
      "The rows (of one instance, by its index) with the statistics of the interval from `since`, an earlier Snapshot of the\n"
      "same path, to this one. Without `since`, for a row that was not there then, and after a restart of the helper, the\n"
      "row's whole life is the interval. Values are in ms, None where the interval has no sample. min and max are exact over\n"
      "a whole life, else the bounds of the histogram buckets; percentiles need histograms in both snapshots.\n"
      "ValueError: `since` is newer, or of another path." },
    { "continues", snapshot_continues, METH_O, "continues(earlier) -> bool: published by the same helper process as `earlier`." },
    { NULL, NULL, 0, NULL },
};

static PyMemberDef snapshot_members[] = {
#define X(name, doc)                                                                                                       \
    { #name, T_OBJECT_EX, offsetof(Snapshot, attribute) + ATTRIBUTE_##name * sizeof(PyObject *), READONLY, doc },
    ATTRIBUTES(X)
#undef X
    { NULL, 0, 0, 0, NULL },
};

static PyTypeObject snapshot_type = {
    PyVarObject_HEAD_INIT(NULL, 0)
    .tp_name = "metro_segment.Snapshot",
    .tp_basicsize = sizeof(Snapshot),
    .tp_dealloc = snapshot_dealloc,
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_doc = "One whole publication of the helper; made by read().",
    .tp_methods = snapshot_methods,
    .tp_members = snapshot_members,
};

/* ---- functions ---- */

static uint64_t boottime_ns(void)
{
    struct timespec now;

    if (clock_gettime(CLOCK_BOOTTIME, &now) != 0)
        return 0;
    return (uint64_t)now.tv_sec * 1000000000U + (uint64_t)now.tv_nsec;
}

/* Takes the copy over. */
static PyObject *snapshot_new(const char *path, struct segment_copy *copy, const char *boot_id, uint64_t read_ns)
{
    Snapshot *self = PyObject_New(Snapshot, &snapshot_type);
    uint64_t age_ns;

    if (self == NULL) {
        segment_copy_free(copy);
        return NULL;
    }
    memset((char *)self + offsetof(Snapshot, copy), 0, sizeof *self - offsetof(Snapshot, copy));
    self->copy = *copy;
    self->read_ns = read_ns;
    age_ns = segment_age_ns(copy, read_ns, boot_id);
    self->this_boot = age_ns != UINT64_MAX;
    if ((self->path = strdup(path)) == NULL)
        PyErr_NoMemory();
    if (self->path != NULL && snapshot_describe(self, age_ns) == 0)
        return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static int parse_owner(PyObject *owner, struct segment_read_options *options)
{
    long long uid;

    if (owner == Py_None)
        return 0;
    if (!PyArg_Parse(owner, "L;owner must be a user number or None", &uid))
        return -1;
    if (uid < 0 || uid >= UINT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "owner is not a user number");
        return -1;
    }
    options->has_owner = true;
    options->owner = (uid_t)uid;
    return 0;
}

static PyObject *metro_read(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = { "path", "owner", "histograms", NULL };
    PyObject *owner = Py_None, *histograms = Py_True, *result = NULL;
    struct segment_read_options options = { .histograms = false };
    struct segment_copy copy;
    char message[SEG_ERROR_MAX], boot_id[40], *path = NULL;
    enum segment_status status;
    uint64_t now_ns;
    int wanted;

    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "et|OO:read", names, "utf-8", &path, &owner, &histograms))
        return NULL;
    wanted = PyObject_IsTrue(histograms);
    if (wanted < 0 || parse_owner(owner, &options) < 0)
        goto out;
    options.histograms = wanted > 0;
    Py_BEGIN_ALLOW_THREADS
    status = segment_read(path, &options, &copy, message);
    segment_boot_id(boot_id);
    now_ns = boottime_ns();
    Py_END_ALLOW_THREADS
    result = status == SEGMENT_OK ? snapshot_new(path, &copy, boot_id, now_ns) : raise_status(status, message);
out:
    PyMem_Free(path);
    return result;
}

static PyObject *metro_crc32c(PyObject *module, PyObject *args, PyObject *keywords)
{
    static char *names[] = { "data", "crc", NULL };
    Py_buffer data;
    unsigned int crc = 0;

    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "s*|I:crc32c", names, &data, &crc))
        return NULL;
    crc = crc32c(crc, data.buf, (size_t)data.len);
    PyBuffer_Release(&data);
    return number(crc);
}

static PyMethodDef functions[] = {
    { "read", (PyCFunction)(void (*)(void))metro_read, METH_VARARGS | METH_KEYWORDS,
      "read(path, owner=None, histograms=True) -> Snapshot\n\n"
      "Copies the newest whole publication out of the segment. Besides root and the caller, the user number `owner` may own\n"
      "the file. Without histograms it costs a fraction of the memory and gives no percentiles.\n"
      "Raises a subclass of SegmentError for each thing that can be wrong; its `status` names the exact one." },
    { "crc32c", (PyCFunction)(void (*)(void))metro_crc32c, METH_VARARGS | METH_KEYWORDS,
      "crc32c(data, crc=0) -> int: CRC-32C (Castagnoli) of the bytes; crc: that of what came before." },
    { NULL, NULL, 0, NULL },
};

/* ---- module ---- */

static int make_keys(PyObject **keys, const char *const *names, int count)
{
    for (int i = 0; i < count; i++)
        if (keys[i] == NULL && (keys[i] = text(names[i])) == NULL)
            return -1;
    return 0;
}

/* Takes the value over, as PyModule_AddObject() does only when it succeeds. */
static int add(PyObject *module, const char *name, PyObject *value)
{
    if (value == NULL)
        return -1;
    if (PyModule_AddObject(module, name, value) == 0)
        return 0;
    Py_DECREF(value);
    return -1;
}

static int add_errors(PyObject *module)
{
    for (int i = 0; i < ERROR_CLASSES; i++) {
        PyObject *base = i == ERROR_BASE ? NULL : error_classes[ERROR_BASE].type;

        if (error_classes[i].type == NULL)
            error_classes[i].type = PyErr_NewExceptionWithDoc((char *)error_classes[i].full_name, (char *)error_classes[i].doc,
                                                              base, NULL);
        Py_XINCREF(error_classes[i].type);
        if (add(module, error_classes[i].name, error_classes[i].type) < 0)
            return -1;
    }
    return 0;
}

static int fill(PyObject *module)
{
    if (PyType_Ready(&snapshot_type) < 0 || make_keys(row_keys, row_key_names, ROW_KEY_COUNT) < 0 ||
        make_keys(measure_keys, measure_names, INTERVAL_MEASURE_COUNT) < 0 ||
        make_keys(skip_keys, skip_names, SKIP_REASON_COUNT) < 0 || add_errors(module) < 0)
        return -1;
    Py_INCREF((PyObject *)&snapshot_type);
    return add(module, "Snapshot", (PyObject *)&snapshot_type) < 0 || add(module, "__version__", text(GO_METRO_VERSION)) < 0 ||
           add(module, "ABI_MAJOR", number(SEG_ABI_MAJOR)) < 0 || add(module, "ABI_MINOR", number(SEG_ABI_MINOR)) < 0 ||
           add(module, "DEFAULT_PATH", text(SEG_DEFAULT_PATH)) < 0 ? -1 : 0;
}

#define MODULE_DOC "Reads the segment that the Go-Metro helper publishes: read(path) -> Snapshot."

/* PyMODINIT_FUNC of 2.7 and of an early 3.x leaves it to -fvisibility. */
#define EXPORT __attribute__((visibility("default"))) PyMODINIT_FUNC

#if PY_MAJOR_VERSION >= 3
static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "metro_segment", MODULE_DOC, -1, functions, NULL, NULL, NULL, NULL
};

EXPORT PyInit_metro_segment(void)
{
    PyObject *module = PyModule_Create(&definition);

    if (module != NULL && fill(module) < 0)
        Py_CLEAR(module);
    return module;
}
#else
EXPORT initmetro_segment(void)
{
    PyObject *module = Py_InitModule3("metro_segment", functions, MODULE_DOC);

    if (module != NULL)
        (void)fill(module); /* a failure leaves the error set: the import raises it */
}
#endif
