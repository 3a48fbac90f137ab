//! Compiled pipelines, kept between processes in a folder of the user's, where the adapter can.
//!
//! A file holds what the driver gave, behind a line that says what it is and its checksum: drivers trust such data, so a
//! file that is not as we wrote it is not shown to them.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::device::Device;

/// What a file begins with; its last byte is the format's version.
const MAGIC: [u8; 8] = *b"thalweg\x01";
/// Bytes before the data: the magic and the checksum.
const HEAD: usize = MAGIC.len() + 4;
/// The largest file that is read. Drivers write some 100 KiB.
const LARGEST: u64 = 64 << 20;

/// The pipelines of one adapter and driver. When it is dropped, they are written, if any was made.
#[derive(Debug)]
pub(super) struct PipelineCache {
    path: PathBuf,
    wgpu: wgpu::PipelineCache,
    used: AtomicBool,
}

impl PipelineCache {
    /// The cache in this folder, with what earlier processes left there; nothing if the adapter keeps no pipelines.
    pub(super) fn open(
        device: &Device,
        adapter: &wgpu::AdapterInfo,
        folder: &Path,
    ) -> Option<Self> {
        if !device
            .wgpu
            .features()
            .contains(wgpu::Features::PIPELINE_CACHE)
        {
            return None;
        }
        let path = folder.join(wgpu::util::pipeline_cache_key(adapter)?);
        let data = match read(&path) {
            Ok(data) => data,
            Err(cause) => {
                let path = path.display();
                log::warn!("the kept pipelines in {path} are not used, and made anew: {cause}");
                None
            }
        };
        let descriptor = wgpu::PipelineCacheDescriptor {
            label: Some("thalweg"),
            data: data.as_deref(),
            fallback: true,
        };
        #[expect(unsafe_code, reason = "the data of a pipeline cache come from a file")]
        // SAFETY: the data are what `get_data` returned for the same adapter and driver (`pipeline_cache_key`), which the
        // checksum says; wgpu holds its own header against the adapter too, and starts empty if it does not fit.
        let wgpu = unsafe { device.wgpu.create_pipeline_cache(&descriptor) };
        match device.check() {
            Ok(()) => Some(Self {
                path,
                wgpu,
                used: AtomicBool::new(false),
            }),
            Err(cause) => {
                log::warn!("no pipelines are kept: {cause}");
                None
            }
        }
    }

    /// What a pipeline is made with.
    pub(super) fn get(&self) -> &wgpu::PipelineCache {
        self.used.store(true, Ordering::Relaxed);
        &self.wgpu
    }

    fn save(&self) {
        let Some(data) = self.wgpu.get_data() else {
            return;
        };
        let folder = self.path.parent().unwrap_or(Path::new("."));
        let written = std::fs::create_dir_all(folder)
            .and_then(|()| crate::run::write(&self.path, &framed(&data)));
        if let Err(cause) = written {
            let path = self.path.display();
            log::warn!(
                "the pipelines cannot be kept in {path}, and are made anew next time: {cause}"
            );
        }
    }
}

impl Drop for PipelineCache {
    fn drop(&mut self) {
        if self.used.load(Ordering::Relaxed) {
            self.save();
        }
    }
}

fn checksum(data: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(data);
    crc.sum().to_le_bytes()
}

fn framed(data: &[u8]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.extend_from_slice(&checksum(data));
    file.extend_from_slice(data);
    file
}

/// What a file holds; nothing if there is no file.
fn read(path: &Path) -> Result<Option<Vec<u8>>, String> {
    let file = match std::fs::File::open(path) {
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        opened => opened.map_err(|cause| cause.to_string())?,
    };
    let mut bytes = Vec::new();
    let read = file.take(LARGEST + 1).read_to_end(&mut bytes);
    read.map_err(|cause| cause.to_string())?;
    unframed(&bytes).map(|data| Some(data.to_vec()))
}

fn unframed(bytes: &[u8]) -> Result<&[u8], String> {
    if bytes.len() as u64 > LARGEST {
        return Err(format!("it is larger than {LARGEST} bytes"));
    }
    let Some((head, data)) = bytes.split_at_checked(HEAD) else {
        return Err(format!(
            "it has {} bytes, expected {HEAD} and more",
            bytes.len()
        ));
    };
    let (magic, sum) = head.split_at(MAGIC.len());
    if magic != MAGIC {
        return Err("it is another program's, or of another version".to_owned());
    }
    if sum != checksum(data) {
        return Err("it is damaged: its checksum does not hold".to_owned());
    }
    Ok(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_back() {
        let folder = tempfile::tempdir().expect("a folder for the test");
        let path = folder.path().join("pipelines");
        assert_eq!(read(&path), Ok(None), "there is none yet");
        std::fs::write(&path, framed(b"compiled")).expect("it can be written");
        assert_eq!(read(&path), Ok(Some(b"compiled".to_vec())));
    }

    #[test]
    fn every_damage_is_found() {
        let whole = framed(b"compiled pipelines");
        for end in 0..whole.len() {
            assert!(unframed(&whole[..end]).is_err(), "cut after {end} bytes");
        }
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut damaged = whole.clone();
                damaged[at] ^= 1 << bit;
                assert!(unframed(&damaged).is_err(), "bit {bit} of byte {at}");
            }
        }
        let mut longer = whole;
        longer.push(0);
        assert!(unframed(&longer).is_err(), "one byte more");
    }
}
