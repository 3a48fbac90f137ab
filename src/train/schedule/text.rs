//! A schedule in words: `cosine:t_max=50,eta_min=1e-5,per=epoch,warmup=100`.

use std::fmt;
use std::str::FromStr;

use super::{Curve, OneCycle, Per, Plateau, Schedule};
use crate::train::TrainError;

impl Schedule {
    /// The words for the curves.
    pub const WORDS: [&'static str; 9] = [
        "constant",
        "step",
        "multi_step",
        "exponential",
        "cosine",
        "cosine_restarts",
        "linear",
        "one_cycle",
        "plateau",
    ];
}

/// What stands behind the colon, by name. What is taken is known; what is left at the end is not.
struct Keys<'a> {
    word: &'a str,
    given: Vec<(String, &'a str)>,
    known: Vec<&'static str>,
}

impl<'a> Keys<'a> {
    fn new(text: &'a str) -> Result<Self, TrainError> {
        let (word, rest) = text.split_once(':').unwrap_or((text, ""));
        let mut given = Vec::new();
        for part in rest.split(',').filter(|part| !part.trim().is_empty()) {
            let Some((key, value)) = part.split_once('=') else {
                let expected = "key=value, and a comma between two of them";
                return Err(refused(text, part.to_owned(), expected));
            };
            let key = key.trim().to_lowercase().replace('-', "_");
            if given.iter().any(|(known, _)| *known == key) {
                return Err(refused(text, format!("`{key}` twice"), "each key once"));
            }
            given.push((key, value.trim()));
        }
        Ok(Self {
            word,
            given,
            known: Vec::new(),
        })
    }

    fn take(&mut self, key: &'static str) -> Option<&'a str> {
        self.known.push(key);
        let place = self.given.iter().position(|(known, _)| known == key)?;
        Some(self.given.remove(place).1)
    }

    fn parsed<T: FromStr>(
        &mut self,
        key: &'static str,
        expected: &str,
    ) -> Result<Option<T>, TrainError> {
        let Some(value) = self.take(key) else {
            return Ok(None);
        };
        let parsed = value.parse().map(Some);
        parsed.map_err(|_| refused(self.word, format!("`{key}={value}`"), expected))
    }

    fn number(&mut self, key: &'static str, default: f64) -> Result<f64, TrainError> {
        let number = self.parsed(key, "a number")?;
        Ok(number.unwrap_or(default))
    }

    fn count(&mut self, key: &'static str, default: u64) -> Result<u64, TrainError> {
        Ok(self.parsed(key, "a whole number")?.unwrap_or(default))
    }

    /// What has no default in PyTorch either.
    fn required<T: FromStr>(&mut self, key: &'static str) -> Result<T, TrainError> {
        let found = self.parsed(key, "a number")?;
        found.ok_or_else(|| {
            let expected = format!("`{0}:{key}=…`", self.word);
            refused(self.word, format!("no `{key}`"), &expected)
        })
    }

    fn flag(&mut self, key: &'static str, default: bool) -> Result<bool, TrainError> {
        Ok(self.parsed(key, "true or false")?.unwrap_or(default))
    }

    fn curve(&mut self) -> Result<Curve, TrainError> {
        Ok(match self.word.replace('-', "_").as_str() {
            "constant" => Curve::Constant,
            "step" => Curve::Step {
                step_size: self.required("step_size")?,
                gamma: self.number("gamma", 0.1)?,
            },
            "multi_step" => Curve::MultiStep {
                milestones: self.milestones()?,
                gamma: self.number("gamma", 0.1)?,
            },
            "exponential" => Curve::Exponential {
                gamma: self.required("gamma")?,
            },
            "cosine" => Curve::Cosine {
                t_max: self.parsed("t_max", "a whole number")?,
                eta_min: self.number("eta_min", 0.0)?,
            },
            "cosine_restarts" => Curve::CosineRestarts {
                t_0: self.required("t_0")?,
                t_mult: self.count("t_mult", 1)?,
                eta_min: self.number("eta_min", 0.0)?,
            },
            "linear" => Curve::Linear {
                start_factor: self.number("start_factor", 1.0 / 3.0)?,
                end_factor: self.number("end_factor", 1.0)?,
                total_iters: self.count("total_iters", 5)?,
            },
            "one_cycle" => Curve::OneCycle(self.one_cycle()?),
            "plateau" => {
                let default = Plateau::default();
                Curve::Plateau(Plateau {
                    factor: self.number("factor", default.factor)?,
                    patience: self.count("patience", default.patience)?,
                    threshold: self.number("threshold", default.threshold)?,
                    cooldown: self.count("cooldown", default.cooldown)?,
                    min_lr: self.number("min_lr", default.min_lr)?,
                })
            }
            _ => {
                let hint = crate::data::nearest(self.word, Schedule::WORDS)
                    .map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
                let expected = format!("one of {}{hint}", Schedule::WORDS.join(", "));
                return Err(refused(self.word, format!("`{}`", self.word), &expected));
            }
        })
    }

    fn milestones(&mut self) -> Result<Vec<u64>, TrainError> {
        let text = self.take("milestones").unwrap_or("");
        let numbers: Result<Vec<u64>, _> = text.split('/').map(|n| n.trim().parse()).collect();
        numbers.map_err(|_| {
            let expected = "whole numbers with `/` between them, as in `milestones=30/80`";
            refused(self.word, format!("`milestones={text}`"), expected)
        })
    }

    fn one_cycle(&mut self) -> Result<OneCycle, TrainError> {
        let default = OneCycle::default();
        let linear = match self.take("anneal_strategy") {
            None | Some("cos") => false,
            Some("linear") => true,
            Some(other) => {
                let found = format!("`anneal_strategy={other}`");
                return Err(refused(self.word, found, "cos or linear"));
            }
        };
        let cycles = self.flag("cycle_momentum", true)?;
        let least = self.number("base_momentum", 0.85)?;
        let most = self.number("max_momentum", 0.95)?;
        Ok(OneCycle {
            total_steps: self.parsed("total_steps", "a whole number")?,
            pct_start: self.number("pct_start", default.pct_start)?,
            div_factor: self.number("div_factor", default.div_factor)?,
            final_div_factor: self.number("final_div_factor", default.final_div_factor)?,
            linear,
            three_phase: self.flag("three_phase", false)?,
            momentum: cycles.then_some([least, most]),
        })
    }
}

fn refused(schedule: &str, found: String, expected: &str) -> TrainError {
    TrainError::Schedule {
        schedule: schedule.to_owned(),
        found,
        expected: expected.to_owned(),
    }
}

impl FromStr for Schedule {
    type Err = TrainError;

