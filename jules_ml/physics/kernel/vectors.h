// Vectors of numbers (V), truth values (M) and whole numbers (I), one lane a column, and the functions of a step on them. Not a number
// passes through all of them, as in torch. References: Cephes and FDLIBM for the reduction of arguments.
#include <cmath>
#include <cstdint>
#include <cstring>

#if DOUBLE
typedef double T;
typedef int64_t N;
#else
typedef float T;
typedef int32_t N;
#endif

#ifdef __AVX512DQ__
#include <immintrin.h>
enum { W = 64 / sizeof(T) };
typedef N I __attribute__((vector_size(64)));
#if DOUBLE
typedef __m512d V;
typedef __mmask8 M;
#define OF(name) _mm512_##name##_pd
#define OF_MASK(name) _mm512_##name##_pd_mask
#else
typedef __m512 V;
typedef __mmask16 M;
#define OF(name) _mm512_##name##_ps
#define OF_MASK(name) _mm512_##name##_ps_mask
#endif
static inline V splat(T x) { return OF(set1)(x); }
static inline V load(const T* p) { return OF(load)(p); }
static inline V loadu(const T* p) { return OF(loadu)(p); }
static inline void store(T* p, V x) { OF(store)(p, x); }
static inline V select_of(M m, V a, V b) { return OF(mask_blend)(m, b, a); }
static inline bool any(M m) { return m != 0; }
static inline M f_lt(V a, V b) { return OF_MASK(cmp)(a, b, _CMP_LT_OQ); }
static inline M f_le(V a, V b) { return OF_MASK(cmp)(a, b, _CMP_LE_OQ); }
static inline M f_eq(V a, V b) { return OF_MASK(cmp)(a, b, _CMP_EQ_OQ); }
static inline M f_ne(V a, V b) { return OF_MASK(cmp)(a, b, _CMP_NEQ_UQ); }
static inline M is_nan(V a) { return OF_MASK(cmp)(a, a, _CMP_UNORD_Q); }
// the second operand is returned where one is not a number
static inline V min_of(V a, V b) { return OF(min)(a, b); }
static inline V max_of(V a, V b) { return OF(max)(a, b); }
static inline V fma_of(V a, V b, V c) { return OF(fmadd)(a, b, c); }
static inline V round_of(V a) { return OF(roundscale)(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC); }
static inline V f_floor(V a) { return OF(roundscale)(a, _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC); }
static inline V f_ceil(V a) { return OF(roundscale)(a, _MM_FROUND_TO_POS_INF | _MM_FROUND_NO_EXC); }
static inline V f_trunc(V a) { return OF(roundscale)(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC); }
#if DOUBLE
static inline V f_sqrt(V a) { return OF(sqrt)(a); }
#else
// half the time of the instruction for roots; 0 and infinity are their own roots
static inline V f_sqrt(V a) {
  const V r = _mm512_rsqrt14_ps(a), h = a * r, rest = _mm512_fnmadd_ps(h, splat(0.5f) * r, splat(0.5f));
  return _mm512_fixupimm_ps(_mm512_fmadd_ps(h, rest, h), a, _mm512_set1_epi32(1 << 8 | 1 << 20), 0);
}
#endif
static inline V f_abs(V a) { return OF(abs)(a); }
static inline V scaled(V a, V power) { return OF(scalef)(a, power); }
static inline M truth(bool x) { return x ? M(~0) : M(0); }
static inline M f_and(M a, M b) { return a & b; }
static inline M f_or(M a, M b) { return a | b; }
static inline M f_xor(M a, M b) { return a ^ b; }
static inline M f_not(M a) { return ~a; }
// x = fraction * 2^exponent with a fraction from 0.75 to 1.5; 0, infinity and not a number end up in the exponent
static inline void split(V x, V* fraction, V* exponent) {
  *fraction = OF(getmant)(x, _MM_MANT_NORM_p75_1p5, _MM_MANT_SIGN_nan);
  const V e = OF(getexp)(x);
  *exponent = OF(mask_add)(e, f_lt(*fraction, splat(1)), e, splat(1));
}
#else
#if defined(__AVX__)
#define BYTES 32
#else
#define BYTES 16
#endif
enum { W = BYTES / sizeof(T) };
typedef T V __attribute__((vector_size(BYTES)));
typedef N I __attribute__((vector_size(BYTES)));
typedef I M;
static inline V splat(T x) { return V{} + x; }
static inline V load(const T* p) { return *(const V*)p; }
static inline V loadu(const T* p) { V v; memcpy(&v, p, sizeof v); return v; }
static inline void store(T* p, V x) { *(V*)p = x; }
static inline V select_of(M m, V a, V b) { return m ? a : b; }
static inline bool any(M m) {
  N found = 0;
  for (int k = 0; k < W; k++) found |= m[k];
  return found != 0;
}
static inline M f_lt(V a, V b) { return a < b; }
static inline M f_le(V a, V b) { return a <= b; }
static inline M f_eq(V a, V b) { return a == b; }
static inline M f_ne(V a, V b) { return a != b; }
static inline M is_nan(V a) { return a != a; }
static inline V min_of(V a, V b) { return a < b ? a : b; }
static inline V max_of(V a, V b) { return a > b ? a : b; }
static inline V fma_of(V a, V b, V c) { return a * b + c; }
#define BY_LANE(name, function)            \
  static inline V name(V a) {              \
    for (int k = 0; k < W; k++) a[k] = function(a[k]); \
    return a;                              \
  }
