#include "CStatusPage.h"

// #embed is of C23; SwiftPM compiles C as an earlier one.
#pragma clang diagnostic ignored "-Wc23-extensions"

static const unsigned char head[] = {
#embed "page/head.html"
};
static const unsigned char style[] = {
#embed "page/style.css"
};
static const unsigned char body[] = {
#embed "page/body.html"
};
// One script in several files; the last one begins to run what the others declare.
static const unsigned char script[] = {
#embed "page/script/basics.js" suffix(,)
#embed "page/script/model.js" suffix(,)
#embed "page/script/headline.js" suffix(,)
#embed "page/script/graphs.js" suffix(,)
#embed "page/script/ring.js" suffix(,)
#embed "page/script/table.js" suffix(,)
#embed "page/script/progress.js" suffix(,)
#embed "page/script/decisions.js" suffix(,)
#embed "page/script/find.js" suffix(,)
#embed "page/script/connection.js"
};

const unsigned char *scaled_storage_page_head(long *count) {
  *count = sizeof head;
  return head;
}

const unsigned char *scaled_storage_page_style(long *count) {
  *count = sizeof style;
  return style;
}

const unsigned char *scaled_storage_page_body(long *count) {
  *count = sizeof body;
  return body;
}

const unsigned char *scaled_storage_page_script(long *count) {
  *count = sizeof script;
  return script;
}
