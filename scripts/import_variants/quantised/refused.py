"""Files whose quantisation Wisp does not support. Some are wrong, and ONNX Runtime does not load them either."""

import numpy as np
from onnx import TensorProto, helper

from net import Net
from quantised.net import MICROSOFT

SHAPE = (1, 3, 4, 3)
F32, U8, I8, I32 = np.float32, np.uint8, np.int8, np.int32


class Case(Net):
    """A net that no one computes. Scales and zero points are written down as they are given."""

    def __init__(self, name, opset=13, shape=SHAPE, **more):
        super().__init__(name, "brief", opset, shape, **more)

    def given(self, values, part="value"):
        return self.constant(values, "init", f"c{len(self.initializers)}", part)

    def grid(self, scale=0.01, zero=128, kind=U8):
        return [self.given(np.asarray(scale, F32), "scale"), self.given(np.asarray(zero, kind), "zero_point")]

    def quantise(self, x, grid, **more):
        return self.op("QuantizeLinear", [x, *grid], **more)

    def reals(self, x, grid, **more):
        return self.op("DequantizeLinear", [x, *grid], **more)

    def start(self, scale=0.01, zero=128, kind=U8):
        grid = self.grid(scale, zero, kind)
        return self.quantise(self.input, grid), grid

    def drawn(self, shape, kind=I8):
        limits = np.iinfo(kind)
        return self.random.randint(max(limits.min, -127), limits.max + 1, shape).astype(kind)

    def microsoft(self, op, inputs, **more):
        if (MICROSOFT, 1) not in self.imports:
            self.imports.append((MICROSOFT, 1))
        return self.op(op, inputs, domain=MICROSOFT, **more)

    def end(self, x, grid, shape=None):
        return self.ends(self.reals(x, grid), shape=shape)


def pairs():
    """One pair on the input, of which something is wrong."""
    for name, scale in [
        ("scale_zero", 0.0), ("scale_negative", -0.01), ("scale_nan", np.nan), ("scale_infinite", np.inf),
        ("scale_subnormal", 1e-40),
    ]:  # fmt: skip
        net = Case(name)
        yield net.end(*net.start(scale))
    net = Case("scale_of_an_axis")
    grid = net.grid([0.01, 0.02, 0.03], [128] * 3)
    yield net.ends(net.reals(net.quantise(net.input, grid, axis=1), grid, axis=1))
    net = Case("scale_computed")
    grid = [net.op("ReduceMax", [net.input], keepdims=0), net.given(U8(128), "zero_point")]
    yield net.end(net.quantise(net.input, grid), grid)
    net = Case("zero_point_computed")
    zero = net.quantise(net.op("ReduceMax", [net.input], keepdims=0), [net.given(F32(0.01), "scale")])
    grid = [net.given(F32(0.01), "scale"), zero]
    yield net.end(net.quantise(net.input, grid), grid)
    net = Case("zero_point_beyond_its_type")
    x, grid = net.start()
    tensor = next(tensor for tensor in net.initializers if tensor.name == grid[1])
    tensor.CopyFrom(helper.make_tensor(tensor.name, TensorProto.UINT8, [], [7]))
    tensor.int32_data[0] = 300
    yield net.end(x, grid)
    net = Case("zero_point_of_another_type")
    x, grid = net.start()
    yield net.end(x, [grid[0], net.given(I8(0), "zero_point")], SHAPE)
    net = Case("zero_point_in_i32")
    grid = net.grid(0.01, 3, I32)
    yield net.ends(net.reals(net.quantise(net.input, grid), grid), shape=SHAPE)
    for kind in (np.uint16, np.int16):
        net = Case(f"activations_{kind.__name__}", 21)
        yield net.end(*net.start(0.0001, 0, kind))
    # Before opset 21 they needed the other domain.
    net = Case("activations_uint16_microsoft")
    grid = net.grid(0.0001, 0, np.uint16)
    x = net.microsoft("QuantizeLinear", [net.input, *grid])
    yield net.ends(net.microsoft("DequantizeLinear", [x, *grid]), shape=SHAPE)
    net = Case("activations_float8", 19)
    net.initializers += [
        helper.make_tensor("scale", TensorProto.FLOAT, [], [0.01]),
        helper.make_tensor("zero", TensorProto.FLOAT8E4M3FN, [], [0.0]),
    ]
    yield net.end(net.quantise(net.input, ["scale", "zero"]), ["scale", "zero"])
    net = Case("output_dtype_uint16", 21)
    scale = net.given(F32(0.0001), "scale")
    yield net.end(net.quantise(net.input, [scale], output_dtype=TensorProto.UINT16), [scale])
    net = Case("output_is_integers")
    yield net.ends(net.start()[0])
    net = Case("input_is_integers")
    net.inputs[0].type.tensor_type.elem_type = TensorProto.UINT8
    yield net.end(net.input, net.grid())


