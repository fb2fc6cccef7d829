// What node_so_mass.c and its regulariser, node_so_mass_symplectic.c, share.
#ifndef TRAPEZE_MODELS_NODE_SO_MASS_H
#define TRAPEZE_MODELS_NODE_SO_MASS_H

#include "models/canonical.h"

enum { TZ_SO_MASS, TZ_SO_FORCE }; // networks

size_t tz_node_so_mass_symplectic_scratch_size(const tz_learned *self, int B);
double tz_node_so_mass_symplectic(const tz_learned *self, tz_real *w_bar, tz_real *grad,
                                  tz_real *scratch, double weight, const tz_real *w,
                                  const tz_real *u, int B);

#endif
