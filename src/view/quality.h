// What the window and the recorder may spend on a frame.
#ifndef TRAPEZE_VIEW_QUALITY_H
#define TRAPEZE_VIEW_QUALITY_H

// Automatic: low on a software renderer, else high.
typedef enum tz_quality {
    TZ_QUALITY_AUTO,
    TZ_QUALITY_LOW, // no shadows, reflections or multisampling
    TZ_QUALITY_HIGH
} tz_quality;

#endif
