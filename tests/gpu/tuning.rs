//! Choosing shaders by timing: what is timed, what is kept, and what becomes of a file that is not as it was written. Which
//! shader is the fastest is nothing a test knows.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use thalweg::executor::{Data, Executor};
use thalweg::gpu::{Gpu, Tuning};
use thalweg::graph::Store;
use thalweg::kernel::{Kernel, Matmul, Shader, Tick};
use thalweg::plan::{Place, Plan};

use crate::common::gpu;

/// Rows and columns of the matrices.
const ROWS: u32 = 24;
const SIZE: usize = ROWS as usize;

fn product() -> Kernel {
    let product = Matmul {
        groups: 1,
        m: ROWS,
        n: ROWS,
        k: ROWS,
        ..Matmul::default()
    };
    product.into()
}

/// What a device chose for the product, what it timed, and the first element of the square of a matrix of ones.
#[derive(Debug)]
struct Found {
    chosen: String,
    timed: usize,
    first: f32,
}

fn run(gpu: &mut Gpu) -> Found {
    let plan = Plan::alone(product(), gpu.limits()).expect("it is small");
    let handle = gpu.load(Arc::new(plan), &Store::new()).expect("it loads");
    for operand in 0..2 {
        let ones = Data::F32(vec![1.0; SIZE * SIZE]);
        gpu.write(handle, Place::whole(operand, SIZE * SIZE), &ones)
            .expect("it fits");
    }
    gpu.run(handle, &[Tick::default()]).expect("it runs");
    let first = gpu.read(handle, Place::whole(2, 1)).expect("it is there");
    let chosen: Vec<String> = gpu.choices().into_values().collect();
    assert_eq!(chosen.len(), 1, "one product: {chosen:?}");
    let timed = gpu.timed_choices();
    Found {
        chosen: chosen[0].clone(),
        timed: timed.values().map(|t| t.microseconds.len()).sum(),
        first: first.to_f32()[0],
    }
}

fn tuned(tuning: Tuning) -> Option<Found> {
    let mut gpu = gpu()?;
    gpu.autotune(tuning);
    Some(run(&mut gpu))
}

fn in_folder(folder: &Path) -> Tuning {
    Tuning {
        time: Duration::from_secs(60),
        folder: Some(folder.to_owned()),
        ..Tuning::default()
    }
}

/// A folder with what timing the product left there, and that file.
fn kept() -> Option<(TempDir, PathBuf, Value)> {
    let folder = TempDir::new().expect("a folder for the test");
    tuned(in_folder(folder.path()))?;
    let mut files = std::fs::read_dir(folder.path()).expect("it is there");
    let file = files.next().expect("one file").expect("an entry").path();
    assert!(files.next().is_none(), "one file a device");
    let value = read(&file);
    Some((folder, file, value))
}

fn read(file: &Path) -> Value {
    let text = std::fs::read(file).expect("it was written");
    serde_json::from_slice(&text).expect("it is JSON")
}

fn candidates(gpu: &Gpu) -> Vec<Shader> {
    product().spec().candidates(gpu.limits())
}

#[test]
fn without_time_or_memory_the_first_candidate_is_taken() {
    let Some(mut plain) = gpu() else { return };
    let untuned = run(&mut plain);
    assert_eq!((untuned.timed, untuned.first), (0, SIZE as f32));
    for tuning in [
        Tuning {
            time: Duration::ZERO,
            ..Tuning::default()
        },
        Tuning {
            memory: 0,
            ..Tuning::default()
        },
        // One byte less than its operands.
        Tuning {
            memory: 3 * 4 * (SIZE * SIZE) as u64 - 1,
            ..Tuning::default()
        },
    ] {
        let found = tuned(tuning.clone()).expect("there was an adapter");
        assert_eq!(found.chosen, untuned.chosen, "{tuning:?}");
        assert_eq!(found.timed, 0, "{tuning:?}");
    }
    let enough = Tuning {
        time: Duration::from_secs(60),
        memory: 3 * 4 * (SIZE * SIZE) as u64,
        folder: None,
    };
    let found = tuned(enough).expect("there was an adapter");
    assert_eq!(found.timed, candidates(&plain).len(), "all are timed");
    assert_eq!(found.first, SIZE as f32);
}

