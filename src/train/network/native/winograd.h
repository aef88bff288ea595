// A 3x3 convolution with stride 1 by tiles of 4x4 outputs, F(4x4, 3x3) of Lavin & Gray 2015 (arXiv:1509.09308, section 4.3):
// a tile costs 36 multiplications of each pair of channels in place of 144. With d a 6x6 patch of the input, g the filter,
//
//     y = A^T [(G g G^T) . (B^T d B)] A
//
// and the products of all channels and tiles are 36 products of matrices. The gradients are those of this formula: by the
// input a convolution with the filter turned round, by the filter G^T [(A dy A^T) . (B^T d B)] G, summed over tiles.
//
// The matrices are Cook and Toom's for the points 0, ±3/4, ±3/2 and infinity, which lose less than the usual 0, ±1, ±2
// (on the choice: Barabasz et al. 2018, arXiv:1803.10986): a third of the error, twice that of the plain sum. All is fp32.

#pragma once

#include "threads.h"

#include <cstdint>

// `conv.rs` asks whether the processor has it before it comes here. Where there is none, this need only compile.
#if defined(__x86_64__)
#define AVX512 __attribute__((target("arch=x86-64-v4")))
#else
#define AVX512
#endif

namespace winograd {

constexpr int64_t WIDE = 16;
using Lanes = float __attribute__((vector_size(4 * WIDE), aligned(4), may_alias));

AVX512 INLINED Lanes load(const float* at) { return *reinterpret_cast<const Lanes*>(at); }
AVX512 INLINED void store(float* at, const Lanes& value) { *reinterpret_cast<Lanes*>(at) = value; }

// ---- the transforms, along one axis: `from` and `to` are the first of a row whose numbers are `s` and `r` apart ---------

constexpr float p = 0.75f, q = 1.5f, P = p * p, Q = q * q;
// The scales of the filter's rows.
constexpr float F0 = 1 / (P * Q), FP = 1 / (2 * P * (P - Q)), FQ = 1 / (2 * Q * (Q - P));

// The values at a point and at the one with the other sign.
AVX512 INLINED void points(const Lanes& even, const Lanes& odd, Lanes* to, int64_t r) {
  to[0] = even + odd;
  to[r] = even - odd;
}

// B^T: 6 to 6
AVX512 INLINED void input(const Lanes* from, int64_t s, Lanes* to, int64_t r) {
  const Lanes d0 = from[0], d1 = from[s], d2 = from[2 * s], d3 = from[3 * s], d4 = from[4 * s], d5 = from[5 * s];
  const Lanes even = d4 - Q * d2, odd = p * (d3 - Q * d1), even2 = d4 - P * d2, odd2 = q * (d3 - P * d1);
  to[0] = P * Q * d0 - (P + Q) * d2 + d4;
  points(even, odd, to + r, r);
  points(even2, odd2, to + 3 * r, r);
  to[5 * r] = P * Q * d1 - (P + Q) * d3 + d5;
}

// A^T: 6 to 4
AVX512 INLINED void output(const Lanes* from, int64_t s, Lanes* to, int64_t r) {
  const Lanes even = from[s] + from[2 * s], odd = from[s] - from[2 * s];
  const Lanes even2 = from[3 * s] + from[4 * s], odd2 = from[3 * s] - from[4 * s];
  to[0] = from[0] + even + even2;
  to[r] = p * odd + q * odd2;
  to[2 * r] = P * even + Q * even2;
  to[3 * r] = p * P * odd + q * Q * odd2 + from[5 * s];
}

// A: 4 to 6
AVX512 INLINED void output_back(const Lanes* from, int64_t s, Lanes* to, int64_t r) {
  const Lanes y0 = from[0], y1 = from[s], y2 = from[2 * s], y3 = from[3 * s];
  const Lanes even = y0 + P * y2, odd = p * (y1 + P * y3), even2 = y0 + Q * y2, odd2 = q * (y1 + Q * y3);
  to[0] = y0;
  points(even, odd, to + r, r);
  points(even2, odd2, to + 3 * r, r);
  to[5 * r] = y3;
}

// G: 3 to 6
AVX512 INLINED void filter(const Lanes* from, int64_t s, Lanes* to, int64_t r) {
  const Lanes g0 = from[0], g1 = from[s], g2 = from[2 * s];
  const Lanes even = FP * (g0 + P * g2), odd = FP * p * g1, even2 = FQ * (g0 + Q * g2), odd2 = FQ * q * g1;
  to[0] = F0 * g0;
  points(even, odd, to + r, r);
  points(even2, odd2, to + 3 * r, r);
  to[5 * r] = g2;
}

// G^T: 6 to 3
AVX512 INLINED void filter_back(const Lanes* from, int64_t s, Lanes* to, int64_t r) {
  const Lanes even = FP * (from[s] + from[2 * s]), odd = FP * p * (from[s] - from[2 * s]);
  const Lanes even2 = FQ * (from[3 * s] + from[4 * s]), odd2 = FQ * q * (from[3 * s] - from[4 * s]);
  to[0] = F0 * from[0] + even + even2;
  to[r] = odd + odd2;
  to[2 * r] = P * even + Q * even2 + from[5 * s];
}

// ---- tiles --------------------------------------------------------------------------------------------------------

// Products of matrices for a tile: the places of the 6x6 grid.
constexpr int64_t POINTS = 36;

// Pictures `[n, h, w, channels]`; h and w are multiples of 4.
struct Pictures {
  float* first;
  int64_t n, h, w, channels;

