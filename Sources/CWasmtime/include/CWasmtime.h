/* The part of Wasmtime's C interface that is used here, declared anew: the library is opened at run
 * time and comes without headers. Names, arguments and sizes are those of Wasmtime 50; the comments
 * tell what this project relies on. */
#ifndef SCALED_STORAGE_CWASMTIME_H
#define SCALED_STORAGE_CWASMTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct wasm_config wasm_config;
typedef struct wasm_engine wasm_engine;
typedef struct wasm_functype wasm_functype;
typedef struct wasm_valtype wasm_valtype;
typedef struct wasm_importtype wasm_importtype;
typedef struct wasm_exporttype wasm_exporttype;
typedef struct wasm_externtype wasm_externtype;
typedef struct wasm_trap wasm_trap;
typedef struct wasmtime_error wasmtime_error;
typedef struct wasmtime_module wasmtime_module;
typedef struct wasmtime_linker wasmtime_linker;
typedef struct wasmtime_store wasmtime_store;
typedef struct wasmtime_context wasmtime_context;
typedef struct wasmtime_caller wasmtime_caller;
typedef struct wasmtime_instance_pre wasmtime_instance_pre;

typedef struct wasm_byte_vec {
  size_t size;
  uint8_t * data;
} wasm_byte_vec;

typedef struct wasm_valtype_vec {
  size_t size;
  wasm_valtype ** data;
} wasm_valtype_vec;

typedef struct wasm_importtype_vec {
  size_t size;
  wasm_importtype ** data;
} wasm_importtype_vec;

typedef struct wasm_exporttype_vec {
  size_t size;
  wasm_exporttype ** data;
} wasm_exporttype_vec;

/* Kinds of values and of externs, and the codes of traps that are told apart. */
enum { WASM_I32 = 0, WASM_I64 = 1 };
enum { WASM_EXTERN_FUNC = 0, WASM_EXTERN_MEMORY = 3 };
enum {
  WASMTIME_TRAP_STACK_OVERFLOW = 0,
  WASMTIME_TRAP_MEMORY_OUT_OF_BOUNDS = 1,
  WASMTIME_TRAP_TABLE_OUT_OF_BOUNDS = 3,
  WASMTIME_TRAP_INDIRECT_CALL_TO_NULL = 4,
  WASMTIME_TRAP_BAD_SIGNATURE = 5,
  WASMTIME_TRAP_INTEGER_OVERFLOW = 6,
  WASMTIME_TRAP_DIVISION_BY_ZERO = 7,
  WASMTIME_TRAP_BAD_CONVERSION = 8,
  WASMTIME_TRAP_UNREACHABLE = 9,
  WASMTIME_TRAP_INTERRUPT = 10,
  WASMTIME_TRAP_OUT_OF_FUEL = 11,
};

/* A function, memory or instance of one store; its use with another store ends the process. */
typedef struct wasmtime_func {
  uint64_t store;
  void * item;
} wasmtime_func;

typedef struct wasmtime_memory {
  struct {
    uint64_t store;
    uint32_t item;
  } place;
  uint32_t index;
} wasmtime_memory;

typedef struct wasmtime_instance {
  uint64_t store;
  size_t item;
} wasmtime_instance;

typedef struct wasmtime_extern {
  uint8_t kind;
  union {
    wasmtime_func func;
    wasmtime_memory memory;
    uint64_t words[3];
  } of;
} wasmtime_extern;

/* An argument or a result of an unchecked call; the callee knows its type. */
typedef union wasmtime_val_raw {
  int32_t i32;
  int64_t i64;
  _Alignas(8) uint8_t bytes[16];
} wasmtime_val_raw;

/* A function of the host: it may read and write `values`, and returns a trap or NULL. */
typedef wasm_trap * (*wasmtime_callback)(
    void * environment, wasmtime_caller *caller, wasmtime_val_raw *values, size_t count);
typedef void (*wasmtime_finalizer)(void *);

