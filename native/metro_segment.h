/* metro_segment.h: what the parts of the extension share; nobody else includes it.
 *
 * metro_segment.c is the module: read(), crc32c(), the exceptions. metro_segment_snapshot.c is the type Snapshot,
 * metro_segment_rows.c makes its rows, metro_segment_value.c the values of both. They only convert: what a segment is, and
 * whether to believe it, is segment_reader.c's business. No PyUnicode function is called ("s" of Py_BuildValue gives the native
 * str), so that one build serves UCS2 and UCS4 interpreters. Who is handed a new reference takes it over, also when it fails. */
#ifndef GO_METRO_METRO_SEGMENT_H
#define GO_METRO_METRO_SEGMENT_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>
#include <stdint.h>

#include "segment_reader.h"

/* A copy of the segment and its moment. */
struct metro_reading {
    struct segment_copy copy;
    struct segment_time time;
};

/* metro_segment_value.c: all give a new reference, NULL with the error set. */

PyObject *metro_number(uint64_t value);
PyObject *metro_text(const char *value);
PyObject *metro_none(void);
PyObject *metro_seconds(uint64_t ns); /* a float */
/* Takes the value over; NULL: it could not be made. 0; -1: the error is set. */
int metro_put(PyObject *dict, PyObject *key, PyObject *value);
int metro_put_named(PyObject *dict, const char *key, PyObject *value);

/* metro_segment_rows.c */

/* Before the first row. 0; -1: the error is set. */
int metro_rows_prepare(void);
#define METRO_VALUES 33 /* that a row has, by their names */

/* Which rows, and which of their values. */
struct metro_wanted {
    long long instance; /* its index, or -1: of all */
    bool counted;       /* only where something was counted in the interval */
    unsigned count;
    uint8_t value[METRO_VALUES];
};

/* The values of a row where no names are given. */
void metro_want_usual(struct metro_wanted *wanted);
/* The values of a sequence of names. 0; -1: the error is set. */
int metro_want(struct metro_wanted *wanted, PyObject *names);
/* A list of dicts: the interval from `since` (NULL: the row's whole life) to `now`. */
PyObject *metro_rows(const struct metro_reading *now, const struct metro_reading *since, const struct metro_wanted *wanted);

/* metro_segment_snapshot.c */

/* The type, a new reference, ready for metro_snapshot_new(); NULL: the error is set. */
PyObject *metro_snapshot_type(void);
/* Takes the reading's copy over, also when it fails. */
PyObject *metro_snapshot_new(const char *path, struct metro_reading *reading);

#endif
