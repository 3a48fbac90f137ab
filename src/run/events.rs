//! TensorBoard's event files: what goes to the metrics, in the form that TensorBoard reads.
//!
//! A file is a sequence of records: length (u64), masked CRC-32C of the length, data, masked CRC-32C of the data, all little
//! endian (`tensorflow/core/lib/io/record_writer.h`). The data of each is an `Event` (`tensorflow/core/util/event.proto`).

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use super::{METRICS, RunError};

/// How the names of event files begin.
pub const EVENTS: &str = "events.out.tfevents.";

/// An event file that is being written.
#[derive(Debug)]
pub(super) struct Events {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Events {
    /// Begins a file in a run's folder. If the run goes on behind step `after`, what older files tell from that step on does
    /// not count any more, and what the metrics still have of it is told again.
    pub(super) fn begin(folder: &Path, after: Option<u64>) -> Result<Self, RunError> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |time| time.as_secs());
        // TensorBoard reads files in the order of their names, so a later one has a later time.
        let first = last(folder).map_or(now, |last| now.max(last + 1));
        let path = folder.join(format!(
            "{EVENTS}{first:010}.thalweg.{}.0",
            std::process::id()
        ));
        let make = || {
            let mut file = BufWriter::new(File::create_new(&path)?);
            // Field 3 of an event: the version of the file's format.
            file.write_all(&record(&event(0, &bytes(3, b"brain.Event:2"))))?;
            if let Some(after) = after {
                // Field 7: a session's log, whose field 1 is the status; 1 is that it starts.
                file.write_all(&record(&event(after, &bytes(7, &varint_field(1, 1)))))?;
            }
            file.flush()?;
            Ok(file)
        };
        let file = make().map_err(|e| RunError::written(&path, e))?;
        let mut events = Self { path, file };
        if let Some(after) = after {
            events.add(&kept(folder, after))?;
        }
        Ok(events)
    }

    /// Adds what lines of the metrics tell.
    pub(super) fn add(&mut self, lines: &[Value]) -> Result<(), RunError> {
        let mut add = || {
            for line in lines {
                let summary = summary(line);
                if !summary.is_empty() {
                    let step = line["step"].as_u64().unwrap_or(0);
                    self.file
                        .write_all(&record(&event(step, &bytes(5, &summary))))?;
                }
            }
            self.file.flush()
        };
        let added: io::Result<()> = add();
        added.map_err(|e| RunError::written(&self.path, e))
    }
}

/// The lines of a run's metrics from a step on. Metrics that cannot be read have none.
fn kept(folder: &Path, step: u64) -> Vec<Value> {
    let text = std::fs::read(folder.join(METRICS)).unwrap_or_default();
    let lines = text
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice(line).ok());
    lines
        .filter(|line: &Value| line["step"].as_u64() >= Some(step))
        .collect()
}

/// The time in the name of the last event file of a folder.
fn last(folder: &Path) -> Option<u64> {
    let names = std::fs::read_dir(folder)
        .ok()?
        .flatten()
        .map(|e| e.file_name());
    let time = |name: std::ffi::OsString| {
        let name = name.into_string().ok()?;
        name.strip_prefix(EVENTS)?.split('.').next()?.parse().ok()
    };
    names.filter_map(time).max()
}

/// A line of the metrics as a `Summary`: each number is a scalar, each weight a histogram.
fn summary(line: &Value) -> Vec<u8> {
    let mut out = Vec::new();
    let kind = line["kind"].as_str().unwrap_or("");
    let list = |key: &str| line[key].as_array().map_or(&[][..], Vec::as_slice);
    for (key, value) in line.as_object().into_iter().flatten() {
        let place = ["step", "epoch", "samples", "rows"].contains(&key.as_str());
        if let (Some(value), false) = (value.as_f64(), place) {
            out.extend(scalar(&format!("{kind}/{key}"), value));
        }
    }
    for gradient in list("gradients") {
        if let Some(norm) = gradient["norm"].as_f64() {
            out.extend(scalar(
                &format!("gradient_norm/layers.{}", gradient["layer"]),
                norm,
            ));
        }
    }
    for (place, units) in list("units").iter().enumerate() {
        let function = units["function"].as_str().unwrap_or("");
        let tag = format!("idle_units/{place}.layers.{}.{function}", units["layer"]);
        out.extend(
            units["idle"]
                .as_f64()
                .map_or(Vec::new(), |idle| scalar(&tag, idle)),
        );
    }
    for weight in list("weights") {
        out.extend(histogram(weight));
    }
    out
}

