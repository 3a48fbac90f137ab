//! Which columns of a table are its targets, and which holds the weights of the rows.

use super::error::{DataError, nearest};
use super::table::{Column, TableOptions, TableTarget};

/// The columns, by their places in the header, that are no inputs.
pub(super) struct Roles {
    /// The targets, in the order in which they were named.
    pub(super) targets: Vec<usize>,
    pub(super) weights: Option<usize>,
}

/// A table's columns by what they are.
pub(super) struct Parts {
    pub(super) inputs: Vec<Column>,
    pub(super) target: TableTarget,
    pub(super) weights: Option<Column>,
}

impl Roles {
    /// Finds them in a header.
    ///
    /// # Errors
    /// When a column that must be there is not, or one has two roles.
    pub(super) fn find(
        header: &[String],
        options: &TableOptions,
        file: &str,
    ) -> Result<Self, DataError> {
        let place = |name: &str| header.iter().position(|column| column == name);
        let missing = |column: &str| DataError::UnknownColumn {
            file: file.to_owned(),
            column: column.to_owned(),
            nearest: nearest(column, header.iter().map(String::as_str)).map(str::to_owned),
            known: header.to_vec(),
        };
        let weights = match &options.weights {
            // In a file beside the one that was trained on they may be missing.
            Some(name) if options.schema.is_some() => place(name),
            Some(name) => Some(place(name).ok_or_else(|| missing(name))?),
            None => None,
        };
        let named = match (&options.target, options.targets.as_slice()) {
            (Some(text), []) => columns(text, header),
            (_, names) => names.iter().map(|n| place(n).ok_or(n.clone())).collect(),
        };
        let targets = match named {
            Ok(targets) if targets.is_empty() && options.require_target => {
                let last = (0..header.len()).rfind(|&at| Some(at) != weights);
                last.into_iter().collect()
            }
            Ok(targets) => targets,
            Err(column) if options.require_target => return Err(missing(&column)),
            Err(_) => Vec::new(),
        };
        let again = |&(at, target): &(usize, &usize)| {
            Some(*target) == weights || targets[..at].contains(target)
        };
        if let Some((_, &target)) = targets.iter().enumerate().find(again) {
            let both = if Some(target) == weights {
                "as a target and as weights"
            } else {
                "as a target twice"
            };
            return Err(DataError::malformed(
                file,
                format!("the column {:?} {both}", header[target]),
                "a column for each",
                "name each column once, in `--target` or in `--weights`",
            ));
        }
        Ok(Self { targets, weights })
    }

    /// Whether a column has a role.
    pub(super) fn has(&self, at: usize) -> bool {
        self.targets.contains(&at) || self.weights == Some(at)
    }

    /// Parts the columns that were read: the inputs, then the targets, then the weights.
    pub(super) fn part(&self, mut inputs: Vec<Column>) -> Parts {
        let weights = self.weights.and_then(|_| inputs.pop());
        let mut targets = inputs.split_off(inputs.len() - self.targets.len());
        let target = match targets.len() {
            0 => TableTarget::None,
            1 => TableTarget::Column(targets.remove(0)),
            _ => TableTarget::Columns(targets),
        };
        Parts {
            inputs,
            target,
            weights,
        }
    }
}

/// The columns that a text names: one by its whole name, or several with commas between them. A name may itself have
/// commas: the longest that is there is taken. Gives what names no column.
fn columns(text: &str, header: &[String]) -> Result<Vec<usize>, String> {
    let place = |name: &str| header.iter().position(|column| column == name);
    if let Some(at) = place(text) {
        return Ok(vec![at]);
    }
    let mut rest: Vec<&str> = text.split(',').collect();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let longest = (1..=rest.len())
            .rev()
            .find_map(|count| place(rest[..count].join(",").trim()).map(|at| (at, count)));
        let Some((at, count)) = longest else {
            // One name that is nowhere is told as it was given.
            let single = found.is_empty() && rest.len() == 1;
            return Err(if single { text } else { rest[0].trim() }.to_owned());
        };
        found.push(at);
        rest.drain(..count);
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn names_with_commas_are_found() {
        let header = ["a", "b", "a,b", "c,d"].map(str::to_owned);
        assert_eq!(columns("a,b", &header), Ok(vec![2]), "the exact name wins");
        assert_eq!(columns("a, b", &header), Ok(vec![0, 1]));
        assert_eq!(columns("b,a", &header), Ok(vec![1, 0]));
        assert_eq!(columns("b,c,d,a", &header), Ok(vec![1, 3, 0]));
        assert_eq!(columns("b,x", &header), Err("x".to_owned()));
        assert_eq!(columns("b,", &header), Err(String::new()));
    }
}
