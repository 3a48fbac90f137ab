//! Profiles: that they tell of every step, and change nothing.

use thalweg::graph::Phase;
use thalweg::kernel::Tick;
use thalweg::network::Loss;
use thalweg::train::{
    Callback, EpochReport, Optimizer, Part, Profile, Purpose, StepsReport, Trainer,
};

use super::{bits, classes, network};
use crate::common::{Named, executors, gpu, named};

/// The executors, and the GPU as if it had no timestamps.
fn devices() -> Vec<Named> {
    let mut devices = executors();
    devices.extend(gpu().map(|mut gpu| {
        gpu.forget_timestamps();
        named("gpu without timestamps", gpu)
    }));
    devices
}

fn trainer() -> Trainer {
    Trainer::new(network(12, 4), Loss::CrossEntropy)
        .optimizer(Optimizer::adam(0.01))
        .batch_size(16)
        .epochs(3)
        .seed(3)
}

/// Collects a profile, if it is asked to, and ends nothing.
struct Watch(Option<Profile>);

impl Callback for Watch {
    fn profile(&mut self) -> Option<&mut Profile> {
        self.0.as_mut()
    }

    fn steps(&mut self, _: &StepsReport<'_>) -> std::io::Result<()> {
        Ok(())
    }

    fn epoch(&mut self, _: &EpochReport<'_>) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_profiled_run_gives_the_same_bits() {
    let data = classes(167, 12, 4);
    for (plain, profiled) in devices().into_iter().zip(devices()) {
        let name = plain.name;
        let fit = |executor, profile| {
            let mut watch = Watch(profile);
            let fitted = trainer().fit_on(executor, &data, Some(&data), &mut watch);
            (fitted.expect("it trains"), watch.0)
        };
        let (plain, _) = fit(plain.executor, None);
        let (found, profile) = fit(profiled.executor, Some(Profile::new()));
        let profile = profile.expect("it was given");
        assert!(!profile.steps().is_empty(), "{name}: nothing was timed");
        assert_eq!(
            bits(&found.model.values),
            bits(&plain.model.values),
            "{name}: the profile changed the model"
        );
        assert_eq!(
            found.summary.train.loss.to_bits(),
            plain.summary.train.loss.to_bits(),
            "{name}: the profile changed the loss"
        );
        assert_eq!(found.summary.steps, 33, "{name}: every step is counted");
        assert_eq!(
            profile.by_device(),
            name != "gpu without timestamps",
            "{name}: whose clock it was"
        );
        let spans = |what: &str| profile.spans().iter().filter(|s| s.name == what).count();
        assert_eq!((spans("validation"), spans("shuffle")), (3, 3), "{name}");
    }
}

/// A batch is timed, and now and then the update behind it, of which it has its share.
#[test]
fn batches_of_an_update_are_timed() {
    let data = classes(167, 12, 4);
    let mut trainer = trainer();
    trainer.options.rules.accumulate = Some(4);
    for (plain, profiled) in devices().into_iter().zip(devices()) {
        let name = plain.name;
        let fit = |executor, profile| {
            let mut watch = Watch(profile);
            let fitted = trainer.fit_on(executor, &data, None, &mut watch);
            (fitted.expect("it trains"), watch.0)
        };
        let (plain, _) = fit(plain.executor, None);
        let (found, profile) = fit(profiled.executor, Some(Profile::new()));
        let profile = profile.expect("it was given");
        assert_eq!(
            (bits(&found.model.values), found.summary.steps),
            (bits(&plain.model.values), 9),
            "{name}: the profile changed the run"
        );
        assert_eq!(profile.batches(), 4, "{name}");
        let timed = |update| {
            profile
                .steps()
                .iter()
                .filter(|s| s.update == update)
                .count()
        };
        assert!(timed(false) > 0 && timed(true) > 0, "{name}");
        let (parts, batches) = profile.parts();
        assert!(batches <= timed(false), "{name}: only batches are counted");
        let of = |part| parts.iter().find(|p| p.part == part).copied();
        let last = of(Part::Parameters).expect("the update is one of the parts");
        let mut updates: Vec<f64> = (profile.steps().iter())
            .filter(|step| step.update)
            .map(|step| step.times.steps.iter().map(|s| s.seconds).sum())
            .collect();
        updates.sort_by(f64::total_cmp);
        let most = updates.last().copied().expect("one was timed");
        let update = last.phases[Phase::Update as usize];
        // The gradient is gathered in each batch.
        let gathers = (profile.steps().iter())
            .filter(|step| !step.update)
            .flat_map(|step| step.plan.steps.iter().zip(&step.times.steps))
            .filter(|(step, _)| Part::of(step) == Part::Parameters)
            .map(|(_, time)| time.seconds)
            .fold(0.0, f64::max);
        assert!(update > 0.0, "{name}");
        assert!(
            update <= most / 4.0 + 9.0 * gathers + 1e-9,
            "{name}: a share"
        );
        assert!(
            of(Part::Layer(0)).is_some_and(|p| p.total() > 0.0),
            "{name}"
        );
    }
}

#[test]
fn every_step_of_the_plan_has_a_time() {
    let data = classes(160, 12, 4);
    for Named { name, executor } in devices() {
        let mut session = trainer().session(executor, &data).expect("it fits");
        let ready = session
            .plan(Purpose::Training(16))
            .expect("it can be built");
        let steps = ready.plan.steps.len();
        let times = session
            .executor
            .run_timed(ready.handle, steps, &Tick::default())
            .expect("it runs");
        assert_eq!(times.steps.len(), steps, "{name}");
        for (index, pair) in times.steps.windows(2).enumerate() {
            let slack = 1e-9;
            assert!(
                pair[1].start + slack >= pair[0].start + pair[0].seconds,
                "{name}: step {} begins before step {index} ends: {pair:?}",
                index + 1
            );
        }
        let total: f64 = times.steps.iter().map(|s| s.seconds).sum();
        assert!(total > 0.0 && total < 600.0, "{name}: {total} s in all");
    }
}

#[test]
fn parts_cover_the_plan() {
    let data = classes(160, 12, 4);
    let executor = Box::new(crate::common::cpu(1));
    let mut watch = Watch(Some(Profile::new()));
    let trainer = trainer();
    trainer
        .fit_on(executor, &data, None, &mut watch)
        .expect("it trains");
    let profile = watch.0.expect("it was given");
    let (parts, timed) = profile.parts();
    assert!(timed > 0, "nothing was timed");
    let names: Vec<_> = parts.iter().map(|p| p.part).collect();
    let layers = [0, 1, 2].map(Part::Layer);
    let expected: Vec<_> = std::iter::once(Part::Data)
        .chain(layers)
        .chain([Part::Loss, Part::Parameters])
        .collect();
    assert_eq!(names, expected);
    for part in &parts {
        let forward = part.phases[Phase::Forward as usize];
        let update = part.phases[Phase::Update as usize];
        let updates = part.part == Part::Parameters;
        assert_eq!(update > 0.0, updates, "{part:?}");
        assert_eq!(forward > 0.0, !updates, "{part:?}");
    }
    let step = &profile.steps()[0];
    let sum: f64 = step.times.steps.iter().map(|s| s.seconds).sum();
    let end = step.times.steps.last().map(|s| s.start + s.seconds);
    assert!(
        Some(sum) <= end.map(|end| end + 1e-9),
        "steps do not overlap"
    );
}
