//! What the file says of itself in `metadata_props`: our keys all begin with `wisp.`.
//!
//! | key | value |
//! |---|---|
//! | `wisp.model` | name |
//! | `wisp.weights` | `trained` or `seeded` |
//! | `wisp.size` | height and width, where the graph leaves them open |
//! | `wisp.resize` | `warp` or `crop` |
//! | `wisp.shorter` | shorter side before a crop |
//! | `wisp.order` | `rgb` or `bgr` |
//! | `wisp.range` | `255` or `1` |
//! | `wisp.mean`, `wisp.std` | three numbers in the model's own channel order |

use crate::error::CompileError;
use crate::options::Options;
use std::collections::HashMap;
use tract_onnx::pb::StringStringEntryProto;
use wisp::format::Weights;
use wisp::vision::{ChannelOrder, PixelRange, Preprocess, Resize};

const PREFIX: &str = "wisp.";
const KEYS: &[&str] = &[
    "wisp.model",
    "wisp.weights",
    "wisp.size",
    "wisp.resize",
    "wisp.shorter",
    "wisp.order",
    "wisp.range",
    "wisp.mean",
    "wisp.std",
];
/// The keys of which either all or none must be there. `wisp.shorter` belongs to a crop only.
const PREPROCESSING: &[&str] = &["wisp.resize", "wisp.order", "wisp.range", "wisp.mean", "wisp.std"];

/// What is known of a model besides its graph.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Description {
    pub name: String,
    pub preprocess: Preprocess,
    pub weights: Weights,
    pub labels: Vec<String>,
}

impl Description {
    /// Scales a crop that was meant for an input of 224 pixels to one of `side`.
    pub fn scale_crop(&mut self, side: usize) {
        if let Resize::Crop { shorter } = &mut self.preprocess.resize {
            let scaled = u64::from(*shorter) * side as u64 / 224;
            *shorter = scaled.clamp(1, u16::MAX.into()) as u32;
        }
    }
}

/// Our keys of a file, with the size read.
pub struct Metadata {
    entries: HashMap<String, String>,
    size: Option<usize>,
}

fn error(key: &str, problem: impl Into<String>) -> CompileError {
    CompileError::Metadata { key: key.into(), problem: problem.into() }
}

/// Collects our keys; others are of no interest.
pub fn read(props: &[StringStringEntryProto]) -> Result<Metadata, CompileError> {
    let mut entries = HashMap::new();
    for StringStringEntryProto { key, value } in props.iter().filter(|entry| entry.key.starts_with(PREFIX)) {
        if !KEYS.contains(&key.as_str()) {
            return Err(error(key, format!("it is not known (known: {})", KEYS.join(", "))));
        }
        if entries.insert(key.clone(), value.trim().to_string()).is_some() {
            return Err(error(key, "it is given twice"));
        }
    }
    let mut metadata = Metadata { entries, size: None };
    metadata.size = metadata.number("wisp.size")?.map(|size| size as usize);
    Ok(metadata)
}

impl Metadata {
    /// Height and width that the file asks for.
    pub fn size(&self) -> Option<usize> {
        self.size
    }

    /// Checks a side that the graph fixes against what file and options say.
    pub fn agrees(&self, side: usize, options: &Options) -> Result<(), CompileError> {
        if let Some(size) = options.size
            && size as usize != side
        {
            let problem = format!("{size} is wanted, but the model's input has a side of {side}");
            return Err(CompileError::Option { option: "--size", problem });
        }
        match self.size {
            Some(size) if size != side => {
                Err(error("wisp.size", format!("it is {size}, but the model's input has a side of {side}")))
            }
            _ => Ok(()),
        }
    }

