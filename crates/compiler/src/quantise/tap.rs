//! A model whose tensors can all be looked at after a run: every tensor has memory of its own.

use crate::error::CompileError;
use crate::graph::{Graph, TensorId};
use crate::import::Description;
use crate::{encode, memory, passes, schedule};
use std::collections::HashMap;
use wisp::format::{Buffer, Element, Provenance, View};
use wisp::{Engine, Optimize, Options};

/// The model, and where its tensors lie.
pub(crate) struct Tap {
    engine: Engine,
    places: Vec<Option<(View, Buffer)>>,
}

impl Tap {
    /// Finishes `graph` as a compilation does, but for the memory.
    pub fn new(mut graph: Graph, description: &Description) -> Result<Self, CompileError> {
        passes::finish_to_look_at(&mut graph);
        let mut schedule = schedule::schedule(&graph);
        let last = schedule.order.len().saturating_sub(1);
        for buffer in &mut schedule.buffers {
            buffer.last = last;
            buffer.takes = None;
        }
        let layout = memory::layout(&schedule.buffers);
        let index: HashMap<TensorId, u32> =
            schedule.buffers.iter().zip(0..).map(|(buffer, index)| (buffer.tensor, index)).collect();
        let views: Vec<Option<View>> = (0..graph.tensors.len())
            .map(|tensor| {
                let (root, channel) = graph.root(tensor);
                let channels = graph.tensors[tensor].shape.c as u32;
                Some(View { buffer: *index.get(&root)?, channel: channel as u32, channels })
            })
            .collect();
        let description = Description { labels: vec![], ..description.clone() };
        let bytes = encode::encode(graph, &schedule, &layout, &description, Provenance::default())?;
        // Directly: what is measured then does not depend on the memory that speed may have.
        let options = Options::default().with_optimize(Optimize::Size);
        let engine = Engine::from_vec(bytes, &options).map_err(|source| CompileError::Engine { source })?;
        let place = |view: View| (view, engine.model().buffer(view.buffer));
        let places = views.into_iter().map(|view| view.map(place)).collect();
        Ok(Self { engine, places })
    }

    /// Runs a picture and returns what a softmax at the end reads, or the output.
    pub fn run(&mut self, input: &[f32]) -> Result<Vec<f32>, CompileError> {
        let failed = |source| CompileError::Engine { source };
        let scores = self.engine.run(input).map_err(failed)?.to_vec();
        Ok(self.engine.logits().map_or(scores, <[f32]>::to_vec))
    }

    /// The values of a tensor after a run, pixel by pixel; bytes as the numbers 0 to 255. `None` for a
    /// tensor that no step writes.
    pub fn values(&self, tensor: TensorId) -> Option<impl Iterator<Item = &[u8]> + '_> {
        let (view, buffer) = self.places.get(tensor).copied().flatten()?;
        let bytes = self.engine.buffer(view.buffer)?;
        let size = buffer.element.bytes() as usize;
        let (start, length) = (view.channel as usize * size, view.channels as usize * size);
        let pixels = bytes.chunks_exact((buffer.channels as usize * size).max(1));
        Some(pixels.map(move |pixel| &pixel[start..start + length]))
    }

    /// As [`values`](Self::values), as numbers.
    pub fn numbers(&self, tensor: TensorId) -> Option<Vec<f32>> {
        let (_, buffer) = self.places.get(tensor).copied().flatten()?;
        let values = self.values(tensor)?;
        Some(match buffer.element {
            Element::U8 => values.flatten().map(|&byte| byte.into()).collect(),
            Element::F32 => {
                let words = values.flat_map(|pixel| pixel.as_chunks::<4>().0);
                words.map(|bytes| f32::from_ne_bytes(*bytes)).collect()
            }
        })
    }
}
