"""Holds exported models against what `thalweg predict` says of the same rows.

check.py onnx MODEL DATA PREDICTIONS ...    with onnx's checker and onnxruntime
check.py torch SCRIPT DATA PREDICTIONS ...  with the exported script, in PyTorch

DATA is a CSV with the columns of the training data. How they become inputs is read from the model's own metadata, as a
user would. An answer may be off by 1e-5 of the largest of its column, or of 1 if that is more.
"""
import csv
import importlib.util
import json
import sys

import numpy as np


def inputs(path, features):
    """Rows in the order of the model's features; `column=category` is 1 for that category."""
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))

    def value(row, feature):
        if feature in row:
            return float(row[feature] or "nan")
        column, category = feature.split("=", 1)
        return float(row[column] == category)

    return np.array([[value(row, feature) for feature in features] for row in rows])


def expected(path):
    """The probabilities or scores; without them, the numbers."""
    with open(path, newline="") as file:
        header, *rows = csv.reader(file)
    first = 0 if all(name.startswith(("prediction", "y")) for name in header) else 1
    return header[first:], np.array([[float(x) for x in row[first:]] for row in rows])


def compare(name, found, path, classes):
    header, wanted = expected(path)
    if classes:
        assert header == classes, f"{name}: classes {classes}, predicted {header}"
    assert found.shape == wanted.shape, f"{name}: {found.shape} for {wanted.shape}"
    assert np.isfinite(found).all(), f"{name}: not all finite"
    scale = np.maximum(1.0, np.abs(wanted).max(axis=0))
    worst = (np.abs(found - wanted) / scale).max()
    assert worst <= 1e-5, f"{name}: off by {worst:.3e}"
    print(f"{name}: {found.shape[0]} rows, off by at most {worst:.1e}")


def check_onnx(model, data, predictions):
    import onnx
    import onnxruntime

    loaded = onnx.load(model)
    onnx.checker.check_model(loaded, full_check=True)
    assert loaded.opset_import[0].version >= 17
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    about = session.get_modelmeta().custom_metadata_map
    x = inputs(data, json.loads(about["features"])).astype(np.float32)
    (given,), (answer,) = session.get_inputs(), session.get_outputs()
    assert (given.name, given.type, given.shape[1]) == ("x", "tensor(float)", x.shape[1]), given
    (found,) = session.run([answer.name], {"x": x})
    (one,) = session.run([answer.name], {"x": x[:1]})
    assert np.allclose(one, found[:1], atol=1e-5 * max(1, np.abs(found).max())), "one row alone"
    compare(model, found, predictions, json.loads(about.get("classes", "[]")))


def check_torch(script, data, predictions):
    spec = importlib.util.spec_from_file_location("exported", script)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    about = module.about()
    x = inputs(data, about["features"])
    found = module.predict(x).numpy()
    network = module.load()
    assert not network.training
    # Nothing of the module is left as it was drawn: a second one, drawn otherwise, answers the same.
    assert np.array_equal(module.predict(x).numpy(), found)
    compare(script, found, predictions, about.get("classes", []))


if __name__ == "__main__":
    check = {"onnx": check_onnx, "torch": check_torch}[sys.argv[1]]
    arguments = sys.argv[2:]
    for at in range(0, len(arguments), 3):
        check(*arguments[at : at + 3])
