// Number of columns in a block.
extern "C" long jml_lanes() { return W; }

// Numbers of a call, in the order of the Python structure.
struct Call {
  long n_columns, steps, every, done;
  const T* scalars;          // (scalar)
  const T* constants;        // (block, row, lane)
  T* state;                  // (block, row, lane)
  T* sums;                   // (block, row, lane)
  const T* const* forcing;   // first number of each row
  const long* by_time;       // stride of each row of weather from one step to the next
  const long* by_column;     // and from one column to the next
  const Table* tables;
  T* means;                  // (period, row, column)
};

// What a block works with: constants, state, weather and intermediate results.
struct Workspace {
  alignas(64) T reals[REALS * W];
  alignas(64) I wholes[WHOLES];
  alignas(64) M truths[TRUTHS];
  int places[PLACES];
};

// One row of weather of a block: the same number for all columns if the stride is 0, and the last column again beyond the last.
static inline void fetch(T* __restrict to, const T* from, long stride, long valid) {
  if (stride == 1 && valid == W) {
    store(to, loadu(from));
  } else {
    for (long k = 0; k < W; k++) to[k] = from[(k < valid ? k : valid - 1) * stride];
  }
}

static void steps_of_block(const Call& call, long block, Workspace& work) {
  T *m = work.reals, *state = m + CONSTANTS * W, *weather = state + STATE * W;
  T* sums = call.sums + block * OUTPUTS * W;
  memset((void*)&work, 0, sizeof work);
  memcpy(m, call.constants + block * CONSTANTS * W, sizeof(T) * CONSTANTS * W);
  memcpy(state, call.state + block * STATE * W, sizeof(T) * STATE * W);
  prepare(call.scalars, m, work.truths, work.wholes, call.tables, work.places);
  const long first = block * W, valid = call.n_columns - first < W ? call.n_columns - first : W;
  T* means = call.means;
  for (long k = 0; k < call.steps; k++) {
    for (long row = 0; row < WEATHER; row++) {
      const T* from = call.forcing[row] + k * call.by_time[row] + first * call.by_column[row];
      fetch(weather + row * W, from, call.by_column[row], valid);
      __builtin_prefetch(from + call.by_time[row]);
    }
    step(call.scalars, m, work.truths, work.wholes, call.tables, work.places, sums);
    if ((call.done + k + 1) % call.every == 0) {
      for (long row = 0; row < OUTPUTS; row++) {
        T* to = means + row * call.n_columns + first;
        for (long lane = 0; lane < valid; lane++) to[lane] = sums[row * W + lane] / T(call.every);
        store(sums + row * W, splat(T(0)));
      }
      means += OUTPUTS * call.n_columns;
    }
  }
  memcpy(call.state + block * STATE * W, state, sizeof(T) * STATE * W);
}

// Steps blocks from the first to before the last.
extern "C" void jml_steps(const Call* call, long first, long last) {
  Workspace* work = new Workspace;
  for (long block = first; block < last; block++) steps_of_block(*call, block, *work);
  delete work;
}
