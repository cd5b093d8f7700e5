//! Makes an operator of tract out of a loop over whole tensors.

use std::fmt::Debug;
use std::hash::Hash;
use tract_core::internal::*;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::internal::{
    Expansion, InferenceOp, InferenceResult, Solver, TensorProxy, check_input_arity, check_output_arity,
    expand,
};

/// What a builder gives tract: the operator, and the names that it closes over (none here).
pub type Built = TractResult<(Box<dyn InferenceOp>, Vec<String>)>;

/// One operator: type and shape of its output, and the loop.
pub trait Loops: Clone + Debug + PartialEq + Eq + Hash + Send + Sync + 'static {
    /// What to call it.
    const NAME: &'static str;

    /// The output's type, from those of the inputs.
    fn kind(&self, kinds: &Inputs<DatumType>) -> TractResult<DatumType>;

    /// The output's shape, from those of the inputs.
    fn shape(&self, shapes: &Inputs<Vec<usize>>) -> TractResult<Vec<usize>>;

    /// The output, of this type and shape.
    fn run(&self, inputs: &Inputs<&Tensor>, kind: DatumType, shape: &[usize]) -> TractResult<Tensor>;
}

/// Something of each input, at the place that the operator's definition gives it; `None` where an optional
/// one is absent.
pub struct Inputs<T>(Vec<Option<T>>);

impl<T> Inputs<T> {
    pub fn get(&self, place: usize) -> Option<&T> {
        self.0.get(place).and_then(Option::as_ref)
    }

    pub fn need(&self, place: usize) -> TractResult<&T> {
        self.get(place).with_context(|| format!("input {place} is missing"))
    }

    /// Number of places.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// The places of a node's inputs: absent ones have no place among those that tract hands over.
pub type Places = Vec<Option<usize>>;

/// The places of `node`'s own inputs, in its order.
fn places(node: &NodeProto) -> Places {
    let mut given = 0;
    let place = |name: &String| {
        (!name.is_empty()).then(|| {
            given += 1;
            given - 1
        })
    };
    node.input.iter().map(place).collect()
}

/// The operator of `node`, which must stand in the right domain.
pub fn build<L: Loops>(node: &NodeProto, allowed: bool, loops: L) -> Built {
    build_at(node, allowed, loops, |places| places)
}

/// As [`build`], with the inputs put in the order that `L` wants.
pub fn build_at<L: Loops>(
    node: &NodeProto,
    allowed: bool,
    loops: L,
    arrange: impl FnOnce(Places) -> Places,
) -> Built {
    if !allowed {
        bail!("{} of domain \"{}\" is not known", node.op_type, node.domain);
    }
    let given = places(node);
    let count = given.iter().flatten().count();
    let label = format!("node \"{}\" ({})", node.name, node.op_type);
    Ok((expand(Plain { label, count, places: arrange(given), loops }), vec![]))
}

/// A loop, the node that it stands for, and where its inputs come from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Plain<L> {
    label: String,
    /// Inputs that are there.
    count: usize,
    places: Places,
    loops: L,
}

impl<L: Loops> Plain<L> {
    fn at_places<T>(&self, given: &[T]) -> Inputs<T>
    where
        T: Clone,
    {
        Inputs(self.places.iter().map(|place| given.get((*place)?).cloned()).collect())
    }

    fn shape(&self, shapes: &[Vec<usize>]) -> TractResult<Vec<usize>> {
        self.loops.shape(&self.at_places(shapes)).with_context(|| self.label.clone())
    }

    fn kind(&self, kinds: &[DatumType]) -> TractResult<DatumType> {
        self.loops.kind(&self.at_places(kinds)).with_context(|| self.label.clone())
    }
}

impl<L: Loops> Expansion for Plain<L> {
    fn name(&self) -> StaticName {
        L::NAME.into()
    }

    fn rules<'r, 'p: 'r, 's: 'r>(
        &'s self,
        solver: &mut Solver<'r>,
        inputs: &'p [TensorProxy],
        outputs: &'p [TensorProxy],
    ) -> InferenceResult {
        check_input_arity(inputs, self.count)?;
        check_output_arity(outputs, 1)?;
        solver.given_all(inputs.iter().map(|input| &input.datum_type), move |solver, kinds| {
            solver.equals(&outputs[0].datum_type, self.kind(&kinds)?)
        })?;
        solver.given_all(inputs.iter().map(|input| &input.shape), move |solver, shapes| {
            let shapes = shapes.iter().map(|shape| sizes(shape)).collect::<TractResult<Vec<_>>>()?;
            let shape: TVec<TDim> = self.shape(&shapes)?.into_iter().map(TDim::from).collect();
            solver.equals(&outputs[0].shape, shape)
        })
    }

    fn wire(&self, prefix: &str, model: &mut TypedModel, inputs: &[OutletId]) -> TractResult<TVec<OutletId>> {
        model.wire_node(prefix, self.clone(), inputs)
    }
}

/// Sizes that are numbers.
fn sizes(shape: &[TDim]) -> TractResult<Vec<usize>> {
    shape.iter().map(|size| Ok(size.to_usize()?)).collect()
}

impl<L: Loops> Op for Plain<L> {
    fn name(&self) -> StaticName {
        L::NAME.into()
    }

    op_as_typed_op!();
}

impl<L: Loops> EvalOp for Plain<L> {
    // On constants too: quantised weights may be computed in the graph.
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let kinds: Vec<DatumType> = inputs.iter().map(|input| input.datum_type()).collect();
        let shapes: Vec<Vec<usize>> = inputs.iter().map(|input| input.shape().to_vec()).collect();
        let (kind, shape) = (self.kind(&kinds)?, self.shape(&shapes)?);
        let tensors: Vec<&Tensor> = inputs.iter().map(|input| &**input).collect();
        let output = self.loops.run(&self.at_places(&tensors), kind, &shape);
        Ok(tvec![output.with_context(|| self.label.clone())?.into_tvalue()])
    }
}

impl<L: Loops> TypedOp for Plain<L> {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let kinds: Vec<DatumType> = inputs.iter().map(|input| input.datum_type).collect();
        let shapes = inputs.iter().map(|input| sizes(&input.shape.to_tvec()));
        let shapes = shapes.collect::<TractResult<Vec<_>>>()?;
        Ok(tvec![self.kind(&kinds)?.fact(self.shape(&shapes)?)])
    }

    as_op!();
}
