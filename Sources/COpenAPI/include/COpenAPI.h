#ifndef COPENAPI_H
#define COPENAPI_H

#include <stddef.h>

/// The description of the HTTP interface, openapi/scaled-storage.json, as it was when the program
/// was built.
const unsigned char *openapi_document(size_t *count);

#endif