  int64_t tiles() const { return n * (h / 4) * (w / 4); }
  // The row, column and picture of a tile's first output.
  struct Corner {
    int64_t top, left, picture;
  };
  INLINED Corner corner(int64_t tile) const {
    const int64_t across = w / 4, down = h / 4;
    return {tile / across % down * 4, tile % across * 4, tile / across / down};
  }
  INLINED float* at(const Corner& corner) const {
    return first + ((corner.picture * h + corner.top) * w + corner.left) * channels;
  }
};

// 36 matrices of a row for each tile, a column for each channel.
struct Grid {
  float* first;
  int64_t plane, pitch;
};

// What stands around a picture.
constexpr float NOTHING[WIDE] = {};

// B^T d B of tiles `from` to `until`. A patch begins a row above and a column to the left of its tile's outputs.
AVX512 inline void input_tiles(const Pictures& x, int64_t from, int64_t until, const Grid& v) {
  const int64_t c = x.channels;
  for (int64_t tile = from; tile < until; ++tile) {
    const auto corner = x.corner(tile);
    const float* patch = x.at(corner) - (x.w + 1) * c;
    const bool top = corner.top > 0, bottom = corner.top + 4 < x.h, left = corner.left > 0, right = corner.left + 4 < x.w;
    float* to = v.first + (tile - from) * v.pitch;
    for (int64_t lane = 0; lane < c; lane += WIDE, patch += WIDE, to += WIDE) {
      Lanes half[POINTS];
      UNROLLED for (int j = 0; j < 6; ++j) {
        Lanes column[6];
        UNROLLED for (int i = 0; i < 6; ++i) {
          const bool inside = (i > 0 || top) && (i < 5 || bottom) && (j > 0 || left) && (j < 5 || right);
          column[i] = load(inside ? patch + (i * x.w + j) * c : NOTHING);
        }
        input(column, 1, half + j, 6);
      }
      UNROLLED for (int i = 0; i < 6; ++i) {
        Lanes row[6];
        input(half + 6 * i, 1, row, 1);
        UNROLLED for (int j = 0; j < 6; ++j) store(to + (6 * i + j) * v.plane, row[j]);
      }
    }
  }
}

// A^T m A of tiles `from` to `until`.
AVX512 inline void output_tiles(const Grid& m, const Pictures& y, int64_t from, int64_t until) {
  const int64_t c = y.channels;
  for (int64_t tile = from; tile < until; ++tile) {
    float* patch = y.at(y.corner(tile));
    const float* at = m.first + (tile - from) * m.pitch;
    for (int64_t lane = 0; lane < c; lane += WIDE, patch += WIDE, at += WIDE) {
      Lanes half[24];
      UNROLLED for (int j = 0; j < 6; ++j) {
        Lanes column[6];
        UNROLLED for (int i = 0; i < 6; ++i) column[i] = load(at + (6 * i + j) * m.plane);
        output(column, 1, half + j, 6);
      }
      UNROLLED for (int i = 0; i < 4; ++i) {
        Lanes row[4];
        output(half + 6 * i, 1, row, 1);
        UNROLLED for (int j = 0; j < 4; ++j) store(patch + (i * y.w + j) * c, row[j]);
      }
    }
  }
}

// A dy A^T of tiles `from` to `until`.
AVX512 inline void slope_tiles(const Pictures& dy, int64_t from, int64_t until, const Grid& m) {
  const int64_t c = dy.channels;
  for (int64_t tile = from; tile < until; ++tile) {
    const float* patch = dy.at(dy.corner(tile));
    float* to = m.first + (tile - from) * m.pitch;
    for (int64_t lane = 0; lane < c; lane += WIDE, patch += WIDE, to += WIDE) {
      Lanes half[24];
      UNROLLED for (int j = 0; j < 4; ++j) {
        Lanes column[4];
        UNROLLED for (int i = 0; i < 4; ++i) column[i] = load(patch + (i * dy.w + j) * c);
        output_back(column, 1, half + j, 4);
      }
      UNROLLED for (int i = 0; i < 6; ++i) {
        Lanes row[6];
        output_back(half + 4 * i, 1, row, 1);
        UNROLLED for (int j = 0; j < 6; ++j) store(to + (6 * i + j) * m.plane, row[j]);
      }
    }
  }
}

// ---- filters ------------------------------------------------------------------------------------------------------

// Filters `[outputs, 3, 3, inputs]`, as they lie in memory, read for a convolution or for its gradient by the input: that takes
// outputs for inputs and each filter turned round.
struct Filters {
  const float* first;
  int64_t outputs, inputs;
  bool back;

