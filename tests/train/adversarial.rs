//! Adversarial games: each player's step against finite differences of the game's value, on every device.

use thalweg::data::Dataset;
use thalweg::device::Device;
use thalweg::graph::ops::Update;
use thalweg::network::{Activation, Network};
use thalweg::random::{Random, stream};
use thalweg::train::adversarial::{Game, Goal, Terms};
use thalweg::train::{Optimizer, TrainError};

const ROWS: usize = 6;
const SEED: u64 = 11;

/// The reference, the CPU, and the GPU if there is one.
fn devices() -> Vec<Device> {
    let gpu = crate::common::gpu().map(|_| Device::Gpu);
    [Device::Reference, Device::Cpu]
        .into_iter()
        .chain(gpu)
        .collect()
}

fn players() -> [Network; 2] {
    [
        Network::mlp(2, &[4], 3, Activation::Tanh),
        Network::mlp(3, &[5], 1, Activation::Tanh),
    ]
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "rounded to f32, as is meant"
)]
fn data(rows: usize) -> Dataset {
    let random = Random::new(2, stream::TEST, 20);
    let x: Vec<f32> = (0..3 * rows as u64)
        .map(|i| 1.0 + random.normal(i) as f32)
        .collect();
    Dataset::inputs_only(&x, 3).expect("it is well formed")
}

/// One step on all rows with the rate 1, so that the change is the gradient.
fn terms(goal: Goal) -> Terms {
    Terms {
        batch_size: ROWS,
        goal,
        generator: Optimizer::sgd(1.0),
        discriminator: Optimizer::sgd(1.0),
        seed: SEED,
        ..Terms::default()
    }
}

type Values = Vec<Vec<f64>>;

fn wide(values: &[Vec<f32>]) -> Values {
    let wide = |values: &Vec<f32>| values.iter().map(|&x| f64::from(x)).collect();
    values.iter().map(wide).collect()
}

/// A network of two layers with a tanh between, by hand.
fn forward(values: &Values, x: &[f64], inputs: usize) -> Vec<f64> {
    let layer = |x: &[f64], w: &[f64], b: &[f64], inputs: usize| -> Vec<f64> {
        x.chunks(inputs)
            .flat_map(|row| {
                w.chunks(inputs)
                    .zip(b)
                    .map(move |(w, b)| b + w.iter().zip(row).map(|(w, x)| w * x).sum::<f64>())
            })
            .collect()
    };
    let hidden = layer(x, &values[0], &values[1], inputs);
    let hidden: Vec<f64> = hidden.iter().map(|x| x.tanh()).collect();
    layer(&hidden, &values[2], &values[3], values[1].len())
}

/// What a player makes small, by hand: the noise is that of its stream.
fn cost(generator: &Values, discriminator: &Values, goal: Option<Goal>) -> f64 {
    let player = u32::from(goal.is_none());
    let random = Random::new(SEED, stream::LATENT | player, 1);
    let noise: Vec<f64> = (0..2 * ROWS as u64).map(|i| random.normal(i)).collect();
    let made = forward(generator, &noise, 2);
    let real: Vec<f64> = data(ROWS)
        .inputs_of(0..ROWS)
        .expect("they are there")
        .iter()
        .map(|&x| x.into())
        .collect();
    let chance = |l: &f64| 1.0 / (1.0 + (-l).exp());
    let mean = |rows: &[f64], of: fn(f64) -> f64| -> f64 {
        let logits = forward(discriminator, rows, 3);
        logits.iter().map(|l| of(chance(l))).sum::<f64>() / ROWS as f64
    };
    match goal {
        None => -mean(&real, f64::ln) - mean(&made, |d| (1.0 - d).ln()),
        Some(Goal::ZeroSum) => mean(&made, |d| (1.0 - d).ln()),
        Some(Goal::NonSaturating) => -mean(&made, f64::ln),
    }
}

/// Holds the change of parameters against the slopes of a cost.
fn check(what: &str, [before, after]: [&Values; 2], cost: impl Fn(&Values) -> f64) {
    for tensor in 0..before.len() {
        for i in 0..before[tensor].len() {
            let [above, below] = [1e-4, -1e-4].map(|h| {
                let mut moved = before.clone();
                moved[tensor][i] += h;
                cost(&moved)
            });
            let slope = (above - below) / 2e-4;
            let found = before[tensor][i] - after[tensor][i];
            assert!(
                (found - slope).abs() <= 1e-5 * (1.0 + slope.abs()),
                "{what}: tensor {tensor}[{i}] moved by {found}, and the slope is {slope}"
            );
        }
    }
}

