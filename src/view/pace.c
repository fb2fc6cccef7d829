#include "view/pace.h"

#include <math.h>

// Time that passes before what happened counts a third (s).
static const double memory_s = 1.0;

// A window that is late shows a picture at least this often (s).
static const double late_interval_s = 0.1;

void tz_pace_begin(tz_pace *pace, double now_s) {
    *pace =
        (tz_pace){.due_s = now_s, .stepped_s = now_s, .drawn_s = now_s, .frame_s = pace->frame_s};
}

bool tz_pace_step(tz_pace *pace, double now_s, double period_s, double plan_s) {
    const double spent_s = now_s - pace->stepped_s, kept = exp(-spent_s / memory_s);
    pace->real_s = kept * (pace->real_s + spent_s);
    pace->allowed_s = kept * (pace->allowed_s + period_s);
    pace->plan_s = kept * (pace->plan_s + plan_s);
    pace->draw_s *= kept;
    pace->stepped_s = now_s;

    // what pictures take is caught up, time that was lost otherwise is not
    pace->due_s = fmax(pace->due_s + period_s, now_s - period_s - 2.0 * pace->frame_s);
    return now_s < pace->due_s;
}

bool tz_pace_shows_late(const tz_pace *pace, double now_s) {
    // cheap pictures are shown more often: a fifth of the time may go to them
    const double interval_s = fmin(4.0 * pace->frame_s, fmax(pace->frame_s, late_interval_s));
    return now_s - pace->drawn_s >= interval_s;
}

void tz_pace_drawn(tz_pace *pace, double start_s, double end_s) {
    const double took_s = end_s - start_s;
    pace->frame_s += (pace->frame_s == 0.0 ? 1.0 : 0.2) * (took_s - pace->frame_s);
    pace->draw_s += took_s;
    pace->drawn_s = end_s;
}

double tz_pace_lateness(const tz_pace *pace) {
    return pace->allowed_s > 0.0 ? pace->real_s / pace->allowed_s : 1.0;
}

const char *tz_pace_culprit(const tz_pace *pace) {
    if (pace->plan_s > pace->allowed_s) {
        return "planning";
    }
    return pace->real_s - pace->draw_s <= pace->allowed_s ? "drawing" : "the loop";
}
