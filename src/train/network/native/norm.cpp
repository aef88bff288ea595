// Batch norm and what follows it in a residual network (an addition, a rectifier), on the CPU, in as few passes over
// memory as there can be: libtorch has an operation for each, and small networks spend a fifth of a step in them.
//
// Pictures lie channels last: a matrix of `rows` by C channels. It is taken as one of rows by P numbers, P the larger of C
// and 64, so that the innermost loop has 64 numbers whatever C is; `network/norm.rs` says when that can be done.
// Sums are taken over pieces whose size depends on the shape alone, in order: the number of threads changes no bit.

#include "threads.h"

#include <ATen/Context.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <vector>

namespace {

using at::Tensor;

// Numbers of the innermost loop.
constexpr int64_t LANES = 64;
// Numbers of a piece: in bf16 half of a small second-level cache.
constexpr int64_t PIECE = 1 << 16;

// ---- numbers ------------------------------------------------------------------------------------------------------

INLINED float load(const float* at) { return *at; }
INLINED float load(const uint16_t* at) {
  const auto bits = static_cast<uint32_t>(*at) << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
INLINED void store(float* at, float value) { *at = value; }
// To the nearest, ties to even; what is no number stays none.
INLINED void store(uint16_t* at, float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  const auto rounded = static_cast<uint16_t>((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
  *at = value != value ? 0x7fc0 : rounded;
}

// ---- what is done with a piece ------------------------------------------------------------------------------------
// `x` and the like point to the first of `rows` rows of `stride` numbers; LANES of each are taken.

template <class T>
INLINED void moments_(const T* x, int64_t rows, int64_t stride, float* mean, float* squares) {
  float sum[LANES] = {}, of[LANES] = {};
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < LANES; ++j) sum[j] += load(x + r * stride + j);
  for (int64_t j = 0; j < LANES; ++j) sum[j] /= static_cast<float>(rows);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < LANES; ++j) {
      const float from = load(x + r * stride + j) - sum[j];
      of[j] += from * from;
    }
  std::copy(sum, sum + LANES, mean);
  std::copy(of, of + LANES, squares);
}

template <bool ADD, bool RECTIFY, class T>
INLINED void apply_rows(const T* x, const T* other, T* y, int64_t rows, int64_t stride, const float* a, const float* b) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < LANES; ++j) {
      const int64_t at = r * stride + j;
      float value = load(x + at) * a[j] + b[j];
      if (ADD) value += load(other + at);
      // not `value > 0 ? value : 0`, which would hide what is no number
      if (RECTIFY) value = value < 0 ? 0 : value;
      store(y + at, value);
    }
}

template <class T>
INLINED void apply_(const T* x, const T* other, T* y, bool rectify, int64_t rows, int64_t stride, const float* scale,
                    const float* shift) {
  float a[LANES], b[LANES];
  std::copy(scale, scale + LANES, a);
  std::copy(shift, shift + LANES, b);
  if (other) return apply_rows<true, true>(x, other, y, rows, stride, a, b);
  if (rectify) return apply_rows<false, true>(x, other, y, rows, stride, a, b);
  apply_rows<false, false>(x, other, y, rows, stride, a, b);
}

// What the rectifier lets pass of a gradient is known from what it gave, or is worked out anew from what the norm was given.
enum Rectifier { NONE, GAVE, AGAIN };

template <class T>
struct Rectified {
  const T* y;
  const float *scale, *shift;

  Rectified at(int64_t place, int64_t lane) const {
    return {y ? y + place : y, scale ? scale + lane : scale, shift ? shift + lane : shift};
  }
};

// Where it is worked out anew, what that takes.
template <Rectifier KIND, class T>
INLINED void again(const Rectified<T>& by, float* scale, float* shift) {
  if (KIND != AGAIN) return;
  std::copy(by.scale, by.scale + LANES, scale);
  std::copy(by.shift, by.shift + LANES, shift);
}

template <Rectifier KIND, class T>
INLINED float passed(float x, const T* y, int64_t at, float g, float scale, float shift) {
  if (KIND == GAVE) return load(y + at) <= 0 ? 0 : g;
  if (KIND == AGAIN) return x * scale + shift <= 0 ? 0 : g;
  return g;
}

// The gradient behind the rectifier, kept in `behind` where there is such; its sum, and that of its products with x.
template <Rectifier KIND, bool KEEP, class T>
INLINED void reduce_rows(const T* x, const Rectified<T>& by, const T* slope, T* behind, int64_t rows, int64_t stride,
                         const float* mean, float* sums, float* products) {
  float sum[LANES] = {}, product[LANES] = {}, middle[LANES], scale[LANES] = {}, shift[LANES] = {};
  std::copy(mean, mean + LANES, middle);
  again<KIND>(by, scale, shift);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < LANES; ++j) {
      const int64_t at = r * stride + j;
      const float value = load(x + at), g = passed<KIND>(value, by.y, at, load(slope + at), scale[j], shift[j]);
      if (KEEP) store(behind + at, g);
      sum[j] += g;
      product[j] += g * (value - middle[j]);
    }
  std::copy(sum, sum + LANES, sums);
  std::copy(product, product + LANES, products);
}

