// What the convolutions of `amx.cpp` do with one piece of their work: Intel's matrix tiles (Intel 64 and IA-32 Architectures
// Software Developer's Manual, volume 1, chapter 18) multiply 16 rows of 32 bf16 with 32 rows of 16, in 16 cycles.
//
// A convolution is a product of matrices for each place of the filter, with the pictures moved by that place. So that rows
// which lie together in an output lie together in the input for each of them, pictures are first copied into a frame: with
// zeros around, some beside one another where they are narrow, and for a stride of 2 with odd and even rows apart.

#pragma once

#include "threads.h"

#include <cstdint>
#include <cstring>

#if defined(__x86_64__) && defined(__linux__)
#include <immintrin.h>

// GCC 12 takes what its own header leaves open for a mistake of ours (its bug 105593).
#if !defined(__clang__)
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

#define AMX __attribute__((target("arch=x86-64-v4,avx512bf16,amx-tile,amx-bf16")))

namespace amx {

// A bf16.
using Number = uint16_t;
// Rows of a tile and numbers of such a row; the numbers of a tile.
constexpr int64_t ROWS = 16, ROW = 32, TILE = ROWS * ROW;
// Rows and columns of the product that the registers hold: four tiles of fp32.
constexpr int64_t SIDE = 2 * ROWS, SQUARE = SIDE * SIDE;

// What a thread's tile registers are set to: all of them whole tiles.
struct Setting {
  uint8_t palette = 1, row = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};
// Not on the stack: compilers take it that only the first bytes are read.
alignas(64) inline const Setting WHOLE;

// Sets them, and in the end what was set before, by which another's kernels may go.
class Tiles {
 public:
  AMX Tiles() {
    _tile_storeconfig(before_);
    _tile_loadconfig(&WHOLE);
  }
  AMX ~Tiles() { _tile_loadconfig(before_); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;

 private:
  alignas(64) uint8_t before_[sizeof(Setting)];
};

AMX INLINED __m512i load(const Number* at) { return _mm512_loadu_si512(at); }
AMX INLINED void store(Number* at, __m512i value) { _mm512_storeu_si512(at, value); }

// 16 rows of 16 pairs: rows become columns.
AMX INLINED void turn(__m512i* m) {
  __m512i t[16];
  UNROLLED for (int i = 0; i < 16; i += 2) {
    t[i] = _mm512_unpacklo_epi32(m[i], m[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(m[i], m[i + 1]);
  }
  UNROLLED for (int i = 0; i < 16; i += 4) {
    m[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    m[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    m[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    m[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  UNROLLED for (int i = 0; i < 4; ++i) {
    t[i] = _mm512_shuffle_i32x4(m[i], m[i + 4], 0x88);
    t[i + 4] = _mm512_shuffle_i32x4(m[i], m[i + 4], 0xdd);
    t[i + 8] = _mm512_shuffle_i32x4(m[i + 8], m[i + 12], 0x88);
    t[i + 12] = _mm512_shuffle_i32x4(m[i + 8], m[i + 12], 0xdd);
  }
  UNROLLED for (int i = 0; i < 8; ++i) {
    m[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    m[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}

// Pairs of a number of `a` and one of `b`: of the first 16 and of the last 16.
AMX INLINED void pair(__m512i a, __m512i b, __m512i& first, __m512i& last) {
  const __m512i low = _mm512_unpacklo_epi16(a, b), high = _mm512_unpackhi_epi16(a, b);
  const __m512i to_first = _mm512_set_epi64(11, 10, 3, 2, 9, 8, 1, 0), to_last = _mm512_set_epi64(15, 14, 7, 6, 13, 12, 5, 4);
  first = _mm512_permutex2var_epi64(low, to_first, high);
  last = _mm512_permutex2var_epi64(low, to_last, high);
}

// ---- pictures -----------------------------------------------------------------------------------------------------

// Pictures `[n, h, w, channels]`; channels are a multiple of 32.
struct Pictures {
  Number* first;
  int64_t n, h, w, channels;

  int64_t size() const { return h * w * channels; }
  bool has(int64_t row, int64_t column) const { return row >= 0 && row < h && column >= 0 && column < w; }
  Number* at(int64_t picture, int64_t row, int64_t column) const { return first + picture * size() + (row * w + column) * channels; }
};

// How the input of a convolution with padding kernel / 2 lies in a frame: for each parity of rows and columns that a stride
// tells apart `rows` by `columns` by `beside` cells, each the channels of one place of one of the pictures beside one another.
struct Frame {
  int64_t kernel, stride;
  // of the output
  int64_t height, width;
  int64_t beside;

  int64_t parities() const { return kernel == 1 ? 1 : stride; }
  int64_t around() const { return kernel == 1 ? 0 : stride == 1 ? 2 : 1; }
  int64_t rows() const { return height + around(); }
  int64_t columns() const { return width + around(); }
  int64_t cells() const { return parities() * parities() * rows() * columns() * beside; }
  // The first cell of the picture moved by the filter's place (r, s).
  int64_t cell(int64_t r, int64_t s) const {
    const int64_t p = parities();
    return (((r % p * p + s % p) * rows() + r / p) * columns() + s / p) * beside;
  }
  // One row of cells: the input's row and column that its first place holds, which may lie outside; further ones are a stride apart.
  struct Line {
    int64_t row, column;
  };
  int64_t lines() const { return parities() * parities() * rows(); }
  Line line(int64_t number) const {
    const int64_t parity = number / rows(), before = kernel / 2;
    return {number % rows() * stride + parity / parities() - before, parity % parities() - before};
  }
};

constexpr Number NOTHING[ROW] = {};

// Copies the pictures from `number` on that lie beside one another into a frame whose cells are `pitch` numbers apart.
AMX inline void frame(const Pictures& x, int64_t number, const Frame& f, Number* to, int64_t pitch) {
  for (int64_t line = 0; line < f.lines(); ++line) {
    const auto [row, column] = f.line(line);
    for (int64_t j = 0; j < f.columns(); ++j)
      for (int64_t k = 0; k < f.beside; ++k, to += pitch) {
        const bool inside = x.has(row, column + j * f.stride) && number + k < x.n;
        const Number* from = inside ? x.at(number + k, row, column + j * f.stride) : NOTHING;
        const int64_t step = inside ? ROW : 0;
        for (int64_t c = 0; c < x.channels; c += ROW, from += step) store(to + c, load(from));
      }
  }
}

// ---- the product of pictures and filters --------------------------------------------------------------------------

// The square of sums, four tiles: at first zero, or what was stored before.
AMX INLINED void begin() {
  _tile_zero(0);
  _tile_zero(1);
  _tile_zero(2);
  _tile_zero(3);
}
AMX INLINED void go_on(const float* square) {
  constexpr int64_t row = SIDE * sizeof(float);
  _tile_loadd(0, square, row);
  _tile_loadd(1, square + ROWS, row);
  _tile_loadd(2, square + ROWS * SIDE, row);
  _tile_loadd(3, square + ROWS * SIDE + ROWS, row);
}
AMX INLINED void keep(float* square) {
  constexpr int64_t row = SIDE * sizeof(float);
  _tile_stored(0, square, row);
  _tile_stored(1, square + ROWS, row);
  _tile_stored(2, square + ROWS * SIDE, row);
  _tile_stored(3, square + ROWS * SIDE + ROWS, row);
}
// Adds the products of two tiles, whose rows are so many bytes apart, and two whole ones.
AMX INLINED void add(const Number* a0, const Number* a1, int64_t bytes, const Number* b0, const Number* b1) {
  constexpr int64_t row = ROW * sizeof(Number);
  _tile_loadd(4, a0, bytes);
  _tile_loadd(6, b0, row);
  _tile_loadd(7, b1, row);
  _tile_loadd(5, a1, bytes);
  _tile_dpbf16ps(0, 4, 6);
  _tile_dpbf16ps(1, 4, 7);
  _tile_dpbf16ps(2, 5, 6);
  _tile_dpbf16ps(3, 5, 7);
}

// 32 numbers in bf16.
AMX INLINED void round(const float* from, Number* to) {
  store(to, (__m512i)_mm512_cvtne2ps_pbh(_mm512_loadu_ps(from + ROWS), _mm512_loadu_ps(from)));
}

// One pass over the pictures: the filter's places that take part, and the output's places that come of it.
struct Pass {
  int64_t count = 0;
  // where in a frame a place lies from an output's row on, in cells, and which of the filter's places it is
  int64_t cells[9], places[9];
  // outputs of this pass are `step` rows and columns apart
  int64_t step = 1, top = 0, left = 0;

  void take(int64_t cell, int64_t place) { cells[count] = cell, places[count++] = place; }
};

// Filters `[outputs, places, inputs]`, read for a convolution or for its gradient by the input.
struct Filters {
  const Number* first;
  int64_t outputs, places, inputs;
  bool back;

  int64_t depth() const { return back ? outputs : inputs; }
  int64_t columns() const { return back ? inputs : outputs; }
  // Numbers of what a pass needs of them for 32 columns.
  int64_t block(const Pass& pass) const { return depth() / ROW * pass.count * 2 * TILE; }
};

// The tiles of 32 columns: for each 32 of the depth and each of the pass's places two.
AMX inline void filter_tiles(const Filters& g, const Pass& pass, int64_t column, Number* to) {
  for (int64_t depth = 0; depth < g.depth(); depth += ROW)
    for (int64_t t = 0; t < pass.count; ++t, to += 2 * TILE) {
      __m512i first[16], last[16];
      const auto at = [&](int64_t output, int64_t input) { return g.first + (output * g.places + pass.places[t]) * g.inputs + input; };
      if (g.back) {
        for (int64_t i = 0; i < 16; ++i)
          pair(load(at(depth + 2 * i, column)), load(at(depth + 2 * i + 1, column)), first[i], last[i]);
      } else {
        for (int64_t i = 0; i < 16; ++i) first[i] = load(at(column + i, depth)), last[i] = load(at(column + 16 + i, depth));
        turn(first), turn(last);
      }
      for (int64_t i = 0; i < 16; ++i) store(to + i * ROW, first[i]), store(to + TILE + i * ROW, last[i]);
    }
}

// The outputs of a pass that come of the frame at `from`, 32 columns of them: rows of it, moved by each of the taps, with the
// filters' tiles `b`. `rows` are where the tiles of rows begin, in numbers, and `to` where each of their rows goes in `y`; of the
// pictures `beside` one another only so many are `present`.
AMX inline void outputs(const Number* from, int64_t pitch, const int64_t* rows, int64_t tiles, const int64_t* taps, int64_t count,
                        int64_t blocks, const Number* b, const int64_t* to, int64_t beside, int64_t present, Number* y) {
  alignas(64) float square[SQUARE];
  for (int64_t tile = 0; tile < tiles; tile += 2, to += SIDE) {
    const bool two = tile + 1 < tiles;
    const Number *a0 = from + rows[tile], *a1 = two ? from + rows[tile + 1] : a0, *with = b;
    begin();
    for (int64_t block = 0; block < blocks; ++block, a0 += ROW, a1 += ROW)
      for (int64_t t = 0; t < count; ++t, with += 2 * TILE)
        add(a0 + taps[t], a1 + taps[t], pitch * sizeof(Number), with, with + TILE);
    keep(square);
    for (int64_t i = 0; i < (two ? SIDE : ROWS); ++i)
      if (i % beside < present) round(square + i * SIDE, y + to[i]);
  }
}

// ---- the gradient by the filters ----------------------------------------------------------------------------------

// Copies pictures into a frame of pairs: each 16 channels a panel, in which each pair of pictures has a cell of 32 numbers.
AMX inline void frame_pairs(const Pictures& x, int64_t number, const Frame& f, Number* to) {
  const int64_t panel = f.cells() / 2 * ROW;
  for (int64_t line = 0; line < f.lines(); ++line) {
    const auto [row, column] = f.line(line);
    for (int64_t j = 0; j < f.columns(); ++j)
      for (int64_t k = 0; k < f.beside; k += 2, to += ROW) {
        const bool inside = x.has(row, column + j * f.stride);
        const bool one = inside && number + k < x.n, two = inside && number + k + 1 < x.n;
        const Number* at = one ? x.at(number + k, row, column + j * f.stride) : NOTHING;
        for (int64_t c = 0; c < x.channels; c += ROW) {
          __m512i first, last;
          pair(load(one ? at + c : NOTHING), load(two ? at + x.size() + c : NOTHING), first, last);
          store(to + c / ROWS * panel, first), store(to + (c / ROWS + 1) * panel, last);
        }
      }
  }
}

// The gradient by an output as tiles whose rows are channels: each 16 channels a panel of tiles, of 16 pairs of pictures each.
AMX inline void turned_tiles(const Pictures& dy, int64_t number, int64_t beside, Number* to) {
  const int64_t pairs = beside / 2, tiles = dy.h * dy.w * pairs / ROWS;
  for (int64_t tile = 0; tile < tiles; ++tile)
    for (int64_t c = 0; c < dy.channels; c += ROW) {
      __m512i first[16], last[16];
      for (int64_t i = 0; i < 16; ++i) {
        const int64_t place = (tile * ROWS + i) / pairs, picture = number + (tile * ROWS + i) % pairs * 2;
        const Number* at = dy.at(picture, 0, place) + c;
        pair(load(picture < dy.n ? at : NOTHING), load(picture + 1 < dy.n ? at + dy.size() : NOTHING), first[i], last[i]);
      }
      turn(first), turn(last);
      Number* panel = to + (c / ROWS * tiles + tile) * TILE;
      for (int64_t i = 0; i < 16; ++i) store(panel + i * ROW, first[i]), store(panel + tiles * TILE + i * ROW, last[i]);
    }
}

// Two panels next to one another, in each of some groups of pictures.
struct Panels {
  const Number* first;
  int64_t panel, group;
};

// `sums` (32 outputs by 32 inputs), or more by that: tiles of slopes with those of the frame that begin at `starts`.
AMX inline void gather(Panels slopes, Panels inputs, int64_t groups, const int64_t* starts, int64_t tiles, float* sums, bool more) {
  if (more) go_on(sums);
  else begin();
  for (int64_t g = 0; g < groups; ++g, slopes.first += slopes.group, inputs.first += inputs.group)
    for (int64_t t = 0; t < tiles; ++t) {
      const Number *a = slopes.first + t * TILE, *b = inputs.first + starts[t];
      add(a, a + slopes.panel, ROW * sizeof(Number), b, b + inputs.panel);
    }
  keep(sums);
}

// The gradient by 32 inputs of 32 outputs at one place: `parts` squares, `apart` numbers from one another, put together.
AMX inline void put_together(const float* sums, int64_t parts, int64_t apart, Number* to, int64_t pitch) {
  for (int64_t i = 0; i < SIDE; ++i, sums += SIDE, to += pitch) {
    alignas(64) float row[SIDE];
    for (int64_t j = 0; j < SIDE; ++j) row[j] = sums[j];
    for (int64_t part = 1; part < parts; ++part)
      for (int64_t j = 0; j < SIDE; ++j) row[j] += sums[part * apart + j];
    round(row, to);
  }
}

}  // namespace amx
#endif
