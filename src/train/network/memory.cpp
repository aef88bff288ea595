// Memory that a training gives back is kept for its next step, which wants as much. What the system is asked for anew it hands out
// zeroed, page by page, and that took a tenth of a ResNet-18's step.

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

// To be called before there are other threads. One arena, since those of single threads can't hold a whole tensor and go back to the
// system when they are empty. Who has settings of their own for it keeps them.
extern "C" void mocolab_keep_memory() {
#ifdef __GLIBC__
  if (std::getenv("GLIBC_TUNABLES")) return;
  mallopt(M_ARENA_MAX, 1);
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, -1);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
}