#[test]
fn each_player_follows_its_own_gradient() {
    for device in devices() {
        for goal in [Goal::ZeroSum, Goal::NonSaturating] {
            let what = format!("{device:?}, {goal:?}");
            let mut game =
                Game::new(players(), &data(ROWS), terms(goal), &device).expect("it fits");
            let models = |game: &mut Game| {
                let models = game.models().expect("they can be read");
                models.map(|model| wide(&model.values))
            };
            let [g0, d0] = models(&mut game);
            game.train_discriminator(1).expect("it runs");
            let [g1, d1] = models(&mut game);
            assert_eq!(
                g0, g1,
                "{what}: the discriminator's step leaves the generator alone"
            );
            check(&what, [&d0, &d1], |d| cost(&g0, d, None));
            // A round: the discriminator first. Its second step has other noise, so it is not looked at.
            let mut game =
                Game::new(players(), &data(ROWS), terms(goal), &device).expect("it fits");
            game.train(1).expect("it runs");
            let [g2, d2] = models(&mut game);
            assert_eq!(
                d1, d2,
                "{what}: the generator's step leaves the discriminator alone"
            );
            check(&what, [&g0, &g2], |g| cost(g, &d1, Some(goal)));
            assert_eq!(game.steps(), [1, 1], "{what}");
        }
    }
}

/// What the game says of rows is what its models say, and its value what follows from that.
#[test]
fn answers_are_the_models() {
    for device in devices() {
        let mut game = Game::new(
            players(),
            &data(40),
            Terms {
                batch_size: 8,
                ..terms(Goal::ZeroSum)
            },
            &device,
        )
        .expect("it fits");
        game.train(5).expect("it runs");
        let [generator, discriminator] = game.models().expect("they can be read");
        // More rows than are computed at once.
        let noise: Vec<f32> = (0..2 * 1500_u16)
            .map(|i| f32::from(i) / 1000.0 - 1.5)
            .collect();
        let made = game.generate_from(&noise).expect("it runs");
        let expected = generator.predict(&noise).expect("it runs");
        let off = made
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(made.len() == 4500 && off < 1e-5, "{device:?}: off by {off}");
        let judged = game.discriminate(&made).expect("it runs");
        let expected = discriminator.predict(&made).expect("it runs");
        let off = judged
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - f64::from(*b)).abs())
            .fold(0.0, f64::max);
        assert!(
            judged.len() == 1500 && off < 1e-5,
            "{device:?}: off by {off}"
        );

        // Of 40 rows every fourth.
        let value = game.value(10).expect("it runs");
        let mut again = Game::new(
            players(),
            &data(40),
            Terms {
                batch_size: 8,
                ..terms(Goal::ZeroSum)
            },
            &device,
        )
        .expect("it fits");
        again.train(5).expect("it runs");
        let made = again.generate(10).expect("it runs");
        let fourth: Vec<u32> = (0..40).step_by(4).collect();
        let real = data(40).select(&fourth);
        let real = real.inputs_of(0..10).expect("they are there");
        let logs = |d: Vec<f64>, of: fn(f64) -> f64| d.into_iter().map(of).sum::<f64>() / 10.0;
        let expected = logs(again.discriminate(&real).expect("it runs"), f64::ln)
            + logs(again.discriminate(&made).expect("it runs"), |d| {
                (1.0 - d).ln()
            });
        assert!(
            (value - expected).abs() < 1e-6,
            "{device:?}: {value}, not {expected}"
        );
        assert_ne!(
            made,
            again.generate(10).expect("it runs"),
            "noise is drawn anew"
        );
    }
}

/// The same weights, whatever the device; and they are learnt: the mean of what is generated comes to that of the data.
#[test]
fn a_generator_finds_the_data() {
    let mean = |x: &[f32]| x.iter().map(|&x| f64::from(x)).sum::<f64>() / x.len() as f64;
    let mut all = Vec::new();
    for device in devices() {
        let terms = Terms {
            batch_size: 32,
            generator: Optimizer::adam(0.01),
            discriminator: Optimizer::adam(0.01),
            ..Terms::default()
        };
        let mut game = Game::new(players(), &data(128), terms, &device).expect("it fits");
        let before = mean(&game.generate(512).expect("it runs"));
        game.train(20).expect("it runs");
        all.push(game.models().expect("they can be read"));
        game.train(280).expect("it runs");
        let after = mean(&game.generate(512).expect("it runs"));
        let data = mean(&data(128).inputs_of(0..128).expect("they are there"));
        assert!(
            (before - data).abs() > 0.5 && (after - data).abs() < 0.3,
            "{device:?}: {before}, {after}, {data}"
        );
    }
    for others in &all[1..] {
        for (a, b) in all[0].iter().zip(others) {
            for (a, b) in wide(&a.values)
                .iter()
                .flatten()
                .zip(wide(&b.values).iter().flatten())
            {
                assert!((a - b).abs() < 1e-3, "{a} and {b} after 20 rounds");
            }
        }
    }
}

