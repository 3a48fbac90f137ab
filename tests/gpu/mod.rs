//! The GPU executor: memory, submissions, and everything that can go wrong.

mod cooperative;
mod images;
mod tuning;

use std::sync::Arc;

use thalweg::executor::{Data, Executor, ExecutorError, PlanHandle};
use thalweg::gpu::Gpu;
use thalweg::graph::{Phase, Store};
use thalweg::kernel::{Copy, Kernel, Limits, Scale, Tick};
use thalweg::plan::{Buffer, BufferId, Place, PlacedTensor, Plan, Step};
use thalweg::tensor::{Element, Shape};

use crate::common::gpu;

fn place(buffer: usize, len: usize) -> Place {
    Place {
        buffer: BufferId::Plan(buffer),
        offset: 0,
        len,
    }
}

/// A plan over two buffers of reals: each kernel reads one of them, by its number, and writes the other.
fn plan(len: usize, fill: f64, kernels: &[(Kernel, usize)], limits: &Limits) -> Arc<Plan> {
    let buffer = Buffer {
        element: Element::F32,
        len,
        fill,
    };
    let tensor = |index: usize| PlacedTensor {
        name: ["x", "y"][index].to_owned(),
        shape: Shape::from([len]),
        element: Element::F32,
        place: place(index, len),
    };
    let step = |&(kernel, from): &(Kernel, usize)| Step {
        kernel,
        inputs: vec![from],
        outputs: vec![1 - from],
        layer: None,
        phase: Phase::Forward,
    };
    Arc::new(
        Plan::from_parts(
            "test",
            vec![buffer; 2],
            vec![tensor(0), tensor(1)],
            kernels.iter().map(step).collect(),
            limits,
        )
        .expect("the plan keeps the rules"),
    )
}

/// `y = 2 x`, then `x = y`.
fn doubling(len: u32, limits: &Limits) -> Arc<Plan> {
    let scale = Scale {
        count: len,
        factor: 2.0,
    };
    let kernels = [(scale.into(), 0), (Copy { count: len }.into(), 1)];
    plan(len as usize, 1.0, &kernels, limits)
}

fn load(gpu: &mut Gpu, plan: Arc<Plan>) -> PlanHandle {
    gpu.load(plan, &Store::new()).expect("the plan loads")
}

fn read(gpu: &mut Gpu, handle: PlanHandle, buffer: usize, len: usize) -> Vec<f32> {
    gpu.read(handle, place(buffer, len))
        .expect("it can be read")
        .to_f32()
}

fn bytes(len: usize) -> Vec<u8> {
    (1..=251).cycle().take(len).collect()
}

#[test]
fn values_come_back_as_they_were_written() {
    let Some(mut gpu) = gpu() else { return };
    let mut store = Store::new();
    let mut cases = Vec::new();
    for len in [1, 2, 3, 63, 64, 65, 1021] {
        let reals = (0..len).map(|i| i as f32 * -0.37 + 1e-30).collect();
        let integers = (0..).map(|i| u32::MAX - i).take(len).collect();
        for data in [Data::F32(reals), Data::U32(integers), Data::U8(bytes(len))] {
            let name = format!("{len} {}", data.element());
            store
                .declare(&name, [len], data.element())
                .expect("a new name");
            cases.push((name, data));
        }
    }
    for (name, data) in &cases {
        gpu.write_stored(&store, name, data).expect("it fits");
    }
    for (name, data) in &cases {
        let found = gpu.read_stored(&store, name).expect("it is there");
        assert_eq!(&found, data, "{name}");
    }
}

