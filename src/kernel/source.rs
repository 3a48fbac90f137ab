//! The text of a shader: its file joined with the files of shared functions it uses, the constants replaced.
//!
//! There are no templates and no preprocessor. A line `// uses: functions, philox` names the files whose functions a
//! file calls; they stand before it, each once. Files that a [`Shader`] joins stand there too: of several that define
//! one function, the host chooses. `enable` and `requires` lines are moved to the top, where WGSL wants them.
//! What a variant changes are whole lines `const NAME: T = VALUE;` and `alias NAME = VALUE;`, found by the name.

use super::{Constant, Shader};

/// The shader files by name, from the one list of them.
macro_rules! files {
    ($($name:literal),* $(,)?) => {
        const FILES: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../../shaders/", $name, ".wgsl")))),*];
    };
}

files![
    "accumulate",
    "activation",
    "activation_grad",
    "activation_grad_wide",
    "activation_wide",
    "activations",
    "adadelta_update",
    "adagrad_update",
    "adam_update",
    "adamax_update",
    "batch_norm_grad",
    "bias_add",
    "binary",
    "broadcast",
    "clip_norm",
    "clip_value",
    "class_loss",
    "class_loss_grad",
    "concat",
    "copy",
    "correct",
    "dropout",
    "finish_bias",
    "finish_bias_wide",
    "finish_gradient",
    "finish_gradient_wide",
    "finish_none",
    "finish_sgd",
    "functions",
    "gather",
    "gather_bytes",
    "gather_grad",
    "gather_words",
    "group_total",
    "image_rows",
    "l1_gradient",
    "lerp_update",
    "lion_update",
    "layer_norm_grad",
    "log_softmax",
    "log_softmax_grad",
    "matmul_broadcast",
    "matmul_cooperative",
    "matmul_image",
    "matmul_lanes",
    "matmul_operands",
    "matmul_thin",
    "matmul_tile",
    "max_norm_update",
    "max_pieces",
    "max_pieces_grad",
    "moments",
    "multiply_add",
    "nadam_update",
    "narrow",
    "noise",
    "nonfinite",
    "normalize",
    "normalize_sums",
    "operands",
    "operands_half",
    "pad",
    "part",
    "part_wide",
    "philox",
    "pointwise_loss",
    "pointwise_loss_grad",
    "radam_update",
    "record",
    "rmsprop_centered",
    "rmsprop_momentum",
    "rmsprop_plain",
    "rmsprop_still",
    "rmsprop_update",
    "row_sums",
    "row_sums_none",
    "row_sums_sgd",
    "running_moments",
    "scale",
    "scaler",
    "sgd_update",
    "sgd_update_momentum",
    "share",
    "slice",
    "smoothed_cross_entropy",
    "smoothed_cross_entropy_grad",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_grad",
    "softmax_grad",
    "square_sum",
    "sum",
    "sum_long",
    "verdict",
    "verdict_none",
];

/// Why there is no source for a shader: the shader's choice and its file do not fit, which only a developer can mend.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No such file.
    #[error("no shader file `{file}.wgsl` is embedded: add it to the list in kernel/source.rs")]
    UnknownFile {
        /// The file's name, without its ending.
        file: String,
    },
    /// A constant that the kernel sets is not in the shader, or more than once.
    #[error(
        "shader `{file}.wgsl` has {found} lines `const {constant}: ...` or `alias {constant} = ...`, expected one: \
         the kernel sets it"
    )]
    Constant {
        /// The file's name, without its ending.
        file: &'static str,
        /// The constant's name.
        constant: &'static str,
        /// How many lines declare it.
        found: usize,
    },
}

/// The names of the shader files, those of shared functions among them.
pub fn files() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|&(name, _)| name)
}

/// A checksum of all shader files: another one, and what was measured with them may not hold.
pub fn checksum() -> u32 {
    let mut crc = flate2::Crc::new();
    for (name, text) in FILES {
        crc.update(name.as_bytes());
        crc.update(text.as_bytes());
    }
    crc.sum()
}

/// The names of the files that a shader is joined from: the shared ones that it uses first, itself last.
///
/// # Errors
/// If one of them is not embedded.
pub fn parts(shader: &Shader) -> Result<Vec<&'static str>, SourceError> {
    Ok(texts(shader)?.into_iter().map(|(name, _)| name).collect())
}