    fn from_str(text: &str) -> Result<Self, TrainError> {
        let mut keys = Keys::new(text.trim())?;
        let mut schedule = Self::from(keys.curve()?);
        match keys.take("per") {
            None => {}
            Some("step") => schedule.per = Per::Step,
            Some("epoch") => schedule.per = Per::Epoch,
            Some(other) => {
                let found = format!("`per={other}`");
                return Err(refused(text, found, "step or epoch"));
            }
        }
        schedule.warmup = keys.count("warmup", 0)?;
        schedule.warmup_start = keys.number("warmup_start", schedule.warmup_start)?;
        if let Some((unknown, _)) = keys.given.first() {
            let hint = crate::data::nearest(unknown, keys.known.iter().copied())
                .map_or_else(String::new, |near| format!(" (did you mean `{near}`?)"));
            let expected = format!("{}{hint}", keys.known.join(", "));
            return Err(refused(text, format!("the key `{unknown}`"), &expected));
        }
        schedule.check()?;
        Ok(schedule)
    }
}

/// As it is read: what has not its default value is told.
impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut keys: Vec<String> = Vec::new();
        let word = self.curve.write(&mut keys);
        let default = Self::from(self.curve.clone());
        if self.per != default.per {
            let per = if self.per == Per::Step {
                "step"
            } else {
                "epoch"
            };
            keys.push(format!("per={per}"));
        }
        if self.warmup > 0 {
            keys.push(format!("warmup={}", self.warmup));
        }
        put(
            &mut keys,
            "warmup_start",
            self.warmup_start,
            default.warmup_start,
        );
        f.write_str(word)?;
        if keys.is_empty() {
            return Ok(());
        }
        write!(f, ":{}", keys.join(","))
    }
}

/// A key, unless it has its default value.
fn put<T: PartialEq + fmt::Debug>(keys: &mut Vec<String>, key: &str, value: T, default: T) {
    if value != default {
        keys.push(format!("{key}={value:?}"));
    }
}

impl Curve {
    /// Its word; its keys are added.
    fn write(&self, keys: &mut Vec<String>) -> &'static str {
        match self {
            Self::Constant => "constant",
            Self::Step { step_size, gamma } => {
                keys.push(format!("step_size={step_size}"));
                put(keys, "gamma", *gamma, 0.1);
                "step"
            }
            Self::MultiStep { milestones, gamma } => {
                let milestones: Vec<_> = milestones.iter().map(u64::to_string).collect();
                keys.push(format!("milestones={}", milestones.join("/")));
                put(keys, "gamma", *gamma, 0.1);
                "multi_step"
            }
            Self::Exponential { gamma } => {
                keys.push(format!("gamma={gamma:?}"));
                "exponential"
            }
            Self::Cosine { t_max, eta_min } => {
                keys.extend(t_max.map(|t| format!("t_max={t}")));
                put(keys, "eta_min", *eta_min, 0.0);
                "cosine"
            }
            Self::CosineRestarts {
                t_0,
                t_mult,
                eta_min,
            } => {
                keys.push(format!("t_0={t_0}"));
                put(keys, "t_mult", *t_mult, 1);
                put(keys, "eta_min", *eta_min, 0.0);
                "cosine_restarts"
            }
            Self::Linear {
                start_factor,
                end_factor,
                total_iters,
            } => {
                put(keys, "start_factor", *start_factor, 1.0 / 3.0);
                put(keys, "end_factor", *end_factor, 1.0);
                put(keys, "total_iters", *total_iters, 5);
                "linear"
            }
            Self::OneCycle(cycle) => {
                let default = OneCycle::default();
                keys.extend(cycle.total_steps.map(|n| format!("total_steps={n}")));
                put(keys, "pct_start", cycle.pct_start, default.pct_start);
                put(keys, "div_factor", cycle.div_factor, default.div_factor);
                let last = cycle.final_div_factor;
                put(keys, "final_div_factor", last, default.final_div_factor);
                if cycle.linear {
                    keys.push("anneal_strategy=linear".to_owned());
                }
                put(keys, "three_phase", cycle.three_phase, false);
                match cycle.momentum {
                    None => keys.push("cycle_momentum=false".to_owned()),
                    Some([least, most]) => {
                        put(keys, "base_momentum", least, 0.85);
                        put(keys, "max_momentum", most, 0.95);
                    }
                }
                "one_cycle"
            }
            Self::Plateau(plateau) => {
                let default = Plateau::default();
                put(keys, "factor", plateau.factor, default.factor);
                put(keys, "patience", plateau.patience, default.patience);
                put(keys, "threshold", plateau.threshold, default.threshold);
                put(keys, "cooldown", plateau.cooldown, default.cooldown);
                put(keys, "min_lr", plateau.min_lr, default.min_lr);
                "plateau"
            }
        }
    }
}
