//! Many networks at once against each of them alone.

use thalweg::data::Dataset;
use thalweg::device::Device;
use thalweg::graph::ops::Update;
use thalweg::network::{Activation, Loss, Network};
use thalweg::train::population::{Common, Member, Population};
use thalweg::train::{Model, Optimizer, TrainError, Trainer};

use super::{classes, numbers};

const STEPS: u32 = 24;

fn sgd(momentum: f64) -> Update {
    Optimizer::with_momentum(0.1, momentum, false).update
}

fn common(loss: Loss, update: Update) -> Common {
    Common {
        loss,
        batch_size: 16,
        shuffle: true,
        update,
    }
}

/// The reference, the CPU, and the GPU if there is one.
fn devices() -> Vec<Device> {
    let gpu = crate::common::gpu().map(|_| Device::Gpu);
    [Device::Reference, Device::Cpu]
        .into_iter()
        .chain(gpu)
        .collect()
}

/// Members that differ in all that they may differ in.
fn members(inputs: usize, outputs: usize) -> Vec<Member> {
    [(5, 3, 0.05, 0.0), (9, 7, 0.002, 0.1), (2, 16, 0.01, 0.01)]
        .into_iter()
        .zip(3..)
        .map(|((first, second, rate, decay), seed)| {
            let network = Network::mlp(inputs, &[first, second], outputs, Activation::Tanh);
            Member::new(network, seed)
                .learning_rate(rate)
                .weight_decay(decay)
        })
        .collect()
}

/// What a member becomes when it is trained by itself.
fn alone(member: &Member, data: &Dataset, common: &Common, device: &Device) -> Model {
    let optimizer = Optimizer {
        learning_rate: member.learning_rate,
        update: common.update,
    };
    let data = match &member.rows {
        Some(rows) => data.select(rows),
        None => data.clone(),
    };
    let mut trainer = Trainer::new(member.network.clone(), common.loss)
        .optimizer(optimizer.weight_decay(member.weight_decay))
        .batch_size(common.batch_size)
        .seed(member.seed)
        .device(device.clone());
    trainer.options.steps = Some(STEPS.into());
    trainer.fit(&data).expect("it trains").model
}

fn assert_alike(found: &[f32], expected: &[f32], share: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f32, |most, v| most.max(v.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!(
            (a - b).abs() <= share * largest && a.is_finite(),
            "{what}, element {i}: {a} instead of {b}"
        );
    }
}

#[test]
fn each_member_is_what_it_would_be_alone() {
    let (by_class, by_number) = (classes(64, 6, 3), numbers(64, 6, 2));
    for (data, loss, update, share) in [
        (
            &by_class,
            Loss::CrossEntropy,
            Optimizer::adam(0.1).update,
            2e-3,
        ),
        (&by_class, Loss::CrossEntropy, sgd(0.0), 2e-5),
        (&by_number, Loss::SquaredError, sgd(0.9), 2e-5),
    ] {
        for device in devices() {
            let common = common(loss, update);
            let mut members = members(data.features(), data.outputs());
            members[1].rows = Some((0..64).filter(|row| row % 2 == 1).collect());
            let what = format!("{} on {device}", update_name(&update));
            let mut population =
                Population::new(members.clone(), data, common, &device).expect("it fits");
            population.train(7).expect("it trains");
            population.train(STEPS - 7).expect("it trains on");
            let models = population.models().expect("they can be read");
            let x = data.inputs_of(0..20).expect("they are in memory");
            let predicted = population.predict(&x).expect("it predicts");
            for (at, member) in members.iter().enumerate() {
                let what = format!("{what}, member {at}");
                let model = alone(member, data, &common, &device);
                for (found, expected) in models[at].values.iter().zip(&model.values) {
                    assert_alike(found, expected, share, &what);
                }
                let y = models[at].predict(&x).expect("it predicts");
                assert_alike(&predicted[at], &y, 1e-5, &format!("{what}, predictions"));
            }
        }
    }
}

fn update_name(update: &Update) -> String {
    format!("{update:?}")
}

