//! A network as an ONNX model (<https://onnx.ai/onnx/intro/concepts.html>): what others need to use it on raw data, and
//! nothing of its training.

mod layers;
mod model;

use self::model::Graph;
use super::shape::{about, answer, input_doc, output, target_scale};
use super::{Answer, ExportError};
use crate::data::InputScale;
use crate::run::ModelFile;

/// The set of operators: the first that has `LayerNormalization`.
pub const OPSET: u32 = 17;
/// The name of the input.
const X: &str = "x";

/// The bytes of an ONNX model with one input `x` `[N, features]`, float32, in the units of the data, and one output:
/// `probabilities` `[N, classes]`, `scores` for a loss whose outputs are none, or `y` `[N, outputs]` in the units of the
/// target. The names of the inputs, in their order, and those of the classes are in the metadata, each as a JSON list.
///
/// # Errors
/// If it would be larger than protobuf's 2 GiB, or has recurrent layers.
pub fn onnx(file: &ModelFile) -> Result<Vec<u8>, ExportError> {
    check_size(file)?;
    let network = &file.model.network;
    if network.is_recurrent() {
        let network = network.to_string();
        return Err(ExportError::Recurrent { network });
    }
    let mut graph = Graph::default();
    for (parameter, values) in network.lasting().zip(&file.model.values) {
        graph.tensor(&parameter.name, parameter.shape.dims(), values);
    }
    let mut x = X.to_owned();
    if let Some(preparation) = &file.preparation {
        x = normalised(&mut graph, &preparation.input_scale(), x);
    }
    x = graph.layers(&network.stages(), x);
    x = graph.activation(output(file), x);
    if let Some((offset, scale)) = target_scale(file) {
        let scale = graph.numbers("target.scale", &scale);
        x = graph.node("Mul", &[&x, &scale], Vec::new());
        let offset = graph.numbers("target.offset", &offset);
        x = graph.node("Add", &[&x, &offset], Vec::new());
    }
    let answer = answer(file);
    graph.finish(&x, answer.name());
    Ok(graph.model(&model::Words {
        inputs: (X, network.inputs, input_doc(file)),
        outputs: (answer.name(), network.outputs(), output_doc(file, answer)),
        about: about(file),
    }))
}

/// `(x - offset) / scale`, without what does nothing. Near a large offset the difference of two numbers of single precision
/// is exact, but the offset itself is rounded: what it lost is taken off too, where it shows.
fn normalised(graph: &mut Graph, by: &InputScale, mut x: String) -> String {
    if let Some(missing) = &by.missing {
        let fill: Vec<_> = missing.iter().map(|x| x.unwrap_or(f64::NAN)).collect();
        let fill = graph.numbers("input.missing", &fill);
        let is_missing = graph.node("IsNaN", &[&x], Vec::new());
        x = graph.node("Where", &[&is_missing, &fill, &x], Vec::new());
    }
    let (mut high, mut low) = (Vec::new(), Vec::new());
    for offset in &by.offset {
        high.push(f64::from(model::narrow(*offset)));
        low.push(offset - f64::from(model::narrow(*offset)));
    }
    let shows = |(low, scale): (&f64, &f64)| (low / scale).abs() > f64::from(f32::EPSILON) / 8.0;
    if high.iter().any(|x| *x != 0.0) {
        let offset = graph.numbers("input.offset", &high);
        x = graph.node("Sub", &[&x, &offset], Vec::new());
    }
    if low.iter().zip(&by.scale).any(shows) {
        let offset = graph.numbers("input.offset.rest", &low);
        x = graph.node("Sub", &[&x, &offset], Vec::new());
    }
    if by.scale.iter().any(|x| *x != 1.0) {
        let scale = graph.numbers("input.scale", &by.scale);
        x = graph.node("Div", &[&x, &scale], Vec::new());
    }
    x
}

fn output_doc(file: &ModelFile, answer: Answer) -> String {
    let preparation = file.preparation.as_ref();
    let classes = preparation.and_then(|p| p.class_names());
    let of = classes.map_or_else(String::new, |names| format!(" of {}", names.join(", ")));
    match answer {
        Answer::Probabilities => format!("probabilities{of}"),
        Answer::Scores => format!("scores{of}; the largest wins, and they are no probabilities"),
        Answer::Numbers if preparation.is_some() => "numbers in the units of the target".to_owned(),
        Answer::Numbers => "numbers as the network has them".to_owned(),
    }
}

fn check_size(file: &ModelFile) -> Result<(), ExportError> {
    /// Protobuf's readers take lengths of 31 bits; a MiB is for all that are not parameters.
    const MOST: u64 = (1 << 31) - 1 - (1 << 20);
    let numbers: usize = file.model.values.iter().map(Vec::len).sum();
    let bytes = 4 * numbers as u64;
    if bytes > MOST {
        Err(ExportError::TooLarge { bytes, most: MOST })
    } else {
        Ok(())
    }
}
