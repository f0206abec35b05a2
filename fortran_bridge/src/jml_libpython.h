/* The interpreter's library of a Python environment. */

#ifndef JML_LIBPYTHON_H
#define JML_LIBPYTHON_H

#include <limits.h>
#include <stddef.h>

typedef struct {
    char program[PATH_MAX]; /* bin/python of the environment, from which Python finds its packages */
    char prefix[PATH_MAX];  /* of the Python that the environment is based on */
    char library[PATH_MAX]; /* libpython */
    int minor;              /* minor version of Python 3; -1 if unknown */
} jml_environment;

/* Find the parts of an environment. If `venv` is empty, use the active environment ($VIRTUAL_ENV or $CONDA_PREFIX). A
 * non-empty `libpython` is used as the library. Returns 0, or another value and a message if something is missing. */
int jml_find_environment(const char *venv, const char *libpython, jml_environment *environment, char *message, size_t length);

/* Check that the library has the version of the environment and that its standard library exists. Returns 0, or another
 * value and a message. */
int jml_check_environment(const jml_environment *environment, const char *version, char *message, size_t length);

#endif
