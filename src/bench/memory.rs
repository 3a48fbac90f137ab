//! How much memory this process has taken.

/// The most bytes that this process has had resident, by the system's own count; `None` where it does not say.
pub fn peak_memory() -> Option<u64> {
    parse(&std::fs::read_to_string("/proc/self/status").ok()?)
}

fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_high_water_mark_is_read() {
        let status = "Name:\tthalweg\nVmPeak:\t  999 kB\nVmHWM:\t   18432 kB\nVmRSS:\t 3 kB\n";
        assert_eq!(parse(status), Some(18432 * 1024));
        assert_eq!(parse("Name: x\n"), None);
    }
}
