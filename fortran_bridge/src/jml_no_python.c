/* Replaces jml_python.c in a library built without Python. */

#include "jml_python.h"

#include "jml_message.h"
#include "jules_ml_bridge.h"

static int refuse(void)
{
    jml_message_set("this library was built without Python: configure it with -DJML_PYTHON=ON");
    return JML_NO_PYTHON;
}

int jml_python_start(const char *venv, const char *libpython, const char *folder, int threads)
{
    (void)venv, (void)libpython, (void)folder, (void)threads;
    return refuse();
}

int jml_python_bind(int slot, const char *callable, const char *static_file)
{
    (void)slot, (void)callable, (void)static_file;
    return refuse();
}

int jml_python_call(int slot, const jml_array *arrays, int n)
{
    (void)slot, (void)arrays, (void)n;
    return refuse();
}

int jml_python_write_state(const char *path, int64_t n, const double *latitude, const double *longitude)
{
    (void)path, (void)n, (void)latitude, (void)longitude;
    return refuse();
}

int jml_python_read_state(const char *path, int64_t n, const double *latitude, const double *longitude)
{
    (void)path, (void)n, (void)latitude, (void)longitude;
    return refuse();
}

int jml_python_ping(void)
{
    return refuse();
}

int jml_python_close(void)
{
    return JML_OK;
}
