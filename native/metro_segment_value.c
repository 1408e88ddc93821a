/* metro_segment_value.c: plain Python values of the extension; see metro_segment.h. */
#include "metro_segment.h"

#define NS_PER_S 1e9

/* An int where it fits (a small number shows without the "L" under 2.7), else a long. */
PyObject *metro_number(uint64_t value)
{
    if (value <= (uint64_t)PY_SSIZE_T_MAX)
        return Py_BuildValue("n", (Py_ssize_t)value);
    return Py_BuildValue("K", (unsigned long long)value);
}

PyObject *metro_text(const char *value)
{
    return Py_BuildValue("s", value);
}

PyObject *metro_none(void)
{
    Py_INCREF(Py_None);
    return Py_None;
}

PyObject *metro_seconds(uint64_t ns)
{
    return PyFloat_FromDouble((double)ns / NS_PER_S);
}

int metro_put(PyObject *dict, PyObject *key, PyObject *value)
{
    int rc = value == NULL ? -1 : PyDict_SetItem(dict, key, value);

    Py_XDECREF(value);
    return rc;
}

int metro_put_named(PyObject *dict, const char *key, PyObject *value)
{
    int rc = value == NULL ? -1 : PyDict_SetItemString(dict, key, value);

    Py_XDECREF(value);
    return rc;
}