/// `Summary.value` (field 1): a tag (1) and a simple value (2).
#[expect(
    clippy::cast_possible_truncation,
    reason = "TensorBoard's scalars are f32"
)]
fn scalar(tag: &str, value: f64) -> Vec<u8> {
    let mut out = bytes(1, tag.as_bytes());
    out.push(2 << 3 | 5);
    out.extend((value as f32).to_le_bytes());
    bytes(1, &out)
}

/// `Summary.value`: a tag (1) and a `HistogramProto` (5).
#[expect(
    clippy::cast_precision_loss,
    reason = "a tensor has fewer than 2^53 values"
)]
fn histogram(weight: &Value) -> Vec<u8> {
    let number = |key: &str| weight[key].as_f64().unwrap_or(0.0);
    let counts: Vec<f64> = weight["counts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_f64)
        .collect();
    let (least, most, count) = (number("min"), number("max"), counts.iter().sum::<f64>());
    let width = (most - least) / counts.len().max(1) as f64;
    let limits: Vec<f64> = (1..=counts.len())
        .map(|i| least + width * i as f64)
        .collect();
    let squares = count * (number("std").powi(2) + number("mean").powi(2));
    let mut out = Vec::new();
    for (field, value) in [
        (1, least),
        (2, most),
        (3, count),
        (4, count * number("mean")),
        (5, squares),
    ] {
        out.extend(double(field, value));
    }
    for (field, values) in [(6, limits), (7, counts)] {
        let packed: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        out.extend(bytes(field, &packed));
    }
    let tag = format!("weights/{}", weight["name"].as_str().unwrap_or(""));
    bytes(1, &[bytes(1, tag.as_bytes()), bytes(5, &out)].concat())
}

/// An event: the time now (1), the step (2) and what it holds.
fn event(step: u64, what: &[u8]) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let mut out = double(1, now.map_or(0.0, |time| time.as_secs_f64()));
    out.extend(varint_field(2, step));
    out.extend(what);
    out
}

fn double(field: u8, value: f64) -> Vec<u8> {
    let mut out = vec![field << 3 | 1];
    out.extend(value.to_le_bytes());
    out
}

fn varint_field(field: u8, value: u64) -> Vec<u8> {
    let mut out = vec![field << 3];
    varint(value, &mut out);
    out
}

fn bytes(field: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![field << 3 | 2];
    varint(value.len() as u64, &mut out);
    out.extend(value);
    out
}

/// Seven bits a byte, the lowest first; the high bit says that more come.
fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push((value & 0x7f) as u8);
}

fn record(data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u64).to_le_bytes();
    let mut out = length.to_vec();
    out.extend(masked(&length).to_le_bytes());
    out.extend(data);
    out.extend(masked(data).to_le_bytes());
    out
}

/// A checksum that may itself be checksummed.
const fn masked(data: &[u8]) -> u32 {
    crc32c(data).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// CRC-32C (Castagnoli), bit by bit: there are but few bytes.
const fn crc32c(data: &[u8]) -> u32 {
    let (mut crc, mut place) = (u32::MAX, 0);
    while place < data.len() {
        crc ^= data[place] as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = crc >> 1 ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
            bit += 1;
        }
        place += 1;
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_the_published_ones() {
        // RFC 3720, B.4.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
    }

    #[test]
    fn numbers_take_seven_bits_a_byte() {
        assert_eq!(varint_field(2, 300), [0x10, 0xac, 0x02]);
        assert_eq!(varint_field(1, 127), [0x08, 0x7f]);
    }
}
