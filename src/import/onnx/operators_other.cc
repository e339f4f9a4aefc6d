// Random numbers, losses, signals, text, sequences, images, and the classical models of ai.onnx.ml.

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
    {"DFT", 17, nullptr, "dft"},
    {"STFT", 17, nullptr, "stft"},
    {"MelWeightMatrix", 17, nullptr, "mel_weight_matrix", "output_datatype>dtype"},
    {"HannWindow", 17, nullptr, "hann_window", "output_datatype>dtype"},
    {"HammingWindow", 17, nullptr, "hamming_window", "output_datatype>dtype"},
    {"BlackmanWindow", 17, nullptr, "blackman_window", "output_datatype>dtype"},
    {"StringConcat", 20, nullptr, "string_concat"},
    {"StringSplit", 20, nullptr, "string_split"},
    {"StringNormalizer", 10, nullptr, "string_normalizer"},
    {"RegexFullMatch", 20, nullptr, "regex_full_match"},
    {"TfIdfVectorizer", 9, nullptr, "tf_idf_vectorizer"},
    {"SequenceConstruct", 11, nullptr, "sequence_construct"},
    {"SequenceEmpty", 11, nullptr, "sequence_empty"},
    {"SequenceInsert", 11, nullptr, "sequence_insert"},
    {"SequenceErase", 11, nullptr, "sequence_erase"},
    {"SequenceAt", 11, nullptr, "sequence_at"},
    {"SequenceLength", 11, nullptr, "sequence_length"},
    {"SplitToSequence", 11, nullptr, "split_to_sequence"},
    {"ConcatFromSequence", 11, nullptr, "concat_from_sequence"},
    {"Optional", 15, nullptr, "optional"},
    {"OptionalHasElement", 15, nullptr, "optional_has_element"},
    {"OptionalGetElement", 15, nullptr, "optional_get_element"},
    {"ImageDecoder", 20, nullptr, "image_decoder"},
};

constexpr OperatorRow kMlRows[] = {
    {"ArrayFeatureExtractor", 1, nullptr, "array_feature_extractor"},
    {"Binarizer", 1, nullptr, "binarizer"},
    {"LabelEncoder", 2, nullptr, "label_encoder"},
    {"TreeEnsemble", 5, nullptr, "tree_ensemble"},
};

}  // namespace

std::span<const OperatorRow> other_rows() { return kRows; }
std::span<const OperatorRow> ml_rows() { return kMlRows; }

}  // namespace burnish::onnx
