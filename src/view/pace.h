// The clock of a window: when a picture is due, so that simulated time keeps up with real time, and
// what is to blame when it does not. It reads no clock itself: every moment is an argument (s).
#ifndef TRAPEZE_VIEW_PACE_H
#define TRAPEZE_VIEW_PACE_H

#include "base/export.h"

#include <stdbool.h>

typedef struct tz_pace {
    double due_s;     // when the last step should be over
    double stepped_s; // when it was made
    double drawn_s;   // when the last picture was done
    double frame_s;   // what a picture takes, smoothed

    // sums over about the last second
    double real_s;    // real time
    double allowed_s; // the steps' periods
    double plan_s;    // inside of plans
    double draw_s;    // inside of pictures
} tz_pace;

// An episode begins, or goes on after a pause: nothing is late. Keeps frame_s.
TZ_API void tz_pace_begin(tz_pace *pace, double now_s);

// A step was made that has period_s of real time and whose plan took plan_s (0: none was made).
// True when the step has time left until due_s.
TZ_API bool tz_pace_step(tz_pace *pace, double now_s, double period_s, double plan_s);

// Whether a step that has no time left is drawn all the same. Between such pictures there is time
// to catch up, but not so much that the window stands still.
TZ_API bool tz_pace_shows_late(const tz_pace *pace, double now_s);

// A picture was drawn.
TZ_API void tz_pace_drawn(tz_pace *pace, double start_s, double end_s);

// Real time over what the steps were allowed: 1 is on time, 2 is half as fast as wanted.
TZ_API double tz_pace_lateness(const tz_pace *pace);

// What is late: "planning" when plans take longer than their steps may, "drawing" when without the
// pictures there would be time enough, else "the loop".
TZ_API const char *tz_pace_culprit(const tz_pace *pace);

#endif
