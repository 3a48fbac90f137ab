//! `--class-weights`: what the rows of each class count in the loss.

use super::exit::Exit;
use crate::data::{Dataset, Targets, nearest};

const FORM: &str = "expected `balanced`, numbers of at least 0 separated by commas in the order of the classes, or \
                    name=number for some classes, separated by commas";

/// The weights as they are given.
enum Given {
    /// As many for each class, whatever its rows.
    Balanced,
    Numbers(Vec<f32>),
    /// Of some classes; the others weigh 1.
    Named(Vec<(String, f32)>),
}

/// Whether a text has the form, and the text.
pub(super) fn checked(text: &str) -> Result<String, String> {
    parse(text)?;
    Ok(text.trim().to_owned())
}

fn weight(text: &str) -> Option<f32> {
    let weight: f32 = text.trim().parse().ok()?;
    (0.0..=f32::MAX).contains(&weight).then_some(weight)
}

fn parse(text: &str) -> Result<Given, String> {
    let text = text.trim();
    if text == "balanced" {
        return Ok(Given::Balanced);
    }
    let wrong = |part: &str| format!("found {part:?}; {FORM}");
    let given = if text.contains('=') {
        let mut named = Vec::new();
        // A class's name may have commas.
        let mut begun = String::new();
        for part in text.split(',') {
            begun.push_str(part);
            match begun.rsplit_once('=') {
                Some((name, number)) => {
                    let number = weight(number).ok_or_else(|| wrong(&begun))?;
                    named.push((name.trim().to_owned(), number));
                    begun.clear();
                }
                None => begun.push(','),
            }
        }
        if !begun.is_empty() {
            return Err(wrong(begun.trim_end_matches(',')));
        }
        Given::Named(named)
    } else {
        let number = |part: &str| weight(part).ok_or_else(|| wrong(part));
        Given::Numbers(text.split(',').map(number).collect::<Result<_, _>>()?)
    };
    Ok(given)
}

/// A weight a class, from the text and the training rows.
pub(super) fn resolve(text: &str, names: &[String], training: &Dataset) -> Result<Vec<f32>, Exit> {
    let usage = |message: String| Exit::usage(format!("--class-weights {text}: {message}"));
    let weights = match parse(text).map_err(usage)? {
        Given::Balanced => balanced(training, names.len()),
        Given::Numbers(numbers) if numbers.len() == names.len() => numbers,
        Given::Numbers(numbers) => {
            let (found, expected) = (numbers.len(), names.len());
            let list = names.join(", ");
            return Err(usage(format!(
                "found {found} numbers, expected one for each of the {expected} classes, in this order: {list}"
            )));
        }
        Given::Named(named) => {
            let mut weights = vec![1.0; names.len()];
            for (name, weight) in named {
                let Some(class) = names.iter().position(|known| *known == name) else {
                    let hint = nearest(&name, names.iter().map(String::as_str))
                        .map_or_else(String::new, |near| format!(" (did you mean {near:?}?)"));
                    let list = names.join(", ");
                    return Err(usage(format!(
                        "found the class {name:?}{hint}, expected one of {list}"
                    )));
                };
                weights[class] = weight;
            }
            weights
        }
    };
    if weights.iter().all(|&w| w == 0.0) {
        let message = "found 0 for all classes, expected a number above 0 for one; leave it out for equal weights";
        return Err(usage(message.to_owned()));
    }
    Ok(weights)
}

/// `rows / (classes * rows of the class)`, as scikit-learn's; 1 for a class that no training row has.
#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to f32, as the device takes it"
)]
fn balanced(training: &Dataset, classes: usize) -> Vec<f32> {
    let mut counts = vec![0_u32; classes];
    if let Targets::Classes { labels, .. } = training.targets() {
        for &label in labels {
            counts[label as usize] += 1;
        }
    }
    let all = training.rows() as f64;
    let weight = |&count: &u32| match count {
        0 => 1.0,
        count => (all / (classes as f64 * f64::from(count))) as f32,
    };
    counts.iter().map(weight).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Vec<f32>, String> {
        let names = ["a", "b", "c,d"].map(str::to_owned);
        let data = Dataset::classes(&[0.0; 6], 1, &[0, 0, 0, 1, 1, 2]).expect("well formed");
        resolve(text, &names, &data).map_err(|exit| format!("{exit:?}"))
    }

    #[test]
    fn all_forms() {
        assert_eq!(of("1, 2,0.5"), Ok(vec![1.0, 2.0, 0.5]));
        assert_eq!(of("c,d=3, b = 0"), Ok(vec![1.0, 0.0, 3.0]));
        let balanced = of("balanced").expect("it is a word");
        assert_eq!(balanced, [2.0 / 3.0, 1.0, 2.0]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        for (text, parts) in [
            ("1,2", ["found 2 numbers", "a, b, c,d"]),
            ("1,x,3", ["x", "balanced"]),
            ("1,-2,3", ["-2", "at least 0"]),
            ("1,nan,3", ["nan", "at least 0"]),
            ("e=1", ["class", "a, b, c,d"]),
            ("a=1,b", ["b", "balanced"]),
            ("a=one", ["a=one", "balanced"]),
            ("0,0,0", ["0 for all", "leave it out"]),
            ("", ["", "balanced"]),
        ] {
            let said = of(text).expect_err("it is wrong");
            assert!(parts.iter().all(|p| said.contains(p)), "{text}: {said}");
        }
    }
}