BY_LANE(round_of, std::nearbyint)
BY_LANE(f_floor, std::floor)
BY_LANE(f_ceil, std::ceil)
BY_LANE(f_trunc, std::trunc)
BY_LANE(f_sqrt, std::sqrt)
static inline V f_abs(V a) { return a < 0 ? -a : a; }
static inline M truth(bool x) { return M{} - N(x); }
static inline M f_and(M a, M b) { return a & b; }
static inline M f_or(M a, M b) { return a | b; }
static inline M f_xor(M a, M b) { return a ^ b; }
static inline M f_not(M a) { return ~a; }
static const N FRACTION = DOUBLE ? 52 : 23, BIAS = DOUBLE ? 1023 : 127;
static inline V power_of_two(I n) { return (V)((n + BIAS) << FRACTION); }
// in two factors, as the power itself may be too large or too small
static inline V scaled(V a, V power) {
  const V least = splat(-2 * BIAS), most = splat(2 * BIAS);
  const I n = __builtin_convertvector(power < least ? least : power > most ? most : power, I), half = n >> 1;
  return a * power_of_two(half) * power_of_two(n - half);
}
static inline void split(V x, V* fraction, V* exponent) {
  const T least = DOUBLE ? T(2.2250738585072014e-308) : T(1.17549435e-38);
  const V many = splat(T(N(1) << (DOUBLE ? 54 : 25))), shift = splat(DOUBLE ? 54 : 25);
  const M small = x < least;
  const I bits = (I)(small ? x * many : x), mask = I{} + ((N(1) << FRACTION) - 1);
  I e = ((bits >> FRACTION) & (2 * BIAS + 1)) - BIAS;
  V m = (V)((bits & mask) | (I{} + (N(BIAS) << FRACTION)));
  const M high = m >= T(1.5);
  m = high ? m * T(0.5) : m;
  const V n = __builtin_convertvector(e - high, V);
  *fraction = x == 0 || x == T(INFINITY) ? splat(1) : x >= 0 ? m : splat(NAN);
  *exponent = x == 0 ? splat(-T(INFINITY)) : x == T(INFINITY) ? x : small ? n - shift : n;
}
#endif