#[test]
fn what_is_no_game_is_refused() {
    let refused = |players: [Network; 2], terms: Terms, part: &str| {
        let error = match Game::new(players, &data(ROWS), terms, &Device::Reference) {
            Ok(_) => panic!("it is no game, for {part}"),
            Err(error) => error,
        };
        assert!(error.to_string().contains(part), "{error}");
    };
    let plain = || terms(Goal::ZeroSum);
    let [g, d] = players();
    let wide = Network::mlp(2, &[4], 4, Activation::Tanh);
    refused([wide, d.clone()], plain(), "3 features");
    let narrow = Network::mlp(2, &[5], 1, Activation::Tanh);
    refused([g.clone(), narrow], plain(), "3 features");
    let two = Network::mlp(3, &[5], 2, Activation::Tanh);
    refused([g.clone(), two], plain(), "2 outputs");
    let normed = Network::new(2)
        .linear(4)
        .layer(thalweg::network::Layer::BATCH_NORM)
        .linear(3);
    refused([normed, d.clone()], plain(), "batch normalisation");
    for batch_size in [0, ROWS + 1] {
        refused(
            players(),
            Terms {
                batch_size,
                ..plain()
            },
            "batch_size",
        );
    }
    refused(
        players(),
        Terms {
            discriminator_steps: 0,
            ..plain()
        },
        "discriminator_steps",
    );
    let rate = Terms {
        generator: Optimizer::sgd(f64::NAN),
        ..plain()
    };
    refused(players(), rate, "learning_rate");
    let mut game = Game::new(players(), &data(ROWS), plain(), &Device::Reference).expect("it fits");
    assert!(matches!(
        game.generate_from(&[0.0; 3]),
        Err(TrainError::Option { .. })
    ));
    assert!(matches!(
        game.discriminate(&[]),
        Err(TrainError::Option { .. })
    ));
    assert!(game.set_generator(&[vec![0.0]]).is_err());
}

/// The order of the rows is written anew when it is used up, behind the steps that are still to be taken on the one before.
#[test]
fn rounds_in_one_go_and_one_by_one_are_the_same() {
    let terms = Terms {
        batch_size: 256,
        discriminator_steps: 3,
        generator: Optimizer::adam(1e-3),
        discriminator: Optimizer::with_momentum(1e-3, 0.9, false),
        seed: SEED,
        ..Terms::default()
    };
    let new = || Game::new(players(), &data(600), terms, &Device::Cpu).expect("it is a game");
    let models = |game: &mut Game| {
        let models = game.models().expect("they can be read");
        models.map(|model| model.values)
    };
    // 2^16 rows are on the device at once: 256 batches.
    let (mut whole, mut parts) = (new(), new());
    whole.train_discriminator(600).expect("it trains");
    for _ in 0..600 {
        parts.train_discriminator(1).expect("it trains");
    }
    assert_eq!(models(&mut whole), models(&mut parts), "to the bit");
    // A round is three steps of the one and one of the other.
    whole.train(5).expect("it trains");
    for _ in 0..5 {
        parts.train_discriminator(3).expect("it trains");
        parts.train_generator(1).expect("it trains");
    }
    assert_eq!(whole.steps(), [5, 615]);
    assert_eq!(whole.steps(), parts.steps());
    assert_eq!(models(&mut whole), models(&mut parts), "to the bit");
}

/// Adagrad's states begin with what they are told to: with a large sum of squares steps are small.
#[test]
fn optimisers_begin_with_their_first_states() {
    let step = |initial: f64| {
        let mut optimizer = Optimizer::adagrad(0.1);
        let Update::Adagrad(rule) = &mut optimizer.update else {
            panic!("it is Adagrad");
        };
        rule.initial = initial;
        let terms = Terms {
            discriminator: optimizer,
            ..terms(Goal::ZeroSum)
        };
        let mut game = Game::new(players(), &data(ROWS), terms, &Device::Cpu).expect("it fits");
        let before = game.models().expect("they can be read")[1].values.concat();
        game.train_discriminator(1).expect("it runs");
        let after = game.models().expect("they can be read")[1].values.concat();
        let moved = before.iter().zip(&after).map(|(a, b)| (a - b).abs());
        moved.fold(0.0, f32::max)
    };
    // The first step is the rate, whatever the gradient, or the rate times the gradient over a thousand.
    assert!((step(0.0) - 0.1).abs() < 1e-3, "{}", step(0.0));
    assert!(step(1e6) < 1e-3, "{}", step(1e6));
}