#define WASMTIME_FUNCTIONS(X)                                                                      \
  X(wasm_config *, wasm_config_new, (void))                                                        \
  X(wasm_engine *, wasm_engine_new_with_config, (wasm_config *))                                   \
  X(void, wasm_engine_delete, (wasm_engine *))                                                     \
  X(void, wasmtime_config_consume_fuel_set, (wasm_config *, bool))                                 \
  X(void, wasmtime_config_epoch_interruption_set, (wasm_config *, bool))                           \
  X(void, wasmtime_config_max_wasm_stack_set, (wasm_config *, size_t))                             \
  X(void, wasmtime_config_parallel_compilation_set, (wasm_config *, bool))                         \
  X(void, wasmtime_config_cranelift_nan_canonicalization_set, (wasm_config *, bool))               \
  X(void, wasmtime_config_wasm_threads_set, (wasm_config *, bool))                                 \
  X(void, wasmtime_config_shared_memory_set, (wasm_config *, bool))                                \
  X(void, wasmtime_config_wasm_gc_set, (wasm_config *, bool))                                      \
  X(void, wasmtime_config_wasm_function_references_set, (wasm_config *, bool))                     \
  X(void, wasmtime_config_wasm_memory64_set, (wasm_config *, bool))                                \
  X(void, wasmtime_config_wasm_multi_memory_set, (wasm_config *, bool))                            \
  X(void, wasmtime_config_wasm_relaxed_simd_set, (wasm_config *, bool))                            \
  X(void, wasmtime_config_wasm_exceptions_set, (wasm_config *, bool))                              \
  X(void, wasmtime_config_wasm_stack_switching_set, (wasm_config *, bool))                         \
  X(void, wasmtime_config_wasm_custom_page_sizes_set, (wasm_config *, bool))                       \
  X(void, wasmtime_config_wasm_wide_arithmetic_set, (wasm_config *, bool))                         \
  X(void, wasmtime_config_wasm_component_model_set, (wasm_config *, bool))                         \
  X(wasmtime_error *, wasmtime_module_new,                                                         \
    (wasm_engine *, const uint8_t *, size_t, wasmtime_module **))                                 \
  X(void, wasmtime_module_delete, (wasmtime_module *))                                             \
  X(void, wasmtime_module_imports, (const wasmtime_module *, wasm_importtype_vec *))               \
  X(void, wasmtime_module_exports, (const wasmtime_module *, wasm_exporttype_vec *))               \
  X(void, wasm_importtype_vec_delete, (wasm_importtype_vec *))                                     \
  X(void, wasm_exporttype_vec_delete, (wasm_exporttype_vec *))                                     \
  X(const wasm_byte_vec *, wasm_importtype_module, (const wasm_importtype *))                      \
  X(const wasm_byte_vec *, wasm_importtype_name, (const wasm_importtype *))                        \
  X(const wasm_externtype *, wasm_importtype_type, (const wasm_importtype *))                      \
  X(const wasm_byte_vec *, wasm_exporttype_name, (const wasm_exporttype *))                        \
  X(const wasm_externtype *, wasm_exporttype_type, (const wasm_exporttype *))                      \
  X(uint8_t, wasm_externtype_kind, (const wasm_externtype *))                                      \
  X(const wasm_functype *, wasm_externtype_as_functype_const, (const wasm_externtype *))           \
  X(const wasm_valtype_vec *, wasm_functype_params, (const wasm_functype *))                       \
  X(const wasm_valtype_vec *, wasm_functype_results, (const wasm_functype *))                      \
  X(uint8_t, wasm_valtype_kind, (const wasm_valtype *))                                            \
  X(wasm_valtype *, wasm_valtype_new, (uint8_t))                                                   \
  X(void, wasm_valtype_vec_new,                                                                    \
    (wasm_valtype_vec *, size_t, wasm_valtype **))                                                \
  X(wasm_functype *, wasm_functype_new, (wasm_valtype_vec *, wasm_valtype_vec *))                  \
  X(void, wasm_functype_delete, (wasm_functype *))                                                 \
  X(wasmtime_linker *, wasmtime_linker_new, (wasm_engine *))                                       \
  X(void, wasmtime_linker_delete, (wasmtime_linker *))                                             \
  X(wasmtime_error *, wasmtime_linker_define_func_unchecked,                                       \
    (wasmtime_linker *, const char *, size_t, const char *, size_t, const wasm_functype *,         \
     wasmtime_callback, void *, wasmtime_finalizer))                                               \
  X(wasmtime_error *, wasmtime_linker_define_unknown_imports_as_traps,                             \
    (wasmtime_linker *, wasmtime_module *))                                                        \
  X(wasmtime_error *, wasmtime_linker_instantiate_pre,                                             \
    (const wasmtime_linker *, const wasmtime_module *, wasmtime_instance_pre **))                 \
  X(void, wasmtime_instance_pre_delete, (wasmtime_instance_pre *))                                 \
  X(wasmtime_error *, wasmtime_instance_pre_instantiate,                                           \
    (const wasmtime_instance_pre *, wasmtime_context *, wasmtime_instance *,                       \
     wasm_trap **))                                                                               \
  X(wasmtime_store *, wasmtime_store_new,                                                          \
    (wasm_engine *, void *, wasmtime_finalizer))                                                   \
  X(void, wasmtime_store_delete, (wasmtime_store *))                                               \
  X(wasmtime_context *, wasmtime_caller_context, (wasmtime_caller *))                              \
  X(wasmtime_context *, wasmtime_store_context, (wasmtime_store *))                                \
  X(void, wasmtime_store_limiter, (wasmtime_store *, int64_t, int64_t, int64_t, int64_t, int64_t)) \
  X(wasmtime_error *, wasmtime_context_set_fuel, (wasmtime_context *, uint64_t))                   \
  X(wasmtime_error *, wasmtime_context_get_fuel, (wasmtime_context *, uint64_t *))                 \
  X(void, wasmtime_context_set_epoch_deadline, (wasmtime_context *, uint64_t))                     \
  X(void, wasmtime_engine_increment_epoch, (wasm_engine *))                                        \
  X(bool, wasmtime_instance_export_get,                                                            \
    (wasmtime_context *, const wasmtime_instance *, const char *, size_t, wasmtime_extern *))      \
  X(wasmtime_error *, wasmtime_func_call_unchecked,                                                \
    (wasmtime_context *, const wasmtime_func *, wasmtime_val_raw *, size_t,                        \
     wasm_trap **))                                                                               \
  X(uint8_t *, wasmtime_memory_data, (wasmtime_context *, const wasmtime_memory *))                \
  X(size_t, wasmtime_memory_data_size, (wasmtime_context *, const wasmtime_memory *))              \
  X(wasm_trap *, wasmtime_trap_new, (const char *, size_t))                                        \
  X(wasm_trap *, wasmtime_trap_new_code, (uint8_t))                                                \
  X(bool, wasmtime_trap_code, (const wasm_trap *, uint8_t *))                                      \
  X(void, wasm_trap_message, (const wasm_trap *, wasm_byte_vec *))                                 \
  X(void, wasm_trap_delete, (wasm_trap *))                                                         \
  X(void, wasmtime_error_message, (const wasmtime_error *, wasm_byte_vec *))                       \
  X(void, wasmtime_error_delete, (wasmtime_error *))                                               \
  X(void, wasm_byte_vec_delete, (wasm_byte_vec *))                                                 \
  X(wasmtime_error *, wasmtime_wat2wasm, (const char *, size_t, wasm_byte_vec *))

/* The functions of an opened library, each under its own name. */
typedef struct wasmtime_library {
#define WASMTIME_MEMBER(result, name, parameters) result(*name) parameters;
  WASMTIME_FUNCTIONS(WASMTIME_MEMBER)
#undef WASMTIME_MEMBER
} wasmtime_library;

/* Opens the library at `path`, for as long as the process lives. On failure it returns NULL and
 * writes the reason, with its terminating zero, to `reason`, which has room for `count` bytes. */
const wasmtime_library * wasmtime_library_open(
    const char *path, char *reason, size_t count);

#endif