#[test]
fn new_memory_is_zero_and_members_do_not_touch_each_other() {
    let Some(mut gpu) = gpu() else { return };
    let mut store = Store::new();
    let members = ["a", "b", "c"].map(|name| (name.to_owned(), Shape::from([65])));
    store
        .declare_block("all", members.to_vec())
        .expect("new names");
    let values = |sign: f32| Data::F32((0..65).map(|i| sign * (i as f32 + 1.0)).collect());
    gpu.write_stored(&store, "c", &values(-1.0)).expect("c");
    gpu.write_stored(&store, "a", &values(1.0)).expect("a");
    let found = gpu.read_stored(&store, "b").expect("b");
    assert_eq!(found, Data::F32(vec![0.0; 65]), "nobody wrote b");
    assert_eq!(gpu.read_stored(&store, "a").expect("a"), values(1.0));
    assert_eq!(gpu.read_stored(&store, "c").expect("c"), values(-1.0));
    assert_eq!(gpu.allocated(), store.bytes(), "as the store foretold");
}

#[test]
fn bytes_at_odd_places_leave_their_neighbours_alone() {
    let Some(mut gpu) = gpu() else { return };
    let total = 40;
    let mut store = Store::new();
    store
        .declare("pixels", [total], Element::U8)
        .expect("a new name");
    let handle = gpu
        .load(doubling(1, &Limits::SMALLEST), &store)
        .expect("it loads");
    for offset in 0..9 {
        for len in 1..12 {
            let mut expected = vec![255; total];
            gpu.write_stored(&store, "pixels", &Data::U8(expected.clone()))
                .expect("it fits");
            let part = Place {
                buffer: BufferId::Store(0),
                offset,
                len,
            };
            let data = Data::U8(bytes(len));
            expected[offset..offset + len].copy_from_slice(&bytes(len));
            gpu.write(handle, part, &data).expect("it fits");
            let what = format!("{len} bytes from {offset}");
            assert_eq!(gpu.read(handle, part).expect("a part"), data, "{what}");
            let found = gpu.read_stored(&store, "pixels").expect("all");
            assert_eq!(found, Data::U8(expected), "{what}");
        }
    }
}

#[test]
fn more_than_fits_one_transfer_goes_in_several() {
    let Some(mut gpu) = gpu() else { return };
    let len = (65 << 20) + 5;
    let mut store = Store::new();
    store
        .declare("pixels", [len], Element::U8)
        .expect("a new name");
    let data = Data::U8(bytes(len));
    gpu.write_stored(&store, "pixels", &data).expect("it fits");
    let found = gpu.read_stored(&store, "pixels").expect("it is there");
    assert!(found == data, "the bytes differ");
}

#[test]
fn data_of_another_length_or_type_are_refused() {
    let Some(mut gpu) = gpu() else { return };
    let mut store = Store::new();
    store.declare("x", [3], Element::F32).expect("a new name");
    for data in [Data::F32(vec![0.0; 2]), Data::U32(vec![0; 3])] {
        let error = gpu.write_stored(&store, "x", &data);
        assert!(
            matches!(error, Err(ExecutorError::Mismatch { expected: 3, .. })),
            "found {error:?}"
        );
    }
    let double = Data::F64(vec![0.1, -2.5, 3.0]);
    gpu.write_stored(&store, "x", &double).expect("f64 rounds");
    let found = gpu.read_stored(&store, "x").expect("x");
    assert_eq!(found, Data::F32(vec![0.1, -2.5, 3.0]));
}

#[test]
fn all_ticks_of_a_submission_run_in_order() {
    let Some(mut gpu) = gpu() else { return };
    for len in [1, 255, 256, 257, 100_003] {
        let plan = doubling(len, gpu.limits());
        let handle = load(&mut gpu, plan);
        let len = len as usize;
        assert_eq!(
            read(&mut gpu, handle, 0, len),
            vec![1.0; len],
            "the fill of {len}"
        );
        gpu.run(handle, &[Tick::default(); 20]).expect("it runs");
        assert_eq!(
            read(&mut gpu, handle, 0, len),
            vec![1_048_576.0; len],
            "2^20, {len} times"
        );
        gpu.run_step(handle, 0, &Tick::default()).expect("one step");
        assert_eq!(
            read(&mut gpu, handle, 0, len)[0],
            1_048_576.0,
            "the copy is another step"
        );
        assert_eq!(read(&mut gpu, handle, 1, len)[len - 1], 2_097_152.0);
        gpu.run(handle, &[]).expect("no tick is no work");
    }
}

