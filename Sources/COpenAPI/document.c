#include "COpenAPI.h"

// C23 has the directive; the compiler knows it in earlier versions of C, and says so.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char document[] = {
#embed "../../openapi/scaled-storage.json"
};

const unsigned char *openapi_document(size_t *count) {
  *count = sizeof document;
  return document;
}
