/* Python inside the host: calls jules_ml.bridge.hook, bound once, with views of the caller's arrays.
 *
 * libpython is opened at run time, and only its stable interface is used. The library can therefore be built without Python,
 * runs without it if no hook uses it, and works with Python from 3.11 on. Each call saves and restores the floating-point
 * environment, because hosts trap exceptions that NumPy and torch raise during normal work, and takes the interpreter's lock,
 * because the host may itself be Python. Signals are left to the host. The interpreter, once started, runs until the process
 * ends, because extension modules cannot be loaded a second time. */

#include "jml_python.h"

#include <dlfcn.h>
#include <fenv.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "jml_libpython.h"
#include "jml_message.h"
#include "jules_ml_bridge.h"

#define INTERFACE 2 /* of the calls of jules_ml.bridge.hook, which has the same number */
#define MAX_ARRAYS 16
#define BINDINGS 8 /* sets of arrays that a slot keeps: a host may alternate between the arrays of several tiles */

typedef void *object;

/* The functions of Python's stable interface that are used. */
#define PYTHON_FUNCTIONS(X)                                                    \
    X(int, Py_IsInitialized, (void))                                           \
    X(const char *, Py_GetVersion, (void))                                     \
    X(void, Py_InitializeEx, (int))                                            \
    X(wchar_t *, Py_DecodeLocale, (const char *, size_t *))                    \
    X(object, PyEval_SaveThread, (void))                                       \
    X(int, PyGILState_Ensure, (void))                                          \
    X(void, PyGILState_Release, (int))                                         \
    X(object, PyImport_ImportModule, (const char *))                           \
    X(object, PyObject_GetAttrString, (object, const char *))                  \
    X(object, PyObject_CallObject, (object, object))                           \
    X(object, PyObject_CallFunction, (object, const char *, ...))              \
    X(object, PyObject_Str, (object))                                          \
    X(object, PyTuple_New, (intptr_t))                                         \
    X(int, PyTuple_SetItem, (object, intptr_t, object))                        \
    X(object, Py_BuildValue, (const char *, ...))                              \
    X(object, PyMemoryView_FromMemory, (char *, intptr_t, int))                \
    X(const char *, PyUnicode_AsUTF8AndSize, (object, intptr_t *))             \
    X(int, PyCallable_Check, (object))                                         \
    X(void, PyErr_Fetch, (object *, object *, object *))                       \
    X(void, PyErr_NormalizeException, (object *, object *, object *))          \
    X(void, PyErr_Clear, (void))                                               \
    X(void, Py_DecRef, (object))

static struct {
#define DECLARE(result, name, arguments) result(*name) arguments;
    PYTHON_FUNCTIONS(DECLARE)
#undef DECLARE
    object none;
} py;

/* One set of arrays, and the Python callable for it. */
typedef struct {
    jml_array arrays[MAX_ARRAYS];
    int n;
    object run;
} binding;

static struct {
    int started;
    int embedded; /* the library started the interpreter, not the host */
    pthread_t thread;
    object hook; /* the module jules_ml.bridge.hook */
    object ping;
    binding bindings[JML_SLOTS][BINDINGS];
    int next[JML_SLOTS]; /* the binding to replace next */
} state;

static const char *const slot_names[JML_SLOTS] = {"respiration", "properties", "moisture", "moisture_trial"};

static int fail(int status, const char *text)
{
    jml_message_set(text);
    return status;
}

/* ---- entering and leaving Python ----------------------------------------------------------------------------------- */

typedef struct {
    fenv_t environment;
    int lock;
} crossing;

static void enter(crossing *c)
{
    feholdexcept(&c->environment);
    c->lock = py.PyGILState_Ensure();
}

static void leave(crossing *c)
{
    py.PyGILState_Release(c->lock);
    fesetenv(&c->environment);
}

