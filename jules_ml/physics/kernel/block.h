// One row of weather of a block: the same number for all columns if the stride is 0, and the last column again beyond the last.
static inline void fetch(T* __restrict to, const T* from, long stride, long valid) {
  if (stride == 1 && valid == W) {
    store(to, loadu(from));
  } else {
    for (long k = 0; k < W; k++) to[k] = from[(k < valid ? k : valid - 1) * stride];
  }
}