template <class T>
INLINED void reduce_(const T* x, const Rectified<T>& by, const T* slope, T* behind, int64_t rows, int64_t stride,
                     const float* mean, float* sums, float* products) {
  if (behind) return reduce_rows<GAVE, true>(x, by, slope, behind, rows, stride, mean, sums, products);
  if (by.scale) return reduce_rows<AGAIN, false>(x, by, slope, behind, rows, stride, mean, sums, products);
  reduce_rows<NONE, false>(x, by, slope, behind, rows, stride, mean, sums, products);
}

// dx = a g + b x + c
template <Rectifier KIND, class T>
INLINED void slope_rows(const T* x, const Rectified<T>& by, const T* slope, T* dx, int64_t rows, int64_t stride, const float* a,
                        const float* b, const float* c) {
  float scale[LANES] = {}, shift[LANES] = {};
  again<KIND>(by, scale, shift);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t j = 0; j < LANES; ++j) {
      const int64_t at = r * stride + j;
      const float value = load(x + at), g = passed<KIND>(value, by.y, at, load(slope + at), scale[j], shift[j]);
      store(dx + at, a[j] * g + (b[j] * value + c[j]));
    }
}

template <class T>
INLINED void slope_(const T* x, const Rectified<T>& by, const T* slope, T* dx, int64_t rows, int64_t stride, const float* with_g,
                    const float* with_x, const float* alone) {
  float a[LANES], b[LANES], c[LANES];
  std::copy(with_g, with_g + LANES, a);
  std::copy(with_x, with_x + LANES, b);
  std::copy(alone, alone + LANES, c);
  if (by.scale) return slope_rows<AGAIN>(x, by, slope, dx, rows, stride, a, b, c);
  slope_rows<NONE>(x, by, slope, dx, rows, stride, a, b, c);
}

// A function that is compiled for several processors can't be a template.
#define KERNELS(T)                                                                                                       \
  FOR_EACH_CPU void moments(const T* x, int64_t rows, int64_t stride, float* mean, float* squares) {                     \
    moments_(x, rows, stride, mean, squares);                                                                            \
  }                                                                                                                      \
  FOR_EACH_CPU void apply(const T* x, const T* other, T* y, bool rectify, int64_t rows, int64_t stride,                  \
                          const float* scale, const float* shift) {                                                      \
    apply_(x, other, y, rectify, rows, stride, scale, shift);                                                            \
  }                                                                                                                      \
  FOR_EACH_CPU void reduce(const T* x, const Rectified<T>& by, const T* slope, T* behind, int64_t rows, int64_t stride,   \
                           const float* mean, float* sums, float* products) {                                            \
    reduce_(x, by, slope, behind, rows, stride, mean, sums, products);                                                    \
  }                                                                                                                      \
  FOR_EACH_CPU void slopes(const T* x, const Rectified<T>& by, const T* slope, T* dx, int64_t rows, int64_t stride,      \
                           const float* a, const float* b, const float* c) {                                             \
    slope_(x, by, slope, dx, rows, stride, a, b, c);                                                                      \
  }
KERNELS(uint16_t)
KERNELS(float)

// ---- a whole batch ------------------------------------------------------------------------------------------------

// How a batch of pictures is taken to pieces.
struct Plan {
  int64_t channels, width, rows, rows_of_piece, pieces;

  explicit Plan(const Tensor& x)
      : channels(x.size(1)),
        width(std::max(channels, LANES)),
        rows(x.numel() / width),
        rows_of_piece(std::max<int64_t>(1, PIECE / width)),
        pieces((rows + rows_of_piece - 1) / rows_of_piece) {}

  // Values of a channel.
  double count() const { return static_cast<double>(rows * (width / channels)); }

  // Calls `work(piece, first number, rows of it)` for all pieces, and all LANES of their rows.
  template <class Work>
  void each(const Work& work) const {
    ::each(pieces, [&](int64_t piece) {
      const int64_t first = piece * rows_of_piece, count = std::min(rows_of_piece, rows - first);
      for (int64_t lane = 0; lane < width; lane += LANES) work(piece, first * width + lane, lane, count);
    });
  }

  // Values of the channels, once for each place of a row.
  template <class Values>
  std::vector<float> spread(const Values& values) const {
    std::vector<float> all(width);
    for (int64_t j = 0; j < width; ++j) all[j] = static_cast<float>(values[j % channels]);
    return all;
  }
};