    /// Joins what the file says with the options, which win. `name` is the last resort for the name.
    pub fn describe(self, name: &str, options: &Options) -> Result<Description, CompileError> {
        let preprocess = match options.preprocess {
            Some(preprocess) => {
                preprocess.check().map_err(|problem| CompileError::Option {
                    option: "preprocessing",
                    problem: problem.to_string(),
                })?;
                preprocess
            }
            None => self.preprocess()?.ok_or(CompileError::PreprocessingUnknown)?,
        };
        let stored = match self.get("wisp.weights") {
            None => None,
            Some("trained") => Some(Weights::Trained),
            Some("seeded") => Some(Weights::Seeded),
            Some(other) => {
                return Err(error("wisp.weights", format!("it is \"{other}\", must be trained or seeded")));
            }
        };
        let name = options.name.as_deref().or(self.get("wisp.model")).unwrap_or(name);
        Ok(Description {
            name: name.into(),
            preprocess,
            weights: options.weights.or(stored).unwrap_or(Weights::Trained),
            labels: options.labels.clone().unwrap_or_default(),
        })
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.entries.get(key).map(String::as_str)
    }

    fn needed(&self, key: &str) -> Result<&str, CompileError> {
        self.get(key).ok_or_else(|| {
            error(key, format!("it is missing; preprocessing takes all of {}", PREPROCESSING.join(", ")))
        })
    }

    fn number(&self, key: &str) -> Result<Option<u32>, CompileError> {
        let Some(text) = self.get(key) else { return Ok(None) };
        let number = text.parse().ok().filter(|&number| number > 0);
        number
            .map(Some)
            .ok_or_else(|| error(key, format!("it is \"{text}\", must be a whole number above 0")))
    }

    fn three(&self, key: &str) -> Result<[f32; 3], CompileError> {
        let text = self.needed(key)?;
        let numbers: Result<Vec<f32>, _> = text.split(',').map(|part| part.trim().parse()).collect();
        numbers
            .ok()
            .and_then(|numbers| numbers.try_into().ok())
            .ok_or_else(|| error(key, format!("it is \"{text}\", must be three numbers with commas between")))
    }