#[test]
fn many_submissions_are_worked_off_in_order() {
    let Some(mut gpu) = gpu() else { return };
    let plan = doubling(1000, gpu.limits());
    let handle = load(&mut gpu, plan);
    for _ in 0..100 {
        gpu.run(handle, &[Tick::default()]).expect("it runs");
    }
    let expected = 2.0_f32.powi(100);
    assert_eq!(read(&mut gpu, handle, 0, 1000), vec![expected; 1000]);
}

#[test]
fn running_makes_no_buffer_bind_group_or_pipeline() {
    let Some(mut gpu) = gpu() else { return };
    let plan = doubling(1000, gpu.limits());
    let handle = load(&mut gpu, Arc::clone(&plan));
    gpu.run(handle, &[Tick::default(); 2]).expect("it runs");
    read(&mut gpu, handle, 0, 1000);
    let before = gpu.counters();
    assert!(
        before.buffers >= 3 && before.bind_groups == 2 && before.pipelines == 2,
        "wgpu counts: {before:?}"
    );
    gpu.run(handle, &[Tick::default(); 100]).expect("it runs");
    assert_eq!(gpu.counters(), before, "behind the submission");
    read(&mut gpu, handle, 0, 1000);
    assert_eq!(gpu.counters(), before, "behind the work");
    load(&mut gpu, plan);
    let after = gpu.counters();
    assert_eq!(
        (after.pipelines, after.shader_modules, after.bind_groups),
        (before.pipelines, before.shader_modules, 4),
        "plans share their pipelines"
    );
}

#[test]
fn a_shader_that_does_not_compile_is_an_error_with_its_file() {
    let Some(mut gpu) = gpu() else { return };
    let broken: [fn(&str) -> String; 3] = [
        |_| "fn main( {".to_owned(),
        |text| text.replace("p.factor", "p.nothing"),
        |text| text.replace("storage, read>", "storage, read_write>"),
    ];
    for edit in broken {
        gpu.replace_shader("scale", edit);
        let plan = doubling(4, gpu.limits());
        let error = gpu
            .load(plan, &Store::new())
            .expect_err("the shader is broken");
        assert!(
            matches!(&error, ExecutorError::Shader { file, cause } if file == "scale" && cause.len() > 20),
            "found {error:?}"
        );
    }
    gpu.replace_shader("scale", |text| text.replace("p.factor *", "3.0 *"));
    let plan = doubling(4, gpu.limits());
    let handle = load(&mut gpu, plan);
    gpu.run(handle, &[Tick::default(); 2]).expect("it runs");
    assert_eq!(
        read(&mut gpu, handle, 0, 4),
        vec![9.0; 4],
        "the device is still good, and the factor is 3"
    );
}

#[test]
fn a_lost_device_is_an_error_in_every_call_and_never_a_panic() {
    let Some(mut gpu) = gpu() else { return };
    let plan = doubling(1000, gpu.limits());
    let mut store = Store::new();
    store.declare("x", [3], Element::F32).expect("a new name");
    let handle = gpu.load(Arc::clone(&plan), &store).expect("it loads");
    gpu.run(handle, &[Tick::default(); 50]).expect("it runs");
    gpu.destroy();
    let x = Data::F32(vec![0.0; 3]);
    let whole = Data::F32(vec![0.0; 1000]);
    for round in 0..3 {
        let results = [
            gpu.run(handle, &[Tick::default()]),
            gpu.run_step(handle, 0, &Tick::default()),
            gpu.write(handle, place(0, 1000), &whole),
            gpu.read(handle, place(0, 1000)).map(drop),
            gpu.write_stored(&store, "x", &x),
            gpu.read_stored(&store, "x").map(drop),
            gpu.load(Arc::clone(&plan), &store).map(drop),
            gpu.multiply_add_rate().map(drop),
        ];
        for (call, result) in results.into_iter().enumerate() {
            assert!(
                matches!(result, Err(ExecutorError::DeviceLost { .. })),
                "call {call} in round {round}: {result:?}"
            );
        }
    }
}

