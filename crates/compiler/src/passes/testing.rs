//! A small builder for graphs in tests of passes, schedule and memory.

use super::verify;
use crate::graph::{Conv, Graph, Node, Op, Shape, TensorId};
use wisp::format::{Clamp, Element, Window};

/// Builds a graph node by node; the last tensor added is the output.
pub(crate) struct Builder {
    pub graph: Graph,
}

impl Builder {
    pub fn new(h: usize, w: usize, c: usize) -> Self {
        let mut graph = Graph::default();
        graph.input = graph.add_tensor("data", Shape { h, w, c }, Element::F32);
        Self { graph }
    }

    pub fn input(&self) -> TensorId {
        self.graph.input
    }

    pub fn add(&mut self, name: &str, op: Op, inputs: &[TensorId]) -> TensorId {
        let shapes: Vec<Shape> = inputs.iter().map(|&input| self.graph.tensors[input].shape).collect();
        let shape = op.output_shape(&shapes).expect("the test's shapes fit");
        let elements: Vec<Element> = inputs.iter().map(|&input| self.graph.tensors[input].element).collect();
        let element = op.output_element(&elements).expect("the test's types fit");
        let output = self.graph.add_tensor(name, shape, element);
        self.graph.nodes.push(Node { name: name.into(), op, inputs: inputs.to_vec(), output });
        self.graph.output = output;
        output
    }

    /// A convolution with a square kernel that keeps the picture's size.
    pub fn conv(&mut self, name: &str, input: TensorId, outputs: usize, kernel: u16) -> TensorId {
        let c = self.graph.tensors[input].shape.c;
        let pad = (kernel / 2, kernel / 2);
        let window = Window { kernel: (kernel, kernel), stride: (1, 1), pad_start: pad, pad_end: pad };
        let weight = vec![0.5; outputs * usize::from(kernel) * usize::from(kernel) * c];
        let conv = Conv {
            window,
            groups: 1,
            weight,
            bias: vec![0.0; outputs],
            clamp: Clamp::NONE,
            int8: None,
            dense: false,
        };
        self.add(name, Op::Conv(conv), &[input])
    }

    pub fn relu(&mut self, name: &str, input: TensorId) -> TensorId {
        self.add(name, Op::Clamp(Clamp::RELU), &[input])
    }

    /// The graph, which obeys the rules.
    pub fn finish(self) -> Graph {
        verify::check(&self.graph).expect("the test's graph is valid");
        self.graph
    }
}

/// Runs one pass and checks the rules.
pub(crate) fn run(pass: fn(&mut Graph), mut graph: Graph) -> Graph {
    pass(&mut graph);
    verify::check(&graph).expect("the pass keeps the rules");
    graph
}

/// The nodes' names.
pub(crate) fn names(graph: &Graph) -> Vec<&str> {
    graph.nodes.iter().map(|node| node.name.as_str()).collect()
}