/// The WGSL text of a shader.
///
/// # Errors
/// If a file is not embedded, or a constant is not declared exactly once.
pub fn source(shader: &Shader) -> Result<String, SourceError> {
    let parts = texts(shader)?;
    let (mut enables, mut lines) = (Vec::new(), Vec::new());
    for line in parts.iter().flat_map(|(_, text)| text.lines()) {
        if !is_enable(line) {
            lines.push(line.to_owned());
        } else if !enables.contains(&line) {
            enables.push(line);
        }
    }
    for constant in &shader.constants {
        replace(&mut lines, constant, shader.file)?;
    }
    let mut text = String::new();
    for line in enables.into_iter().chain(lines.iter().map(String::as_str)) {
        text.push_str(line);
        text.push('\n');
    }
    Ok(text)
}

/// A shader's files, each with its text.
fn texts(shader: &Shader) -> Result<Vec<(&'static str, &'static str)>, SourceError> {
    let mut parts = Vec::new();
    for file in shader.joined.iter().chain([&shader.file]) {
        collect(file, &mut parts)?;
    }
    Ok(parts)
}

/// Appends a file behind those it uses, each with its text, unless it is there.
fn collect(file: &str, parts: &mut Vec<(&'static str, &'static str)>) -> Result<(), SourceError> {
    let &(name, text) = FILES
        .iter()
        .find(|(name, _)| *name == file)
        .ok_or_else(|| SourceError::UnknownFile { file: file.into() })?;
    for used in text
        .lines()
        .filter_map(|line| line.strip_prefix("// uses: "))
        .flat_map(|names| names.split(", "))
    {
        collect(used, parts)?;
    }
    if !parts.contains(&(name, text)) {
        parts.push((name, text));
    }
    Ok(())
}

fn is_enable(line: &str) -> bool {
    line.starts_with("enable ") || line.starts_with("requires ")
}

/// Puts the constant's value into the one line that declares it. What stands behind the semicolon stays.
fn replace(
    lines: &mut [String],
    constant: &Constant,
    file: &'static str,
) -> Result<(), SourceError> {
    let starts = [
        format!("const {}:", constant.name),
        format!("alias {} =", constant.name),
    ];
    let declares = |line: &&mut String| starts.iter().any(|start| line.starts_with(start));
    let mut found: Vec<_> = lines.iter_mut().filter(declares).collect();
    let declaration = match found.as_mut_slice() {
        [line] => line.split_once(" = ").and_then(|(left, right)| {
            let (_, behind) = right.split_once(';')?;
            Some(format!("{left} = {};{behind}", constant.value))
        }),
        _ => None,
    };
    match declaration {
        Some(declaration) => *found[0] = declaration,
        None => {
            return Err(SourceError::Constant {
                file,
                constant: constant.name,
                found: found.len(),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shader(file: &'static str, name: &'static str, value: &str) -> Shader {
        Shader::new(file, [1, 1, 1]).with(name, value.to_owned())
    }

    #[test]
    fn shared_files_come_first_and_once() {
        assert_eq!(
            parts(&Shader::new("activation", [1, 1, 1])).expect("the file is embedded"),
            ["functions", "activations", "activation"],
            "a shared file may use another"
        );
        let joined = Shader::new("activation", [1, 1, 1])
            .join("philox")
            .join("functions");
        assert_eq!(
            parts(&joined).expect("the files are embedded"),
            ["philox", "functions", "activations", "activation"],
            "what the host joins stands before it"
        );
    }

    #[test]
    fn a_constant_is_replaced_and_its_comment_stays() {
        let text = source(&shader("sum", "BLOCK", "7u")).expect("the constant is there");
        assert!(
            text.contains("\nconst BLOCK: u32 = 7u; // terms\n"),
            "got:\n{text}"
        );
        let text = source(&shader("gather", "Value", "u32")).expect("the alias is there");
        assert!(text.contains("\nalias Value = u32;\n"), "got:\n{text}");
    }

    #[test]
    fn a_constant_that_is_not_there_is_an_error_with_its_name() {
        let error = source(&shader("sum", "TILE", "7u")).expect_err("`sum` has no TILE");
        let message = error.to_string();
        assert!(
            message.contains("sum.wgsl") && message.contains("TILE"),
            "got: {message}"
        );
    }

    #[test]
    fn a_file_that_is_not_there_is_an_error_with_its_name() {
        let error = source(&Shader::new("nothing", [1, 1, 1])).expect_err("there is no such file");
        assert!(
            error.to_string().contains("nothing.wgsl"),
            "the message names the file: {error}"
        );
    }

    #[test]
    fn two_declarations_are_an_error() {
        let mut lines = vec!["const A: u32 = 1u;".to_owned(); 2];
        let constant = Constant {
            name: "A",
            value: "2u".to_owned(),
        };
        assert_eq!(
            replace(&mut lines, &constant, "twice"),
            Err(SourceError::Constant {
                file: "twice",
                constant: "A",
                found: 2
            }),
            "neither may be chosen silently"
        );
    }
}
