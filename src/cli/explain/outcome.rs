//! What came of looking into a network.

use serde_json::{Map, Value};

use crate::report::{Block, Explained};

/// The results, in all forms in which they are told.
pub(super) struct Outcome {
    /// What the page begins with.
    pub(super) title: String,
    pub(super) about: String,
    /// Facts beside those of the model and the data.
    pub(super) facts: Vec<(String, String)>,
    /// Tables for a terminal.
    pub(super) text: String,
    pub(super) json: Map<String, Value>,
    /// The sections of the page.
    pub(super) sections: Vec<(String, Vec<Block>)>,
}

impl Outcome {
    pub(super) fn page(&self, facts: &[(String, String)]) -> Explained {
        Explained {
            title: self.title.clone(),
            about: self.about.clone(),
            facts: facts.to_vec(),
            sections: self.sections.clone(),
        }
    }
}

/// The members of a JSON object.
pub(super) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
