//! Columns that do not stay in memory.

use thalweg::data::{
    DataError, InFile, Missing, Normalize, Preparation, Table, TableInputs, TableOptions, Task,
};

use super::{Folder, load_with};

fn options(in_file: InFile, missing: Missing) -> TableOptions {
    TableOptions {
        in_file,
        missing,
        ..TableOptions::default()
    }
}

/// Numbers with few and many digits, a constant, categories, gaps, and a target of text.
fn csv(rows: usize) -> String {
    let mut text = String::from("time,small,flat,colour,kind\n");
    for i in 0..rows {
        let x = (i as f64 * 0.37).sin();
        let small = if i % 7 == 3 {
            String::new()
        } else {
            format!("{}", i % 13)
        };
        let time = if i % 11 == 5 {
            "NA".to_owned()
        } else {
            format!("{}", 1.7e9 + x)
        };
        let colour = ["red", "blue", "", "green"][i % 4];
        let kind = ["a", "b", "c"][i % 3];
        text.push_str(&format!("{time},{small},2.5,{colour},{kind}\n"));
    }
    text
}

fn both(text: &str, missing: Missing) -> [Table; 2] {
    let folder = Folder::new(&[("t.csv", text.as_bytes())]);
    [InFile::Always, InFile::IfLarge]
        .map(|in_file| load_with(&folder.spec("t.csv"), &options(in_file, missing)).unwrap())
}

#[test]
fn the_bits_are_those_of_memory() {
    let rows = 700;
    for missing in [Missing::Mean, Missing::Drop] {
        let [file, memory] = both(&csv(rows), missing);
        assert!(matches!(file.inputs(), TableInputs::StoredColumns(_)));
        assert!(file.is_stored() && !memory.is_stored());
        assert_eq!(
            (file.rows(), file.target()),
            (memory.rows(), memory.target())
        );
        assert!(file.place(9) == memory.place(9), "{}", file.place(9));
        assert!(
            file.notes().join("\n").contains("temporary file"),
            "{:?}",
            file.notes()
        );
        let all = u32::try_from(file.rows()).unwrap();
        for chosen in [
            (0..all).collect::<Vec<_>>(),
            (0..all).rev().step_by(2).collect(),
        ] {
            for how in [Normalize::Auto, Normalize::Standard, Normalize::MinMax] {
                let [from_file, from_memory] = [&file, &memory]
                    .map(|table| Preparation::fit(table, &chosen, Task::Auto, how).unwrap());
                assert_eq!(from_file, from_memory, "{how}");
                let [found, expected] =
                    [&file, &memory].map(|table| from_file.prepare(table).unwrap());
                assert_eq!(found.targets(), expected.targets());
                let targets = 4 * found.rows() as u64;
                assert_eq!(found.bytes(), targets, "the inputs take no memory");
                for row in 0..found.rows() {
                    let bits = |x: Vec<f32>| x.into_iter().map(f32::to_bits).collect::<Vec<_>>();
                    assert_eq!(
                        bits(found.row(row)),
                        bits(expected.row(row)),
                        "{how}, row {row}"
                    );
                }
                let [found, expected] = [found, expected].map(|data| data.select(&chosen).row(4));
                assert_eq!(found, expected);
            }
        }
        assert!(
            file.clone().notes() != memory.notes(),
            "only one of them says where its rows are"
        );
    }
}

/// Numbers that f32 cannot tell apart are refused there too.
#[test]
fn what_is_refused_in_memory_is_refused() {
    let message = |table: &Table, normalize| -> String {
        let error: DataError =
            Preparation::fit(table, &[0, 1, 2], Task::Auto, normalize).unwrap_err();
        error.to_string()
    };
    let [file, memory] = both(
        "time,y\n1700000001.5,0\n1700000002.5,1\n1700000003.5,0\n",
        Missing::Error,
    );
    assert_eq!(
        message(&file, Normalize::None),
        message(&memory, Normalize::None)
    );
    let [file, memory] = both("a,b,y\n,1,0\n,2,1\n,2,0\n4,3,1\n", Missing::Mean);
    assert_eq!(
        message(&file, Normalize::Auto),
        message(&memory, Normalize::Auto)
    );
    // A model that knows fewer categories.
    let known = both("a,b,y\nred,1,0\nred,2,1\nblue,3,0\n", Missing::Error);
    let [fitted, _] =
        known.map(|t| Preparation::fit(&t, &[0, 1, 2], Task::Auto, Normalize::Auto).unwrap());
    let folder = Folder::new(&[("t.csv", b"b,a,y\n1,red,0\n2,green,1\n")]);
    for in_file in [InFile::Always, InFile::Never] {
        let options = TableOptions {
            in_file,
            ..fitted.table_options(true)
        };
        let table = load_with(&folder.spec("t.csv"), &options).unwrap();
        let error = fitted.prepare(&table).unwrap_err().to_string();
        assert!(
            error.contains("t.csv:3, column \"a\": \"green\""),
            "{error}"
        );
    }
}
