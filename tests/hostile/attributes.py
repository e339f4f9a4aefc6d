"""Attributes of operators that earlier runtimes read out of bounds with: Col2Im, support vectors, trees."""

from onnx import TensorProto

from corpus import RUN, ints, model, node, tensor, value

HUGE = 2**62


def of_ml(op, inputs, outputs=("y",), **attributes):
    return node(op, inputs, outputs, domain="ai.onnx.ml", **attributes)


def make(corpus):
    row = "kernel_attributes"

    def col2im(name, image, block, code=3, **attributes):
        dims = [1, 5, 5]
        corpus.model(
            row,
            "col2im_" + name,
            model(
                [node("Col2Im", ["x", "i", "b"], **attributes)],
                inputs=[value("x", dims=dims)],
                constants=[ints("i", *image), ints("b", *block)],
            ),
            command=RUN,
            code=code,
        )

    col2im("image_huge", [HUGE, HUGE], [1, 5])
    col2im("image_wraps", [1 << 32, 1 << 32], [1, 5])
    col2im("image_negative", [-5, -5], [1, 5])
    col2im("image_zero", [0, 0], [1, 5], code=(0, 3))
    col2im("block_huge", [5, 5], [HUGE, HUGE])
    col2im("block_zero", [5, 5], [0, 0])
    col2im("block_negative", [5, 5], [-1, -5])
    col2im("block_does_not_divide", [5, 5], [1, 3])
    col2im("ranks_differ", [5, 5, 5], [1, 5])
    col2im("empty", [], [])
    col2im("strides_zero", [5, 5], [1, 5], strides=[0, 0])
    col2im("strides_huge", [5, 5], [1, 5], strides=[HUGE, HUGE])
    col2im("dilations_huge", [5, 5], [1, 5], dilations=[HUGE, HUGE])
    col2im("dilations_negative", [5, 5], [1, 5], dilations=[-1, -1])
    col2im("pads_huge", [5, 5], [1, 5], pads=[HUGE] * 4)
    col2im("pads_short", [5, 5], [1, 5], pads=[1])
    col2im("pads_negative", [5, 5], [1, 5], pads=[-HUGE] * 4)

    svm = {
        "kernel_type": "RBF",
        "kernel_params": [1.0, 0.0, 3.0],
        "coefficients": [1.0] * 2,
        "support_vectors": [1.0] * 6,
        "rho": [0.5],
    }

    def svm_regressor(name, code=3, **changes):
        attributes = {**svm, "n_supports": 2, **changes}
        attributes = {k: v for k, v in attributes.items() if v is not None}
        corpus.model(
            row,
            "svm_regressor_" + name,
            model([of_ml("SVMRegressor", ["x"], **attributes)], inputs=[value("x", dims=[2, 3])]),
            command=RUN,
            code=code,
        )

    svm_regressor("supports_huge", n_supports=HUGE)
    svm_regressor("supports_negative", n_supports=-2)
    svm_regressor("supports_do_not_divide", n_supports=4)
    svm_regressor("vectors_short", support_vectors=[1.0])
    svm_regressor("vectors_none", support_vectors=None)
    svm_regressor("coefficients_short", coefficients=[1.0])
    svm_regressor("coefficients_none", coefficients=None)
    svm_regressor("rho_none", rho=None, code=(0, 3))
    svm_regressor("params_short", kernel_params=[1.0], code=(0, 3))
    svm_regressor("kernel", kernel_type="EVIL")
    svm_regressor("transform", post_transform="EVIL")

    classes = {**svm, "prob_a": [], "prob_b": [], "vectors_per_class": [1, 1], "classlabels_ints": [0, 1]}

    def svm_classifier(name, **changes):
        attributes = {k: v for k, v in {**classes, **changes}.items() if v is not None and v != []}
        corpus.model(
            row,
            "svm_classifier_" + name,
            model([of_ml("SVMClassifier", ["x"], ["y", "z"], **attributes)], inputs=[value("x", dims=[2, 3])]),
            command=RUN,
        )

    svm_classifier("per_class_huge", vectors_per_class=[HUGE, HUGE])
    svm_classifier("per_class_negative", vectors_per_class=[-1, 3])
    svm_classifier("per_class_more", vectors_per_class=[1, 9])
    svm_classifier("per_class_fewer_classes", vectors_per_class=[2])
    svm_classifier("no_labels", classlabels_ints=None)
    svm_classifier("more_labels", classlabels_ints=list(range(100)))
    svm_classifier("both_labels", classlabels_strings=["a", "b"])
    svm_classifier("vectors_short", support_vectors=[1.0] * 5)
    svm_classifier("coefficients_short", coefficients=[1.0])
    svm_classifier("rho_short", rho=None)
    svm_classifier("prob_short", prob_a=[1.0], prob_b=None)
    svm_classifier("prob_long", prob_a=[1.0] * 50, prob_b=[1.0] * 2)

    tree = {
        "nodes_treeids": [0, 0, 0],
        "nodes_nodeids": [0, 1, 2],
        "nodes_featureids": [0, 0, 0],
        "nodes_values": [0.5, 0.0, 0.0],
        "nodes_modes": ["BRANCH_LEQ", "LEAF", "LEAF"],
        "nodes_truenodeids": [1, 0, 0],
        "nodes_falsenodeids": [2, 0, 0],
        "target_treeids": [0, 0],
        "target_nodeids": [1, 2],
        "target_ids": [0, 0],
        "target_weights": [1.0, 2.0],
        "n_targets": 1,
    }

    def forest(name, code=3, **changes):
        attributes = {k: v for k, v in {**tree, **changes}.items() if v is not None and v != []}
        corpus.model(
            row,
            "trees_" + name,
            model([of_ml("TreeEnsembleRegressor", ["x"], **attributes)], inputs=[value("x", dims=[2, 3])]),
            command=RUN,
            code=code,
        )

    forest("good", code=0)
    forest(
        "cycle",
        nodes_modes=["BRANCH_LEQ"] * 3,
        nodes_truenodeids=[1, 0, 0],
        nodes_falsenodeids=[2, 0, 0],
        target_treeids=None,
        target_nodeids=None,
        target_ids=None,
        target_weights=None,
    )
    forest("own_child", nodes_truenodeids=[0, 0, 0], code=(0, 3))
    forest("child_missing", nodes_truenodeids=[99, 0, 0])
    forest("child_negative", nodes_truenodeids=[-1, 0, 0])
    forest("feature_beyond", nodes_featureids=[3, 0, 0])
    forest("feature_negative", nodes_featureids=[-1, 0, 0])
    forest("feature_huge", nodes_featureids=[HUGE, 0, 0])
    forest("target_beyond", target_ids=[1, 0])
    forest("target_negative", target_ids=[-1, 0])
    forest("targets_huge", n_targets=HUGE)
    forest("targets_zero", n_targets=0)
    forest("targets_negative", n_targets=-1)
    forest("target_node_missing", target_nodeids=[77, 2], code=(0, 3))
    forest("lists_differ", nodes_values=[0.5], code=(0, 3))
    forest("ids_twice", nodes_nodeids=[0, 0, 0])
    forest("mode", nodes_modes=["BRANCH_EVIL", "LEAF", "LEAF"])
    forest("aggregate", aggregate_function="EVIL")
    forest("base_values", base_values=[1.0] * 50, code=(0, 3))
    forest("empty", **{k: None for k in tree if k != "n_targets"}, code=(0, 3))
    deep = 3000
    ids = list(range(2 * deep + 1))
    forest(
        "good_deep",
        code=0,
        nodes_treeids=[0] * len(ids),
        nodes_nodeids=ids,
        nodes_featureids=[0] * len(ids),
        nodes_values=[0.5] * len(ids),
        nodes_modes=["BRANCH_LEQ" if i % 2 == 0 and i < 2 * deep else "LEAF" for i in ids],
        nodes_truenodeids=[i + 1 if i % 2 == 0 and i < 2 * deep else 0 for i in ids],
        nodes_falsenodeids=[i + 2 if i % 2 == 0 and i < 2 * deep else 0 for i in ids],
        target_treeids=[0],
        target_nodeids=[1],
        target_ids=[0],
        target_weights=[1.0],
    )

    def ensemble(name, code=3, **changes):
        attributes = {
            "n_targets": 1,
            "tree_roots": [0],
            "nodes_featureids": [0],
            "nodes_truenodeids": [0],
            "nodes_trueleafs": [1],
            "nodes_falsenodeids": [1],
            "nodes_falseleafs": [1],
            "leaf_targetids": [0, 0],
            **changes,
        }
        n = of_ml("TreeEnsemble", ["x"], **attributes)
        for key, t in {
            "nodes_splits": tensor("", TensorProto.FLOAT, [1], bytes(4)),
            "nodes_modes": tensor("", TensorProto.UINT8, [1], b"\0"),
            "leaf_weights": tensor("", TensorProto.FLOAT, [2], bytes(8)),
        }.items():
            if key not in changes:
                a = n.attribute.add(name=key, type=4)
                a.t.CopyFrom(t)
        made = model([n], inputs=[value("x", dims=[2, 3])])
        made.opset_import[1].version = 5
        corpus.model(row, "ensemble_" + name, made, command=RUN, code=code)

    ensemble("root_beyond", tree_roots=[5])
    ensemble("root_negative", tree_roots=[-1])
    ensemble("child_beyond", nodes_truenodeids=[9])
    ensemble("child_is_itself", nodes_trueleafs=[0], code=(0, 3))
    ensemble("leaf_target", leaf_targetids=[0, HUGE])
    ensemble("leaf_targets_short", leaf_targetids=[0])
    ensemble("feature", nodes_featureids=[HUGE])
    ensemble("lists", nodes_featureids=[0, 0, 0])
    ensemble("aggregate", aggregate_function=99)
    ensemble("transform", post_transform=-1)

    def ml(name, op, dtype=TensorProto.FLOAT, dims=(2, 3), outputs=("y",), code=3, **attributes):
        corpus.model(
            row,
            name,
            model([of_ml(op, ["x"], outputs, **attributes)], inputs=[value("x", dtype, dims)]),
            command=RUN,
            code=code,
        )

    ml("linear_short", "LinearRegressor", coefficients=[1.0], targets=2)
    ml("linear_targets_huge", "LinearRegressor", coefficients=[1.0] * 3, targets=HUGE)
    ml("linear_targets_negative", "LinearRegressor", coefficients=[1.0] * 3, targets=-1)
    ml("linear_classifier_short", "LinearClassifier", outputs=("y", "z"), coefficients=[1.0], classlabels_ints=[0, 1])
    ml("linear_classifier_none", "LinearClassifier", outputs=("y", "z"), coefficients=[1.0] * 6)
    ml("scaler_sizes", "Scaler", offset=[1.0] * 2, scale=[1.0] * 7)
    ml("imputer_sizes", "Imputer", imputed_value_floats=[1.0] * 7)
    ml("normalizer", "Normalizer", norm="EVIL")
    ml("binarizer", "OneHotEncoder", cats_int64s=[], code=(0, 3))
    ml("encoder_lengths", "LabelEncoder", keys_floats=[1.0, 2.0], values_floats=[1.0])
    ml("vectorizer", "FeatureVectorizer", inputdimensions=[HUGE], code=(0, 3))
    ml("extractor_none", "ArrayFeatureExtractor")
    n = of_ml("ArrayFeatureExtractor", ["x", "i"])
    for name, index in {"beyond": 3, "negative": -1, "huge": HUGE}.items():
        corpus.model(
            row,
            "extractor_" + name,
            model([n], inputs=[value("x", dims=[2, 3])], constants=[ints("i", index)]),
            command=RUN,
            code=(0, 3) if name == "negative" else 3,
        )
