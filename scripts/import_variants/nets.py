"""The networks of the field in small, each as one exporter wrote it."""

from net import Net


def fire(net, x, inner, squeeze, expand, hint):
    x = net.relu(net.conv(x, inner, squeeze, 1, hint=f"{hint}/squeeze1x1"))
    parts = [
        net.relu(net.conv(x, squeeze, expand, 1, hint=f"{hint}/expand1x1")),
        net.relu(net.conv(x, squeeze, expand, 3, pads=1, hint=f"{hint}/expand3x3")),
    ]
    return net.op("Concat", parts, axis=1, hint=f"{hint}/concat")


def alexnet():
    net = Net("net_alexnet", "caffe2", 9, (1, 3, 29, 25), seed=7)
    lrn = dict(size=5, alpha=1e-4, beta=0.75, bias=2.0)
    x = net.op("LRN", [net.relu(net.conv(net.input, 3, 4, 5, stride=4, hint="conv1"))], hint="norm1", **lrn)
    x = net.conv(net.max_pool(x, 3, 2), 4, 6, 3, pads=1, group=2, hint="conv2")
    x = net.max_pool(net.relu(x), 3, 2, pads=[0, 0, 1, 1])
    x = net.reshape(x, [1, 6], hint="OC2_DUMMY_0")
    x = net.op("Dropout", [net.relu(net.gemm(x, 6, 8, hint="fc6"))], outputs=2, ratio=0.5)[0]
    return net.ends(net.op("Softmax", [net.gemm(x, 8, 5, hint="fc8")], hint="prob"))


def vgg():
    net = Net("net_vgg_bn", "torch-1.9", 11, ("batch", 3, 12, 8), seed=4)
    x, inner = net.input, 3
    for stage, outputs in enumerate([4, 6]):
        x = net.conv(x, inner, outputs, 3, pads=1, hint=f"features.{stage}")
        x = net.max_pool(net.relu(net.batch_norm(x, outputs, momentum=0.9)), 2, 2)
        inner = outputs
    x = net.avg_pool(x, (1, 1), (1, 1))
    x = net.relu(net.gemm(net.flatten(x), 36, 8, hint="classifier.0"))
    return net.ends(net.gemm(x, 8, 5, hint="classifier.3"))


def squeezenet():
    net = Net("net_squeezenet", "torch-2.1", 13, (1, 3, 19, 15))
    x = net.max_pool(net.relu(net.conv(net.input, 3, 4, 3, stride=2, hint="features")), 3, 2, ceil_mode=1)
    x = fire(net, fire(net, x, 4, 2, 3, "fire2"), 6, 2, 4, "fire3")
    x = net.op("Dropout", [x, net.floats(0.5), net.constant(False, "node")])
    x = net.global_average(net.relu(net.conv(x, 8, 5, 1, hint="classifier")))
    return net.ends(net.flatten(x))


def googlenet():
    net = Net("net_googlenet", "caffe2", 8, (1, 3, 17, 15), seed=4)
    x = net.max_pool(net.relu(net.conv(net.input, 3, 3, 5, pads=2, stride=2)), 3, 2, pads=[0, 0, 1, 1])
    x = net.op("LRN", [x], size=5, alpha=1e-4, beta=0.75, bias=1.0)
    branches = [
        net.relu(net.conv(x, 3, 2, 1)),
        net.relu(net.conv(net.relu(net.conv(x, 3, 2, 1)), 2, 3, 3, pads=1)),
        net.relu(net.conv(net.relu(net.conv(x, 3, 1, 1)), 1, 2, 5, pads=2)),
        net.relu(net.conv(net.max_pool(x, 3, 1, pads=1), 3, 2, 1)),
    ]
    x = net.avg_pool(net.op("Concat", branches, axis=1), (4, 4), 1)
    x = net.reshape(net.op("Dropout", [x], outputs=2, ratio=0.4)[0], [1, 9], hint="OC2_DUMMY_0")
    return net.ends(net.op("Softmax", [net.gemm(x, 9, 5)]))


def inception():
    """Oblong kernels, averages with padding, Pad nodes of Keras."""
    net = Net("net_inception", "tf2onnx", 13, ("unk__12", 13, 11, 3))
    x = net.op("Transpose", [net.input], perm=[0, 3, 1, 2])
    x = net.relu(net.conv(x, 3, 4, 3, stride=2))
    branches = [
        net.relu(net.conv(net.conv(x, 4, 3, (1, 5), pads=(0, 2)), 3, 3, (5, 1), pads=(2, 0))),
        net.relu(net.conv(net.avg_pool(x, 3, 1, auto="SAME_UPPER"), 4, 2, 1)),
    ]
    x = net.max_pool(net.op("Concat", branches, axis=1), 3, 2)
    x = net.reshape(net.op("Transpose", [x], perm=[0, 2, 3, 1]), [-1, 20])
    return net.ends(net.op("Softmax", [net.matmul_add(x, 20, 5)]))


def resnet():
    net = Net("net_resnet", "dynamo", 18, ("s0", 3, 17, 13), seed=7)
    x = net.max_pool(net.relu(net.conv(net.input, 3, 3, 5, pads=2, stride=2)), 3, 2, pads=1)
    y = net.relu(net.conv(x, 3, 3, 3, pads=1))
    x = net.relu(net.op("Add", [net.conv(y, 3, 3, 3, pads=1), x]))
    y = net.relu(net.conv(x, 3, 4, 3, pads=1, stride=2))
    x = net.relu(net.op("Add", [net.conv(y, 4, 4, 3, pads=1), net.conv(x, 3, 4, 1, stride=2)]))
    return net.ends(net.gemm(net.reshape(net.mean(x, [-1, -2], 1), [-1, 4]), 4, 5))


def mobilenet():
    net = Net("net_mobilenet_keras", "tf2onnx", 11, ("N", 14, 10, 3), seed=3)
    x = net.affine("Sub", net.affine("Mul", net.input, 2.0), 1.0)
    x = net.op("Transpose", [net.pad(x, [0, 0, 0, 0, 0, 1, 1, 0])], perm=[0, 3, 1, 2])
    x = net.clip(net.conv(x, 3, 4, 3, stride=2, gain=3), 0, 6)
    x = net.clip(net.conv(x, 4, 4, 3, pads=1, group=4), 0, 6)
    x = net.clip(net.conv(x, 4, 6, 1), 0, 6)
    x = net.mean(net.op("Transpose", [x], perm=[0, 2, 3, 1]), [1, 2], 0)
    return net.ends(net.op("Softmax", [net.matmul_add(x, 6, 5)], axis=-1))


def lenet():
    net = Net("net_lenet_paddle", "paddle2onnx", 11, (-1, 1, 14, 12))
    x = net.max_pool(net.relu(net.conv(net.input, 1, 3, 5)), 2, 2)
    x = net.max_pool(net.relu(net.conv(x, 3, 4, 3)), 2, 2)
    return net.ends(net.matmul_add(net.flatten(x), 4, 5))


def variants():
    for make in [alexnet, vgg, squeezenet, googlenet, inception, resnet, mobilenet, lenet]:
        yield make()
