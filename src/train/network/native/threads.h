// What the trainer's C++ files share: libtorch's own threads, and words of the compiler.

#pragma once

#include <ATen/Parallel.h>

#include <dlfcn.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <mutex>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_CPU
#endif
#define INLINED inline __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 8")

namespace {

using Region = void (*)(void (*)(void*), void*, unsigned, unsigned);

// libtorch's own pool of threads. Another one beside it would fight it for the cores; and a link to it would tie this
// program to one build of libtorch, whose file bears another name in each.
Region region() {
  static const auto found = reinterpret_cast<Region>(dlsym(RTLD_DEFAULT, "GOMP_parallel"));
  return found;
}

// Does `work(k)` for each k below `count`, on as many threads as libtorch uses. What one of them throws, the caller gets.
template <class Work>
void each(int64_t count, const Work& work) {
  struct Shared {
    const Work& work;
    int64_t count;
    std::atomic<int64_t> next{0};
    std::once_flag first{};
    std::exception_ptr thrown{};
  } shared{work, count};
  const auto run = [](void* pointer) {
    auto& shared = *static_cast<Shared*>(pointer);
    try {
      for (int64_t k; (k = shared.next.fetch_add(1, std::memory_order_relaxed)) < shared.count;) shared.work(k);
    } catch (...) {
      shared.next = shared.count;
      std::call_once(shared.first, [&] { shared.thrown = std::current_exception(); });
    }
  };
  const auto threads = std::min<int64_t>(at::get_num_threads(), count);
  if (threads < 2 || at::in_parallel_region() || region() == nullptr) {
    run(&shared);
  } else {
    // 0: as many as libtorch uses; GOMP holds its threads ready for one number of them only
    region()(run, &shared, 0, 0);
  }
  if (shared.thrown) std::rethrow_exception(shared.thrown);
}

}  // namespace
