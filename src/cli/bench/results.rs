//! What `bench matmul` and `bench train` have in common: cases on devices, and the tables of what was measured.

use super::choices::{self, Choices};
use super::common::{Common, Machine, legend};
use super::table::{self, Table, figure, megabytes, percent, range};
use crate::bench::{Case, Record};
use crate::cli::exit::Exit;

/// A case on a device.
struct Row {
    case: String,
    device: String,
    record: Record,
}

/// What was measured of some cases on some devices.
#[derive(Default)]
pub(super) struct Results {
    rows: Vec<Row>,
    choices: Vec<Choices>,
    fresh: bool,
}

impl Results {
    /// Measures every case on every device; `fresh` also in processes of their own. A case comes with its name for tables,
    /// and is timed by its number.
    pub(super) fn measure(
        common: &Common,
        machines: &[Machine],
        cases: &[(String, Case)],
        fresh: bool,
        time: impl Fn(&Machine, usize) -> Result<(Record, Choices), Exit>,
    ) -> Result<Self, Exit> {
        let mut results = Self {
            fresh,
            ..Self::default()
        };
        for (number, (name, case)) in cases.iter().enumerate() {
            for machine in machines {
                common.progress(&format!("{}: {case}", machine.short));
                let (mut record, choices) = time(machine, number)?;
                if fresh {
                    machine.add_fresh(&mut record, case)?;
                }
                results.choices.push(choices);
                results.rows.push(Row {
                    case: name.clone(),
                    device: machine.short.clone(),
                    record,
                });
            }
        }
        Ok(results)
    }

    /// Writes them, with what else was measured as records and as text behind the tables.
    pub(super) fn print(
        &self,
        common: &Common,
        machines: &[Machine],
        (records, text): (Vec<Record>, String),
    ) -> Result<(), Exit> {
        let mut all: Vec<_> = self.rows.iter().map(|row| row.record.clone()).collect();
        all.extend(records);
        all.extend(self.choices.iter().flat_map(Choices::records));
        table::print(common.format, &all, || {
            let mut tables = format!("{}{}", legend(machines), speed(&self.rows));
            if self.fresh {
                tables.push_str(&format!("\n{}", fresh(&self.rows)));
            }
            tables + &text + &choices::text(&self.choices)
        })
    }
}

/// The speed of some cases.
fn speed(rows: &[Row]) -> String {
    let headings = [
        "case",
        "device",
        "ms",
        "p10-p90",
        "GFLOP/s",
        "of mul-add",
        "GB/s",
        "of copy",
    ];
    let mut table = Table::new(2, &headings);
    for Row {
        case,
        device,
        record,
    } in rows
    {
        table.add(vec![
            case.clone(),
            device.clone(),
            figure(record.median_ms),
            range(record.p10_ms, record.p90_ms),
            figure(record.gflops),
            percent(record.of_multiply_add),
            figure(record.gbs),
            percent(record.of_copy),
        ]);
    }
    table.text()
}

/// Cold start and memory of some cases, from processes of their own.
fn fresh(rows: &[Row]) -> String {
    let headings = [
        "case",
        "device",
        "first step, s",
        "cache empty, s",
        "peak MB",
        "on device, MB",
    ];
    let mut table = Table::new(2, &headings);
    for Row {
        case,
        device,
        record,
    } in rows
    {
        table.add(vec![
            case.clone(),
            device.clone(),
            figure(record.first_step_s),
            figure(record.first_step_cold_s),
            megabytes(record.peak_memory_bytes),
            megabytes(record.device_memory_bytes),
        ]);
    }
    format!(
        "First step: from the start of a fresh process to the first result, so opening the device, drawing\n\
         the data and compiling are in it; then with the driver's cache of shaders empty. Memory: the\n\
         most that process had resident, and what it took of the device.\n\n{}",
        table.text()
    )
}
