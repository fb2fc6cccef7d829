#include "policies/network.h"

#include "base/activation.h"
#include "base/blas.h"

int tz_network_widest(const tz_network *net) {
    int widest = 0;
    for (int layer = 0; layer < net->n_layers - 1; layer++) {
        widest = net->n_out[layer] > widest ? net->n_out[layer] : widest;
    }
    return widest;
}

void tz_network_forward(const tz_network *net, float *out, float *const hidden[2], const float *x,
                        int B) {
    const float *input = x;
    for (int layer = 0; layer < net->n_layers; layer++) {
        const int n_in = tz_network_n_in(net, layer), n_out = net->n_out[layer];
        const bool is_head = layer == net->n_layers - 1;
        float *output = is_head ? out : hidden[layer % 2];
        // output (B, n_out) = input (B, n_in) W (n_in, n_out) + b
        tz_gemm_nn(output, input, net->W[layer], B, n_out, n_in, n_in, n_out, n_out, 0.0f);
        if (is_head) {
            tz_bias_f32(output, net->b[layer], B, n_out, n_out);
        } else if (net->activation == TZ_NETWORK_RELU) {
            tz_bias_relu_f32(output, net->b[layer], B, n_out, n_out);
        } else {
            tz_bias_tanh_f32(output, net->b[layer], B, n_out, n_out);
        }
        input = output;
    }
}