/// A population learns what its members can, and begins with what it is given.
#[test]
fn members_begin_with_what_they_are_given() {
    let data = classes(32, 6, 3);
    let mut members = members(6, 3);
    let given = members[1]
        .network
        .initial(thalweg::network::Init::HeNormal, 77);
    members[1].initial = Some(given.clone());
    let common = common(Loss::CrossEntropy, Optimizer::adam(0.1).update);
    let mut population = Population::new(members, &data, common, &Device::Cpu).expect("it fits");
    let models = population.models().expect("they can be read");
    for (found, expected) in models[1].values.iter().zip(&given) {
        assert_alike(found, expected, 1e-6, "as given");
    }
    population.train(200).expect("it trains");
    assert_eq!(population.steps(), 200);
}

/// Some of a population go on in another, in another order and company, as if nothing had happened.
#[test]
fn members_go_on_where_they_were() {
    let data = classes(64, 6, 3);
    for update in [Optimizer::adam(0.1).update, sgd(0.9)] {
        let common = common(Loss::CrossEntropy, update);
        for device in devices() {
            let all = members(6, 3);
            let mut whole = Population::new(all.clone(), &data, common, &device).expect("it fits");
            whole.train(19).expect("it trains");
            let expected = whole.models().expect("they can be read");
            let mut first = Population::new(all.clone(), &data, common, &device).expect("it fits");
            first.train(7).expect("it trains");
            let standings = first.standings().expect("they can be read");
            assert!(standings.iter().all(|s| s.steps() == 7));
            let chosen = [2, 0];
            let on = |&at: &usize| all[at].clone().standing(Some(standings[at].clone()));
            let members = chosen.iter().map(on).collect();
            let workspace = first.into_workspace();
            let mut second =
                Population::within(workspace, members, &data, common).expect("it fits");
            assert_eq!(second.steps(), 7);
            second.train(12).expect("it trains");
            let models = second.models().expect("they can be read");
            for (model, at) in models.iter().zip(chosen) {
                for (found, expected) in model.values.iter().zip(&expected[at].values) {
                    // Padding is other, and with it where sums are cut.
                    let what = format!("{device}, member {at}");
                    assert_alike(found, expected, 2e-5, &what);
                }
            }
        }
    }
}

/// The device holds the rows of about a million entries; behind them come the next.
#[test]
fn rows_are_refilled() {
    let data = classes(64, 6, 3);
    let common = Common {
        batch_size: 100,
        ..common(Loss::CrossEntropy, sgd(0.0))
    };
    let new = || Population::new(members(6, 3), &data, common, &Device::Cpu).expect("it fits");
    let (mut whole, mut parts) = (new(), new());
    let steps = 3600;
    assert!(steps * 3 * 100 > 1 << 20);
    whole.train(steps).expect("it trains");
    for _ in 0..9 {
        parts.train(steps / 9).expect("it trains");
    }
    let [whole, parts] = [&mut whole, &mut parts].map(|p| p.models().expect("they can be read"));
    for (whole, parts) in whole.iter().zip(&parts) {
        assert_eq!(whole.values, parts.values, "to the bit");
    }
}

/// Dropout drops in training by the first member's seed, and not in predictions.
#[test]
fn dropout_drops_in_training_alone() {
    let data = classes(64, 6, 3);
    let network = |p: f64| {
        let network = Network::new(6).linear(12).activation(Activation::Tanh);
        network.dropout(p).linear(3)
    };
    let common = common(Loss::CrossEntropy, Optimizer::adam(0.1).update);
    let after = |p: f64, seed: u64| {
        let mut member = Member::new(network(p), seed).learning_rate(0.01);
        // Everything but the masks is the same.
        member.initial = Some(network(p).initial(thalweg::network::Init::Default, 1));
        member.rows = Some((0..16).collect());
        let shuffled = Common {
            shuffle: false,
            ..common
        };
        let mut population =
            Population::new(vec![member], &data, shuffled, &Device::Cpu).expect("it fits");
        population.train(20).expect("it trains");
        let x = data.inputs_of(0..8).expect("they are in memory");
        let y = population.predict(&x).expect("it predicts").remove(0);
        let model = population.models().expect("they can be read").remove(0);
        assert_alike(
            &y,
            &model.predict(&x).expect("it predicts"),
            1e-5,
            "evaluation",
        );
        model.values
    };
    assert_eq!(
        after(0.0, 3),
        after(0.0, 4),
        "without dropout the seed has no part"
    );
    assert_eq!(after(0.5, 3), after(0.5, 3));
    assert_ne!(after(0.5, 3), after(0.5, 4), "other masks");
    assert_ne!(after(0.5, 3), after(0.0, 3));
}

