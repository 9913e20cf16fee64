#include "CWasmtime.h"

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

_Static_assert(sizeof(wasmtime_extern) == 32, "as in Wasmtime's extern.h");
_Static_assert(sizeof(wasmtime_val_raw) == 16, "as in Wasmtime's val.h");
_Static_assert(sizeof(wasmtime_memory) == 24, "as in Wasmtime's extern.h");
_Static_assert(sizeof(wasmtime_func) == 16, "as in Wasmtime's extern.h");
_Static_assert(sizeof(wasmtime_instance) == 16, "as in Wasmtime's instance.h");
_Static_assert(sizeof(void (*)(void)) == sizeof(void *), "dlsym gives functions as pointers");

const wasmtime_library *wasmtime_library_open(const char *path, char *reason, size_t count) {
  void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == NULL) {
    const char *error = dlerror();
    snprintf(reason, count, "%s", error == NULL ? "it cannot be opened" : error);
    return NULL;
  }
  wasmtime_library *library = calloc(1, sizeof(wasmtime_library));
  if (library == NULL) {
    snprintf(reason, count, "there is no memory");
    dlclose(handle);
    return NULL;
  }
#define WASMTIME_FIND(result, name, parameters)                        \
  *(void **)&library->name = dlsym(handle, #name);                     \
  if (*(void **)&library->name == NULL) {                              \
    snprintf(reason, count, "it has no function %s: it is of another version", #name); \
    free(library);                                                     \
    dlclose(handle);                                                   \
    return NULL;                                                       \
  }
  WASMTIME_FUNCTIONS(WASMTIME_FIND)
#undef WASMTIME_FIND
  return library;
}
