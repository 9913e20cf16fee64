#ifndef SCALED_STORAGE_ALLOCATION_COUNTER_H
#define SCALED_STORAGE_ALLOCATION_COUNTER_H

#include <stdint.h>

/* Linked into an executable, its definitions of malloc, calloc and realloc stand before those of
   the C library, for every library of the process: they count, and pass on. */

/* Blocks allocated so far by the threads that are counted. */
uint64_t allocation_counter_total(void);

/* Whether what the calling thread allocates counts from here on. */
void allocation_counter_count_thread(int is_counted);

/* Whether the definitions here are those in force. Sanitizers bring their own. */
int allocation_counter_is_in_force(void);

#endif
