// Fully connected networks of policies and critics, evaluated only.
//
//   h_0 = x,  h_{l+1} = activation(h_l W_l + b_l),  out = h_{n-1} W_{n-1} + b_{n-1}
#ifndef TRAPEZE_POLICIES_NETWORK_H
#define TRAPEZE_POLICIES_NETWORK_H

#include "base/export.h"

enum { TZ_NETWORK_LAYERS_MAX = 8, TZ_NETWORK_UNITS_MAX = 8192 };

typedef enum tz_activation { TZ_NETWORK_RELU, TZ_NETWORK_TANH } tz_activation;

// Weights are (in, out) and row-major; borrowed.
typedef struct tz_network {
    int n_in;
    int n_layers;                          // hidden layers and the head, at least 1
    int n_out[TZ_NETWORK_LAYERS_MAX];      // units of each                             (n_layers)
    const float *W[TZ_NETWORK_LAYERS_MAX]; // (n_in, n_out) each
    const float *b[TZ_NETWORK_LAYERS_MAX]; // (n_out) each
    tz_activation activation;              // of the hidden layers
} tz_network;

static inline int tz_network_n_in(const tz_network *net, int layer) {
    return layer == 0 ? net->n_in : net->n_out[layer - 1];
}

// Units of the widest hidden layer; 0 without one.
int tz_network_widest(const tz_network *net);

// out (B, n_out of the head) from x (B, n_in); hidden: two scratch arrays (B, widest).
void tz_network_forward(const tz_network *net, float *out, float *const hidden[2], const float *x,
                        int B);

#endif
