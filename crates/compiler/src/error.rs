//! What can go wrong between an ONNX file and a `.wisp` file, in words that a user understands.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

/// An error from below, kept as a cause without naming its type in our interface.
pub(crate) type Cause = Box<dyn Error + Send + Sync>;

/// Why a file could not be compiled, or not be run in tract.
///
/// The text of each is one line that names the place, what was found and what is needed; what a library
/// below said is in [`source`](Error::source).
#[non_exhaustive]
#[derive(Debug)]
pub enum CompileError {
    /// The file could not be read.
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// The bytes are not an ONNX model.
    NotOnnx {
        /// What the protobuf decoder says.
        source: Cause,
    },
    /// Something is larger than this compiler accepts.
    Limit {
        /// What is too large.
        what: String,
        /// How large it is.
        given: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The file as a whole breaks a rule of ONNX or of this compiler.
    Model {
        /// The rule.
        problem: String,
    },
    /// An input, output, initialiser or inner tensor is not usable.
    Tensor {
        /// Its name in the file.
        tensor: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A node is not usable as it stands.
    Node {
        /// The node's name, or that of its first output if it has none.
        node: String,
        /// Its operator.
        operator: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A node has an operator that the runtime has no step for.
    UnsupportedOperator {
        /// The node's name, or that of its first output if it has none.
        node: String,
        /// Its operator, with the domain before it unless that is ONNX's own.
        operator: String,
    },
    /// tract refused the model.
    Tract {
        /// What tract was asked to do.
        doing: &'static str,
        /// Node and operator, where they are known.
        node: Option<String>,
        /// What tract says.
        source: Cause,
    },
    /// A key of `metadata_props` is malformed or missing.
    Metadata {
        /// The key.
        key: String,
        /// What is wrong with it.
        problem: String,
    },
    /// Neither the file nor the options say how a picture becomes the input tensor.
    PreprocessingUnknown,
    /// An option is not usable.
    Option {
        /// The option's name.
        option: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The compiled model cannot be run on this machine as asked.
    Engine {
        /// What the runtime says.
        source: wisp::EngineError,
    },
    /// The compiled file did not pass the runtime's own check.
    Rejected {
        /// What the runtime says.
        source: Cause,
    },
}

impl CompileError {
    pub(crate) fn tensor(tensor: &str, problem: impl Into<String>) -> Self {
        Self::Tensor { tensor: tensor.into(), problem: problem.into() }
    }

    pub(crate) fn model(problem: impl Into<String>) -> Self {
        Self::Model { problem: problem.into() }
    }

    pub(crate) fn limit(what: impl Into<String>, given: u64, limit: u64) -> Self {
        Self::Limit { what: what.into(), given, limit }
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read { path, .. } => write!(f, "cannot read {}", path.display()),
            Self::NotOnnx { .. } => f.write_str("not an ONNX model: the protobuf does not decode"),
            Self::Limit { what, given, limit } => write!(f, "{what}: {given}, at most {limit} are accepted"),
            Self::Model { problem } => f.write_str(problem),
            Self::Tensor { tensor, problem } => write!(f, "tensor \"{tensor}\": {problem}"),
            Self::Node { node, operator, problem } => write!(f, "node \"{node}\" ({operator}): {problem}"),
            Self::UnsupportedOperator { node, operator } => {
                write!(f, "node \"{node}\": operator {operator} is not supported (supported: ")?;
                crate::import::write_supported(f)?;
                f.write_str(")")
            }
            Self::Tract { doing, node: Some(node), .. } => write!(f, "{node}: tract cannot {doing}"),
            Self::Tract { doing, node: None, .. } => write!(f, "tract cannot {doing}"),
            Self::Metadata { key, problem } => write!(f, "metadata key \"{key}\": {problem}"),
            Self::PreprocessingUnknown => f.write_str(
                "the model does not say how a picture becomes its input: give --preset torchvision|caffe, or \
                 --resize warp|crop --order rgb|bgr --range 255|1 --mean A,B,C --std A,B,C",
            ),
            Self::Option { option, problem } => write!(f, "option {option}: {problem}"),
            Self::Engine { .. } => f.write_str("the compiled model cannot be run here"),
            Self::Rejected { .. } => f.write_str("the compiled model does not pass the runtime's check"),
        }
    }
}

impl Error for CompileError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { source, .. } => Some(source),
            Self::Engine { source } => Some(source),
            Self::NotOnnx { source } | Self::Tract { source, .. } | Self::Rejected { source } => {
                Some(source.as_ref())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_one_line_and_keep_the_cause() {
        let cause = || Cause::from("deeper");
        let errors = [
            CompileError::NotOnnx { source: cause() },
            CompileError::Tract {
                doing: "infer shapes",
                node: Some("node \"a\" (Conv)".into()),
                source: cause(),
            },
            CompileError::Rejected { source: cause() },
        ];
        for error in errors {
            assert!(!error.to_string().contains('\n'));
            assert_eq!(error.source().map(ToString::to_string).as_deref(), Some("deeper"));
        }
        let error = CompileError::limit("nodes in the graph", 7, 5);
        assert_eq!(error.to_string(), "nodes in the graph: 7, at most 5 are accepted");
    }
}