/// Timing gives back what it takes, and what a plan takes is known once it is prepared.
#[test]
fn what_a_tuned_plan_takes_is_known_before() {
    let Some(mut gpu) = gpu() else { return };
    gpu.autotune(Tuning::default());
    let plan = Plan::alone(product(), gpu.limits()).expect("it is small");
    gpu.prepare(&plan).expect("it is timed");
    assert_eq!(gpu.allocated(), 0, "all was given back");
    let foretold = gpu.plan_bytes(&plan);
    gpu.load(Arc::new(plan), &Store::new()).expect("it loads");
    assert_eq!(gpu.allocated(), foretold);
}

/// Every candidate, if the file says so, is what runs: its file computes the result.
#[test]
fn what_the_file_says_is_used() {
    let Some((folder, file, kept)) = kept() else {
        return;
    };
    let product = kept["products"].as_object().expect("a table");
    let (name, timed) = product.iter().next().expect("one product");
    let labels = timed["microseconds"].as_object().expect("a table");
    assert!(labels.len() > 2, "there is a choice: {kept}");
    for label in labels.keys() {
        let mut forced = kept.clone();
        forced["products"][name]["fastest"] = json!(label);
        std::fs::write(&file, forced.to_string()).expect("it can be written");
        let mut gpu = gpu().expect("there was one");
        gpu.autotune(in_folder(folder.path()));
        let shader = label.split(' ').next().expect("a name");
        gpu.replace_shader(shader, |text| text.replace("= finish(", "= -finish("));
        let found = run(&mut gpu);
        assert_eq!(&found.chosen, label);
        assert_eq!(found.first, -(SIZE as f32), "{label} does the work");
        assert_eq!(read(&file), forced, "nothing was timed anew");
    }
}

/// A file that is damaged, or about something else, is ignored, and replaced by what is timed then.
#[test]
fn a_file_that_does_not_fit_is_replaced() {
    let Some((folder, file, kept)) = kept() else {
        return;
    };
    let labels = |kept: &Value| -> Vec<String> {
        let products = kept["products"].as_object().expect("a table");
        let timed = products.values().next().expect("one product");
        let labels = timed["microseconds"].as_object().expect("a table");
        labels.keys().cloned().collect()
    };
    let text = kept.to_string();
    let with = |change: fn(&mut Value)| {
        let mut other = kept.clone();
        change(&mut other);
        // What would be seen if the file were believed.
        let products = other["products"].as_object_mut().expect("a table");
        for timed in products.values_mut() {
            timed["microseconds"] = json!({"matmul_tile": 0.001});
        }
        other.to_string().into_bytes()
    };
    let unknown = with(|kept| {
        let products = kept["products"].as_object_mut().expect("a table");
        for timed in products.values_mut() {
            timed["fastest"] = json!("matmul_magic TILE=9");
        }
    });
    for damaged in [
        Vec::new(),
        text.as_bytes()[..text.len() / 2].to_vec(),
        (0..4096)
            .map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8)
            .collect(),
        b"[1, 2]".to_vec(),
        vec![b' '; 5 << 20],
        with(|kept| kept["version"] = json!(2)),
        with(|kept| kept["driver"] = json!("another")),
        with(|kept| kept["adapter"] = json!("another")),
        with(|kept| kept["shaders"] = json!("00000000")),
        unknown,
    ] {
        std::fs::write(&file, &damaged).expect("it can be written");
        let found = tuned(in_folder(folder.path())).expect("there was an adapter");
        let what = String::from_utf8_lossy(&damaged[..damaged.len().min(80)]).into_owned();
        assert_eq!(found.timed, labels(&kept).len(), "{what}");
        assert_eq!(found.first, SIZE as f32);
        assert_eq!(labels(&read(&file)), labels(&kept), "{what}");
    }
    // Where no folder can be, all goes on without.
    let none = tuned(in_folder(&file)).expect("there was an adapter");
    assert_eq!(none.first, SIZE as f32);
}
