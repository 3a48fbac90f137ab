//! The rows of any table, one after the other, as numbers.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::data::error::DataError;
use crate::data::table::{Column, Table, TableInputs, TableTarget, Values};

/// Shows the cells of each row: numbers, or the codes of categories.
pub(super) fn each_row(table: &Table, mut visit: impl FnMut(&[f64])) -> Result<(), DataError> {
    let mut cells = Vec::new();
    match table.inputs() {
        TableInputs::Columns(columns) => {
            for row in 0..table.rows() {
                cells.clear();
                cells.extend(columns.iter().map(|column| match &column.values {
                    Values::Numbers(values) => values.get(row),
                    Values::Text { codes, .. } => codes[row].into(),
                }));
                visit(&cells);
            }
        }
        TableInputs::StoredColumns(file) => {
            let rows: Vec<u32> = (0..).take(table.rows()).collect();
            file.each(&rows, visit)?;
        }
        TableInputs::Pixels { values, .. } => {
            for row in values.chunks_exact(values.len() / table.rows()) {
                cells.clear();
                cells.extend(row.iter().map(|&pixel| f64::from(pixel)));
                visit(&cells);
            }
        }
        TableInputs::Stored { rows, .. } => {
            let mut pixels = Vec::new();
            for row in 0..rows.rows() {
                pixels.clear();
                cells.clear();
                rows.read(row..row + 1, &mut pixels)?;
                cells.extend(pixels.iter().map(|&pixel| f64::from(pixel)));
                visit(&cells);
            }
        }
        TableInputs::Matrix { values, .. } => {
            let features = values.len() / table.rows();
            for row in 0..table.rows() {
                cells.clear();
                cells.extend((row * features..(row + 1) * features).map(|at| values.get(at)));
                visit(&cells);
            }
        }
    }
    Ok(())
}

/// 128 bits of a row, so that two of billions of rows are not the same by chance.
pub(super) fn hash(cells: &[f64], target: &TableTarget, row: usize) -> [u64; 2] {
    [0_u8, 1].map(|salt| {
        let mut hasher = DefaultHasher::new();
        salt.hash(&mut hasher);
        for cell in cells {
            cell.to_bits().hash(&mut hasher);
        }
        match target {
            TableTarget::None => {}
            TableTarget::Labels(labels) | TableTarget::Classes { labels, .. } => {
                labels[row].hash(&mut hasher);
            }
            TableTarget::Column(column) => hash_cell(column, row, &mut hasher),
            TableTarget::Columns(columns) => {
                for column in columns {
                    hash_cell(column, row, &mut hasher);
                }
            }
            TableTarget::Matrix { values, outputs } => {
                for at in row * outputs..(row + 1) * outputs {
                    values.get(at).to_bits().hash(&mut hasher);
                }
            }
        }
        hasher.finish()
    })
}

fn hash_cell(column: &Column, row: usize, hasher: &mut DefaultHasher) {
    match &column.values {
        Values::Numbers(values) => values.get(row).to_bits().hash(hasher),
        Values::Text { codes, .. } => codes[row].hash(hasher),
    }
}
