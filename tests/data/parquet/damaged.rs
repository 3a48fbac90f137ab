//! Files that are damaged.

use parquet::basic::{Compression, GzipLevel, ZstdLevel};
use parquet::file::properties::WriterVersion;
use proptest::prelude::*;
use thalweg::data::{InFile, Missing};

use super::super::{Folder, load_with};
use super::{Cells, options, parquet, plain};

/// Small, with nulls, a dictionary, pages that are packed, and two groups.
fn small(codec: Compression, version: WriterVersion) -> Vec<u8> {
    let schema = "optional binary b (UTF8); optional double c; required int32 a;";
    let group = vec![
        Cells::Bytes(
            (0..20)
                .map(|i| (i % 4 > 0).then(|| vec![b'a' + i % 4; 5]))
                .collect(),
        ),
        Cells::Double(
            (0..20)
                .map(|i| (i % 5 > 0).then(|| f64::from(i) / 3.0))
                .collect(),
        ),
        Cells::Int32((0..20).map(|i| Some(i % 3)).collect()),
    ];
    let properties = plain()
        .set_compression(codec)
        .set_writer_version(version)
        .set_column_dictionary_enabled("c".into(), false);
    parquet(schema, &[group.clone(), group], properties)
}

/// Reads what may be damaged; it need not be refused, but it must end, and without a panic.
fn try_damaged(folder: &Folder, bytes: &[u8]) -> bool {
    std::fs::write(folder.path("t.parquet"), bytes).unwrap();
    let mean = options(Missing::Mean, InFile::Never);
    load_with(&folder.spec("t.parquet"), &mean).is_ok()
}

#[test]
fn every_truncation_is_refused() {
    let folder = Folder::new(&[]);
    let bytes = small(Compression::SNAPPY, WriterVersion::PARQUET_1_0);
    assert!(try_damaged(&folder, &bytes));
    for len in 0..bytes.len() {
        assert!(
            !try_damaged(&folder, &bytes[..len]),
            "{len} of {} bytes",
            bytes.len()
        );
    }
}

#[test]
fn every_changed_byte_is_read_or_refused() {
    let folder = Folder::new(&[]);
    for (codec, version) in [
        (Compression::UNCOMPRESSED, WriterVersion::PARQUET_1_0),
        (Compression::UNCOMPRESSED, WriterVersion::PARQUET_2_0),
        (
            Compression::ZSTD(ZstdLevel::default()),
            WriterVersion::PARQUET_2_0,
        ),
        (Compression::SNAPPY, WriterVersion::PARQUET_1_0),
    ] {
        let bytes = small(codec, version);
        let mut refused = 0;
        for at in 4..bytes.len() {
            for change in [1, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= change;
                refused += usize::from(!try_damaged(&folder, &damaged));
            }
        }
        assert!(
            2 * refused > bytes.len(),
            "{refused} of {}",
            2 * bytes.len()
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_changes_are_read_or_refused(
        changes in prop::collection::vec((0.0..1.0, prop::collection::vec(any::<u8>(), 1..6)), 1..8),
        which in 0..4_usize,
    ) {
        let codec = [
            Compression::UNCOMPRESSED,
            Compression::GZIP(GzipLevel::default()),
            Compression::LZ4_RAW,
            Compression::ZSTD(ZstdLevel::default()),
        ][which];
        let mut bytes = small(codec, WriterVersion::PARQUET_2_0);
        for (place, new) in &changes {
            #[expect(clippy::cast_possible_truncation, reason = "a place in a small file")]
            let at = (place * bytes.len() as f64) as usize;
            let end = (at + new.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&new[..end - at]);
        }
        try_damaged(&Folder::new(&[]), &bytes);
    }
}