def weights():
    """A convolution in pairs, of whose weights or bias something is wrong."""

    def conv(net, weight, grid, bias=None, **axis):
        """`weight` and `bias` are names, `grid` that of the weight."""
        x, of_x = net.start()
        inputs = [net.reals(x, of_x), net.reals(weight, grid, **axis), *([bias] if bias else [])]
        of_y = net.grid(0.05)
        return net.quantise(net.op("Conv", inputs), of_y), of_y

    def stored(net, kind=I8, shape=(4, 3, 1, 1)):
        return net.given(net.drawn(shape, kind), "weight")

    per_axis = np.full(4, 0.005)
    for name, scale in [("zero", 0.0), ("negative", -0.005), ("nan", np.nan)]:
        net = Case(f"weight_scale_{name}")
        scales = per_axis.copy()
        scales[2] = scale
        yield net.end(*conv(net, stored(net), net.grid(scales, [0] * 4, I8), axis=0))
    net = Case("weight_scales_too_few")
    yield net.end(*conv(net, stored(net), net.grid(per_axis[:3], [0] * 3, I8), axis=0), (1, 4, 4, 3))
    net = Case("weight_zero_points_too_few")
    yield net.end(*conv(net, stored(net), net.grid(per_axis, [0] * 3, I8), axis=0), (1, 4, 4, 3))
    net = Case("weight_axis_beyond_rank")
    yield net.end(*conv(net, stored(net), net.grid(per_axis, [0] * 4, I8), axis=4), (1, 4, 4, 3))
    # 255 less the zero point does not fit into i8.
    for zero in (0, 100):
        net = Case(f"weight_u8_zero_point_{zero}")
        yield net.end(*conv(net, stored(net, U8), net.grid(0.005, zero, U8)))
    net = Case("weight_int16", 21)
    yield net.end(*conv(net, stored(net, np.int16), net.grid(0.00003, 0, np.int16)))
    for name in ("INT4", "UINT4", "FLOAT8E4M3FN"):
        net, kind = Case(f"weight_{name.lower()}", 21), TensorProto.DataType.Value(name)
        values = net.random.randint(0, 8, 12)
        net.initializers += [
            helper.make_tensor("weight", kind, [4, 3, 1, 1], values),
            helper.make_tensor("zero", kind, [], [0]),
        ]
        yield net.end(*conv(net, "weight", [net.given(F32(0.05), "scale"), "zero"]))
    net = Case("weight_in_blocks", 21, (1, 4, 4, 3))
    grid = net.grid(np.full([4, 2, 1, 1], 0.005), np.zeros([4, 2, 1, 1]), I8)
    yield net.end(*conv(net, stored(net, shape=(4, 4, 1, 1)), grid, axis=1, block_size=2))
    net = Case("weight_computed", shape=(1, 4, 1, 1))
    x, of_x = net.start()
    weight = net.quantise(net.input, of_x)
    of_y = net.grid(0.05)
    yield net.end(net.quantise(net.op("Conv", [net.reals(x, of_x), net.reals(weight, of_x)]), of_y), of_y)

    def biased(name, values, scale=None, zero=0):
        net = Case(name)
        scale = np.asarray(F32(0.01) * F32(0.005) if scale is None else scale, F32)
        of_bias = [net.given(scale, "scale"), net.given(np.full(scale.shape, zero, values.dtype), "zero_point")]
        bias = net.reals(net.given(values, "bias"), of_bias, axis=0 if scale.ndim else None)
        return net.end(*conv(net, stored(net), net.grid(0.005, 0, I8), bias))

    plain = np.array([100, -2000, 3000, 0], I32)
    yield biased("bias_scale_nan", plain, np.nan)
    yield biased("bias_zero_point", plain, zero=7)
    # Together with the largest sum of products they leave i32.
    yield biased("bias_beyond_i32", np.array([0, 2**31 - 1, 0, 0], I32))
    yield biased("bias_below_i32", np.array([0, 0, -(2**31), 0], I32))


