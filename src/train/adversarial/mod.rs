//! Generative adversarial networks (Goodfellow et al. 2014): a generator makes rows from noise, a discriminator tells them
//! from rows of data, and each learns against the other.
//!
//! Nothing in the engine knows of it. Both networks lie in one store on one device, and each player's step is a plan of its
//! own: that of the discriminator differentiates its loss at its parameters alone, that of the generator at the generator's
//! alone, through the discriminator. The noise is drawn on the device.

mod graphs;
mod rows;

use self::graphs::{Player, Players};
use self::rows::Rows;
use super::error::option;
use super::model::check_parameters;
use super::{Model, Optimizer, TrainError};
use crate::data::Dataset;
use crate::device::Device;
use crate::executor::{Program, Workspace};
use crate::kernel::Tick;
use crate::network::{Activation, Init, Network};
use crate::tensor::Element;

/// Rows that are generated or judged at once.
const AT_ONCE: usize = 1024;

/// What the generator makes small. The discriminator makes `-log D(x) - log(1 - D(G(z)))` small in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Goal {
    /// `log(1 - D(G(z)))`: the game of the paper, of two players and one value. Its gradient vanishes where the discriminator
    /// is sure.
    ZeroSum,
    /// `-log D(G(z))`, with the same fixed point and a gradient that does not vanish there (the paper's section 3).
    #[default]
    NonSaturating,
}

/// The terms of a game.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Terms {
    /// Rows of data, and rows that are generated, in a step.
    pub batch_size: usize,
    /// What the generator makes small.
    pub goal: Goal,
    /// How the generator learns.
    pub generator: Optimizer,
    /// How the discriminator learns.
    pub discriminator: Optimizer,
    /// Steps of the discriminator before each of the generator.
    pub discriminator_steps: u32,
    /// Of weights, noise and the order of the rows.
    pub seed: u64,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            batch_size: 64,
            goal: Goal::default(),
            generator: Optimizer::adam(1e-3),
            discriminator: Optimizer::adam(1e-3),
            discriminator_steps: 1,
            seed: 0,
        }
    }
}

/// Two networks at play.
///
/// ```
/// use thalweg::data::Dataset;
/// use thalweg::device::Device;
/// use thalweg::network::{Activation, Network};
/// use thalweg::train::adversarial::{Game, Terms};
///
/// // Numbers around 3.
/// let x: Vec<f32> = (0..256).map(|i| 3.0 + (i as f32 / 128.0 - 1.0) / 2.0).collect();
/// let data = Dataset::inputs_only(&x, 1)?;
/// let generator = Network::mlp(2, &[8], 1, Activation::Relu);
/// let discriminator = Network::mlp(1, &[8], 1, Activation::Relu);
/// let mut game = Game::new([generator, discriminator], &data, Terms::default(), &Device::Cpu)?;
/// game.train(100)?;
/// assert_eq!(game.generate(5)?.len(), 5);
/// assert!(game.value(256)? < 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Game {
    workspace: Workspace,
    players: Players,
    terms: Terms,
    data: Vec<f32>,
    rows: Rows,
    /// The steps of the generator and of the discriminator.
    programs: [Program; 2],
    taken: [u32; 2],
    /// Draws of noise that were asked for.
    drawn: u32,
    generating: Program,
    judging: Program,
}

impl Game {
    /// A game of a generator, from noise to rows, and a discriminator, from rows to one number, the logit of `D`. Both begin
    /// with their first weights.
    ///
    /// # Errors
    /// If a network cannot be built, the networks do not fit each other or the data, one has batch normalisation, a number makes
    /// no sense, or the device failed.
    pub fn new(
        [generator, discriminator]: [Network; 2],
        data: &Dataset,
        terms: Terms,
        device: &Device,
    ) -> Result<Self, TrainError> {
        let players = Players {
            generator,
            discriminator,
        };
        check(&players, data, &terms)?;
        let mut workspace = Workspace::new(device.open(None)?.executor);
        let data_rows = data.rows();
        let values = data.inputs_of(0..data_rows)?;
        let rows = Rows::new(terms.seed, data_rows, terms.batch_size);
        for (player, salt) in [(Player::Generator, 0), (Player::Discriminator, 1)] {
            let network = players.network(player);
            player.declare(&mut workspace.store, network, &terms)?;
            // Another seed for each, or equal layers would begin alike.
            let first =
                network.initial(Init::Default, terms.seed.wrapping_mul(2).wrapping_add(salt));
            player.write(&mut workspace, network, &first)?;
            player.write_states(&mut workspace, &terms)?;
        }
        workspace.put(graphs::DATA, [data_rows, data.features()], values.clone())?;
        (workspace.store).declare(graphs::ORDER, [rows.entries()], Element::U32)?;
        for (name, columns) in [
            (graphs::NOISE, players.generator.inputs),
            (graphs::JUDGED, players.discriminator.inputs),
        ] {
            (workspace.store).declare(name, [AT_ONCE, columns], Element::F32)?;
        }
        let store = &workspace.store;
        let steps = [Player::Generator, Player::Discriminator];
        let steps = steps.map(|player| graphs::step(store, &players, &terms, player));
        let (generate, made) = graphs::output(store, &players, Player::Generator)?;
        let (judge, judged) = graphs::output(store, &players, Player::Discriminator)?;
        let [generator, discriminator] = steps;
        let programs = [
            workspace.load("a generator's step", &generator?, &[])?,
            workspace.load("a discriminator's step", &discriminator?, &[])?,
        ];
        let generating = workspace.load("generate", &generate, &[made])?;
        let judging = workspace.load("discriminate", &judge, &[judged])?;
        Ok(Self {
            workspace,
            players,
            terms,
            data: values,
            rows,
            programs,
            taken: [0; 2],
            drawn: 0,
            generating,
            judging,
        })
    }

