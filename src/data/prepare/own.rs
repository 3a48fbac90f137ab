//! Prepared rows in the units that they came in.

use super::Preparation;
use super::inputs::InputPreparation;
use super::named::ColumnPreparation;

impl Preparation {
    /// The columns of a prepared row by name, in their own units; a one-hot column as its category. To be shown, not
    /// computed with: values went through f32.
    #[must_use]
    pub fn in_own_units(&self, row: &[f32]) -> Vec<(String, String)> {
        match &self.inputs {
            InputPreparation::Columns { columns } => columns_of(columns, row),
            InputPreparation::Matrix { scaling, .. } | InputPreparation::Bytes { scaling, .. } => {
                let values = row.iter().zip(scaling.offset.iter().zip(&scaling.scale));
                let own = values.map(|(&v, (offset, scale))| shown(v, *scale, *offset));
                self.feature_names().into_iter().zip(own).collect()
            }
            InputPreparation::Pixels { .. } => {
                let own = row.iter().map(|&v| shown(v, 1.0, 0.0));
                self.feature_names().into_iter().zip(own).collect()
            }
        }
    }
}

fn columns_of(columns: &[ColumnPreparation], row: &[f32]) -> Vec<(String, String)> {
    let mut rest = row.iter();
    let of = |column: &ColumnPreparation| match column {
        ColumnPreparation::Number {
            name,
            offset,
            scale,
            ..
        } => {
            let value = rest.next().copied().unwrap_or(0.0);
            (name.clone(), shown(value, *scale, *offset))
        }
        ColumnPreparation::Category { name, categories } => {
            let own = categories.iter().zip(&mut rest);
            // All of the column's numbers are taken, whichever is the largest.
            let own = own.fold(
                None,
                |best: Option<(&String, f32)>, (category, &v)| match best {
                    Some((_, most)) if most >= v => best,
                    _ => Some((category, v)),
                },
            );
            (
                name.clone(),
                own.map_or_else(String::new, |(category, _)| category.clone()),
            )
        }
    };
    columns.iter().map(of).collect()
}

/// Six digits, which f32 has of most.
fn shown(value: f32, scale: f64, offset: f64) -> String {
    let own = f64::from(value) * scale + offset;
    let rounded: f64 = format!("{own:.5e}").parse().unwrap_or(own);
    // What is left of a zero after scaling.
    if rounded.abs() < 1e-6 * scale {
        "0".to_owned()
    } else {
        rounded.to_string()
    }
}
