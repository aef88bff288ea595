// Convolutions in bf16 on a CPU with matrix tiles (`amx.h`). libtorch's use them too, but are slow at the gradient by the
// filters, and where pictures are small and channels many.
//
// Bands of pictures and the parts of sums differ in who computes them and when; what a number is the sum of, and in which order,
// depends on the shape alone: the number of threads changes no bit.

#include "amx.h"
#include "conv.h"

#if defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <numeric>
#include <utility>
#include <vector>

namespace amx {
namespace {

// Numbers of frames that a thread's cache holds beside the rest.
constexpr int64_t NEAR = 400'000;
// Bands of pictures for each thread, so that none waits long for the last one.
constexpr int64_t BANDS = 4;
// Sums of a gradient by the filters that a thread's cache holds, those that all parts may take, and the most of such parts.
constexpr int64_t FEW = 150'000, SUMS = 4'000'000, PARTS = 16;
// Numbers of frames that are held at once where all threads share them.
constexpr int64_t STRIPE = 16'000'000;

thread_local Kept<Number> kept_filters, kept_inputs, kept_slopes;
thread_local Kept<float> kept_sums;

// What was written may be read by a tile, of which the compiler knows nothing.
INLINED void written() { asm volatile("" ::: "memory"); }

// Where in a frame, or in one of pairs, the tiles of an output's rows begin: cells are `pitch` numbers apart, `beside` of them at a place.
std::vector<int64_t> starts_of(const Frame& f, int64_t beside, int64_t pitch) {
  const int64_t across = f.width * beside;
  std::vector<int64_t> starts(f.height * across / ROWS);
  for (int64_t t = 0; t < static_cast<int64_t>(starts.size()); ++t)
    starts[t] = (t * ROWS / across * f.columns() * beside + t * ROWS % across) * pitch;
  return starts;
}

// A pass made ready: the tiles of its filters, `block` numbers for 32 columns; its taps, in numbers; and where in y its rows go.
struct Ready {
  const Number* filters;
  int64_t block;
  std::vector<int64_t> taps, to;
};

// y: for each pass the products of x, in frames, with its filters.
void convolve(const Pictures& x, const Frame& f, const Filters& g, const std::vector<Pass>& passes, const Pictures& y) {
  const int64_t pitch = x.channels + ROW, size = f.cells() * pitch, across = f.width * f.beside;
  const int64_t columns = g.columns() / SIDE, blocks = g.depth() / ROW, groups = pieces(x.n, f.beside);
  const auto rows = starts_of(f, f.beside, pitch);
  int64_t numbers = 0;
  for (const auto& pass : passes) numbers += columns * g.block(pass);
  Number* filters = kept_filters.of(numbers);
  std::vector<Ready> all;
  for (const auto& pass : passes) {
    Ready ready{filters, g.block(pass), {}, {}};
    for (int64_t t = 0; t < pass.count; ++t) ready.taps.push_back(pass.cells[t] * pitch);
    for (int64_t k = 0; k < f.height * across; ++k) {
      const int64_t row = k / across * pass.step + pass.top, column = k % across / f.beside * pass.step + pass.left;
      ready.to.push_back(y.at(k % f.beside, row, column) - y.first);
    }
    each(columns, [&](int64_t k) { filter_tiles(g, pass, k * SIDE, filters + k * ready.block); });
    filters += columns * ready.block;
    all.push_back(std::move(ready));
  }
  const int64_t share = std::max<int64_t>(1, groups / (BANDS * at::get_num_threads())), held = std::max<int64_t>(1, NEAR / size);
  const int64_t band = std::min(share, held);
  each(pieces(groups, band), [&](int64_t k) {
    const int64_t from = k * band, until = std::min(from + band, groups);
    Number* const v = kept_inputs.of(band * size);
    for (int64_t group = from; group < until; ++group) frame(x, group * f.beside, f, v + (group - from) * size, pitch);
    written();
    const Tiles configured;
    for (const auto& pass : all)
      for (int64_t column = 0; column < columns; ++column)
        for (int64_t group = from; group < until; ++group)
          outputs(v + (group - from) * size, pitch, rows.data(), rows.size(), pass.taps.data(), pass.taps.size(), blocks,
                  pass.filters + column * pass.block, pass.to.data(), f.beside, x.n - group * f.beside,
                  y.at(group * f.beside, 0, 0) + column * SIDE);
  });
}

// dg: the gradient by the filters of a convolution of x, in frames, whose output has the gradient dy.
void convolve_back(const Pictures& x, const Frame& f, const Pictures& dy, Number* dg) {
  const auto starts = starts_of(f, f.beside / 2, ROW);
  const int64_t places = f.kernel * f.kernel, tiles = starts.size();
  const int64_t size = f.cells() / 2 * ROW * (x.channels / ROWS), slopes = tiles * TILE * (dy.channels / ROWS);
  const int64_t columns = x.channels / SIDE, squares = dy.channels / SIDE * columns, all = squares * places * SQUARE;
  const int64_t groups = pieces(x.n, f.beside);
  std::vector<int64_t> taps;
  for (int64_t place = 0; place < places; ++place) taps.push_back(f.cell(place / f.kernel, place % f.kernel) / 2 * ROW);
  const auto lay = [&](int64_t group, Number* v, Number* m) {
    frame_pairs(x, group * f.beside, f, v);
    turned_tiles(dy, group * f.beside, f.beside, m);
  };
  // The sums of one square of channels, of some groups.
  const auto add = [&](int64_t square, int64_t count, const Number* v, const Number* m, float* sums, bool more) {
    const int64_t panel = f.cells() / 2 * ROW;
    const Panels a{m + square / columns * 2 * tiles * TILE, tiles * TILE, slopes}, b{v + square % columns * 2 * panel, panel, size};
    for (int64_t place = 0; place < places; ++place)
      gather(a, {b.first + taps[place], b.panel, b.group}, count, starts.data(), tiles, sums + (square * places + place) * SQUARE, more);
  };
  const bool many = all > FEW;
  const int64_t parts = many ? 1 : std::min({PARTS, groups, std::max<int64_t>(1, SUMS / all)});
  float* const sums = kept_sums.of(parts * all);
  const int64_t held = std::clamp<int64_t>((many ? STRIPE : NEAR) / std::max(size, slopes), 1, groups);
  if (many) {
    Number *const v = kept_inputs.of(held * size), *const m = kept_slopes.of(held * slopes);
    for (int64_t first = 0; first < groups; first += held) {
      const int64_t count = std::min(held, groups - first);
      each(count, [&](int64_t k) { lay(first + k, v + k * size, m + k * slopes); });
      each(squares, [&](int64_t square) {
        written();
        const Tiles configured;
        add(square, count, v, m, sums, first > 0);
      });
    }
  } else {
    each(parts, [&](int64_t part) {
      Number *const v = kept_inputs.of(held * size), *const m = kept_slopes.of(held * slopes);
      const int64_t begin = part * groups / parts, end = (part + 1) * groups / parts;
      const Tiles configured;
      for (int64_t first = begin; first < end; first += held) {
        const int64_t count = std::min(held, end - first);
        for (int64_t k = 0; k < count; ++k) lay(first + k, v + k * size, m + k * slopes);
        written();
        for (int64_t square = 0; square < squares; ++square) add(square, count, v, m, sums + part * all, first > begin);
      }
    });
  }
  each(squares * places, [&](int64_t k) {
    const int64_t square = k / places, output = square / columns * SIDE, input = square % columns * SIDE;
    put_together(sums + k * SQUARE, parts, all, dg + (output * places + k % places) * x.channels + input, places * x.channels);
  });
}

// Pictures of a tensor that is read or written; those that are read are left as they are.
Pictures pictures(const Number* first, int64_t n, int64_t h, int64_t w, int64_t channels) {
  return {const_cast<Number*>(first), n, h, w, channels};
}
Pictures input_of(const Convolution& of, const Number* first) { return pictures(first, of.n, of.h, of.w, of.inputs); }
Pictures output_of(const Convolution& of, const Number* first) {
  return pictures(first, of.n, of.h / of.stride, of.w / of.stride, of.outputs);
}

// A frame with so many pictures beside one another, a multiple of `least`, that its rows are whole tiles of 16 times that.
Frame frame_of(const Convolution& of, int64_t stride, int64_t least) {
  const int64_t width = of.w / of.stride, rows = least * ROWS;
  return {of.kernel, stride, of.h / of.stride, width, std::max(least, rows / std::gcd(width, rows))};
}

}  // namespace
}  // namespace amx

