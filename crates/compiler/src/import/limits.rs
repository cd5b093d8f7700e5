//! How large a model may be. Each bound keeps a hostile file from costing more memory or time than an
//! honest one of its length; none is near what a network of this house needs.

/// Bytes of an ONNX file. VGG-19 in `f32` has 575 MB; protobuf itself ends at 2 GiB.
pub const FILE_BYTES: u64 = 1 << 30;
/// Records (sub-messages, strings, byte fields) in the protobuf. A decoded record takes up to some 250
/// bytes, an encoded one as little as two. ResNet-1202 has about 100,000.
pub const RECORDS: u64 = 1 << 20;
/// Subgraphs in subgraphs that the record counter follows before it gives up.
pub const DEPTH: u32 = 16;
/// Nodes of a graph. ResNet-1202 has 4,000.
pub const NODES: u64 = 1 << 14;
/// Values of all constants together, given and folded. VGG-19 has 144 million.
pub const CONSTANT_VALUES: u64 = 1 << 29;
/// Values of one activation tensor: 1 GiB of `f32`, the runtime's bound for a whole arena.
pub const TENSOR_VALUES: u64 = 1 << 28;
/// Dimensions of a tensor.
pub const RANK: usize = 8;
/// Largest height or width, as in the `.wisp` file.
pub const SIDE: usize = u16::MAX as usize;
/// Most channels, as in the `.wisp` file.
pub const CHANNELS: usize = 1 << 20;
/// Opset versions whose operators mean what `import` takes them to mean.
pub const OPSETS: core::ops::RangeInclusive<i64> = 7..=25;
