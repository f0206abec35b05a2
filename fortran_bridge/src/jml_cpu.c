/* The instruction set of the processor, which Fortran cannot query. */

/* Level of the x86-64 instruction set (https://gitlab.com/x86-psABIs/x86-64-ABI), from the features that distinguish the
 * levels; 0 on any other processor. */
int jml_cpu_level(void)
{
#if defined(__x86_64__) && defined(__GNUC__)
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi")
          && __builtin_cpu_supports("bmi2")))
        return __builtin_cpu_supports("sse4.2") ? 2 : 1;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512cd")
        && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") ? 4 : 3;
#else
    return 0;
#endif
}
