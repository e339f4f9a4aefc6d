// Random numbers, losses, signals, text, images.

#include "import/onnx/node_context.h"

namespace burnish::onnx {
namespace {

constexpr OperatorRow kRows[] = {
    {"RandomNormal", 1, nullptr, "random_normal"},
    {"RandomUniform", 1, nullptr, "random_uniform"},
    {"RandomNormalLike", 1, nullptr, "random_normal_like"},
    {"RandomUniformLike", 1, nullptr, "random_uniform_like"},
    {"Bernoulli", 15, nullptr, "bernoulli"},
    {"Multinomial", 7, nullptr, "multinomial"},
    {"NegativeLogLikelihoodLoss", 12, nullptr, "nll_loss"},
    {"SoftmaxCrossEntropyLoss", 12, nullptr, "softmax_cross_entropy"},
    {"DFT", 20, nullptr, "dft"},
    {"DFT", 17, nullptr, "dft", "axis=1"},
    {"STFT", 17, nullptr, "stft"},
    {"MelWeightMatrix", 17, nullptr, "mel_weight_matrix", "output_datatype>dtype"},
    {"HannWindow", 17, nullptr, "hann_window", "output_datatype>dtype"},
    {"HammingWindow", 17, nullptr, "hamming_window", "output_datatype>dtype"},
    {"BlackmanWindow", 17, nullptr, "blackman_window", "output_datatype>dtype"},
    {"StringConcat", 20, nullptr, "string_concat"},
    {"StringSplit", 20, nullptr, "string_split", "maxsplit>most"},
    {"StringNormalizer", 10, nullptr, "string_normalizer",
     "case_change_action>change, is_case_sensitive>case_sensitive, -locale"},
    {"RegexFullMatch", 20, nullptr, "regex_full_match"},
    {"TfIdfVectorizer", 9, nullptr, "tf_idf_vectorizer",
     "min_gram_length>shortest, max_gram_length>longest, max_skip_count>skips, ngram_counts>starts, "
     "ngram_indexes>columns, pool_int64s>numbers, pool_strings>words"},
    {"ImageDecoder", 20, nullptr, "image_decoder"},
};

}  // namespace

std::span<const OperatorRow> other_rows() { return kRows; }

}  // namespace burnish::onnx
