/* The embedded interpreter, which Fortran's jml_python calls. Statuses are those of jules_ml_bridge.h. */

#ifndef JML_PYTHON_H
#define JML_PYTHON_H

#include <stdint.h>

/* An array of the caller, in Fortran's order. */
typedef struct {
    void *data;
    int64_t shape[3]; /* in Fortran's order; entries beyond the rank are 0 */
    int32_t rank;
    int32_t code;     /* 'f' float, 'd' double, 'i' int, 'l' default logical */
    int32_t writable;
    int32_t unused;   /* 0, so that descriptions can be compared byte by byte */
} jml_array;

enum jml_slot { JML_RESPIRATION, JML_PROPERTIES, JML_MOISTURE, JML_MOISTURE_TRIAL, JML_SLOTS };

int jml_python_start(const char *venv, const char *libpython, const char *folder, int threads);
int jml_python_bind(int slot, const char *callable, const char *static_file);
int jml_python_call(int slot, const jml_array *arrays, int n);
int jml_python_write_state(const char *path, int64_t n, const double *latitude, const double *longitude);
int jml_python_read_state(const char *path, int64_t n, const double *latitude, const double *longitude);
int jml_python_ping(void);
int jml_python_close(void);

#endif
