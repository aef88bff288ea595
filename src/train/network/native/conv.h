// What the two ways to convolve, and `conv.cpp`, which asks for one of them, have in common.

#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

// A convolution of `inputs` channels to `outputs`, with filters of kernel by kernel and padding kernel / 2. Its input has `n`
// pictures of `h` by `w`, the output of as many places as a stride leaves. Pictures lie as `[n, h, w, channels]`, filters
// as `[outputs, kernel, kernel, inputs]`.
struct Convolution {
  int64_t n, h, w, inputs, outputs, kernel, stride;
};

// Its output, and the gradients by its input and by its filters. In fp32 by `winograd.cpp`, in bf16 by `amx.cpp`; what they take,
// `conv.rs` says.
void output(const Convolution& of, const float* x, const float* weight, float* y);
void by_input(const Convolution& of, const float* slope, const float* weight, float* dx);
void by_weight(const Convolution& of, const float* x, const float* slope, float* dg);
void output(const Convolution& of, const uint16_t* x, const uint16_t* weight, uint16_t* y);
void by_input(const Convolution& of, const uint16_t* slope, const uint16_t* weight, uint16_t* dx);
void by_weight(const Convolution& of, const uint16_t* x, const uint16_t* slope, uint16_t* dg);
// Whether the processor has what those in bf16 need, and the system lets this process use it.
bool matrix_tiles();

// Memory that a thread keeps between calls: new memory has to be asked for page by page.
template <class T>
class Kept {
 public:
  T* of(int64_t numbers) {
    if (length_ < numbers) {
      numbers_.reset();
      length_ = 0;
      void* found = nullptr;
      if (posix_memalign(&found, 64, numbers * sizeof(T)) != 0) throw std::bad_alloc();
      numbers_.reset(static_cast<T*>(found));
      length_ = numbers;
    }
    return numbers_.get();
  }

 private:
  struct Free {
    void operator()(T* pointer) const { std::free(pointer); }
  };
  std::unique_ptr<T[], Free> numbers_;
  int64_t length_ = 0;
};

inline int64_t pieces(int64_t whole, int64_t piece) { return (whole + piece - 1) / piece; }
