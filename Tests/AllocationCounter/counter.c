#include "AllocationCounter.h"

#include <stdatomic.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static atomic_uint_fast64_t total;
static _Thread_local int is_thread_counted;

uint64_t allocation_counter_total(void) { return atomic_load(&total); }

void allocation_counter_count_thread(int is_counted) { is_thread_counted = is_counted; }

#ifdef SANITIZED

int allocation_counter_is_in_force(void) { return 0; }

#else

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *block, size_t size);

static void count(void) {
  if (is_thread_counted) {
    atomic_fetch_add_explicit(&total, 1, memory_order_relaxed);
  }
}

void *malloc(size_t size) {
  count();
  return __libc_malloc(size);
}

void *calloc(size_t number, size_t size) {
  count();
  return __libc_calloc(number, size);
}

void *realloc(void *block, size_t size) {
  count();
  return __libc_realloc(block, size);
}

int allocation_counter_is_in_force(void) { return 1; }

#endif
