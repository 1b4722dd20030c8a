#!/usr/bin/env python3
"""A peer of `tmpq-bench model --openvino PYTHON`: runs a tmpq model on OpenVINO.
`scripts/setup.sh --openvino` installs it; then PYTHONPATH=.deps/openvino and /usr/bin/python3 have it.

    openvino_peer.py MODEL.safetensors INPUTS.safetensors OUTPUT KIND THREADS

KIND: float32; static-int8: activations of quantized layers with ranges seen on these inputs, weights
per output channel; dynamic-int8: int8 weights, activations quantized by OpenVINO as they come.
Says `ready`, then answers each line `run` with `done`, and `write` with `written` once the last
outputs are in OUTPUT (float32). Transformers only: of the ops of src/graph/graph.h those below.
"""
import json
import struct
import sys

import numpy as np
import openvino as ov
from openvino import opset13 as op


def read_tensors(path):
    with open(path, "rb") as file:
        size = struct.unpack("<Q", file.read(8))[0]
        header = json.loads(file.read(size))
        data = file.read()
    types = {"F32": np.float32, "I32": np.int32}
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        values = np.frombuffer(data[begin:end], types[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"])
    return tensors, metadata


class Translator:
    """Graph nodes to OpenVINO ops. Shapes have the batch in front."""

    def __init__(self, graph, weights, inputs, kind, ranges):
        self.graph, self.weights, self.inputs = graph, weights, inputs
        self.kind, self.ranges = kind, ranges
        self.values, self.parameters, self.linear_inputs = [], [], {}
        for node in graph["nodes"]:
            translate = getattr(self, node["op"], None)
            if translate is None:
                sys.exit(f"openvino_peer: {node['name']}: cannot translate the op {node['op']}")
            self.values.append(translate(node, *[self.values[i] for i in node["inputs"]]).output(0))

    def model(self, extra=()):
        outputs = [self.values[self.graph["output"]], *extra]
        return ov.Model([op.result(value) for value in outputs], self.parameters, "tmpq")

    def weight(self, node, role="weight"):
        return self.weights[f"{node['name']}.{role}"]

    @staticmethod
    def constant(values):
        return op.constant(np.asarray(values, np.float32))

    def input(self, node):
        values = self.inputs[node["name"]]
        parameter = op.parameter(list(values.shape), values.dtype, name=node["name"])
        parameter.output(0).set_names({node["name"]})
        self.parameters.append(parameter)
        return parameter

    def linear(self, node, x):
        w = self.weight(node)
        if node.get("quantized"):
            self.linear_inputs[node["name"]] = x
        quantized = self.kind != "float32" and node.get("quantized")
        if quantized:
            scale = np.maximum(np.abs(w).max(1, keepdims=True), 1e-30) / 127
            q = np.clip(np.rint(w / scale), -127, 127)
        if quantized and self.kind == "dynamic-int8":
            weights = op.multiply(op.convert(op.constant(q.astype(np.int8)), np.float32), self.constant(scale))
        elif quantized:
            low, high = self.ranges[node["name"]]
            ends = [self.constant(end) for end in (low, high)]
            x = op.fake_quantize(x, *ends, *ends, 256)
            ends = [self.constant(-127 * scale), self.constant(127 * scale)]
            weights = op.fake_quantize(self.constant(w), *ends, *ends, 255)
        else:
            weights = self.constant(w)
        y = op.matmul(x, weights, False, True)
        return op.add(y, self.constant(self.weight(node, "bias"))) if node.get("bias", True) else y

    def layer_norm(self, node, x):
        y = op.mvn(x, op.constant([-1]), True, node["epsilon"], "inside_sqrt")
        if not node.get("affine"):
            return y
        return op.add(op.multiply(y, self.constant(self.weight(node))), self.constant(self.weight(node, "bias")))

    def slice(self, node, x):
        begin = node.get("offset", 0)
        end = begin + node["size"]
        one = op.constant([1])
        return op.slice(x, op.constant([begin]), op.constant([end]), one, op.constant([-1]))

    @staticmethod
    def over_tokens(x, of):
        """A row per sample, for each of the tokens of `of`."""
        return op.unsqueeze(x, op.constant(1)) if len(of.shape) > len(x.shape) else x

    def modulate(self, node, x, shift, scale):
        scale = op.add(self.over_tokens(scale, x), self.constant(1))
        return op.add(op.multiply(x, scale), self.over_tokens(shift, x))

    def gated_add(self, node, x, gate, y):
        return op.add(x, op.multiply(self.over_tokens(gate, x), y))

    def attention(self, node, q, k, v):
        heads = node["heads"]

        def split(x):
            _, tokens, channels = list(x.shape)
            shape = op.constant([0, tokens, heads, channels // heads])
            return op.transpose(op.reshape(x, shape, True), op.constant([0, 2, 1, 3]))

        out = op.scaled_dot_product_attention(split(q), split(k), split(v))
        _, tokens, channels = list(q.shape)
        return op.reshape(op.transpose(out, op.constant([0, 2, 1, 3])), op.constant([0, tokens, channels]), True)

    def patchify(self, node, x):
        p = node["patch"]
        batch, height, width, channels = list(x.shape)
        x = op.reshape(x, op.constant([batch, height // p, p, width // p, p, channels]), False)
        x = op.transpose(x, op.constant([0, 1, 3, 2, 4, 5]))
        return op.reshape(x, op.constant([batch, height * width // p // p, p * p * channels]), False)

    def unpatchify(self, node, x):
        p, height, width = node["patch"], node["height"], node["width"]
        batch, _, features = list(x.shape)
        channels = features // p // p
        x = op.reshape(x, op.constant([batch, height // p, width // p, p, p, channels]), False)
        x = op.transpose(x, op.constant([0, 1, 3, 2, 4, 5]))
        return op.reshape(x, op.constant([batch, height, width, channels]), False)

    def timestep_embedding(self, node, t):
        half = node["features"] // 2
        steps = np.arange(half) / (half - node.get("frequency_shift", 0))
        angles = op.multiply(op.unsqueeze(t, op.constant(1)), self.constant(10000.0 ** -steps[None]))
        parts = [op.cos(angles), op.sin(angles)]
        return op.concat(parts[::-1] if node.get("sin_first") else parts, 1)

    def label_embedding(self, node, label):
        return op.gather(self.constant(self.weight(node)), label, op.constant(0))

    def add(self, node, x, y):
        return op.add(x, y)

    def add_parameter(self, node, x):
        return op.add(x, self.constant(self.weight(node)))

    def silu(self, node, x):
        return op.swish(x)

    def gelu(self, node, x):
        return op.gelu(x, "tanh")


def observed_ranges(core, config, graph, weights, inputs):
    """The least and the largest input of every quantized linear, with 0 between."""
    seen = Translator(graph, weights, inputs, "float32", {})
    names = list(seen.linear_inputs)
    model = seen.model([seen.linear_inputs[name] for name in names])
    results = list(core.compile_model(model, "CPU", config)(inputs).values())[1:]
    return {name: (min(x.min(), 0), max(x.max(), 0)) for name, x in zip(names, results)}


def main():
    model_path, inputs_path, output_path, kind, threads = sys.argv[1:]
    weights, metadata = read_tensors(model_path)
    inputs, _ = read_tensors(inputs_path)
    graph = json.loads(metadata["tmpq.model"])["graph"]
    core = ov.Core()
    config = {"INFERENCE_NUM_THREADS": int(threads), "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32",
              "PERFORMANCE_HINT": "LATENCY"}
    ranges = observed_ranges(core, config, graph, weights, inputs) if kind == "static-int8" else {}
    if kind == "dynamic-int8":
        config["DYNAMIC_QUANTIZATION_GROUP_SIZE"] = 2**31 - 1  # a scale a token
    model = Translator(graph, weights, inputs, kind, ranges).model()
    request = core.compile_model(model, "CPU", config).create_infer_request()
    for name, values in inputs.items():
        request.set_tensor(name, ov.Tensor(np.ascontiguousarray(values)))
    print(f"ready {ov.get_version()}", flush=True)
    for line in sys.stdin:
        if line == "run\n":
            request.infer()
            print("done", flush=True)
        elif line == "write\n":
            request.get_output_tensor(0).data.astype(np.float32).tofile(output_path)
            print("written", flush=True)


main()
