#include "jml_libpython.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Join two parts of a path; not 0 if the result is too long. */
static int join(char *path, const char *folder, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/%s", folder, name) >= PATH_MAX;
}

/* Remove the last part of a path. */
static void to_parent(char *path)
{
    char *slash = strrchr(path, '/');
    if (slash) *slash = '\0';
}

/* Read pyvenv.cfg: the folder of the base interpreter's program, and the version. Not 0 if there is no such file. */
static int read_pyvenv(const char *venv, char *home, int *minor)
{
    char path[PATH_MAX], line[PATH_MAX + 64];
    if (join(path, venv, "pyvenv.cfg")) return 1;
    FILE *file = fopen(path, "r");
    if (!file) return 1;
    while (fgets(line, sizeof line, file)) {
        char *value = strchr(line, '=');
        if (!value) continue;
        *value++ = '\0';
        value += strspn(value, " \t");
        value[strcspn(value, "\r\n")] = '\0';
        line[strcspn(line, " \t")] = '\0';
        if (!strcmp(line, "home")) snprintf(home, PATH_MAX, "%s", value);
        if (!strcmp(line, "version") || !strcmp(line, "version_info")) sscanf(value, "3.%d", minor);
    }
    fclose(file);
    return 0;
}

/* The first libpython3 below a prefix; not 0 if there is none. */
static int find_library(const char *prefix, int minor, char *library)
{
    static const char *const folders[] = {"lib", "lib64", "lib/*-linux-gnu"};
    char version[16] = "[0-9]*", pattern[PATH_MAX];
    if (minor >= 0) snprintf(version, sizeof version, "%d", minor);
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        glob_t matches;
        if (snprintf(pattern, sizeof pattern, "%s/%s/libpython3.%s.so.1.0", prefix, folders[i], version) >= PATH_MAX)
            continue;
        int exists = !glob(pattern, 0, NULL, &matches);
        if (exists) snprintf(library, PATH_MAX, "%s", matches.gl_pathv[0]);
        globfree(&matches);
        if (exists) return 0;
    }
    return 1;
}

int jml_find_environment(const char *venv, const char *libpython, jml_environment *environment, char *message, size_t length)
{
    char home[PATH_MAX] = "";
    if (!*venv) venv = getenv("VIRTUAL_ENV");
    if (!venv || !*venv) venv = getenv("CONDA_PREFIX");
    if (!venv || !*venv) {
        snprintf(message, length, "there is no Python environment: give venv = '/path/to/environment' in &jules_ml_python");
        return 1;
    }
    environment->minor = -1;
    if (join(environment->program, venv, "bin/python") || access(environment->program, X_OK)) {
        snprintf(message, length,
                 "%s is not a Python environment, because it has no bin/python: correct venv in &jules_ml_python", venv);
        return 1;
    }

    /* A virtual environment is based on another Python, whose path may contain a link; a conda environment is not */
    if (read_pyvenv(venv, home, &environment->minor)) {
        if (!realpath(venv, environment->prefix)) snprintf(environment->prefix, PATH_MAX, "%s", venv);
    } else {
        snprintf(environment->prefix, PATH_MAX, "%s", home);
        to_parent(environment->prefix);
    }
    if (*libpython) {
        snprintf(environment->library, PATH_MAX, "%s", libpython);
        return 0;
    }
    if (!find_library(environment->prefix, environment->minor, environment->library)) return 0;

    char program[PATH_MAX];
    if (realpath(environment->program, program)) {
        to_parent(program);
        to_parent(program);
        if (!find_library(program, environment->minor, environment->library)) {
            snprintf(environment->prefix, PATH_MAX, "%s", program);
            return 0;
        }
    }
    snprintf(message, length,
             "there is no shared libpython for %s below %s: give its path as libpython in &jules_ml_python, or use a Python "
             "that was built with --enable-shared", venv, environment->prefix);
    return 1;
}

int jml_check_environment(const jml_environment *environment, const char *version, char *message, size_t length)
{
    static const char *const folders[] = {"lib", "lib64"};
    int minor = -1;
    if (sscanf(version, "3.%d", &minor) != 1 || minor < 11) {
        snprintf(message, length, "%s is Python %.8s: use an environment of Python 3.11 or later", environment->library, version);
        return 1;
    }
    if (environment->minor >= 0 && environment->minor != minor) {
        snprintf(message, length,
                 "%s is Python 3.%d, but the environment of %s is 3.%d: correct libpython in &jules_ml_python",
                 environment->library, minor, environment->program, environment->minor);
        return 1;
    }
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char path[PATH_MAX];
        int cut = snprintf(path, sizeof path, "%s/%s/python3.%d/os.py", environment->prefix, folders[i], minor) >= PATH_MAX;
        if (!cut && !access(path, R_OK)) return 0;
    }
    snprintf(message, length,
             "the standard library of Python 3.%d is not below %s: reinstall this Python, or use another environment",
             minor, environment->prefix);
    return 1;
}
