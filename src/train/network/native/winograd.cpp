// Convolutions in fp32 by Winograd's tiles (`winograd.h`), which need a quarter of the multiplications.
//
// Where few channels meet many tiles, each thread takes blocks of tiles through all stages while they lie in its cache; where
// many channels meet few tiles the filters are the larger part, and all threads do one stage after the other. Blocks and the
// parts that gradients are summed in depend on the shape alone: the number of threads changes no bit.

#include "winograd.h"
#include "conv.h"

namespace winograd {
namespace {

// Numbers that a thread's cache holds of a block's grids.
constexpr int64_t NEAR = 200'000;
// Channels, inputs and outputs together, from which all threads go stage by stage.
constexpr int64_t MANY = 300;
// Tiles of a piece of work there, tiles of a product, and tiles whose grids are held at once.
constexpr int64_t STEP = ROWS, STRETCH = 128, STRIPE = 1024;
// Blocks that there should be, so that no thread waits long for the last one, and the least tiles of such a block.
constexpr int64_t BLOCKS = 64, LEAST = 32;
// Numbers that the sums of a gradient by the filters may take, where threads have their own; and the most of such sums.
constexpr int64_t SUMS = 5'000'000, PARTS = 16;

thread_local Kept<float> kept_filters, kept_inputs, kept_outputs;

int64_t panel_of(int64_t columns) { return columns % (2 * WIDE) ? WIDE : 2 * WIDE; }

// A grid of `rows` tiles. Matrices, or long rows, that lay a power of two apart would share few places of a cache.
Grid grid(Kept<float>& kept, int64_t rows, int64_t channels) {
  const int64_t pitch = channels < 8 * WIDE ? channels : channels + WIDE, plane = rows * pitch + WIDE;
  return {kept.of(POINTS * plane), plane, pitch};
}
Grid behind(const Grid& grid, int64_t rows) { return {grid.first + rows * grid.pitch, grid.plane, grid.pitch}; }

// Tiles of a block whose grids lie in a thread's cache.
int64_t block_of(int64_t tiles, int64_t channels) {
  const int64_t block = std::min(NEAR / POINTS / channels, std::max(tiles / BLOCKS, LEAST));
  return std::max(block / ROWS, int64_t{1}) * ROWS;
}

// The filters at the 36 points.
Mixers mixers(const Filters& g) {
  const int64_t depth = g.depth(), columns = g.columns(), plane = depth * columns + WIDE, across = columns / WIDE;
  const Mixers u{kept_filters.of(POINTS * plane), plane, depth, columns, panel_of(columns)};
  each(depth / WIDE * across, [&](int64_t k) { filter_square(g, k / across * WIDE, k % across * WIDE, u); });
  return u;
}

// Rows `from` to `until` of m at one of the points: v times the filters there.
void mix(int64_t point, int64_t from, int64_t until, const Grid& v, const Mixers& u, const Grid& m) {
  const Matrix rows{v.first + point * v.plane + from * v.pitch, v.pitch, 1};
  float* to = m.first + point * m.plane + from * m.pitch;
  for (int64_t column = 0; column < u.columns; column += u.panel)
    product(u.panel, until - from, u.depth, rows, u.at(point, column), u.panel, to + column, m.pitch, false);
}

// y: the convolution of x with the filters.
void convolve(const Pictures& x, const Filters& g, const Pictures& y) {
  const int64_t tiles = x.tiles();
  const auto u = mixers(g);
  if (u.depth + u.columns < MANY) {
    const int64_t block = block_of(tiles, u.depth + u.columns);
    each(pieces(tiles, block), [&](int64_t k) {
      const int64_t from = k * block, until = std::min(from + block, tiles);
      const auto v = grid(kept_inputs, block, u.depth), m = grid(kept_outputs, block, u.columns);
      input_tiles(x, from, until, v);
      for (int64_t point = 0; point < POINTS; ++point) mix(point, 0, pieces(until - from, ROWS) * ROWS, v, u, m);
      output_tiles(m, y, from, until);
    });
    return;
  }
  const int64_t held = std::min(STRIPE, pieces(tiles, ROWS) * ROWS);
  const auto v = grid(kept_inputs, held, u.depth), m = grid(kept_outputs, held, u.columns);
  for (int64_t first = 0; first < tiles; first += STRIPE) {
    const int64_t count = std::min(STRIPE, tiles - first), rows = pieces(count, ROWS) * ROWS, stretches = pieces(rows, STRETCH);
    each(pieces(count, STEP), [&](int64_t k) {
      const int64_t from = k * STEP, until = std::min(from + STEP, count);
      input_tiles(x, first + from, first + until, behind(v, from));
    });
    each(POINTS * stretches, [&](int64_t k) {
      const int64_t from = k % stretches * STRETCH;
      mix(k / stretches, from, std::min(from + STRETCH, rows), v, u, m);
    });
    each(pieces(count, STEP), [&](int64_t k) {
      const int64_t from = k * STEP, until = std::min(from + STEP, count);
      output_tiles(behind(m, from), y, first + from, first + until);
    });
  }
}

// Of one part's sums the panel from `column` on at one of the points: m's rows with v's, of `tiles` tiles.
void gather(int64_t point, int64_t column, int64_t tiles, const Grid& m, const Grid& v, const Sums& du, int64_t part, bool more) {
  const Matrix slopes{m.first + point * m.plane, 1, m.pitch};
  product(panel_of(du.inputs), du.outputs, tiles, slopes, v.first + point * v.plane + column, v.pitch,
          du.at(part, point) + column, du.inputs, more);
}

// dg: the gradient by the filters of a convolution of x whose output has the gradient dy.
void convolve_back(const Pictures& x, const Pictures& dy, float* dg) {
  const int64_t inputs = x.channels, outputs = dy.channels, panel = panel_of(inputs), tiles = x.tiles();
  const bool many = inputs + outputs >= MANY;
  const int64_t block = block_of(tiles, inputs + outputs), blocks = pieces(tiles, block);
  const int64_t plane = outputs * inputs + WIDE, parts = std::min({PARTS, blocks, std::max(SUMS / POINTS / plane, int64_t{1})});
  Sums du{nullptr, plane, many ? 1 : parts, outputs, inputs};
  du.first = kept_filters.of(du.parts * POINTS * du.plane);
  if (many) {
    const int64_t held = std::min(STRIPE, tiles);
    const auto v = grid(kept_inputs, held, inputs), m = grid(kept_outputs, held, outputs);
    for (int64_t first = 0; first < tiles; first += STRIPE) {
      const int64_t count = std::min(STRIPE, tiles - first);
      each(pieces(count, STEP), [&](int64_t k) {
        const int64_t from = k * STEP, until = std::min(from + STEP, count);
        input_tiles(x, first + from, first + until, behind(v, from));
        slope_tiles(dy, first + from, first + until, behind(m, from));
      });
      each(POINTS * inputs / panel, [&](int64_t k) {
        const int64_t point = k * panel / inputs, column = k * panel % inputs;
        for (int64_t from = 0; from < count; from += STRETCH)
          gather(point, column, std::min(STRETCH, count - from), behind(m, from), behind(v, from), du, 0, first + from > 0);
      });
    }
  } else {
    each(du.parts, [&](int64_t part) {
      const auto v = grid(kept_inputs, block, inputs), m = grid(kept_outputs, block, outputs);
      const int64_t first = part * blocks / du.parts, last = (part + 1) * blocks / du.parts;
      for (int64_t k = first; k < last; ++k) {
        const int64_t from = k * block, until = std::min(from + block, tiles);
        input_tiles(x, from, until, v);
        slope_tiles(dy, from, until, m);
        for (int64_t at = 0; at < POINTS * inputs; at += panel)
          gather(at / inputs, at % inputs, until - from, m, v, du, part, k > first);
      }
    });
  }
  each(outputs, [&](int64_t output) { filter_slopes(du, output, dg); });
}

Pictures pictures(const Convolution& of, const float* first, int64_t channels) {
  return {const_cast<float*>(first), of.n, of.h, of.w, channels};
}

}  // namespace
}  // namespace winograd

using namespace winograd;

void output(const Convolution& of, const float* x, const float* weight, float* y) {
  convolve(pictures(of, x, of.inputs), {weight, of.outputs, of.inputs, false}, pictures(of, y, of.outputs));
}

void by_input(const Convolution& of, const float* slope, const float* weight, float* dx) {
  convolve(pictures(of, slope, of.outputs), {weight, of.outputs, of.inputs, true}, pictures(of, dx, of.inputs));
}

void by_weight(const Convolution& of, const float* x, const float* slope, float* dg) {
  convolve_back(pictures(of, x, of.inputs), pictures(of, slope, of.outputs), dg);
}