static inline V f_select(M m, V a, V b) { return select_of(m, a, b); }
static inline I f_select(M m, I a, I b) {
  for (int k = 0; k < W; k++)
#ifdef __AVX512DQ__
    a[k] = (m >> k) & 1 ? a[k] : b[k];
#else
    a[k] = m[k] ? a[k] : b[k];
#endif
  return a;
}
#ifdef __AVX512DQ__
static inline M f_select(M m, M a, M b) { return (m & a) | (~m & b); }
#endif
static inline M f_gt(V a, V b) { return f_lt(b, a); }
static inline M f_ge(V a, V b) { return f_le(b, a); }
static inline V f_add(V a, V b) { return a + b; }
static inline V f_sub(V a, V b) { return a - b; }
static inline V f_mul(V a, V b) { return a * b; }
static inline V f_div(V a, V b) { return a / b; }
static inline V f_neg(V a) { return -a; }
static inline V f_reciprocal(V a) { return splat(1) / a; }
static inline V f_min(V a, V b) { return f_select(is_nan(a), a, min_of(a, b)); }
static inline V f_max(V a, V b) { return f_select(is_nan(a), a, max_of(a, b)); }
// of a number that is one
static inline V f_min_number(V a, V b) { return min_of(a, b); }
static inline V f_max_number(V a, V b) { return max_of(a, b); }
static inline V f_sign(V a) { return f_select(f_lt(a, splat(0)), splat(-1), f_select(f_lt(splat(0), a), splat(1), a)); }
static inline I whole(N x) { return I{} + x; }
static inline I f_add(I a, I b) { return a + b; }
static inline I f_sub(I a, I b) { return a - b; }
static inline I f_mul(I a, I b) { return a * b; }
static inline I f_min(I a, I b) { return a < b ? a : b; }
static inline I f_max(I a, I b) { return a > b ? a : b; }
static inline V f_truth_to_real(M m) { return f_select(m, splat(1), splat(0)); }
static inline M f_real_to_truth(V a) { return f_ne(a, splat(0)); }
static inline V f_whole_to_real(I a) { return __builtin_convertvector(a, V); }
static inline I f_real_to_whole(V a) { return __builtin_convertvector(a, I); }
struct Table { const T* values; long size; };
static inline V f_look_up(Table table, I index) {
  alignas(64) T found[W];
  for (int k = 0; k < W; k++) {
    const long at = index[k];
    found[k] = table.values[at < 0 ? 0 : at >= table.size ? table.size - 1 : at];
  }
  return load(found);
}

// Horner's scheme, in one piece: the ends of short loops are hard to predict.
template <int n>
static inline V polynomial(V x, const T (&from)[n]) {
  V sum = splat(from[0]);
#pragma GCC unroll 16
  for (int k = 1; k < n; k++) sum = fma_of(sum, x, splat(from[k]));
  return sum;
}

#if DOUBLE
static const T LN2_HIGH = 6.93147180369123816490e-01, LN2_LOW = 1.90821492927058770002e-10;
static const T EXP_MOST = 745.2, LOG_SERIES[] = {
    1.479819860511658591e-01, 1.531383769920937332e-01, 1.818357216161805012e-01, 2.222219843214978396e-01,
    2.857142874366239149e-01, 3.999999999940941908e-01, 6.666666666666735130e-01};
// 1/2 + r/3! + ...
static const T EXP_SERIES[] = {1.6059043836821613e-10, 2.08767569878681e-09, 2.505210838544172e-08, 2.755731922398589e-07,
    2.7557319223985893e-06, 2.48015873015873e-05, 0.0001984126984126984, 0.001388888888888889,
    0.008333333333333333, 0.041666666666666664, 0.16666666666666666, 0.5};
#else
static const T LN2_HIGH = 6.9313812256e-01f, LN2_LOW = 9.0580006145e-06f;
static const T EXP_MOST = 104.f;
static const T EXP_SERIES[] = {1.9875691500e-4f, 1.3981999507e-3f, 8.3334519073e-3f, 4.1665795894e-2f, 1.6666665459e-1f, 5.0000001201e-1f};
// of (log(1 + f) - f + f^2/2) / f^3 from -0.25 to 0.5
static const T LOG_SERIES[] = {-0.0450754501f, 0.1046317369f, -0.1316129416f, 0.1447840482f, -0.1664730161f, 0.1999085844f,
    -0.2500009537f, 0.3333345056f};
