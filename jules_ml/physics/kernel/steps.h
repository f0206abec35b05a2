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

static void steps_of_block(const Call& call, long block) {
  alignas(64) T prepared[PREPARED * W], weather[WEATHER * W];
  const T* constants = call.constants + block * CONSTANTS * W;
  T* state = call.state + block * STATE * W;
  T* sums = call.sums + block * OUTPUTS * W;
  prepare(call.scalars, constants, prepared, call.tables);
  const long first = block * W, valid = call.n_columns - first < W ? call.n_columns - first : W;
  const T share = T(1) / T(call.every);
  T* means = call.means;
  for (long k = 0; k < call.steps; k++) {
    for (long row = 0; row < WEATHER; row++)
      fetch(weather + row * W, call.forcing[row] + k * call.by_time[row] + first * call.by_column[row], call.by_column[row], valid);
    step(call.scalars, constants, prepared, state, weather, sums, call.tables);
    if ((call.done + k + 1) % call.every == 0) {
      for (long row = 0; row < OUTPUTS; row++) {
        T* to = means + row * call.n_columns + first;
        for (long lane = 0; lane < valid; lane++) to[lane] = sums[row * W + lane] * share;
        store(sums + row * W, splat(T(0)));
      }
      means += OUTPUTS * call.n_columns;
    }
  }
}

// Steps blocks from the first to before the last.
extern "C" void jml_steps(const Call* call, long first, long last) {
  for (long block = first; block < last; block++) steps_of_block(*call, block);
}
