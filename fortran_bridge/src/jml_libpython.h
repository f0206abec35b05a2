/* Where a Python environment keeps its interpreter's library. */

#ifndef JML_LIBPYTHON_H
#define JML_LIBPYTHON_H

#include <limits.h>
#include <stddef.h>

typedef struct {
    char program[PATH_MAX]; /* bin/python of the environment: from it Python finds its packages */
    char prefix[PATH_MAX];  /* of the Python that the environment stands on */
    char library[PATH_MAX]; /* libpython */
    int minor;              /* of version 3; -1 when the environment does not say */
} jml_environment;

/* Find the parts of an environment; when `venv` is empty, of the one that is active ($VIRTUAL_ENV or $CONDA_PREFIX). A
 * non-empty `libpython` is taken as the library. Not 0, and a message, when something is missing. */
int jml_find_environment(const char *venv, const char *libpython, jml_environment *found, char *message, size_t length);

/* Whether a library of this version can serve the environment: same version, and its standard library is there. */
int jml_check_environment(const jml_environment *environment, const char *version, char *message, size_t length);

#endif