#[test]
fn each_call_notices_by_itself_that_the_device_is_lost() {
    type Call = fn(&mut Gpu, PlanHandle) -> Result<(), ExecutorError>;
    let calls: [Call; 5] = [
        |gpu, handle| gpu.run(handle, &[Tick::default()]),
        |gpu, handle| gpu.run_step(handle, 0, &Tick::default()),
        |gpu, handle| gpu.write(handle, place(0, 9), &Data::F32(vec![0.0; 9])),
        |gpu, handle| gpu.read(handle, place(0, 9)).map(drop),
        |gpu, _| {
            let plan = doubling(9, &Limits::SMALLEST);
            gpu.load(plan, &Store::new()).map(drop)
        },
    ];
    for (index, call) in calls.into_iter().enumerate() {
        let Some(mut gpu) = gpu() else { return };
        let plan = doubling(9, gpu.limits());
        let handle = load(&mut gpu, plan);
        gpu.destroy();
        let result = call(&mut gpu, handle);
        assert!(
            matches!(result, Err(ExecutorError::DeviceLost { .. })),
            "call {index}: {result:?}"
        );
    }
}

#[test]
fn a_buffer_beyond_the_limit_is_refused_before_it_is_made() {
    let Some(mut gpu) = gpu() else { return };
    let before = gpu.counters();
    let elements = usize::try_from(gpu.limits().buffer / 4 + 1).expect("a 64-bit machine");
    let mut store = Store::new();
    store
        .declare("huge", [elements], Element::F32)
        .expect("a new name");
    let result = gpu.read_stored(&store, "huge");
    match result {
        Err(ExecutorError::OutOfMemory { bytes, what, .. }) => {
            assert!(bytes > gpu.limits().buffer, "{bytes} bytes");
            assert_eq!(what, "huge");
        }
        other => panic!("found {other:?}"),
    }
    assert_eq!(gpu.counters(), before, "nothing was made");
}

#[test]
fn the_multiply_add_rate_can_be_measured() {
    let Some(mut gpu) = gpu() else { return };
    let rate = gpu.multiply_add_rate().expect("the device is good");
    eprintln!("multiply-add: {rate:.1} GFLOP/s");
    assert!(rate.is_finite() && rate > 1.0, "{rate} GFLOP/s");
}

/// Pipelines are kept in a folder and taken from there; what is wrong with the folder is no error.
#[test]
fn pipelines_are_kept_between_devices() {
    let folder = tempfile::tempdir().expect("a folder for the test");
    let kept = folder.path().join("new").join("pipelines");
    let run = |folder: &std::path::Path| -> Option<Vec<f32>> {
        let mut gpu = gpu()?;
        gpu.keep_pipelines_in(folder);
        let plan = doubling(100, gpu.limits());
        let handle = load(&mut gpu, plan);
        gpu.run(handle, &[Tick::default(); 3]).expect("it runs");
        Some(read(&mut gpu, handle, 0, 100))
    };
    let Some(expected) = run(&kept) else { return };
    let supported = gpu().is_some_and(|gpu| gpu.adapter().features.pipeline_cache);
    let files = || -> Vec<_> {
        let entries = std::fs::read_dir(&kept).into_iter().flatten();
        entries.map(|e| e.expect("an entry").path()).collect()
    };
    assert_eq!(files().len(), usize::from(supported), "one file an adapter");
    assert_eq!(run(&kept), Some(expected.clone()), "from the folder");
    for file in files() {
        let whole = std::fs::read(&file).expect("it was written");
        for damaged in [&whole[..whole.len() / 2], b"", b"not pipelines at all"] {
            std::fs::write(&file, damaged).expect("it can be written");
            assert_eq!(run(&kept), Some(expected.clone()), "with a damaged file");
            let mended = std::fs::read(&file).expect("it was written");
            assert!(mended.len() > damaged.len(), "it is written anew");
        }
    }
    let file = folder.path().join("file");
    std::fs::write(&file, "no folder").expect("it can be written");
    assert_eq!(run(&file), Some(expected), "where no folder can be");
}
