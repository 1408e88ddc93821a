/* metro_segment.c: the CPython extension `metro_segment`: a snapshot of the segment as plain Python values.
 *
 * One source for CPython 2.7 and 3.x; its parts and their rules are in metro_segment.h. Here: the exceptions, the functions and
 * the module itself. */
#include "metro_segment.h"

#include <stdbool.h>

#include "crc32c.h"
#include "segment.h"
#include "version.h"

/* ---- errors ---- */

enum error_class {
    ERROR_BASE,
    ERROR_MISSING,
    ERROR_NO_SPACE,
    ERROR_UNREADABLE,
    ERROR_FOREIGN_OWNER,
    ERROR_NOT_SEGMENT,
    ERROR_OTHER_ABI,
    ERROR_CORRUPT,
    ERROR_UNPUBLISHED,
    ERROR_TORN,
    ERROR_CLASSES
};

static struct {
    const char *name, *full_name, *doc;
    PyObject *type;
} error_classes[ERROR_CLASSES] = {
#define ERROR_CLASS(index, name, doc) [index] = { name, "metro_segment." name, doc, NULL }
    ERROR_CLASS(ERROR_BASE, "SegmentError", "Nothing can be read; `status` names the exact cause."),
    ERROR_CLASS(ERROR_MISSING, "Missing", "There is no such file."),
    ERROR_CLASS(ERROR_NO_SPACE, "NoSpace", "There is no such file, and its file system has no room for one."),
    ERROR_CLASS(ERROR_UNREADABLE, "Unreadable", "The file cannot be opened or read."),
    ERROR_CLASS(ERROR_FOREIGN_OWNER, "ForeignOwner", "Somebody else owns it or may write it."),
    ERROR_CLASS(ERROR_NOT_SEGMENT, "NotSegment", "Not a regular file, empty, or of another kind."),
    ERROR_CLASS(ERROR_OTHER_ABI, "OtherABI", "Written by a helper of another ABI."),
    ERROR_CLASS(ERROR_CORRUPT, "Corrupt", "Truncated, or a checksum, size or text is wrong."),
    ERROR_CLASS(ERROR_UNPUBLISHED, "Unpublished", "Whole, but nothing was ever published."),
    ERROR_CLASS(ERROR_TORN, "Torn", "No snapshot stood still long enough to be read."),
#undef ERROR_CLASS
};

static const enum error_class class_of_status[SEGMENT_STATUS_COUNT] = {
    [SEGMENT_MISSING] = ERROR_MISSING,
    [SEGMENT_NO_SPACE] = ERROR_NO_SPACE,
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
        name = metro_text(segment_status_name(status));
    if (name != NULL && PyObject_SetAttrString(error, "status", name) == 0)
        PyErr_SetObject(type, error);
    Py_XDECREF(name);
    Py_XDECREF(error);
    return NULL;
}

/* ---- functions ---- */

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
    struct metro_reading reading;
    char message[SEG_ERROR_MAX], *path = NULL;
    enum segment_status status;
    int wanted;

    (void)module;
    if (!PyArg_ParseTupleAndKeywords(args, keywords, "et|OO:read", names, "utf-8", &path, &owner, &histograms))
        return NULL;
    wanted = PyObject_IsTrue(histograms);
    if (wanted < 0 || parse_owner(owner, &options) < 0)
        goto out;
    options.histograms = wanted > 0;
    Py_BEGIN_ALLOW_THREADS status = segment_read_now(path, &options, &reading.copy, &reading.time, message);
    Py_END_ALLOW_THREADS result = status == SEGMENT_OK ? metro_snapshot_new(path, &reading) : raise_status(status, message);
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
    return metro_number(crc);
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
    return add_errors(module) < 0 || add(module, "Snapshot", metro_snapshot_type()) < 0
                   || add(module, "__version__", metro_text(GO_METRO_VERSION)) < 0
                   || add(module, "ABI_MAJOR", metro_number(SEG_ABI_MAJOR)) < 0
                   || add(module, "ABI_MINOR", metro_number(SEG_ABI_MINOR)) < 0
                   || add(module, "DEFAULT_PATH", metro_text(SEG_DEFAULT_PATH)) < 0
               ? -1
               : 0;
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
