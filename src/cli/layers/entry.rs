//! One table of a list of layers, and its keys.

use toml::de::{DeTable, DeValue};

use super::super::config::words;
use super::super::exit::Exit;
use super::keys;
use crate::data::nearest;
use crate::network::{Activation, Cell};

/// One table of the list.
pub(super) struct Entry<'a, 'b> {
    pub(super) table: &'a DeTable<'b>,
    pub(super) at: &'a dyn Fn(usize) -> String,
    /// Where it stands, as `FILE:LINE`.
    pub(super) place: String,
    pub(super) kind: &'static str,
}

impl Entry<'_, '_> {
    pub(super) fn check_keys(&self) -> Result<(), Exit> {
        let known = keys(self.kind);
        for key in self.table.keys() {
            let name = key.get_ref().as_ref();
            if name == "kind" || known.contains(&name) {
                continue;
            }
            let place = (self.at)(key.span().start);
            let hint = nearest(name, known.iter().copied())
                .map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
            return Err(Exit::usage(format!(
                "{place}: unknown key `{name}`{hint}; a layer of kind {} has: kind, {}",
                self.kind,
                known.join(", ")
            )));
        }
        Ok(())
    }

    /// What is wrong with the value of a key.
    pub(super) fn wrong(&self, key: &str, expected: &str) -> Exit {
        let Some((name, value)) = self.table.get_key_value(key) else {
            return Exit::usage(format!("{}: `{key}` is missing", self.place));
        };
        let place = (self.at)(name.span().start);
        let value = value.get_ref();
        let found = words(value).map_or_else(
            || format!("of type {}", value.type_str()),
            |value| format!("`{value}`"),
        );
        Exit::usage(format!("{place}: `{key}` is {found}: expected {expected}"))
    }

    pub(super) fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, Exit> {
        value.ok_or_else(|| {
            Exit::usage(format!(
                "{}: a layer of kind {} has no `{key}`; it needs one",
                self.place, self.kind
            ))
        })
    }

    pub(super) fn get(&self, key: &str) -> Option<&DeValue<'_>> {
        self.table.get(key).map(|value| value.get_ref())
    }

    pub(super) fn count(&self, key: &str) -> Result<Option<usize>, Exit> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = match value {
            DeValue::Integer(_) => words(value).and_then(|text| text.parse().ok()),
            _ => None,
        };
        let number = number.filter(|&n: &usize| n > 0 && u32::try_from(n).is_ok());
        let expected = "a whole number of at least 1 and below 2^32";
        number.map(Some).ok_or_else(|| self.wrong(key, expected))
    }

    pub(super) fn number(
        &self,
        key: &str,
        holds: impl Fn(&f64) -> bool,
        expected: &str,
    ) -> Result<Option<f64>, Exit> {
        let Some(value) = self.get(key) else {
            return Ok(None);
        };
        let number = match value {
            DeValue::Integer(_) | DeValue::Float(_) => words(value),
            _ => None,
        };
        let number = number.and_then(|text| text.parse().ok()).filter(holds);
        number.map(Some).ok_or_else(|| self.wrong(key, expected))
    }

    pub(super) fn flag(&self, key: &str) -> Result<Option<bool>, Exit> {
        match self.get(key) {
            None => Ok(None),
            Some(DeValue::Boolean(flag)) => Ok(Some(*flag)),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    pub(super) fn cell(&self) -> Result<Cell, Exit> {
        match (self.kind, self.get("nonlinearity")) {
            ("lstm", _) => Ok(Cell::Lstm),
            ("gru", _) => Ok(Cell::Gru),
            (_, None) => Ok(Cell::Rnn),
            (_, Some(DeValue::String(word))) if word == "tanh" => Ok(Cell::Rnn),
            (_, Some(DeValue::String(word))) if word == "relu" => Ok(Cell::RnnRelu),
            _ => Err(self.wrong("nonlinearity", "tanh or relu")),
        }
    }

    pub(super) fn activation(&self, key: &str) -> Result<Option<Activation>, Exit> {
        match self.get(key) {
            None => Ok(None),
            Some(DeValue::String(text)) => super::super::flags::activation(text)
                .map(Some)
                .map_err(|error| self.wrong(key, &error)),
            Some(_) => Err(self.wrong(key, "the name of an activation")),
        }
    }
}