template <class T>
const T* pointer(const Tensor& tensor) {
  return tensor.defined() ? static_cast<const T*>(tensor.const_data_ptr()) : nullptr;
}

template <class T>
T* place(Tensor& tensor) {
  return tensor.defined() ? static_cast<T*>(tensor.mutable_data_ptr()) : nullptr;
}

// A place in a tensor that may be absent.
template <class T>
T* further(T* pointer, int64_t at) {
  return pointer ? pointer + at : nullptr;
}

// Mean and mean square deviation of each channel (Chan et al. 1979: the pieces' own, put together).
template <class T>
void statistics(const Plan& plan, const T* x, std::vector<double>& mean, std::vector<double>& variance) {
  std::vector<float> means(plan.pieces * plan.width), squares(plan.pieces * plan.width);
  plan.each([&](int64_t piece, int64_t at, int64_t lane, int64_t rows) {
    const int64_t to = piece * plan.width + lane;
    moments(x + at, rows, plan.width, &means[to], &squares[to]);
  });
  mean.assign(plan.channels, 0);
  variance.assign(plan.channels, 0);
  std::vector<double> seen(plan.channels, 0);
  for (int64_t piece = 0; piece < plan.pieces; ++piece) {
    const auto rows = static_cast<double>(std::min(plan.rows_of_piece, plan.rows - piece * plan.rows_of_piece));
    for (int64_t j = 0; j < plan.width; ++j) {
      const int64_t c = j % plan.channels, from = piece * plan.width + j;
      const double apart = means[from] - mean[c], all = seen[c] + rows;
      mean[c] += apart * rows / all;
      variance[c] += squares[from] + apart * apart * seen[c] * rows / all;
      seen[c] = all;
    }
  }
  for (auto& value : variance) value /= plan.count();
}

struct Settings {
  bool training, rectify;
  double momentum, epsilon;
};

// What a norm did, a row of each: the mean, one over the deviation, and the factor and summand that x met.
struct Done {
  float *mean, *inverse, *scale, *shift;

  explicit Done(const Tensor& rows) {
    const int64_t channels = rows.size(1);
    mean = static_cast<float*>(rows.mutable_data_ptr());
    inverse = mean + channels, scale = inverse + channels, shift = scale + channels;
  }
};

template <class T>
void forward(const Tensor& x, const Tensor& other, const float* weight, const float* bias, float* running_mean,
             float* running_variance, const Settings& settings, Tensor& y, const Done& done) {
  const Plan plan(x);
  std::vector<double> middle(running_mean, running_mean + plan.channels);
  std::vector<double> variance(running_variance, running_variance + plan.channels);
  if (settings.training) {
    statistics(plan, pointer<T>(x), middle, variance);
    const double unbiased = plan.count() / std::max(plan.count() - 1, 1.0), share = settings.momentum;
    for (int64_t c = 0; c < plan.channels; ++c) {
      running_mean[c] = static_cast<float>((1 - share) * running_mean[c] + share * middle[c]);
      running_variance[c] = static_cast<float>((1 - share) * running_variance[c] + share * variance[c] * unbiased);
    }
  }
  for (int64_t c = 0; c < plan.channels; ++c) {
    const double over = 1 / std::sqrt(variance[c] + settings.epsilon), scale = weight[c] * over;
    done.mean[c] = static_cast<float>(middle[c]);
    done.inverse[c] = static_cast<float>(over);
    done.scale[c] = static_cast<float>(scale);
    done.shift[c] = static_cast<float>(bias[c] - middle[c] * scale);
  }
  const auto a = plan.spread(done.scale), b = plan.spread(done.shift);
  const T *from = pointer<T>(x), *added = pointer<T>(other);
  T* to = place<T>(y);
  plan.each([&](int64_t, int64_t at, int64_t lane, int64_t rows) {
    apply(from + at, further(added, at), to + at, settings.rectify, rows, plan.width, &a[lane], &b[lane]);
  });
}