    fn preprocess(&self) -> Result<Option<Preprocess>, CompileError> {
        if PREPROCESSING.iter().all(|key| self.get(key).is_none()) {
            return Ok(None);
        }
        let resize = match self.needed("wisp.resize")? {
            "warp" => Resize::Warp,
            "crop" => {
                let shorter = self.number("wisp.shorter")?;
                let shorter =
                    shorter.ok_or_else(|| error("wisp.shorter", "it is missing, a crop needs it"))?;
                Resize::Crop { shorter }
            }
            other => return Err(error("wisp.resize", format!("it is \"{other}\", must be warp or crop"))),
        };
        let order = match self.needed("wisp.order")? {
            "rgb" => ChannelOrder::Rgb,
            "bgr" => ChannelOrder::Bgr,
            other => return Err(error("wisp.order", format!("it is \"{other}\", must be rgb or bgr"))),
        };
        let range = match self.needed("wisp.range")? {
            "255" => PixelRange::Byte,
            "1" => PixelRange::Unit,
            other => return Err(error("wisp.range", format!("it is \"{other}\", must be 255 or 1"))),
        };
        let (mean, std) = (self.three("wisp.mean")?, self.three("wisp.std")?);
        let preprocess = Preprocess { resize, order, range, mean, std };
        preprocess.check().map_err(|problem| error("wisp.std", problem.to_string()))?;
        Ok(Some(preprocess))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAFFE: &[(&str, &str)] = &[
        ("wisp.model", "net"),
        ("wisp.weights", "seeded"),
        ("wisp.resize", "crop"),
        ("wisp.shorter", "256"),
        ("wisp.order", "bgr"),
        ("wisp.range", "255"),
        ("wisp.mean", "104.006, 116.669,122.679"),
        ("wisp.std", "1,1,1"),
        ("author", "somebody"),
    ];

    fn describe(entries: &[(&str, &str)], options: &Options) -> Result<Description, CompileError> {
        let entry =
            |&(key, value): &(&str, &str)| StringStringEntryProto { key: key.into(), value: value.into() };
        read(&entries.iter().map(entry).collect::<Vec<_>>())?.describe("file", options)
    }

    /// `CAFFE` with one value replaced, or taken out.
    fn with(key: &str, value: Option<&str>) -> Result<Description, CompileError> {
        let mut entries: Vec<_> = CAFFE.iter().copied().filter(|entry| entry.0 != key).collect();
        if let Some(value) = value {
            entries.push((key, value));
        }
        describe(&entries, &Options::default())
    }

    fn text(key: &str, value: Option<&str>) -> String {
        with(key, value).unwrap_err().to_string()
    }

    #[test]
    fn reads_every_key() {
        let description = describe(CAFFE, &Options::default()).unwrap();
        let mean = [104.006, 116.669, 122.679];
        let expected = Preprocess {
            resize: Resize::Crop { shorter: 256 },
            order: ChannelOrder::Bgr,
            range: PixelRange::Byte,
            mean,
            std: [1.0; 3],
        };
        assert_eq!(description.preprocess, expected);
        assert_eq!((description.name.as_str(), description.weights), ("net", Weights::Seeded));
    }

    #[test]
    fn options_win() {
        let options = Options {
            name: Some("mine".into()),
            weights: Some(Weights::Trained),
            preprocess: Some(Preprocess::torchvision()),
            ..Default::default()
        };
        let description = describe(&[("wisp.resize", "nonsense")], &options).unwrap();
        assert_eq!((description.name.as_str(), description.weights), ("mine", Weights::Trained));
        assert_eq!(description.preprocess, Preprocess::torchvision());
        let options = Options { preprocess: Some(Preprocess::caffe()), ..Default::default() };
        assert_eq!(describe(&[], &options).unwrap().name, "file");
    }

    #[test]
    fn errors_name_the_key() {
        assert_eq!(
            text("wisp.order", Some("grb")),
            "metadata key \"wisp.order\": it is \"grb\", must be rgb or bgr"
        );
        assert_eq!(
            text("wisp.mean", None),
            "metadata key \"wisp.mean\": it is missing; preprocessing takes all of wisp.resize, wisp.order, \
             wisp.range, wisp.mean, wisp.std"
        );
        assert_eq!(
            text("wisp.mean", Some("1,2")),
            "metadata key \"wisp.mean\": it is \"1,2\", must be three numbers with commas between"
        );
        assert_eq!(
            text("wisp.shorter", None),
            "metadata key \"wisp.shorter\": it is missing, a crop needs it"
        );
        assert_eq!(
            text("wisp.size", Some("0")),
            "metadata key \"wisp.size\": it is \"0\", must be a whole number above 0"
        );
        assert_eq!(
            text("wisp.weights", Some("good")),
            "metadata key \"wisp.weights\": it is \"good\", must be trained or seeded"
        );
        assert!(text("wisp.std", Some("1,0,1")).starts_with("metadata key \"wisp.std\": "));
        assert!(
            text("wisp.colour", Some("x"))
                .starts_with("metadata key \"wisp.colour\": it is not known (known: ")
        );
    }

    #[test]
    fn a_crop_grows_with_the_input() {
        let mut description = describe(CAFFE, &Options::default()).unwrap();
        for (side, shorter) in [(224, 256), (227, 259), (299, 341)] {
            description.preprocess.resize = Resize::Crop { shorter: 256 };
            description.scale_crop(side);
            assert_eq!(description.preprocess.resize, Resize::Crop { shorter });
        }
    }

    #[test]
    fn unknown_preprocessing_lists_presets_and_flags() {
        let text = describe(&[], &Options::default()).unwrap_err().to_string();
        assert_eq!(
            text,
            "the model does not say how a picture becomes its input: give --preset torchvision|caffe, or --resize \
             warp|crop --order rgb|bgr --range 255|1 --mean A,B,C --std A,B,C"
        );
    }
}