  int64_t depth() const { return back ? outputs : inputs; }
  int64_t columns() const { return back ? inputs : outputs; }
};

// The 36 matrices that a grid's are multiplied with: `[columns / panel, depth, panel]`, `plane` numbers apart.
struct Mixers {
  float* first;
  int64_t plane, depth, columns, panel;

  float* at(int64_t point, int64_t column) const { return first + point * plane + column * depth; }
};

// G g G^T of a vector of depths by one of columns.
AVX512 inline void filter_square(const Filters& g, int64_t depth, int64_t column, const Mixers& u) {
  // one filter's place k of a depth and a column
  float block[WIDE][9][WIDE];
  for (int64_t i = 0; i < WIDE; ++i)
    for (int k = 0; k < 9; ++k) {
      if (g.back) {
        store(block[i][k], load(g.first + ((depth + i) * 9 + 8 - k) * g.inputs + column));
      } else {
        const float* from = g.first + ((column + i) * 9 + k) * g.inputs + depth;
        for (int64_t j = 0; j < WIDE; ++j) block[j][k][i] = from[j];
      }
    }
  for (int64_t i = 0; i < WIDE; ++i) {
    Lanes half[18];
    UNROLLED for (int j = 0; j < 3; ++j) {
      Lanes down[3];
      UNROLLED for (int k = 0; k < 3; ++k) down[k] = load(block[i][3 * k + j]);
      filter(down, 1, half + j, 3);
    }
    float* to = u.at(0, column / u.panel * u.panel) + (depth + i) * u.panel + column % u.panel;
    UNROLLED for (int k = 0; k < 6; ++k) {
      Lanes row[6];
      filter(half + 3 * k, 1, row, 1);
      UNROLLED for (int j = 0; j < 6; ++j) store(to + (6 * k + j) * u.plane, row[j]);
    }
  }
}

// The sums of a gradient by filters at the 36 points: `parts` times `[36, outputs, inputs]`, to be added in order.
struct Sums {
  float* first;
  int64_t plane, parts, outputs, inputs;

  float* at(int64_t part, int64_t point) const { return first + (part * POINTS + point) * plane; }
};

// G^T du G of one output.
AVX512 inline void filter_slopes(const Sums& du, int64_t output, float* dg) {
  for (int64_t column = 0; column < du.inputs; column += WIDE) {
    Lanes half[18];
    UNROLLED for (int j = 0; j < 6; ++j) {
      Lanes down[6];
      UNROLLED for (int i = 0; i < 6; ++i) {
        const int64_t place = output * du.inputs + column;
        down[i] = load(du.at(0, 6 * i + j) + place);
        for (int64_t part = 1; part < du.parts; ++part) down[i] += load(du.at(part, 6 * i + j) + place);
      }
      filter_back(down, 1, half + j, 6);
    }
    UNROLLED for (int i = 0; i < 3; ++i) {
      Lanes row[3];
      filter_back(half + 6 * i, 1, row, 1);
      UNROLLED for (int j = 0; j < 3; ++j) store(dg + (output * 9 + 3 * i + j) * du.inputs + column, row[j]);
    }
  }
}

// ---- products -----------------------------------------------------------------------------------------------------

// Rows of the innermost product: what the registers hold beside two vectors of a row.
constexpr int64_t ROWS = 8;

// A matrix whose numbers are `down` and `across` apart.
struct Matrix {
  const float* first;
  int64_t down, across;
};

// `to` (rows by 16 N, rows `pitch` apart) = a b, or more by that; rows are a multiple of ROWS.
template <int N>
AVX512 INLINED void product_(int64_t rows, int64_t depth, Matrix a, const float* b, int64_t b_pitch, float* to, int64_t pitch,
                      bool more) {
  for (int64_t row = 0; row < rows; row += ROWS) {
    Lanes sum[ROWS][N];
    float* out = to + row * pitch;
    for (int64_t i = 0; i < ROWS; ++i)
      for (int n = 0; n < N; ++n) sum[i][n] = more ? load(out + i * pitch + n * WIDE) : Lanes{};
    const float* left = a.first + row * a.down;
    const float* right = b;
    for (int64_t k = 0; k < depth; ++k, left += a.across, right += b_pitch) {
      Lanes with[N];
      for (int n = 0; n < N; ++n) with[n] = load(right + n * WIDE);
      for (int64_t i = 0; i < ROWS; ++i)
        for (int n = 0; n < N; ++n) sum[i][n] += left[i * a.down] * with[n];
    }
    for (int64_t i = 0; i < ROWS; ++i)
      for (int n = 0; n < N; ++n) store(out + i * pitch + n * WIDE, sum[i][n]);
  }
}

AVX512 inline void product(int64_t panel, int64_t rows, int64_t depth, Matrix a, const float* b, int64_t b_pitch, float* to,
                           int64_t pitch, bool more) {
  if (panel == WIDE) return product_<1>(rows, depth, a, b, b_pitch, to, pitch, more);
  product_<2>(rows, depth, a, b, b_pitch, to, pitch, more);
}

}  // namespace winograd
