// A counter for each key: 8 bytes, the lowest first. The same as counter.swift, in C.

#include "../scaled_module.h"

SCALED_UPDATE(add) {
  struct scaled_call call = scaled_begin();
  scaled_key(&call, 0, 0);
  uint64_t sum;
  if (__builtin_add_overflow(scaled_value_nat64(), scaled_nat64(&call), &sum)) {
    static const char message[] = "the counter would exceed 64 bits";
    msg_reject(message, sizeof message - 1);
    return;
  }
  scaled_value_write_nat64(sum);
  scaled_reply_nat64(sum);
}

SCALED_QUERY(get) { scaled_reply_nat64(scaled_value_nat64()); }

SCALED_UPDATE(reset) {
  value_delete();
  scaled_reply_nothing();
}
