//! What timing found, kept in a file: one for an adapter, a driver and the text of the shaders together.

use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::AdapterInfo;
use crate::executor::TuningTable;
use crate::kernel;

/// The format's version. A file of another one is ignored.
const VERSION: u32 = 1;
/// The largest file that is read.
const LARGEST: u64 = 4 << 20;

/// The file. What it holds is true of one adapter, driver and set of shaders only, so it names them.
#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    version: u32,
    adapter: String,
    driver: String,
    shaders: String,
    products: TuningTable,
}

impl Kept {
    fn new(adapter: &AdapterInfo, products: TuningTable) -> Self {
        Self {
            version: VERSION,
            adapter: adapter.name.clone(),
            driver: adapter.driver.clone(),
            shaders: format!("{:08x}", kernel::checksum()),
            products,
        }
    }

    /// The products, if the file is about this device and program.
    fn products(self, adapter: &AdapterInfo) -> Result<TuningTable, String> {
        let expected = Self::new(adapter, TuningTable::new());
        let versions = [self.version, expected.version].map(|v| v.to_string());
        let same = |what: &str, found: &str, expected: &str| match found == expected {
            true => Ok(()),
            false => Err(format!("its {what} is {found}, expected {expected}")),
        };
        same("version", &versions[0], &versions[1])?;
        same("adapter", &self.adapter, &expected.adapter)?;
        same("driver", &self.driver, &expected.driver)?;
        same("checksum of the shaders", &self.shaders, &expected.shaders)?;
        Ok(self.products)
    }
}

/// The file in a folder for this adapter and driver, and the shaders of this program.
fn path(folder: &Path, adapter: &AdapterInfo) -> PathBuf {
    let mut crc = flate2::Crc::new();
    for text in [adapter.name.as_str(), &adapter.driver] {
        crc.update(text.as_bytes());
    }
    let shaders = kernel::checksum();
    folder.join(format!("tuned-{:08x}-{shaders:08x}.json", crc.sum()))
}

/// What is kept in a folder; nothing, and a warning in the log, if it cannot be used.
pub(super) fn read(folder: &Path, adapter: &AdapterInfo) -> TuningTable {
    let path = path(folder, adapter);
    let products = match parse(&path) {
        Ok(None) => return TuningTable::new(),
        Ok(Some(kept)) => kept.products(adapter),
        Err(cause) => Err(cause),
    };
    products.unwrap_or_else(|cause| {
        let path = path.display();
        log::warn!("{path} is ignored, and products are timed anew: {cause}");
        TuningTable::new()
    })
}

/// Nothing if there is no file.
fn parse(path: &Path) -> Result<Option<Kept>, String> {
    let file = match std::fs::File::open(path) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|cause| cause.to_string())?,
    };
    let mut text = Vec::new();
    let read = file.take(LARGEST + 1).read_to_end(&mut text);
    read.map_err(|cause| cause.to_string())?;
    if text.len() as u64 > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|cause| format!("it is damaged: {cause}"))
}

/// Keeps a table in a folder, in place of what is there. What goes wrong is a warning in the log.
pub(super) fn write(folder: &Path, adapter: &AdapterInfo, products: &TuningTable) {
    let path = path(folder, adapter);
    let kept = Kept::new(adapter, products.clone());
    let written = serde_json::to_vec_pretty(&kept)
        .map_err(io::Error::from)
        .and_then(|text| {
            std::fs::create_dir_all(folder)?;
            crate::run::write(&path, &text)
        });
    if let Err(cause) = written {
        let path = path.display();
        log::warn!("what was timed cannot be kept in {path}: {cause}");
    }
}