#endif

// x = n ln2 + r, and exp(r) - 1
static inline V reduced(V x, V* n) {
  *n = round_of(x * splat(T(1.4426950408889634)));
  const V r = fma_of(*n, splat(-LN2_LOW), fma_of(*n, splat(-LN2_HIGH), x));
  return fma_of(r * r, polynomial(r, EXP_SERIES), r);
}

static inline V f_exp(V x) {
  // not a number is the second operand, which passes
  const V bounded = max_of(splat(-EXP_MOST), min_of(splat(EXP_MOST), x));
  V n;
  const V change = reduced(bounded, &n);
  return scaled(splat(1) + change, n);
}

static inline V f_expm1(V x) {
  const V bounded = max_of(splat(-EXP_MOST), min_of(splat(EXP_MOST), x));
  V n;
  const V change = reduced(bounded, &n), power = scaled(splat(1), n);
  const V small = fma_of(power, change, power - splat(1));
  return f_select(f_lt(splat(T(80)), x), scaled(splat(1) + change, n), small);
}

// log(1 + f) - f + e LN2_LOW
static inline V log_correction(V f, V e) {
#if DOUBLE
  const V s = f / (splat(2) + f), z = s * s, half = splat(0.5) * f * f;
  const V r = z * polynomial(z, LOG_SERIES);
  return fma_of(s, half + r, e * splat(LN2_LOW)) - half;
#else
  const V z = f * f;
  return fma_of(z * f, polynomial(f, LOG_SERIES), e * splat(LN2_LOW)) - splat(T(0.5)) * z;
#endif
}

// x = (1 + f) * 2^e
static inline void log_split(V x, V* f, V* e) {
  split(x, f, e);
#if DOUBLE
  const M large = f_lt(splat(1.4142135623730951), *f);
  *e = f_select(large, *e + splat(1), *e);
  *f = f_select(large, splat(0.5) * *f, *f);
#endif
  *f = *f - splat(1);
}

static inline V f_log(V x) {
  V f, e;
  log_split(x, &f, &e);
  return fma_of(e, splat(LN2_HIGH), f + log_correction(f, e));
}

static inline V f_log10(V x) { return f_log(x) * splat(T(0.4342944819032518)); }

static inline V f_log1p(V x) {
  const V u = splat(1) + x, lost = (x - (u - splat(1))) / u;
  return f_log(u) + f_select(f_eq(lost, lost), lost, splat(0));
}

static inline V f_tanh(V x) {
  const V most = splat(T(20)), grown = f_expm1(splat(2) * min_of(most, f_abs(x)));
  const V y = grown / (grown + splat(2));
  return f_select(f_lt(x, splat(0)), -y, y);
}

// exp(y log(x)) with the logarithm in two parts
static inline V f_pow(V x, V y) {
  V f, e;
  log_split(x, &f, &e);
  const V correction = log_correction(f, e), sum = f + correction, n = e * splat(LN2_HIGH), high = n + sum, back = high - n;
  const V low = (n - (high - back)) + (sum - back) + (f - sum + correction);
  const V product = y * high, rest = fma_of(y, low, fma_of(y, high, -product));
  const V bounded = max_of(splat(-EXP_MOST), min_of(splat(EXP_MOST), product));
  V k;
  const V change = reduced(bounded, &k);
  // at 0 and infinity the logarithm is infinite, and the parts of it are not numbers
  const M finite = f_lt(f_abs(product), splat(EXP_MOST));
  const V grown = splat(1) + change;
  const V power = scaled(f_select(finite, fma_of(grown, rest, grown), grown), k);
  return f_select(f_eq(y, splat(0)), splat(1), f_select(is_nan(high), f_exp(y * f_log(x)), power));
}

