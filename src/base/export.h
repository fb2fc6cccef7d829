// Visibility of public symbols. The library hides every symbol that is not marked TZ_API.
#ifndef TRAPEZE_BASE_EXPORT_H
#define TRAPEZE_BASE_EXPORT_H

#define TZ_API __attribute__((visibility("default")))
#define TZ_COUNTOF(array) (sizeof(array) / sizeof((array)[0]))

#endif
