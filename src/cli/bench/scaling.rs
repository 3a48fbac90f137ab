//! `thalweg bench scaling`.

use std::path::PathBuf;

use super::common::{Common, Machine, legend};
use super::table::{self, Table, figure, megabytes, range};
use crate::bench::{Point, Record, Streaming, Sweep, Training, measure, sweeps};
use crate::chart::{Chart, Panel};
use crate::cli::exit::Exit;
use crate::cli::output;
use crate::run;

const EXAMPLES: &str = "Examples:
  thalweg bench scaling
  thalweg bench scaling --out scaling.svg --seconds 1
  thalweg bench scaling --device gpu --longest 10 --format csv

Trains while one thing grows: the width, the batch, the depth, the rows of the data set, and rows that
stream, which are made as they are wanted and pass through 256 KiB of the device. Time and
memory are told by unit of work: where they stay level, cost grows in proportion. Memory is what the
plan and the store take; of rows that stream, also what is on the host on their way. A point whose
step would take longer than --longest, as the point before lets expect, is left out, and so is one that
does not fit the device; the table says which and why.";

/// Measures how cost grows.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Scaling {
    /// Write a picture of it
    #[arg(long, value_name = "FILE.svg")]
    out: Option<PathBuf>,
    /// Leave out points whose step would take longer
    #[arg(long, value_name = "S", default_value = "1", value_parser = longest, allow_negative_numbers = true)]
    longest: f64,
    /// Leave out points above this width, batch, depth and number of rows
    #[arg(long, value_name = "N", default_value = "4194304", value_parser = clap::value_parser!(u32).range(1..))]
    largest: u32,
    #[command(flatten)]
    common: Common,
}

fn longest(text: &str) -> Result<f64, String> {
    let found = text.parse().ok().filter(|s| (0.0..=86400.0).contains(s));
    found.ok_or_else(|| "expected seconds, from 0 to 86400".to_owned())
}

/// A point that was measured on a device, or left out.
struct Measured<'a> {
    point: &'a Point,
    machine: &'a Machine,
    record: Record,
    bytes: Option<u64>,
}

impl Scaling {
    pub(super) fn run(self) -> Result<(), Exit> {
        let machines = self.common.machines()?;
        let mut sweeps = sweeps(self.largest as usize);
        sweeps.retain(|sweep| !sweep.points.is_empty());
        let mut found = Vec::new();
        for sweep in &sweeps {
            let mut points = Vec::new();
            for machine in &machines {
                points.extend(self.sweep(sweep, machine)?);
            }
            found.push((sweep, points));
        }
        let records = found.iter().flat_map(|(_, points)| points);
        let records: Vec<_> = records.map(|p| p.record.clone()).collect();
        table::print(self.common.format, &records, || {
            let tables: Vec<_> = found.iter().map(|(s, points)| text(s, points)).collect();
            format!("{}{}", legend(&machines), tables.join("\n"))
        })?;
        // What took minutes to measure is told before the picture, which may fail.
        if let Some(path) = &self.out {
            let hint = "the figures are complete; name a file that can be written with --out";
            let failed = |cause| Exit::failed(format!("{}: {cause}; {hint}", path.display()));
            run::write(path, chart(&machines, &found).svg().as_bytes()).map_err(failed)?;
            self.common.progress(&format!("wrote {}", path.display()));
        }
        Ok(())
    }

    /// The points of a sweep on a device.
    fn sweep<'a>(&self, sweep: &'a Sweep, machine: &'a Machine) -> Result<Vec<Measured<'a>>, Exit> {
        let mut found: Vec<Measured<'_>> = Vec::new();
        for point in &sweep.points {
            let case = format!("scaling {} {}: {}", sweep.name, point.at, point.case);
            self.common.progress(&format!("{}: {case}", machine.short));
            let mut measured = Measured {
                point,
                machine,
                record: machine.record(case),
                bytes: None,
            };
            let expected = found
                .iter()
                .rev()
                .find_map(|before| Some((before, before.record.median_ms?)))
                .map(|(before, ms)| {
                    let growth = point.case.products() as f64 / before.point.case.products() as f64;
                    ms / 1e3 * growth
                });
            match expected {
                Some(expected) if expected > self.longest => {
                    let note = format!(
                        "left out: about {} s a step, and --longest is {} s",
                        figure(Some(expected)),
                        self.longest
                    );
                    measured.record.note = Some(note);
                }
                _ => self.measure(&mut measured)?,
            }
            if let Some(note) = &measured.record.note {
                output::note(&format!("{}: {note}", measured.record.case));
            }
            found.push(measured);
        }
        Ok(found)
    }

