"""Files of what Wisp does not support. Most hold one node of the kind between a ReLU and the output."""

import refused_nodes
from refused_model import models


def variants():
    yield from models()
    for net in refused_nodes.nets():
        yield net.name, net.model()