def operators():
    """Operators on integers, with operands or attributes that there is no step for."""

    def conv(name, *, kind=I8, zero=0, scale=0.005, bias=None, out=0.05, **attributes):
        net = Case(name)
        x, of_x = net.start()
        weight = net.given(net.drawn((4, 3, 2, 2), kind), "weight")
        of_y = net.grid(out)
        inputs = [x, *of_x, weight, *net.grid(scale, zero, kind), *of_y]
        inputs += [net.given(bias, "bias")] if bias is not None else []
        return net, net.op("QLinearConv", inputs, **attributes), of_y

    for name, more in [
        ("conv_weight_zero_point", dict(zero=3)),
        ("conv_weight_u8_zero_point_0", dict(kind=U8)),
        ("conv_weight_scale_infinite", dict(scale=[0.005, np.inf, 0.005, 0.005], zero=[0] * 4)),
        ("conv_output_scale_zero", dict(out=0.0)),
        # A step of the sum is many of the output, or next to nothing.
        ("conv_output_much_too_fine", dict(out=1e-8)),
        ("conv_output_much_too_coarse", dict(out=1e12)),
        ("conv_bias_beyond_i32", dict(bias=np.array([2**31 - 1, 0, 0, 0], I32))),
        ("conv_dilated", dict(dilations=[2, 2])),
    ]:
        net, y, of_y = conv(name, **more)
        yield net.end(y, of_y)
    net, y, of_y = conv("conv_bias_too_short", bias=np.zeros(3, I32))
    yield net.end(y, of_y, (1, 4, 3, 2))
    net, y, of_y = conv("conv_weight_scales_too_few", scale=[0.005] * 3, zero=[0] * 3)
    yield net.end(y, of_y, (1, 4, 3, 2))
    net = Case("conv_weight_computed", shape=(1, 4, 1, 1))
    x, grid = net.start()
    weight = net.op("Identity", [x])
    yield net.end(net.op("QLinearConv", [x, *grid, weight, *grid, *grid]), grid)
    net = Case("conv_of_nhwc", shape=(1, 4, 3, 3))
    x, grid = net.start()
    weight, of_y = net.given(net.drawn((4, 3, 2, 2)), "weight"), net.grid(0.05)
    y = net.microsoft("QLinearConv", [x, *grid, weight, *net.grid(0.005, 0, I8), *of_y], channels_last=1)
    yield net.end(y, of_y, (1, 3, 2, 4))
    # Integers in, sums of i32 out.
    for name, op, shape, weight in [
        ("conv_integer", "ConvInteger", SHAPE, (4, 3, 2, 2)), ("matmul_integer", "MatMulInteger", (1, 6), (6, 4))
    ]:  # fmt: skip
        net = Case(name, shape=shape)
        x, grid = net.start()
        y = net.op(op, [x, net.given(net.drawn(weight), "weight"), grid[1]])
        yield net.ends(net.op("Cast", [y], to=TensorProto.FLOAT))
    net = Case("dynamic_quantise")
    x, scale, zero = net.op("DynamicQuantizeLinear", [net.input], outputs=3)
    yield net.end(x, [scale, zero])
    # The names are known, but not in this domain, or not in that one.
    net = Case("qlinear_add_of_no_domain")
    x, grid = net.start()
    yield net.end(net.op("QLinearAdd", [x, *grid, x, *grid, *grid]), grid, SHAPE)
    net = Case("qgemm_of_another_domain", shape=(1, 6))
    net.imports.append(("example.com", 1))
    x, grid = net.start()
    weight = net.given(net.drawn((6, 4)), "weight")
    y = net.op("QGemm", [x, *grid, weight, *net.grid(0.005, 0, I8), "", *grid], domain="example.com")
    yield net.end(y, grid, (1, 4))
    for op, more in [("QLinearSigmoid", {}), ("QLinearLeakyRelu", dict(alpha=0.1))]:
        net = Case(f"microsoft_{op}")
        x, grid = net.start()
        yield net.end(net.microsoft(op, [x, *grid, *grid], **more), grid, SHAPE)
    net = Case("microsoft_QLinearMul")
    x, grid = net.start()
    yield net.end(net.microsoft("QLinearMul", [x, *grid, x, *grid, *grid]), grid, SHAPE)
    net = Case("microsoft_NhwcMaxPool", shape=(1, 4, 3, 3))
    x, grid = net.start()
    yield net.end(net.microsoft("NhwcMaxPool", [x], kernel_shape=[2, 2]), grid, (1, 3, 2, 3))
    net = Case("microsoft_DynamicQuantizeMatMul", shape=(1, 6))
    weight = net.given(net.drawn((6, 4)), "weight")
    yield net.ends(net.microsoft("DynamicQuantizeMatMul", [net.input, weight, *net.grid(0.005, 0, I8)]), shape=(1, 4))
    net = Case("microsoft_MatMulIntegerToFloat", shape=(1, 6))
    x, grid = net.start()
    weight, of_w = net.given(net.drawn((6, 4)), "weight"), net.grid(0.005, 0, I8)
    inputs = [x, weight, grid[0], of_w[0], grid[1], of_w[1]]
    yield net.ends(net.microsoft("MatMulIntegerToFloat", inputs), shape=(1, 4))
    net = Case("microsoft_QAttention", shape=(1, 2, 4))
    x, grid = net.start()
    weight, of_w = net.given(net.drawn((4, 12)), "weight"), net.grid(0.005, 0, I8)
    inputs = [x, weight, net.given(np.zeros(12, F32)), grid[0], of_w[0], "", grid[1], of_w[1]]
    yield net.ends(net.microsoft("QAttention", inputs, num_heads=2), shape=(1, 2, 4))


