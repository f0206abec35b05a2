/* Learned soil modules for a land model: the C face of the Fortran module jules_ml_bridge.
 *
 * Every function gives back a status, JML_OK or another of the codes below; jml_error_c gives the sentence that belongs to
 * the calling thread's last failure. Nothing stops the program. Arrays are as Fortran has them, land points running
 * fastest: Fortran's (land_pts, sm_levels) is C's [sm_levels][land_pts]. What each argument is, and its unit, is said in
 * docs/bridge.md. The names end in r32 for float and in r64 for double. */

#ifndef JULES_ML_BRIDGE_H
#define JULES_ML_BRIDGE_H

#ifdef __cplusplus
extern "C" {
#endif

enum jml_status {
    JML_OK = 0,             /* done */
    JML_OFF = 1,            /* asked of a hook that the configuration leaves off */
    JML_BAD_CONFIG = 10,    /* jules_ml.nml cannot be used */
    JML_BAD_TABLE = 11,     /* a curve table cannot be used */
    JML_BAD_NET = 12,       /* a dense net cannot be used */
    JML_BAD_SHAPE = 20,     /* arguments whose shapes disagree */
    JML_NOT_FINITE = 21,    /* NaN or infinity in an argument or a result */
    JML_NO_PYTHON = 30,     /* the interpreter cannot be had */
    JML_PYTHON_FAILED = 31, /* Python could not import, raised, or gave back what cannot be used */
    JML_WRONG_THREAD = 32,  /* Python asked for from another thread than the one of jml_init */
    JML_BAD_STATE = 40      /* a state file cannot be written or read */
};

/* Read the configuration and make ready all that it names; a file that is not there leaves all hooks off. */
int jml_init_c(const char *config_path);

/* 1 when the hook is on ("respiration", "properties" or "moisture"), else 0. */
int jml_enabled_c(const char *what);

/* The name of the kernels that the native backend runs, cut to length - 1 characters: "base", "x86-64-v3" or "x86-64-v4";
 * empty if it serves no hook. */
void jml_kernels_c(char *text, int length);

/* Moisture and temperature factors of soil respiration; l_soil_point is 0 or 1 for each land point. */
int jml_respiration_r32_c(int land_pts, int sm_levels, const float *sthu, const float *sthf, const float *v_sat,
                          const float *v_wilt, const float *t_soil, const int *l_soil_point, float *fsth, float *ftemp);
int jml_respiration_r64_c(int land_pts, int sm_levels, const double *sthu, const double *sthf, const double *v_sat,
                          const double *v_wilt, const double *t_soil, const int *l_soil_point, double *fsth, double *ftemp);

/* Soil properties from soil carbon, cs[dim_cs1][dim_cslayer][land_pts]; satcon and hcon have sm_levels + 1 levels. */
int jml_soil_properties_r32_c(int land_pts, int dim_cslayer, int dim_cs1, int sm_levels, const float *cs,
                              const float *latitude, const float *longitude, float *b, float *sathh, float *satcon,
                              float *sm_sat, float *sm_crit, float *sm_wilt, float *hcap, float *hcon);
int jml_soil_properties_r64_c(int land_pts, int dim_cslayer, int dim_cs1, int sm_levels, const double *cs,
                              const double *latitude, const double *longitude, double *b, double *sathh, double *satcon,
                              double *sm_sat, double *sm_crit, double *sm_wilt, double *hcap, double *hcon);

/* Water content aimed at; date is year, month, day, hour, minute, second; forcing[9][land_pts] is rain, snow, sw, lw, t,
 * q, wind, pstar, vpd; layer_mask[sm_levels][land_pts] is 1 where there is a target, else 0. With trial = 1 the module is asked
 * only to see that it can answer: of a class another object is made for it. */
int jml_soil_moisture_r32_c(const int date[6], int land_pts, int sm_levels, const float *latitude, const float *longitude,
                            const float *forcing, const float *smcl, const float *sthu, const float *sthf,
                            const float *t_soil, float *theta_target, int *layer_mask, int trial);
int jml_soil_moisture_r64_c(const int date[6], int land_pts, int sm_levels, const double *latitude, const double *longitude,
                            const double *forcing, const double *smcl, const double *sthu, const double *sthf,
                            const double *t_soil, double *theta_target, int *layer_mask, int trial);

/* Write and read the history of the moisture module, a file beside a dump. */
int jml_state_write_c(const char *path);
int jml_state_read_c(const char *path);

/* Call a Python function that does nothing: what crossing over costs. */
int jml_ping_c(void);

/* The calling thread's last sentence, cut to length - 1 characters. */
void jml_error_c(char *text, int length);

/* Let go of all that jml_init_c made; jml_init_c may follow again. */
int jml_finalise_c(void);

#ifdef __cplusplus
}
#endif

#endif
