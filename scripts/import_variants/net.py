"""A small builder of ONNX files. Constants are seeded by the file's name."""

import zlib

import numpy as np
from onnx import TensorProto, checker, helper, shape_inference

from styles import ATEN, CAFFE2, IR, STYLES

KINDS = {
    "float32": TensorProto.FLOAT, "float16": TensorProto.FLOAT16, "float64": TensorProto.DOUBLE,
    "int64": TensorProto.INT64, "int32": TensorProto.INT32, "int16": TensorProto.INT16, "uint16": TensorProto.UINT16,
    "int8": TensorProto.INT8, "uint8": TensorProto.UINT8, "bool": TensorProto.BOOL,
}  # fmt: skip


def square(pads):
    """One number, two (rows, columns) or four (top, left, bottom, right) as four."""
    if isinstance(pads, int):
        return [pads] * 4
    return list(pads) * 2 if len(pads) == 2 else list(pads)


def pair(size):
    return [size, size] if isinstance(size, int) else list(size)


class Net:
    """A graph under construction. Methods that add a node return the name of its output.

    `shape` may hold names for open dimensions, and None for one without a name. `weights` overrides the
    style: `init`, `node` or `cast` (a float16 initialiser with a Cast behind it). `dtype` is that of the
    constants and of the input. `infos`: the inner shapes are written down, which makes files large.
    `seed` is another one, where that of the name gives channels that are dead behind a ReLU.
    """

    def __init__(self, name, style, opset, shape=(1, 3, 7, 5), *, ir=None, dtype=np.float32, weights=None,
                 listed=None, infos=False, seed=0):  # fmt: skip
        self.name, self.opset, self.shape, self.dtype = name, opset, list(shape), dtype
        self.infos = infos
        self.style = STYLES[style]
        self.weights = weights or self.style.weights
        self.listed = self.style.listed if listed is None else listed
        # Before IR version 4 every initialiser had to be listed.
        self.ir = ir or max(IR[opset], 3 if self.listed else 4)
        self.random = np.random.RandomState(zlib.crc32(name.encode()) ^ seed)
        self.nodes, self.initializers, self.outputs, self.taken, self.counts = [], [], [], {}, {}
        self.inputs = [helper.make_tensor_value_info(self.style.source, KINDS[np.dtype(dtype).name], self.shape)]
        self.input = self.style.source
        self.tensors = 10
        self.change = lambda model: None
        self.imports = [("", opset)]

    def fresh(self, pattern, op="", hint="", part=""):
        aten = ATEN.get(op, op.lower())
        n, k = len(self.nodes), self.counts.get(op, 0)
        name = pattern.format(
            op=op, low=op.lower(), hint=hint, n=n, k=k, t=self.tensors, part=part, aten=aten,
            p=CAFFE2.get(part, part[:1]),
        )  # fmt: skip
        if "{t}" in pattern:
            self.tensors += 1
        again = self.taken[name] = self.taken.get(name, -1) + 1
        return f"{name}_{again}" if again and name else name

    def op(self, op, inputs, *, hint=None, outputs=1, domain="", **attributes):
        """Adds a node; gives the name of its first output, or a list of names if there are several."""
        hint = hint or f"{op.lower()}{self.counts.get(op, 0)}"
        name = self.fresh(self.style.node, op, hint)
        names = [self.fresh(self.style.tensor, op, hint) for _ in range(outputs)]
        attributes = {key: value for key, value in sorted(attributes.items()) if value is not None}
        node = helper.make_node(op, inputs, names, name=name or None, domain=domain, **attributes)
        self.nodes.append(node)
        self.counts[op] = self.counts.get(op, 0) + 1
        return names[0] if outputs == 1 else names

    def tensor(self, name, values):
        values = np.asarray(values)
        kind = KINDS[values.dtype.name]
        if self.style.raw:
            return helper.make_tensor(name, kind, values.shape, values.tobytes(), raw=True)
        return helper.make_tensor(name, kind, values.shape, values.flatten())

    def constant(self, values, how, hint="const", part="value", name=None):
        """A constant as an initialiser (`init`) or a node (`node`)."""
        name = name or self.fresh(self.style.weight, hint=hint, part=part)
        if how == "node":
            self.counts["Constant"] = self.counts.get("Constant", 0) + 1
            label = self.fresh(self.style.node, "Constant", f"constant{self.counts['Constant']}") or None
            self.nodes.append(helper.make_node("Constant", [], [name], name=label, value=self.tensor("", values)))
        else:
            self.initializers.append(self.tensor(name, values))
        return name

    def weight(self, hint, part, values):
        values = np.asarray(values, np.float32)
        if self.weights == "cast":
            half = self.constant(values.astype(np.float16), "init", hint, part)
            return self.op("Cast", [half], hint=f"{hint}_cast", to=TensorProto.FLOAT)
        return self.constant(values.astype(self.dtype), self.weights, hint, part)

    def floats(self, values, hint="const"):
        """A constant that is no layer's weight, in the way the exporter wrote integers."""
        return self.constant(np.asarray(values, np.float32).astype(self.dtype), self.style.ints, hint, "value")

    def ints(self, values, hint="shape"):
        return self.constant(np.asarray(values, np.int64), self.style.ints, hint, "value")

    def uniform(self, shape, low=-1.0, high=1.0):
        return self.random.uniform(low, high, shape).astype(np.float32)

    # Layers

    def conv(self, x, inner, outputs, kernel, *, pads=0, stride=1, group=1, bias=True, auto=None, gain=1.0,
             hint=None, **more):  # fmt: skip
        """`gain` makes the weights larger, so that a ReLU6 has something to cut off."""
        hint = hint or f"conv{self.counts.get('Conv', 0)}"
        kernel = pair(kernel)
        fan = inner // group * kernel[0] * kernel[1]
        shape = [outputs, inner // group, *kernel]
        inputs = [x, self.weight(hint, "weight", self.uniform(shape) * np.float32(gain * 2.4 / fan**0.5))]
        if bias:
            # Rather above zero, so that few channels are dead behind a ReLU.
            inputs.append(self.weight(hint, "bias", self.uniform([outputs], -0.2, 0.8)))
        attributes = dict(kernel_shape=kernel, strides=pair(stride))
        if not self.style.brief:
            attributes |= {"dilations": [1, 1]}
        if not self.style.brief or group > 1:
            attributes |= {"group": group}
        attributes |= {"auto_pad": auto} if auto else {"pads": square(pads)}
        return self.op("Conv", inputs, hint=hint, **(attributes | more))

    def relu(self, x, **more):
        return self.op("Relu", [x], **more)

    def pool(self, op, x, kernel, stride, *, pads=0, auto=None, **more):
        attributes = dict(kernel_shape=pair(kernel), strides=pair(stride))
        attributes |= {"auto_pad": auto} if auto else {"pads": square(pads)}
        return self.op(op, [x], **(attributes | more))

    def max_pool(self, x, kernel, stride, **more):
        return self.pool("MaxPool", x, kernel, stride, **more)

    def avg_pool(self, x, kernel, stride, **more):
        return self.pool("AveragePool", x, kernel, stride, **more)

    def global_average(self, x, **more):
        return self.op("GlobalAveragePool", [x], **more)

    def flatten(self, x, axis=1, **more):
        return self.op("Flatten", [x], axis=axis, **more)

    def reshape(self, x, shape, **more):
        return self.op("Reshape", [x, self.ints(shape)], **more)

    def axes(self, op, x, axes, since, **more):
        """An operator whose axes are an attribute before opset `since`, and an input from then on."""
        if self.opset < since:
            return self.op(op, [x], axes=axes, **more)
        return self.op(op, [x, self.ints(axes, "axes")], **more)

    def squeeze(self, x, axes, **more):
        return self.axes("Squeeze", x, axes, 13, **more)

    def unsqueeze(self, x, axes, **more):
        return self.axes("Unsqueeze", x, axes, 13, **more)

    def mean(self, x, axes, keepdims, **more):
        return self.axes("ReduceMean", x, axes, 18, keepdims=keepdims, **more)

    def clip(self, x, low, high, **more):
        if self.opset < 11:
            return self.op("Clip", [x], min=low, max=high, **more)
        bounds = ["" if bound is None else self.floats(np.float32(bound), "clip") for bound in (low, high)]
        while bounds and not bounds[-1]:
            bounds.pop()
        return self.op("Clip", [x, *bounds], **more)

    def pad(self, x, pads, *, value=0.0, mode="constant", given=True, axes=None, **more):
        """`given`: whether the value is written although it is the default."""
        if self.opset < 11:
            return self.op("Pad", [x], mode=mode, pads=pads, value=value if given else None, **more)
        inputs = [x, self.ints(pads, "pads")]
        if given or axes:
            inputs.append(self.floats(np.float32(value), "pad_value") if given else "")
        if axes:
            inputs.append(self.ints(axes, "pad_axes"))
        return self.op("Pad", inputs, mode=mode, **more)

    def batch_norm(self, x, channels, *, epsilon=1e-5, hint=None, **more):
        hint = hint or f"bn{self.counts.get('BatchNormalization', 0)}"
        parts = [
            ("weight", self.uniform([channels], -1.5, 1.5)),
            ("bias", self.uniform([channels], -0.2, 0.8)),
            ("running_mean", self.uniform([channels], -0.5, 0.5)),
            ("running_var", self.uniform([channels], 0.2, 2.0)),
        ]
        inputs = [self.weight(hint, part, values) for part, values in parts]
        return self.op("BatchNormalization", [x, *inputs], hint=hint, epsilon=epsilon, **more)

    def dense_weights(self, hint, inputs, outputs, transposed=True):
        scale = np.float32(2.4 / inputs**0.5)
        shape = [outputs, inputs] if transposed else [inputs, outputs]
        return self.weight(hint, "weight", self.uniform(shape) * scale)

    def gemm(self, x, inputs, outputs, *, transposed=True, bias=True, alpha=1.0, beta=1.0, hint="fc", **more):
        """`bias` may be a shape."""
        operands = [x, self.dense_weights(hint, inputs, outputs, transposed)]
        if bias is not False:
            shape = [outputs] if bias is True else bias
            operands.append(self.weight(hint, "bias", self.uniform(shape)))
        attributes = dict(alpha=alpha, beta=beta, transB=int(transposed)) | more
        return self.op("Gemm", operands, hint=hint, **attributes)

    def matmul_add(self, x, inputs, outputs, *, first=False, hint="dense", shape=None):
        x = self.op("MatMul", [x, self.dense_weights(hint, inputs, outputs, False)], hint=hint)
        bias = self.weight(hint, "bias", self.uniform(shape or [outputs]))
        return self.op("Add", [bias, x] if first else [x, bias], hint=f"{hint}_add")

    def classifier(self, x, channels, classes=5):
        """Global average, Flatten and Gemm: the end of most nets here."""
        return self.gemm(self.flatten(self.global_average(x)), channels, classes)

    def affine(self, op, x, values, *, first=False, hint=None):
        """Add, Sub, Mul or Div with a constant, which is the first operand if `first`."""
        hint = hint or f"{op.lower()}{self.counts.get(op, 0)}"
        constant = self.weight(hint, "const", values)
        return self.op(op, [constant, x] if first else [x, constant], hint=hint)

    def ends(self, *outputs, shape=None):
        """Says what the graph's outputs are, and gives the net. `shape` is for an output whose shape is
        beyond ONNX's inference."""
        self.claim = shape
        self.outputs = list(outputs)
        wanted = self.style.output
        if wanted and len(outputs) == 1 and any(outputs[0] in node.output for node in self.nodes):
            self.rename(outputs[0], wanted)
            self.outputs = [wanted]
        return self

    def rename(self, old, new):
        for node in self.nodes:
            for names in (node.input, node.output):
                names[:] = [new if name == old else name for name in names]

    def model(self, check=True):
        inputs = list(self.inputs)
        if self.listed:
            inputs += [helper.make_tensor_value_info(t.name, t.data_type, t.dims) for t in self.initializers]
        outputs = [helper.make_empty_tensor_value_info(name) for name in self.outputs]
        graph = helper.make_graph(self.nodes, self.name, inputs, outputs, self.initializers)
        imports = [helper.make_opsetid(domain, version) for domain, version in self.imports]
        model = helper.make_model(
            graph, ir_version=self.ir, opset_imports=imports, producer_name=self.style.producer
        )
        model.producer_version = self.style.version
        inferred = shape_inference.infer_shapes(model, data_prop=True)
        for output, known in zip(model.graph.output, inferred.graph.output):
            if not output.HasField("type"):
                output.CopyFrom(known)
            if self.claim:
                kind = output.type.tensor_type.elem_type or TensorProto.FLOAT
                output.CopyFrom(helper.make_tensor_value_info(output.name, kind, self.claim))
        if self.infos:
            known = [info for info in inferred.graph.value_info if info.type.tensor_type.HasField("shape")]
            model.graph.value_info.extend(sorted(known, key=lambda info: info.name))
        self.change(model)
        if check:
            # The full check infers shapes, which a claimed one may contradict.
            checker.check_model(model, full_check=self.claim is None)
        return model
