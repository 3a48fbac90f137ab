//! Parquet, where the program is built without it.

use thalweg::data::TableOptions;

use super::{inputs, refuses_file};

#[test]
fn a_parquet_file_is_told_with_the_remedy() {
    for options in [TableOptions::default(), inputs()] {
        for name in ["t.parquet", "t"] {
            let parts = [
                "found a Parquet file",
                "this build",
                "--features parquet",
                "CSV",
            ];
            refuses_file(name, b"PAR1 and so on PAR1", &options, &parts);
        }
    }
}
