// Memory that a training gives back is kept for its next step, which wants as much. What the system is asked for anew it hands out
// zeroed, page by page, and that took a tenth of a ResNet-18's step.

#include <cstdlib>
#include <cstring>
#include <initializer_list>

#ifdef __GLIBC__
#include <malloc.h>
#endif

// To be called before there are other threads. One arena, since those of single threads can't hold a whole tensor and go back to the
// system when they are empty. Who has settings of their own for it keeps them.
extern "C" void mocolab_keep_memory() {
#ifdef __GLIBC__
  const char* tunables = std::getenv("GLIBC_TUNABLES");
  if (tunables && std::strstr(tunables, "glibc.malloc")) return;
  for (const char* own : {"MALLOC_ARENA_MAX", "MALLOC_MMAP_MAX_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_"})
    if (std::getenv(own)) return;
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}
