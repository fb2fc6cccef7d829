// What runs will take, from their work and a measured rate.
#ifndef TRAPEZE_PAPER_FORECAST_H
#define TRAPEZE_PAPER_FORECAST_H

#include "paper/plan.h"

// seconds (runs->n): what each run is expected to take on one thread. Each kind of model is timed
// for a few steps of training on noise. TZ_ERR_MEMORY, or what making a model says.
TZ_API tz_status tz_forecast(double *seconds, const tz_run_list *runs, tz_error *error);

#endif
