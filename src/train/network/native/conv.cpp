// Convolutions on the CPU with gradients of their own: in fp32 by Winograd's tiles (`winograd.cpp`), in bf16 by the processor's
// matrix tiles (`amx.cpp`). libtorch spends almost all of a residual network's step in its own.

#include "conv.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <torch/csrc/autograd/custom_function.h>

#include <array>
#include <cstdio>
#include <exception>

namespace {

using at::Tensor;

Convolution convolution(const Tensor& x, const Tensor& weight, int64_t stride) {
  return {x.size(0), x.size(2), x.size(3), x.size(1), weight.size(0), weight.size(2), stride};
}

template <class T>
const T* read(const Tensor& tensor) { return static_cast<const T*>(tensor.const_data_ptr()); }
template <class T>
T* write(Tensor& tensor) { return static_cast<T*>(tensor.mutable_data_ptr()); }

template <class T>
Tensor forward(const Tensor& x, const Tensor& weight, const Convolution& of) {
  auto y = at::empty({of.n, of.outputs, of.h / of.stride, of.w / of.stride}, x.options(), at::MemoryFormat::ChannelsLast);
  output(of, read<T>(x), read<T>(weight), write<T>(y));
  return y;
}

// The gradients by x and by the weights, those that are wanted.
template <class T>
std::array<Tensor, 2> backward(const Tensor& x, const Tensor& weight, const Tensor& slope, const Convolution& of,
                               std::array<bool, 2> wanted) {
  Tensor dx, dg;
  if (wanted[0]) by_input(of, read<T>(slope), read<T>(weight), write<T>(dx = at::empty_like(x)));
  if (wanted[1]) by_weight(of, read<T>(x), read<T>(slope), write<T>(dg = at::empty_like(weight)));
  return {dx, dg};
}

struct Conv : torch::autograd::Function<Conv> {
  static Tensor forward(torch::autograd::AutogradContext* context, const Tensor& x, const Tensor& weight, int64_t stride) {
    context->save_for_backward({x, weight});
    context->saved_data["stride"] = stride;
    const auto run = x.scalar_type() == at::kFloat ? ::forward<float> : ::forward<uint16_t>;
    return run(x, weight, convolution(x, weight, stride));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list slopes) {
    TORCH_CHECK(!at::GradMode::is_enabled(), "the gradient of a convolution has none of its own");
    const auto saved = context->get_saved_variables();
    const auto &x = saved[0], &weight = saved[1];
    const auto slope = slopes[0].contiguous(at::MemoryFormat::ChannelsLast);
    const auto run = x.scalar_type() == at::kFloat ? ::backward<float> : ::backward<uint16_t>;
    const auto [dx, dg] = run(x, weight, slope, convolution(x, weight, context->saved_data["stride"].toInt()),
                              {context->needs_input_grad(0), context->needs_input_grad(1)});
    return {dx, dg, Tensor()};
  }
};

}  // namespace

// Whether convolutions in bf16 can be had.
extern "C" bool mocolab_has_tiles() { return matrix_tiles(); }

// The convolution of `x` `[n, inputs, h, w]` with `weight` `[outputs, inputs, k, k]`, padding k / 2. A new tensor that the
// caller owns. Where it can't be had: null, and why in `message`, of 256 bytes.
//
// Both channels last, on a CPU with AVX-512. In fp32: k 3, stride 1, channels multiples of 16, h and w of 4. In bf16, with matrix
// tiles: k 1 or 3, stride 1 or 2, channels multiples of 32, h and w of the stride.
extern "C" Tensor* mocolab_conv(const Tensor* x, const Tensor* weight, int64_t stride, char* message) {
  try {
    const bool full = x->scalar_type() == at::kFloat;
    TORCH_CHECK(full || (x->scalar_type() == at::kBFloat16 && matrix_tiles()), "neither in fp32 nor in bf16 with matrix tiles");
    const int64_t channels = full ? 16 : 32, sides = full ? 4 : stride, kernel = weight->size(2);
    TORCH_CHECK(x->numel() > 0 && weight->numel() > 0, "nothing to convolve");
    for (const auto* tensor : {x, weight})
      TORCH_CHECK(tensor->is_cpu() && tensor->scalar_type() == x->scalar_type() &&
                      tensor->is_contiguous(at::MemoryFormat::ChannelsLast) && tensor->size(1) % channels == 0,
                  "not in whole vectors of one kind, channels last");
    TORCH_CHECK(weight->size(0) % channels == 0 && weight->size(1) == x->size(1) && weight->size(3) == kernel,
                "no filters for these channels");
    TORCH_CHECK(full ? kernel == 3 && stride == 1 : (kernel == 3 || kernel == 1) && (stride == 1 || stride == 2),
                "no filters of such a size or stride");
    TORCH_CHECK(x->size(2) % sides == 0 && x->size(3) % sides == 0, "not in whole tiles");
    return new Tensor(Conv::apply(*x, *weight, stride));
  } catch (const std::exception& error) {
    std::snprintf(message, 256, "%s", error.what());
    return nullptr;
  }
}