    /// Plays so many rounds: steps of the discriminator, and then one of the generator.
    ///
    /// # Errors
    /// If the device failed.
    pub fn train(&mut self, steps: u32) -> Result<(), TrainError> {
        for _ in 0..steps {
            self.train_discriminator(self.terms.discriminator_steps)?;
            self.train_generator(1)?;
        }
        Ok(())
    }

    /// So many steps of the generator alone, against the discriminator as it is.
    ///
    /// # Errors
    /// If the device failed.
    pub fn train_generator(&mut self, steps: u32) -> Result<(), TrainError> {
        let ticks: Vec<_> = (0..steps)
            .map(|_| self.tick(Player::Generator, 0))
            .collect();
        self.run(Player::Generator, &ticks)
    }

    /// So many steps of the discriminator alone, against the generator as it is.
    ///
    /// # Errors
    /// If the device failed.
    pub fn train_discriminator(&mut self, steps: u32) -> Result<(), TrainError> {
        // One submission for all steps on the rows that the device has.
        let mut ticks = Vec::new();
        for _ in 0..steps {
            if let Some(order) = self.rows.refill() {
                self.run(Player::Discriminator, &ticks)?;
                ticks.clear();
                self.workspace.write(graphs::ORDER, order)?;
            }
            let start = self.rows.next_batch();
            ticks.push(self.tick(Player::Discriminator, start));
        }
        self.run(Player::Discriminator, &ticks)
    }

    /// The next step of a player.
    fn tick(&mut self, player: Player, start: u32) -> Tick {
        let at = player as usize;
        self.taken[at] = self.taken[at].saturating_add(1);
        Tick {
            step: self.taken[at],
            start,
            learning_rate: player.optimizer(&self.terms).learning_rate,
            ..Tick::default()
        }
    }

    fn run(&mut self, player: Player, ticks: &[Tick]) -> Result<(), TrainError> {
        let program = &self.programs[player as usize];
        Ok(self.workspace.run(program, ticks)?)
    }

    /// Steps that the generator and the discriminator have taken.
    pub const fn steps(&self) -> [u32; 2] {
        self.taken
    }

    /// So many rows `[rows, outputs]` from noise that is drawn anew, the same in each run of a program.
    ///
    /// # Errors
    /// If the device failed.
    pub fn generate(&mut self, rows: usize) -> Result<Vec<f32>, TrainError> {
        let columns = self.players.generator.inputs;
        self.drawn += 1;
        let noise = rows::noise(self.terms.seed, self.drawn, rows * columns);
        self.generate_from(&noise)
    }

    /// The rows `[rows, outputs]` that the generator makes of noise `[rows, inputs]`.
    ///
    /// # Errors
    /// If the noise is not whole rows, or the device failed.
    pub fn generate_from(&mut self, noise: &[f32]) -> Result<Vec<f32>, TrainError> {
        self.compute(Player::Generator, noise)
    }

    /// The logit of `D` of each row: the logarithm of the odds that it is of the data.
    ///
    /// # Errors
    /// If the rows are not whole, or the device failed.
    pub fn logits(&mut self, x: &[f32]) -> Result<Vec<f32>, TrainError> {
        self.compute(Player::Discriminator, x)
    }

    /// `D` of each row: the probability that it is of the data.
    ///
    /// # Errors
    /// As [`Game::logits`].
    pub fn discriminate(&mut self, x: &[f32]) -> Result<Vec<f64>, TrainError> {
        let logits = self.logits(x)?;
        Ok(logits
            .iter()
            .map(|&l| 1.0 / (1.0 + (-f64::from(l)).exp()))
            .collect())
    }

