//! How much memory the host has left.

use std::fs;

/// Bytes that can still be allocated on the host, as far as the system says: what Linux calls available, and what is left
/// of the limit of the process's control group. `None` elsewhere.
pub(crate) fn available() -> Option<u64> {
    let meminfo = fs::read_to_string("/proc/meminfo").ok()?;
    let free = parse_available(&meminfo)?;
    Some(group_left().map_or(free, |left| left.min(free)))
}

fn parse_available(meminfo: &str) -> Option<u64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// What is left of the limit of a control group (version 2), if there is one.
fn group_left() -> Option<u64> {
    let read = |file: &str| {
        fs::read_to_string(format!("/sys/fs/cgroup/{file}"))
            .ok()?
            .trim()
            .parse::<u64>()
            .ok()
    };
    Some(read("memory.max")?.saturating_sub(read("memory.current")?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_linux_calls_available_is_read() {
        let meminfo = "MemTotal:       24689764 kB\nMemFree: 1 kB\nMemAvailable:   23000000 kB\nBuffers: 2 kB\n";
        assert_eq!(parse_available(meminfo), Some(23_000_000 * 1024));
        assert_eq!(
            parse_available("MemTotal: 5 kB\n"),
            None,
            "an old kernel does not say"
        );
        assert_eq!(parse_available("MemAvailable: many kB\n"), None);
    }
}