#[test]
fn standings_that_do_not_fit_are_refused() {
    let data = classes(64, 6, 3);
    let plain = common(Loss::CrossEntropy, Optimizer::adam(0.1).update);
    let all = members(6, 3);
    let mut first = Population::new(all.clone(), &data, plain, &Device::Cpu).expect("it fits");
    let new = first.standings().expect("they can be read");
    first.train(1).expect("it trains");
    let later = first.standings().expect("they can be read");
    let refused = |standings: [Option<_>; 3], common| {
        let on = |(member, standing): (&Member, _)| member.clone().standing(standing);
        let members = all.iter().zip(standings).map(on).collect();
        match Population::new(members, &data, common, &Device::Cpu) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("it is accepted"),
        }
    };
    let [a, b, c] = [&later[0], &later[1], &later[2]].map(|s| Some(s.clone()));
    let message = "one of each member after as many steps";
    assert!(refused([a.clone(), b.clone(), None], plain).contains(message));
    assert!(refused([a.clone(), b.clone(), Some(new[2].clone())], plain).contains(message));
    assert!(refused([b.clone(), a.clone(), c.clone()], plain).contains(message));
    let other = common(Loss::CrossEntropy, sgd(0.0));
    assert!(refused([a, b, c], other).contains(message));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let data = classes(32, 6, 3);
    let plain = common(Loss::CrossEntropy, Optimizer::adam(0.1).update);
    let refused = |members: Vec<Member>, common: Common, data: &Dataset| match Population::new(
        members,
        data,
        common,
        &Device::Cpu,
    ) {
        Err(error @ (TrainError::Option { .. } | TrainError::Mismatch { .. })) => error.to_string(),
        Err(error) => panic!("another error: {error}"),
        Ok(_) => panic!("it is accepted"),
    };
    let with = |change: fn(&mut Vec<Member>)| {
        let mut all = members(6, 3);
        change(&mut all);
        refused(all, plain, &data)
    };
    assert!(with(Vec::clear).contains("at least 1"));
    assert!(with(|m| m[1].learning_rate = 0.0).contains("above 0"));
    assert!(with(|m| m[1].weight_decay = f64::NAN).contains("at least 0"));
    assert!(with(|m| m[1].rows = Some(vec![32])).contains("rows of the data"));
    assert!(with(|m| m[1].rows = Some(Vec::new())).contains("rows of the data"));
    assert!(with(|m| m[1].network = Network::mlp(6, &[3], 3, Activation::Tanh)).contains("beside"));
    assert!(
        with(|m| m[1].network = Network::mlp(6, &[3, 3], 3, Activation::Relu)).contains("beside")
    );
    assert!(
        with(|m| m[1].network = Network::mlp(6, &[3, 3], 4, Activation::Tanh)).contains("beside")
    );
    let decayed = Common {
        update: Optimizer::adamw(0.1).update,
        ..plain
    };
    assert!(refused(members(6, 3), decayed, &data).contains("SGD or Adam"));
    let mad = Common {
        update: sgd(f64::NAN),
        ..plain
    };
    assert!(refused(members(6, 3), mad, &data).contains("momentum"));
    let empty = Common {
        batch_size: 0,
        ..plain
    };
    assert!(refused(members(6, 3), empty, &data).contains("batch_size"));
    assert!(refused(members(5, 3), plain, &data).contains("features"));
    assert!(refused(members(6, 4), plain, &data).contains("outputs"));
    assert!(refused(members(6, 2), plain, &numbers(32, 6, 2)).contains("targets"));
}
