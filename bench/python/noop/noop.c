/* The floor of a span in Python: a freshly allocated native object that is a context manager and does nothing else. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

typedef struct {
    PyObject_HEAD
} Span;

static PyTypeObject *span_type;

static PyObject *enter(PyObject *self, PyObject *Py_UNUSED(ignored))
{
    return Py_NewRef(self);
}

static PyObject *leave(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    (void)self;
    (void)arguments;
    (void)count;
    Py_RETURN_NONE;
}

static void dealloc(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    PyObject_Free(self);
    Py_DECREF(type);
}

static PyMethodDef span_methods[] = {
    {"__enter__", enter, METH_NOARGS, NULL},
    {"__exit__", (PyCFunction)(void (*)(void))leave, METH_FASTCALL, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot span_slots[] = {
    {Py_tp_methods, span_methods},
    {Py_tp_dealloc, dealloc},
    {0, NULL},
};

static PyType_Spec span_spec = {
    .name = "noop.Span",
    .basicsize = sizeof(Span),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = span_slots,
};

static PyObject *span(PyObject *self, PyObject *const *arguments, Py_ssize_t count)
{
    (void)self;
    (void)arguments;
    if (count != 1) {
        PyErr_SetString(PyExc_TypeError, "span takes a name");
        return NULL;
    }
    return (PyObject *)PyObject_New(Span, span_type);
}

static PyMethodDef module_methods[] = {
    {"span", (PyCFunction)(void (*)(void))span, METH_FASTCALL, "A new span that does nothing."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT, "noop", NULL, -1, module_methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC PyInit_noop(void)
{
    span_type = (PyTypeObject *)PyType_FromSpec(&span_spec);
    return span_type ? PyModule_Create(&module) : NULL;
}