// The gradient by x, by the scale and by the shift (Ioffe and Szegedy 2015, section 3); `behind`, where it is defined,
// takes that behind the rectifier, which is the gradient by what was added. Without y a rectifier's work is done again.
template <class T>
void backward(const Tensor& x, const Tensor& y, bool rectified, const Tensor& slope, const float* weight, const Done& done,
              Tensor& behind, Tensor& dx, float* by_scale, float* by_shift) {
  const Plan plan(x);
  const auto middle = plan.spread(done.mean), scale = plan.spread(done.scale), shift = plan.spread(done.shift);
  const bool again = rectified && !y.defined();
  const Rectified<T> by{pointer<T>(y), again ? scale.data() : nullptr, again ? shift.data() : nullptr};
  std::vector<float> sums(plan.pieces * plan.width), products(plan.pieces * plan.width);
  const T *input = pointer<T>(x), *g = pointer<T>(slope);
  T *kept = place<T>(behind), *to = place<T>(dx);
  plan.each([&](int64_t piece, int64_t at, int64_t lane, int64_t rows) {
    const int64_t place = piece * plan.width + lane;
    reduce(input + at, by.at(at, lane), g + at, further(kept, at), rows, plan.width, &middle[lane], &sums[place],
           &products[place]);
  });
  std::vector<double> sum(plan.channels, 0), product(plan.channels, 0);
  for (size_t k = 0; k < sums.size(); ++k) {
    sum[k % plan.channels] += sums[k];
    product[k % plan.channels] += products[k];
  }
  std::vector<double> a(plan.channels), b(plan.channels), c(plan.channels);
  for (int64_t k = 0; k < plan.channels; ++k) {
    const double over = done.inverse[k];
    by_scale[k] = static_cast<float>(product[k] * over);
    by_shift[k] = static_cast<float>(sum[k]);
    a[k] = weight[k] * over;
    b[k] = -a[k] * over * over * product[k] / plan.count();
    c[k] = -a[k] * sum[k] / plan.count() - b[k] * done.mean[k];
  }
  const auto with_g = plan.spread(a), with_x = plan.spread(b), alone = plan.spread(c);
  // What is kept needs no second look at the rectifier.
  const T* now = kept ? kept : g;
  plan.each([&](int64_t, int64_t at, int64_t lane, int64_t rows) {
    slopes(input + at, by.at(at, lane), now + at, to + at, rows, plan.width, &with_g[lane], &with_x[lane], &alone[lane]);
  });
}

struct Norm : torch::autograd::Function<Norm> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight, const Tensor& bias,
                        const std::optional<Tensor>& added, Tensor running_mean, Tensor running_variance,
                        Settings settings) {
    const auto other = added.value_or(Tensor());
    auto y = at::empty_like(x);
    const auto done = at::empty({4, x.size(1)}, weight.options());
    const auto run = x.scalar_type() == at::kFloat ? ::forward<float> : ::forward<uint16_t>;
    run(x, other, pointer<float>(weight), pointer<float>(bias), place<float>(running_mean), place<float>(running_variance),
        settings, y, Done(done));
    context->save_for_backward({x, other.defined() ? y : Tensor(), weight, done});
    context->saved_data["rectified"] = settings.rectify;
    context->saved_data["training"] = settings.training;
    return y;
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list slopes) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "the gradient of a norm has none of its own");
    TORCH_CHECK(context->saved_data["training"].toBool(), "a norm by running statistics has no gradient here");
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &y = saved[1], &weight = saved[2];
    const auto slope = slopes[0].contiguous(at::MemoryFormat::ChannelsLast);
    auto dx = at::empty_like(x), behind = y.defined() ? at::empty_like(x) : Tensor();
    auto by_scale = at::empty_like(weight), by_shift = at::empty_like(weight);
    const auto run = x.scalar_type() == at::kFloat ? ::backward<float> : ::backward<uint16_t>;
    run(x, y, context->saved_data["rectified"].toBool(), slope, pointer<float>(weight), Done(saved[3]), behind, dx,
        place<float>(by_scale), place<float>(by_shift));
    return {dx, by_scale, by_shift, behind, Tensor(), Tensor(), Tensor()};
  }
};

// From the start of the program cuDNN takes only algorithms that give the same bits every time, chosen by rules and not by a
// race: the same seed trains the same network. tch has no way to ask for it. The gradient of the pooling in `stem = "imagenet"` is
// not among what this decides.
[[maybe_unused]] const bool repeats = [] {
  at::globalContext().setDeterministicCuDNN(true);
  return true;
}();

}  // namespace

// The batch norm of `x`; with `other` added where there is one; rectified after an addition and where that is asked for. A new
// tensor that the caller owns. Where it can't be had: null, and why in `message`, of 256 bytes.
//
// `x` and `other`: fp32 or bf16, [n, C, h, w], channels last, on the CPU; C divides 64 or is a multiple of it, the whole
// is a multiple of 64. The others: [C], fp32, contiguous. In training the running statistics move by `momentum`.
extern "C" Tensor* mocolab_norm(const Tensor* x, const Tensor* const* vectors, const Tensor* other, bool training,
                                bool rectify, double momentum, double epsilon, char* message) {
  try {
    const Settings settings{training, rectify || other, momentum, epsilon};
    return new Tensor(
        Norm::apply(*x, *vectors[0], *vectors[1], other ? std::optional<Tensor>(*other) : std::nullopt, *vectors[2], *vectors[3],
                    settings));
  } catch (const std::exception& error) {
    std::snprintf(message, 256, "%s", error.what());
    return nullptr;
  }
}
