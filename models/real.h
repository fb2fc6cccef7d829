// The numbers of networks: float in the library. The tests compile this room a second time with
// TZ_REAL_IS_DOUBLE and compare that with reference values and central differences in double, so
// that the formulas that ship are the ones that are checked.
#ifndef TRAPEZE_MODELS_REAL_H
#define TRAPEZE_MODELS_REAL_H

#ifdef TZ_REAL_IS_DOUBLE
typedef double tz_real;
#else
typedef float tz_real;
#endif

#endif