/* Store the text of the current exception, and clear it. */
static int raised(void)
{
    object type = NULL, value = NULL, trace = NULL;
    py.PyErr_Fetch(&type, &value, &trace);
    py.PyErr_NormalizeException(&type, &value, &trace);
    object text = value ? py.PyObject_Str(value) : NULL;
    const char *bytes = text ? py.PyUnicode_AsUTF8AndSize(text, NULL) : NULL;
    char message[JML_MESSAGE_LENGTH];
    snprintf(message, sizeof message, "Python: %s", bytes ? bytes : "an exception without a text");
    py.PyErr_Clear();
    object all[] = {type, value, trace, text};
    for (int i = 0; i < 4; i++)
        if (all[i]) py.Py_DecRef(all[i]);
    return fail(JML_PYTHON_FAILED, message);
}

/* The status of a function of the hook module, which returns None, or the message of an error. */
static int outcome(object result)
{
    if (result == py.none) {
        py.Py_DecRef(result);
        return JML_OK;
    }
    if (!result) return raised();
    const char *text = py.PyUnicode_AsUTF8AndSize(result, NULL);
    int status = text ? fail(JML_PYTHON_FAILED, text) : raised();
    py.Py_DecRef(result);
    return status;
}

/* ---- starting ----------------------------------------------------------------------------------------------------- */

