//! Which columns of a table are its targets, and which holds the weights of the rows.

use super::error::{DataError, nearest};
use super::table::{Column, TableOptions, TableTarget};

/// The columns, by their places in the header, that are no inputs.
pub(super) struct Roles {
    /// The targets, in the order in which they were named.
    pub(super) targets: Vec<usize>,
    pub(super) weights: Option<usize>,
}

/// What a column is that is no input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Target,
    Weights,
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
        let is_left_out = |at: usize| options.leaves_out(&header[at]);
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
                let last = (0..header.len()).rfind(|&at| Some(at) != weights && !is_left_out(at));
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
        let roles = Self { targets, weights };
        if let Some(at) = (0..header.len()).find(|&at| roles.has(at) && is_left_out(at)) {
            let (role, other) = if weights == Some(at) {
                ("weights", "another column of weights")
            } else {
                ("target", "another target")
            };
            return Err(DataError::mismatch(
                format!("{file}, column {:?}", header[at]),
                format!("the {role} among the columns to leave out"),
                format!("{other}, or other columns behind `--drop`"),
            ));
        }
        Ok(roles)
    }

    /// How many columns have a role.
    pub(super) fn count(&self) -> usize {
        self.targets.len() + usize::from(self.weights.is_some())
    }

    /// Whether a column has a role.
    pub(super) fn has(&self, at: usize) -> bool {
        self.targets.contains(&at) || self.weights == Some(at)
    }

    /// What a column that has a role is for, by its place among those that have one: the targets, then the weights.
    pub(super) fn role(&self, at: usize) -> Role {
        if at < self.targets.len() {
            Role::Target
        } else {
            Role::Weights
        }
    }

    /// Parts the columns that have a role: the targets, then the weights.
    pub(super) fn part(&self, mut columns: Vec<Column>) -> (TableTarget, Option<Column>) {
        let weights = self.weights.and_then(|_| columns.pop());
        let target = match columns.len() {
            0 => TableTarget::None,
            1 => TableTarget::Column(columns.remove(0)),
            _ => TableTarget::Columns(columns),
        };
        (target, weights)
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