def shapes():
    def microsoft(name, op, shape, **more):
        net = Case(name)
        x, grid = net.start()
        return net.end(net.microsoft(op, [x, *grid, *grid], **more), grid, shape)

    yield microsoft("global_average_of_nhwc", "QLinearGlobalAveragePool", (1, 1, 1, 3), channels_last=1)
    window = dict(kernel_shape=[2, 2])
    yield microsoft("average_pool_of_nhwc", "QLinearAveragePool", (1, 2, 3, 3), channels_last=1, **window)
    yield microsoft("softmax_over_columns", "QLinearSoftmax", SHAPE, axis=3, opset=13)
    yield microsoft("softmax_over_a_whole_map", "QLinearSoftmax", SHAPE, axis=1, opset=11)
    net = Case("concat_of_rows")
    x, grid = net.start()
    yield net.end(net.microsoft("QLinearConcat", [*grid, x, *grid, x, *grid], axis=2), grid, (1, 3, 8, 3))
    net = Case("add_of_map_and_vector")
    x, grid = net.start()
    y = net.microsoft("QLinearGlobalAveragePool", [x, *grid, *grid], channels_last=0)
    yield net.end(net.microsoft("QLinearAdd", [x, *grid, y, *grid, *grid]), grid, SHAPE)
    net = Case("add_of_integers", 14)
    x, grid = net.start()
    yield net.end(net.op("Add", [x, x]), grid)
    net = Case("concat_of_two_types")
    x, grid = net.start()
    y = net.quantise(net.input, net.grid(0.01, 0, I8))
    yield net.end(net.op("Concat", [x, y], axis=1), grid, (1, 6, 4, 3))
    net = Case("gemm_trans_a", shape=(1, 6))
    x, grid = net.start()
    weight = net.given(net.drawn((1, 4)), "weight")
    inputs = [x, *grid, weight, *net.grid(0.005, 0, I8), "", *grid]
    yield net.end(net.microsoft("QGemm", inputs, transA=1), grid, (6, 4))
    net = Case("matmul_of_activations", shape=(1, 6))
    x, grid = net.start()
    y = net.op("Transpose", [x], perm=[1, 0])
    yield net.end(net.op("QLinearMatMul", [x, *grid, y, *grid, *grid]), grid)


def variants():
    for family in (pairs, weights, operators, shapes):
        for net in family():
            # The checker knows the operators of ONNX's own domain, and what is none.
            yield net.name, net.model(check=net.name != "qlinear_add_of_no_domain")