static int load_functions(void *library)
{
#define LOAD(result, name, arguments)                                          \
    *(void **)&py.name = dlsym(library, #name);                                \
    if (!py.name) return fail(JML_NO_PYTHON, "libpython has no " #name ": use Python 3.11 or later");
    PYTHON_FUNCTIONS(LOAD)
#undef LOAD
    py.none = dlsym(library, "_Py_NoneStruct");
    return py.none ? JML_OK : fail(JML_NO_PYTHON, "libpython has no _Py_NoneStruct: use CPython 3.11 or later");
}

/* Limit the threads of numerical libraries, which read these variables when they are loaded. */
static void limit_threads(int threads)
{
    static const char *const names[] = {"OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"};
    char number[16];
    snprintf(number, sizeof number, "%d", threads);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) setenv(names[i], number, 1);
}

/* Open libpython and start the interpreter of an environment. Py_InitializeEx ends the process on an error, so the causes of
 * such errors are checked first. */
static int start_interpreter(const char *venv, const char *libpython, int threads)
{
    jml_environment environment;
    char message[JML_MESSAGE_LENGTH];
    if (jml_find_environment(venv, libpython, &environment, message, sizeof message)) return fail(JML_NO_PYTHON, message);

    /* RTLD_GLOBAL: extension modules take the symbols of libpython from the process */
    void *library = dlopen(environment.library, RTLD_NOW | RTLD_GLOBAL);
    if (!library) {
        snprintf(message, sizeof message, "libpython cannot be loaded (%s): give libpython in &jules_ml_python", dlerror());
        return fail(JML_NO_PYTHON, message);
    }
    int status = load_functions(library);
    if (status) return status;
    if (py.Py_IsInitialized()) return JML_OK;
    if (jml_check_environment(&environment, py.Py_GetVersion(), message, sizeof message))
        return fail(JML_NO_PYTHON, message);

    /* The text must exist as long as the process runs. The function is deprecated, but exists in Python 3.11 to 3.14 */
    void (*set_program_name)(const wchar_t *);
    *(void **)&set_program_name = dlsym(library, "Py_SetProgramName");
    wchar_t *program = py.Py_DecodeLocale(environment.program, NULL);
    if (!set_program_name || !program)
        return fail(JML_NO_PYTHON, "the environment of this libpython cannot be set: use Python 3.11 to 3.14");
    set_program_name(program);
    limit_threads(threads);
    py.Py_InitializeEx(0); /* 0: signals are left to the host */
    py.PyEval_SaveThread();
    state.embedded = 1;
    return JML_OK;
}

/* Refuse a jules_ml from before the interface had a number: it would take other arguments. */
static int refuse_first_interface(void)
{
    py.PyErr_Clear();
    object file = py.PyObject_GetAttrString(state.hook, "__file__");
    const char *path = file ? py.PyUnicode_AsUTF8AndSize(file, NULL) : NULL;
    char message[JML_MESSAGE_LENGTH];
    snprintf(message, sizeof message,
             "Python: %s is of an older jules_ml than the hooks: give the environment with the jules_ml of the hooks in "
             "&jules_ml_python, or build and link the hooks again with this one",
             path ? path : "jules_ml.bridge.hook");
    py.PyErr_Clear();
    if (file) py.Py_DecRef(file);
    return fail(JML_PYTHON_FAILED, message);
}

int jml_python_start(const char *venv, const char *libpython, const char *folder, int threads)
{
    fenv_t environment;
    feholdexcept(&environment);
    int status = JML_OK;
    if (!py.none) {
        int (*initialised)(void);
        *(void **)&initialised = dlsym(RTLD_DEFAULT, "Py_IsInitialized");
        status = initialised && initialised() ? load_functions(RTLD_DEFAULT) : start_interpreter(venv, libpython, threads);
        if (status) py.none = NULL;
    }
    fesetenv(&environment);
    if (status) return status;

    state.thread = pthread_self();
    crossing c;
    enter(&c);
    state.hook = py.PyImport_ImportModule("jules_ml.bridge.hook");
    state.ping = state.hook ? py.PyObject_GetAttrString(state.hook, "ping") : NULL;
    object start = state.ping ? py.PyObject_GetAttrString(state.hook, "start") : NULL;
    object interface = start ? py.PyObject_GetAttrString(state.hook, "INTERFACE") : NULL;
    if (interface)
        status = outcome(py.PyObject_CallFunction(start, "siii", folder, threads, state.embedded, INTERFACE));
    else
        status = start ? refuse_first_interface() : raised();
    if (interface) py.Py_DecRef(interface);
    if (start) py.Py_DecRef(start);
    leave(&c);
    state.started = status == JML_OK;
    return status;
}

/* ---- calling ------------------------------------------------------------------------------------------------------ */

static int check_thread(void)
{
    if (!state.started)
        return fail(JML_NO_PYTHON, "Python was not started: give a hook with a python_callable in jules_ml.nml");
    if (!pthread_equal(state.thread, pthread_self()))
        return fail(JML_WRONG_THREAD, "Python can only be called from the thread that called jml_init: run one thread, or use "
                                      "backend = 'native'");
    return JML_OK;
}

/* Call a function of the hook with up to three texts. */
static int call_hook(const char *name, const char *first, const char *second, const char *third)
{
    int status = check_thread();
    if (status) return status;
    crossing c;
    enter(&c);
    object function = py.PyObject_GetAttrString(state.hook, name);
    if (!function)
        status = raised();
    else if (third)
        status = outcome(py.PyObject_CallFunction(function, "sss", first, second, third));
    else if (first)
        status = outcome(py.PyObject_CallFunction(function, "(s)", first));
    else
        status = outcome(py.PyObject_CallObject(function, NULL));
    if (function) py.Py_DecRef(function);
    leave(&c);
    return status;
}

int jml_python_bind(int slot, const char *callable, const char *static_file)
{
    return call_hook("bind", slot_names[slot], callable, static_file);
}

/* Call a function of the hook with a path and, unless n is below 0, the positions of the points. */
static int call_for_state(const char *name, const char *path, int64_t n, const double *latitude, const double *longitude)
{
    if (n < 0) return call_hook(name, path, NULL, NULL);
    int status = check_thread();
    if (status) return status;
    crossing c;
    enter(&c);
    object function = py.PyObject_GetAttrString(state.hook, name);
    object first = py.PyMemoryView_FromMemory((char *)latitude, n * (int64_t)sizeof *latitude, 0x100);
    object second = py.PyMemoryView_FromMemory((char *)longitude, n * (int64_t)sizeof *longitude, 0x100);
    status = function && first && second ? outcome(py.PyObject_CallFunction(function, "sOO", path, first, second)) : raised();
    if (function) py.Py_DecRef(function);
    if (first) py.Py_DecRef(first);
    if (second) py.Py_DecRef(second);
    leave(&c);
    return status;
}

int jml_python_write_state(const char *path, int64_t n, const double *latitude, const double *longitude)
{
    int status = call_for_state("write_state", path, n, latitude, longitude);
    return status == JML_PYTHON_FAILED ? JML_BAD_STATE : status;
}

int jml_python_read_state(const char *path, int64_t n, const double *latitude, const double *longitude)
{
    int status = call_for_state("read_state", path, n, latitude, longitude);
    return status == JML_PYTHON_FAILED ? JML_BAD_STATE : status;
}

/* (memory, code, shape) of one array, with the dimensions in C's order. */
static object describe(const jml_array *array)
{
    static const char *const formats[] = {"(OC(L))", "(OC(LL))", "(OC(LLL))"};
    const int64_t *s = array->shape;
    int64_t bytes = array->code == 'd' ? 8 : 4;
    for (int i = 0; i < array->rank; i++) bytes *= s[i];
    object memory = py.PyMemoryView_FromMemory(array->data, bytes, array->writable ? 0x200 : 0x100);
    if (!memory) return NULL;
    const char *format = formats[array->rank - 1];
    object description = array->rank == 1   ? py.Py_BuildValue(format, memory, array->code, (long long)s[0])
                         : array->rank == 2 ? py.Py_BuildValue(format, memory, array->code, (long long)s[1], (long long)s[0])
                                            : py.Py_BuildValue(format, memory, array->code, (long long)s[2],
                                                               (long long)s[1], (long long)s[0]);
    py.Py_DecRef(memory);
    return description;
}

/* A callable without arguments that reads and writes these arrays. */
static object arrange(int slot, const jml_array *arrays, int n)
{
    object function = py.PyObject_GetAttrString(state.hook, "arrange");
    object list = function ? py.PyTuple_New(n) : NULL;
    for (int i = 0; list && i < n; i++) {
        object description = describe(&arrays[i]);
        if (!description || py.PyTuple_SetItem(list, i, description)) {
            py.Py_DecRef(list);
            list = NULL;
        }
    }
    object run = list ? py.PyObject_CallFunction(function, "sO", slot_names[slot], list) : NULL;
    if (list) py.Py_DecRef(list);
    if (function) py.Py_DecRef(function);
    return run;
}

static void release(binding *b)
{
    if (b->run) py.Py_DecRef(b->run);
    memset(b, 0, sizeof *b);
}

int jml_python_call(int slot, const jml_array *arrays, int n)
{
    int status = check_thread();
    if (status) return status;
    crossing c;
    enter(&c);
    binding *bound = NULL;
    for (int i = 0; i < BINDINGS && !bound; i++) {
        binding *b = &state.bindings[slot][i];
        if (b->run && b->n == n && !memcmp(b->arrays, arrays, (size_t)n * sizeof *arrays)) bound = b;
    }
    if (!bound) {
        object run = arrange(slot, arrays, n);
        if (!run) {
            status = raised();
        } else if (!py.PyCallable_Check(run)) {
            status = outcome(run);
        } else {
            bound = &state.bindings[slot][state.next[slot]];
            state.next[slot] = (state.next[slot] + 1) % BINDINGS;
            release(bound);
            memcpy(bound->arrays, arrays, (size_t)n * sizeof *arrays);
            bound->n = n;
            bound->run = run;
        }
    }
    if (bound) status = outcome(py.PyObject_CallObject(bound->run, NULL));
    if (bound && slot == JML_MOISTURE_TRIAL) release(bound); /* it is for one call only */
    leave(&c);
    return status;
}

int jml_python_ping(void)
{
    int status = check_thread();
    if (status) return status;
    crossing c;
    enter(&c);
    status = outcome(py.PyObject_CallObject(state.ping, NULL));
    leave(&c);
    return status;
}

int jml_python_close(void)
{
    if (!state.started) return JML_OK;
    int status = call_hook("close", NULL, NULL, NULL);
    if (status) return status;
    crossing c;
    enter(&c);
    for (int slot = 0; slot < JML_SLOTS; slot++)
        for (int i = 0; i < BINDINGS; i++) release(&state.bindings[slot][i]);
    py.Py_DecRef(state.ping);
    py.Py_DecRef(state.hook);
    leave(&c);
    state.started = 0;
    state.hook = state.ping = NULL;
    return JML_OK;
}
