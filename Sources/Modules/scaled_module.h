// What a module of ScaledStorage in C needs around its methods: the imports, the arguments of a
// call, the value under its key, and answers. It allocates nothing. Build a module with
//
//   clang --target=wasm32 -O2 -nostdlib -Wl,--no-entry -Wl,--stack-first -o my.wasm my.c
//
// A method is a function without parameters:
//
//   SCALED_UPDATE(add) {
//     struct scaled_call call = scaled_begin();
//     scaled_key(&call, 0, 0);
//     uint64_t sum = scaled_value_nat64() + scaled_nat64(&call);
//     scaled_value_write_nat64(sum);
//     scaled_reply_nat64(sum);
//   }
//
// Arguments that are not as the method reads them end the call by a trap that tells why; nothing
// is stored for it. To answer a rejection instead, call msg_reject and return.

#ifndef SCALED_MODULE_H
#define SCALED_MODULE_H

#include <stdint.h>

#define SCALED_IMPORT(module, name) \
  __attribute__((import_module(module), import_name(name))) extern
#define SCALED_EXPORT(kind, name) \
  __attribute__((export_name(kind " " #name))) void scaled_method_##name(void)
#define SCALED_UPDATE(name) SCALED_EXPORT("canister_update", name)
#define SCALED_QUERY(name) SCALED_EXPORT("canister_query", name)

SCALED_IMPORT("ic0", "msg_arg_data_size") uint32_t msg_arg_data_size(void);
SCALED_IMPORT("ic0", "msg_arg_data_copy") void msg_arg_data_copy(void *, uint32_t, uint32_t);
SCALED_IMPORT("ic0", "msg_reply_data_append") void msg_reply_data_append(const void *, uint32_t);
SCALED_IMPORT("ic0", "msg_reply") void msg_reply(void);
SCALED_IMPORT("ic0", "msg_reject") void msg_reject(const void *, uint32_t);
SCALED_IMPORT("ic0", "msg_caller_size") uint32_t msg_caller_size(void);
SCALED_IMPORT("ic0", "msg_caller_copy") void msg_caller_copy(void *, uint32_t, uint32_t);
SCALED_IMPORT("ic0", "canister_self_size") uint32_t canister_self_size(void);
SCALED_IMPORT("ic0", "canister_self_copy") void canister_self_copy(void *, uint32_t, uint32_t);
SCALED_IMPORT("ic0", "time") uint64_t ic0_time(void);
SCALED_IMPORT("ic0", "performance_counter") uint64_t performance_counter(uint32_t);
SCALED_IMPORT("ic0", "debug_print") void debug_print(const void *, uint32_t);
SCALED_IMPORT("ic0", "trap") void ic0_trap(const void *, uint32_t);

// The size of the value under the key, -1 where there is none.
SCALED_IMPORT("scaled", "value_size") int32_t value_size(void);
// Copies `size` bytes of the value from `offset` on; traps beyond its end.
SCALED_IMPORT("scaled", "value_copy") void value_copy(void *, uint32_t offset, uint32_t size);
// Both take effect when the call succeeds, and trap in a query.
SCALED_IMPORT("scaled", "value_set") void value_set(const void *, uint32_t size);
SCALED_IMPORT("scaled", "value_delete") void value_delete(void);

// Ends the call without an effect and gives up the module's memory. The text is a literal.
#define SCALED_TRAP(text) \
  do { \
    ic0_trap(text, sizeof(text) - 1); \
    __builtin_trap(); \
  } while (0)

// The arguments of a call, read one after the other. The message itself stays with the node; a
// read copies its part, and the node traps a copy from beyond the end.
struct scaled_call {
  uint32_t types;
  uint32_t values;
  uint32_t remaining;
  // The types of the message's table that are blobs, one bit each.
  uint64_t blobs;
};

static inline uint8_t scaled_byte(uint32_t *position) {
  uint8_t byte;
  msg_arg_data_copy(&byte, (*position)++, 1);
  return byte;
}

// An unsigned number in LEB128, of at most 32 bits.
static inline uint32_t scaled_unsigned(uint32_t *position) {
  uint64_t number = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    uint8_t byte = scaled_byte(position);
    number |= (uint64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) {
      if (number > UINT32_MAX) break;
      return (uint32_t)number;
    }
  }
  SCALED_TRAP("the arguments have a number of more than 32 bits");
}

// A type: a signed number in LEB128, of at most 35 bits.
static inline int64_t scaled_type(uint32_t *position) {
  int64_t number = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    uint8_t byte = scaled_byte(position);
    number |= (int64_t)(byte & 0x7f) << shift;
    if (byte < 0x80) return byte & 0x40 ? number - ((int64_t)1 << (shift + 7)) : number;
  }
  SCALED_TRAP("the arguments name a type that is none");
}

// Begins with the first argument.
static inline struct scaled_call scaled_begin(void) {
  struct scaled_call call = {4, 0, 0, 0};
  char magic[4];
  msg_arg_data_copy(magic, 0, 4);
  if (magic[0] != 'D' || magic[1] != 'I' || magic[2] != 'D' || magic[3] != 'L')
    SCALED_TRAP("the arguments are no Candid message");
  uint32_t count = scaled_unsigned(&call.types);
  if (count > 64) SCALED_TRAP("the arguments have more than 64 types");
  for (uint32_t index = 0; index < count; index++) {
    int64_t constructor = scaled_type(&call.types);
    if (constructor == -18 || constructor == -19) {  // opt, vec
      int64_t element = scaled_type(&call.types);
      if (constructor == -19 && element == -5) call.blobs |= (uint64_t)1 << index;
    } else if (constructor == -20 || constructor == -21) {  // record, variant
      for (uint32_t fields = scaled_unsigned(&call.types); fields > 0; fields--) {
        scaled_unsigned(&call.types);
        scaled_type(&call.types);
      }
    } else {
      SCALED_TRAP("the arguments have a type that this module does not read");
    }
  }
  call.remaining = scaled_unsigned(&call.types);
  call.values = call.types;
  for (uint32_t index = 0; index < call.remaining; index++) scaled_type(&call.values);
  return call;
}

static inline int64_t scaled_next(struct scaled_call *call) {
  if (call->remaining == 0) SCALED_TRAP("an argument is missing");
  call->remaining--;
  return scaled_type(&call->types);
}

static inline int scaled_is_blob(struct scaled_call *call, int64_t type) {
  return type >= 0 && type < 64 && (call->blobs >> type & 1);
}

// Passes over the key, a text or blob, and copies as much of it as there is room for. Returns its
// length, which may exceed `room`.
static inline uint32_t scaled_key(struct scaled_call *call, void *bytes, uint32_t room) {
  int64_t type = scaled_next(call);
  if (type != -15 && !scaled_is_blob(call, type)) SCALED_TRAP("an argument must be text or blob");
  uint32_t length = scaled_unsigned(&call->values);
  if (length > msg_arg_data_size() - call->values) SCALED_TRAP("the arguments are cut off");
  if (room > 0) msg_arg_data_copy(bytes, call->values, length < room ? length : room);
  call->values += length;
  return length;
}

static inline uint64_t scaled_nat64(struct scaled_call *call) {
  if (scaled_next(call) != -8) SCALED_TRAP("an argument must be nat64");
  uint64_t number;
  msg_arg_data_copy(&number, call->values, 8);
  call->values += 8;
  return number;
}

// A value of 8 bytes, the lowest first; 0 where there is none.
static inline uint64_t scaled_value_nat64(void) {
  int32_t size = value_size();
  if (size < 0) return 0;
  if (size != 8) SCALED_TRAP("the value under this key is no number of 8 bytes");
  uint64_t number;
  value_copy(&number, 0, 8);
  return number;
}

static inline void scaled_value_write_nat64(uint64_t number) { value_set(&number, 8); }

static inline void scaled_reply_nothing(void) {
  msg_reply_data_append("DIDL\0\0", 6);
  msg_reply();
}

static inline void scaled_reply_nat64(uint64_t number) {
  msg_reply_data_append("DIDL\0\1\x78", 7);
  msg_reply_data_append(&number, 8);
  msg_reply();
}

#endif