using namespace amx;

bool matrix_tiles() {
  static const bool found = [] {
    unsigned a, b, c, d, more;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !__get_cpuid_count(7, 1, &more, &b, &c, &b)) return false;
    // AMX-BF16, AMX-TILE and AVX512_BF16; then the leave for the tiles' 8 KiB of state (Linux's x86/xstate, feature 18)
    constexpr long REQUEST = 0x1023, TILE_DATA = 18;
    return (d >> 22 & 1) && (d >> 24 & 1) && (more >> 5 & 1) && syscall(SYS_arch_prctl, REQUEST, TILE_DATA) == 0;
  }();
  return found;
}

void output(const Convolution& of, const Number* x, const Number* weight, Number* y) {
  const auto f = frame_of(of, of.stride, 1);
  Pass pass;
  for (int64_t place = 0; place < of.kernel * of.kernel; ++place)
    pass.take(f.cell(place / of.kernel, place % of.kernel), place);
  convolve(input_of(of, x), f, {weight, of.outputs, of.kernel * of.kernel, of.inputs, false}, {pass}, output_of(of, y));
}

void by_input(const Convolution& of, const Number* slope, const Number* weight, Number* dx) {
  const auto f = frame_of(of, 1, 1);
  const auto to = input_of(of, dx);
  if (of.kernel < of.stride) std::memset(dx, 0, of.n * to.size() * sizeof(Number));
  std::vector<Pass> passes;
  for (int64_t top = 0; top < of.stride; ++top)
    for (int64_t left = 0; left < of.stride; ++left) {
      Pass pass{};
      pass.step = of.stride, pass.top = top, pass.left = left;
      // An input's row meets the filter's row r where the output's is (row + kernel / 2 - r) / stride.
      for (int64_t r = 0; r < of.kernel; ++r)
        for (int64_t s = 0; s < of.kernel; ++s) {
          const int64_t down = top + of.kernel / 2 - r, right = left + of.kernel / 2 - s;
          if (down % of.stride || right % of.stride) continue;
          pass.take(f.cell(down / of.stride + of.kernel / 2, right / of.stride + of.kernel / 2), r * of.kernel + s);
        }
      if (pass.count > 0) passes.push_back(pass);
    }
  convolve(output_of(of, slope), f, {weight, of.outputs, of.kernel * of.kernel, of.inputs, true}, passes, to);
}

void by_weight(const Convolution& of, const Number* x, const Number* slope, Number* dg) {
  convolve_back(input_of(of, x), frame_of(of, of.stride, 2), output_of(of, slope), dg);
}

#else
bool matrix_tiles() { return false; }
void output(const Convolution&, const uint16_t*, const uint16_t*, uint16_t*) {}
void by_input(const Convolution&, const uint16_t*, const uint16_t*, uint16_t*) {}
void by_weight(const Convolution&, const uint16_t*, const uint16_t*, uint16_t*) {}
#endif
