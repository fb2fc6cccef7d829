// The networks of SAC: two hidden layers of ReLU units. Forward and backward over a few rows, and
// the step of a block of weights: its gradient over the whole batch, Adam, the slow copy.
//
//   h1 = relu(x W0 + b0),  h2 = relu(h1 W1 + b1),  out = h2 W2 + b2
//
// Letters: B rows, H hidden units. Weights are (in, out) and row-major.
#ifndef TRAPEZE_TRAIN_SAC_NET_H
#define TRAPEZE_TRAIN_SAC_NET_H

#include <stddef.h>
#include <stdint.h>

typedef struct tz_sac_net {
    int n_in, n_hidden, n_out;
    size_t n;                  // parameters, in the order W0 b0 W1 b1 W2 b2
    size_t W_at[3], b_at[3];   // where they begin
    float *parameters, *m, *v; // with Adam's moments                                  (n)
    float *target;             // slow copy of a critic; NULL for the actor            (n)

    // copies of weights for products (packed for the kernels; W1 itself where it is its packed
    // copy); NULL where unused
    float *W1_packed, *W1t_packed; // W1 and its transpose                            (H, H)
    float *target_W1_packed;       // W1 of the slow copy                             (H, H)
    float *W0t, *W2t;              // transposes                      (H, n_in), (n_out, H)
} tz_sac_net;

// Activations of one network over some rows, and the gradients at its layers.
typedef struct tz_sac_tape {
    float *h1, *h2;     // hidden layers after ReLU                           (rows, H)
    float *out;         //                                                    (rows, n_out)
    float *d_out;       //                                                    (rows, n_out)
    float *d_h1, *d_h2; // at the hidden layers before ReLU                   (rows, H)
} tz_sac_tape;

// The rows of a tape from `row` on.
tz_sac_tape tz_sac_tape_rows(const tz_sac_tape *whole, const tz_sac_net *net, int row);

// PyTorch's initial values from streams 3 index .. 3 index + 2 of (seed, TZ_PURPOSE_INIT).
void tz_sac_net_init(tz_sac_net *net, uint64_t seed, int index);

// Writes the copies of the weights.
void tz_sac_net_copy(const tz_sac_net *net);

// h1, h2 and out of the tape from x (B, n_in), by the parameters or the slow copy of `net`.
typedef enum tz_sac_weights { TZ_SAC_PARAMETERS, TZ_SAC_TARGET } tz_sac_weights;
void tz_sac_net_forward(const tz_sac_net *net, tz_sac_weights weights, const tz_sac_tape *tape,
                        const float *x, int B);

// d_h2 and d_h1 of the tape from its d_out (B, n_out).
void tz_sac_net_backward(const tz_sac_net *net, const tz_sac_tape *tape, int B);

// Adam at one step, and how far slow copies follow.
typedef struct tz_sac_step {
    float rate; // lr / (1 - beta1^t)
    float root; // 1 / sqrt(1 - beta2^t)
    float tau;
} tz_sac_step;

enum { TZ_SAC_BLOCK_ROWS = 64 };

// Some rows of one weight matrix, at most TZ_SAC_BLOCK_ROWS; the block at row 0 also steps the
// bias.
typedef struct tz_sac_block {
    int layer, row, n_rows;
} tz_sac_block;

// Floats that tz_sac_net_step needs as scratch for batches of B.
size_t tz_sac_step_scratch(const tz_sac_net *net, int B);

// Steps a block along its gradient over the batch: x (B, n_in), `tape` (B, ...) and d_h2 of the
// tape packed.
void tz_sac_net_step(const tz_sac_net *net, const tz_sac_block *block, const float *x,
                     const tz_sac_tape *tape, const float *d_h2_packed, int B,
                     const tz_sac_step *step, float *scratch);

// Adam's constants, those of PyTorch.
#define TZ_SAC_BETA1 0.9
#define TZ_SAC_BETA2 0.999
#define TZ_SAC_EPSILON 1e-8

#endif