// x^(1/3), not a number for a negative x
#if defined(__AVX512DQ__) && !DOUBLE
// of x^(-1/3) from 1 to 8
static const T CBRT_SERIES[] = {-0.00254890792f, 0.0458946947f, -0.297207970f, 1.23701984f};
static inline V f_cbrt(V x) {
  const V third = splat(1.f / 3.f), n = f_floor(_mm512_getexp_ps(x) * third), m = scaled(x, n * splat(-3.f));
  const V start = polynomial(m, CBRT_SERIES), rest = _mm512_fnmadd_ps(m * start, start * start, splat(1));
  const V y = fma_of(start * rest, fma_of(rest, splat(2.f / 9.f), third), start), root = m * y * y;
  const V better = fma_of(_mm512_fnmadd_ps(root * root, root, m), y * y * third, root);
  // 0 and infinity are their own roots
  return _mm512_fixupimm_ps(scaled(better, n), x, _mm512_set1_epi32(1 << 8 | 3 << 16 | 1 << 20 | 3 << 24), 0);
}
#else
static inline V f_cbrt(V x) { return f_pow(x, splat(T(1.0 / 3.0))); }
#endif

#if DOUBLE
static const T ATAN_P[] = {-8.750608600031904122785e-1, -1.615753718733365076637e1, -7.500855792314704667340e1,
    -1.228866684490136173410e2, -6.485021904942025371773e1};
static const T ATAN_Q[] = {1.0, 2.485846490142306297962e1, 1.650270098316988542046e2, 4.328810604912902668951e2,
    4.853903996359136964868e2, 1.945506571482613964425e2};
static inline V f_atan(V x) {
  const V a = f_abs(x);
  const M large = f_lt(splat(T(2.414213562373095)), a), middle = f_lt(splat(T(0.4142135623730950)), a);
  const V up = f_select(large, splat(-1), f_select(middle, a - splat(1), a));
  const V down = f_select(large, a, f_select(middle, a + splat(1), splat(1)));
  const V start = f_select(large, splat(T(1.5707963267948966)), f_select(middle, splat(T(0.7853981633974483)), splat(0)));
  const V r = up / down, z = r * r;
  const V y = start + fma_of(r * z, polynomial(z, ATAN_P) / polynomial(z, ATAN_Q), r);
  return f_select(f_lt(x, splat(0)), -y, y);
}
static inline V f_atan_of_ratio(V up, V down) { return f_atan(up / down); }
#else
// of (atan(t) - t) / t^3 by t^2, up to 1
static const T ATAN_SERIES[] = {0.00292068860f, -0.0163679142f, 0.0432118364f, -0.0755221248f, 0.106660038f, -0.142110556f,
    0.199937731f, -0.333331525f};
// with the sign of a number, whose other bits do not count
static inline V arc(V t, M is_inverse, I sign) {
  const V z = t * t, y = fma_of(t * z, polynomial(z, ATAN_SERIES), t);
  const V angle = f_select(is_inverse, splat(1.57079633f) - y, y);
  return (V)((I)angle ^ (sign & whole(N(1) << 31)));
}
static inline V f_atan(V x) {
  const V a = f_abs(x);
  const M large = f_lt(splat(1), a);
  return arc(f_select(large, splat(1) / a, a), large, (I)x);
}
// by one division of the smaller by the larger number; the bounds return their second operand where one is not a number
static inline V f_atan_of_ratio(V up, V down) {
  const V a = f_abs(up), b = f_abs(down);
  return arc(min_of(b, a) / max_of(a, b), f_lt(b, a), (I)up ^ (I)down);
}
#endif

#define LANES(name)                                   \
  static inline V f_##name(V x) {                     \
    alignas(64) T a[W];                               \
    store(a, x);                                      \
    for (int k = 0; k < W; k++) a[k] = std::name(a[k]); \
    return load(a);                                   \
  }
LANES(sin)
LANES(cos)
LANES(asin)
LANES(acos)
