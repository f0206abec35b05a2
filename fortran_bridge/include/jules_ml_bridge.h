/* Learned soil modules for a land model: the C interface of the Fortran module jules_ml_bridge.
 *
 * Every function with an int result returns a status: JML_OK or another of the codes below. jml_error_c returns the message of
 * the last error in the calling thread. No function stops the program. Arrays have Fortran's order, with the land points
 * fastest: Fortran's (land_pts, sm_levels) is C's [sm_levels][land_pts]. docs/reference/bridge.md describes the arguments and their
 * units. Names with r32 are for float, and names with r64 for double. */

#ifndef JULES_ML_BRIDGE_H
#define JULES_ML_BRIDGE_H

#ifdef __cplusplus
extern "C" {
#endif

enum jml_status {
    JML_OK = 0,             /* no error */
    JML_OFF = 1,            /* the hook is off in the configuration */
    JML_BAD_CONFIG = 10,    /* jules_ml.nml cannot be used */
    JML_BAD_TABLE = 11,     /* a curve table cannot be used */
    JML_BAD_NET = 12,       /* a dense net cannot be used */
    JML_BAD_SHAPE = 20,     /* the shapes of the arguments do not match */
    JML_NOT_FINITE = 21,    /* NaN or infinity in an argument or a result */
    JML_NO_PYTHON = 30,     /* Python cannot be started */
    JML_PYTHON_FAILED = 31, /* Python raised an exception, or returned an invalid result */
    JML_WRONG_THREAD = 32,  /* Python was called from another thread than jml_init */
    JML_BAD_STATE = 40      /* a state file cannot be written or read */
};

/* Read the configuration, and prepare everything that it names. If the file does not exist, all hooks are off. */
int jml_init_c(const char *config_path);

/* 1 if the hook is on ("respiration", "properties" or "moisture"), else 0. */
int jml_enabled_c(const char *what);

/* The name of the kernels that the native backend runs, cut to length - 1 characters: "base", "x86-64-v3" or "x86-64-v4";
 * empty if it serves no hook. */
void jml_kernels_c(char *text, int length);

/* Moisture and temperature modifiers of soil respiration; l_soil_point is 0 or 1 for each land point. v_crit may be a null
 * pointer if no table and no net needs it. */
int jml_respiration_r32_c(int land_pts, int sm_levels, const float *sthu, const float *sthf, const float *v_sat,
                          const float *v_wilt, const float *t_soil, const int *l_soil_point, float *fsth, float *ftemp,
                          const float *v_crit);
int jml_respiration_r64_c(int land_pts, int sm_levels, const double *sthu, const double *sthf, const double *v_sat,
                          const double *v_wilt, const double *t_soil, const int *l_soil_point, double *fsth, double *ftemp,
                          const double *v_crit);

/* Soil properties from soil carbon, cs[dim_cs1][dim_cslayer][land_pts]; satcon and hcon have sm_levels + 1 levels. */
int jml_soil_properties_r32_c(int land_pts, int dim_cslayer, int dim_cs1, int sm_levels, const float *cs,
                              const float *latitude, const float *longitude, float *b, float *sathh, float *satcon,
                              float *sm_sat, float *sm_crit, float *sm_wilt, float *hcap, float *hcon);
int jml_soil_properties_r64_c(int land_pts, int dim_cslayer, int dim_cs1, int sm_levels, const double *cs,
                              const double *latitude, const double *longitude, double *b, double *sathh, double *satcon,
                              double *sm_sat, double *sm_crit, double *sm_wilt, double *hcap, double *hcon);

/* Target water content; date is year, month, day, hour, minute, second; forcing[9][land_pts] is rain, snow, sw, lw, t,
 * q, wind, pstar, vpd; layer_mask[sm_levels][land_pts] is 1 where there is a target, else 0. With trial = 1 the module is
 * called only to check its result; if the callable is a class, a second object is used for it. */
int jml_soil_moisture_r32_c(const int date[6], int land_pts, int sm_levels, const float *latitude, const float *longitude,
                            const float *forcing, const float *smcl, const float *sthu, const float *sthf,
                            const float *t_soil, float *theta_target, int *layer_mask, int trial);
int jml_soil_moisture_r64_c(const int date[6], int land_pts, int sm_levels, const double *latitude, const double *longitude,
                            const double *forcing, const double *smcl, const double *sthu, const double *sthf,
                            const double *t_soil, double *theta_target, int *layer_mask, int trial);

/* Write and read the history of the moisture module, in a file beside a dump. */
int jml_state_write_c(const char *path);
int jml_state_read_c(const char *path);

/* Call a Python function that does nothing, to measure the cost of a call. */
int jml_ping_c(void);

/* The message of the last error in the calling thread, cut to length - 1 characters. */
void jml_error_c(char *text, int length);

/* Release everything that jml_init_c prepared; jml_init_c may be called again. */
int jml_finalise_c(void);

#ifdef __cplusplus
}
#endif

#endif
