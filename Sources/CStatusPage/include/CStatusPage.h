#ifndef C_STATUS_PAGE_H
#define C_STATUS_PAGE_H

// The parts of the gateway's status page, which the compiler puts into the
// program. Each returns where the part begins and sets how many bytes it has.

const unsigned char *scaled_storage_page_head(long *count);
const unsigned char *scaled_storage_page_style(long *count);
const unsigned char *scaled_storage_page_body(long *count);
const unsigned char *scaled_storage_page_script(long *count);

#endif