    fn measure(&self, measured: &mut Measured<'_>) -> Result<(), Exit> {
        let (point, machine) = (measured.point, measured.machine);
        // Rows that stream take the same step.
        let rows = point.rows.filter(|_| !point.streamed);
        let mut training = match Training::new(machine.open()?, &point.case, rows) {
            Ok(training) => training,
            Err(error) => match error.too_large() {
                Some(cause) => {
                    measured.record.note = Some(format!("left out: {cause}"));
                    return Ok(());
                }
                None => return Err(error.into()),
            },
        };
        let (operations, bytes) = (training.operations(), training.traffic());
        let timing = if let (true, Some(rows)) = (point.streamed, point.rows) {
            let streaming = Streaming::new(&point.case, rows)?;
            streaming.check(machine.open()?)?;
            measured.bytes = Some(streaming.bytes(machine.open()?)?);
            streaming.measure(machine.open()?, self.common.bounds())?
        } else {
            training.check_loss()?;
            measured.bytes = Some(training.bytes());
            measure(self.common.bounds(), |steps| training.run(steps).map(drop))?
        };
        measured.record = measured
            .record
            .clone()
            .timed(&timing, operations, bytes, &machine.rates);
        if machine.info.executor == "gpu" {
            measured.record.device_memory_bytes = measured.bytes;
        }
        Ok(())
    }
}

impl Measured<'_> {
    fn seconds_a_unit(&self) -> Option<f64> {
        self.record.median_ms.map(|ms| ms / 1e3 / self.point.work)
    }

    fn bytes_a_unit(&self) -> Option<f64> {
        self.bytes.map(|bytes| bytes as f64 / self.point.held)
    }
}

/// The unit in which the smallest value of a column is not above some thousands, and what to multiply it by.
fn unit(
    values: impl Iterator<Item = Option<f64>>,
    units: [&'static str; 2],
) -> (&'static str, f64) {
    let smallest = values.flatten().fold(f64::INFINITY, f64::min);
    if smallest.is_finite() && smallest >= 3e3 {
        (units[1], 1e-3)
    } else {
        (units[0], 1.0)
    }
}

fn text(sweep: &Sweep, points: &[Measured<'_>]) -> String {
    let nanoseconds = |p: &Measured<'_>| p.seconds_a_unit().map(|s| s * 1e9);
    let (second, by_time) = unit(points.iter().map(nanoseconds), ["ns", "us"]);
    let (byte, by_memory) = unit(points.iter().map(Measured::bytes_a_unit), ["B", "kB"]);
    let time = format!("{second} a {}", sweep.work);
    let memory = format!("{byte} a {}", sweep.held);
    let headings = [
        sweep.name, "device", "ms", "p10-p90", &time, "GFLOP/s", "MB", &memory,
    ];
    let mut table = Table::new(0, &headings);
    let mut notes = String::new();
    for point in points {
        let record = &point.record;
        if let Some(note) = &record.note {
            notes.push_str(&format!(
                "- {} on {}: {note}\n",
                point.point.at, point.machine.short
            ));
        }
        table.add(vec![
            point.point.at.to_string(),
            point.machine.short.clone(),
            figure(record.median_ms),
            range(record.p10_ms, record.p90_ms),
            figure(nanoseconds(point).map(|ns| ns * by_time)),
            figure(record.gflops),
            megabytes(point.bytes),
            figure(point.bytes_a_unit().map(|bytes| bytes * by_memory)),
        ]);
    }
    format!(
        "{}: {}\n\n{}{notes}",
        sweep.name,
        sweep.network,
        table.text()
    )
}

/// A column a sweep: time above, memory below.
fn chart(machines: &[Machine], found: &[(&Sweep, Vec<Measured<'_>>)]) -> Chart {
    type Unit = fn(&Measured<'_>) -> Option<f64>;
    let panel = |sweep: &Sweep, points: &[Measured<'_>], y: String, unit: Unit| {
        let axes = Panel::new(sweep.network, sweep.name, y).log_x().log_y();
        machines.iter().fold(axes, |axes, machine| {
            let of = points.iter().filter(|p| p.machine.short == machine.short);
            axes.line(
                format!("{} ({})", machine.short, machine.info.name),
                of.filter_map(|p| Some((p.point.at as f64, unit(p)?))),
            )
        })
    };
    let time = found.iter().map(|(sweep, points)| {
        let y = format!("seconds a {}", sweep.work);
        panel(sweep, points, y, |p| p.seconds_a_unit())
    });
    let memory = found.iter().map(|(sweep, points)| {
        let y = format!("bytes a {}", sweep.held);
        panel(sweep, points, y, |p| p.bytes_a_unit())
    });
    Chart {
        title: "Cost of a training step by unit of work: time above, memory below".to_owned(),
        columns: found.len(),
        panels: time.chain(memory).collect(),
    }
}