    /// The value of the game, the mean of `log D(x)` over rows of the data plus that of `log(1 - D(G(z)))` over as many that
    /// are generated: over so many rows, or all of the data if those are fewer. At the fixed point it is `-log 4`.
    ///
    /// # Errors
    /// If `rows` is 0, or the device failed.
    pub fn value(&mut self, rows: usize) -> Result<f64, TrainError> {
        let columns = self.players.discriminator.inputs;
        let all = self.data.len() / columns;
        let rows = rows.min(all);
        let spread = (0..rows).flat_map(|i| {
            let row = i * all / rows;
            row * columns..(row + 1) * columns
        });
        let real: Vec<f32> = spread.map(|at| self.data[at]).collect();
        let generated = self.generate(rows)?;
        // log D = -softplus(-l) and log(1 - D) = -softplus(l).
        let softplus = |l: f64| l.max(0.0) + (-l.abs()).exp().ln_1p();
        let mut mean = |x: &[f32], sign: f64| -> Result<f64, TrainError> {
            let logits = self.logits(x)?;
            let sum: f64 = logits.iter().map(|&l| softplus(sign * f64::from(l))).sum();
            Ok(sum / rows as f64)
        };
        Ok(-mean(&real, -1.0)? - mean(&generated, 1.0)?)
    }

    /// What a player makes of rows.
    fn compute(&mut self, player: Player, x: &[f32]) -> Result<Vec<f32>, TrainError> {
        let network = self.players.network(player);
        let (inputs, outputs) = (network.inputs, network.outputs());
        if x.is_empty() || !x.len().is_multiple_of(inputs) {
            let found = format!("{} numbers", x.len());
            return option("x", found, "whole rows of inputs, at least one");
        }
        let (program, name) = match player {
            Player::Generator => (&self.generating, graphs::NOISE),
            Player::Discriminator => (&self.judging, graphs::JUDGED),
        };
        let mut all = Vec::with_capacity(x.len() / inputs * outputs);
        let take = |y: &[f64], rows: usize| {
            #[expect(clippy::cast_possible_truncation, reason = "they come from f32")]
            all.extend(y[..rows * outputs].iter().map(|&y| y as f32));
        };
        self.workspace
            .in_parts(program, (name, AT_ONCE), (x, inputs), take)?;
        Ok(all)
    }

    /// Gives the generator other weights, in the order of [`Network::parameters`]. Its optimiser goes on from where it is.
    ///
    /// # Errors
    /// If they do not fit the network, or the device failed.
    pub fn set_generator(&mut self, values: &[Vec<f32>]) -> Result<(), TrainError> {
        let network = &self.players.generator;
        check_parameters(network, values)?;
        Ok(Player::Generator.write(&mut self.workspace, network, values)?)
    }

    /// The generator and the discriminator as they are now; the second answers with `D` itself.
    ///
    /// # Errors
    /// If the device failed.
    pub fn models(&mut self) -> Result<[Model; 2], TrainError> {
        let mut model = |player: Player, output| -> Result<Model, TrainError> {
            let network = self.players.network(player).clone();
            let values = player.read(&mut self.workspace, &network)?;
            Ok(Model::new(network, output, values))
        };
        Ok([
            model(Player::Generator, Activation::Identity)?,
            model(Player::Discriminator, Activation::Sigmoid)?,
        ])
    }
}

/// Refuses what is no game.
fn check(players: &Players, data: &Dataset, terms: &Terms) -> Result<(), TrainError> {
    let Players {
        generator,
        discriminator,
    } = players;
    for network in [generator, discriminator] {
        network.check()?;
        if !network.statistics().is_empty() {
            let expected = "a network without batch normalisation, whose statistics would be of two kinds of rows";
            return option("a player", network, expected);
        }
    }
    let fits = |what, found, network: &Network, expected| {
        if found == expected {
            return Ok(());
        }
        Err(TrainError::Mismatch {
            what,
            found,
            expected,
            network: network.to_string(),
        })
    };
    fits(
        "features",
        data.features(),
        discriminator,
        discriminator.inputs,
    )?;
    if generator.outputs() != data.features() {
        let (outputs, features) = (generator.outputs(), data.features());
        let found = format!("{generator}, {outputs} outputs for data of {features} features");
        return option("the generator", found, "as many outputs as features");
    }
    if discriminator.outputs() != 1 {
        let found = format!("{} outputs", discriminator.outputs());
        return option(
            "the discriminator",
            found,
            "one output, the logit of a row of the data",
        );
    }
    if !(1..=data.rows()).contains(&terms.batch_size) {
        let expected = "at least 1, and at most the rows of the data";
        return option("batch_size", terms.batch_size, expected);
    }
    if terms.discriminator_steps == 0 {
        return option("discriminator_steps", 0, "at least 1");
    }
    for optimizer in [&terms.generator, &terms.discriminator] {
        if !(0.0..f64::INFINITY).contains(&optimizer.learning_rate) {
            let expected = "a finite number of at least 0";
            return option("learning_rate", optimizer.learning_rate, expected);
        }
        optimizer.update.check()?;
    }
    Ok(())
}
