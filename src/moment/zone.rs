//! The user's time zone.
//!
//! jiff would find it too, but it reads whole files that `TZ` names and looks into every file below `TZDIR`. A FIFO or
//! `/dev/zero` there would make the program hang or use up the memory. So files are read here, with limits.

use std::sync::LazyLock;

use jiff::tz::TimeZone;

/// The time zone that `TZ` names, else that of the machine, else UTC.
pub fn local() -> TimeZone {
    static LOCAL: LazyLock<TimeZone> = LazyLock::new(|| find().unwrap_or(TimeZone::UTC));
    LOCAL.clone()
}

#[cfg(not(unix))]
fn find() -> Option<TimeZone> {
    Some(TimeZone::system())
}

#[cfg(unix)]
use files::find;

#[cfg(unix)]
mod files {
    use std::env;
    use std::ffi::OsString;
    use std::fs::{self, File};
    use std::io::Read;
    use std::path::{Path, PathBuf};

    use jiff::tz::TimeZone;
    use rustix::fs::{Mode, OFlags, open};

    /// The time zone of the machine.
    const MACHINE: &str = "/etc/localtime";
    /// Where systems keep the files of all time zones.
    const DIRECTORIES: [&str; 3] = [
        "/usr/share/zoneinfo",
        "/usr/share/lib/zoneinfo",
        "/etc/zoneinfo",
    ];
    /// The largest file read. Those of the time zone database have less than 8 kB.
    const MAX_SIZE: u64 = 256 * 1024;

    pub fn find() -> Option<TimeZone> {
        match env::var_os("TZ") {
            None => read(Path::new(MACHINE), ""),
            Some(tz) => named(tz.to_str()?, env::var_os("TZDIR")),
        }
    }

    /// The time zone that a value of `TZ` means: a rule such as `EST5EDT,M3.2.0,M11.1.0`, or the name or path of a file,
    /// before which a colon may stand.
    fn named(tz: &str, directory: Option<OsString>) -> Option<TimeZone> {
        if let Ok(zone) = TimeZone::posix(tz) {
            return Some(zone);
        }
        let name = tz.strip_prefix(':').unwrap_or(tz);
        if name.is_empty() {
            return None;
        }
        // An absolute path replaces the directory.
        let path = |directory: PathBuf| directory.join(name);
        match directory.filter(|directory| !directory.is_empty()) {
            Some(directory) => read(&path(directory.into()), name),
            None => {
                let directories = DIRECTORIES.iter().map(PathBuf::from);
                directories.map(path).find_map(|path| read(&path, name))
            }
        }
    }

    /// Reads a regular file. What it is, is checked before it is opened, because opening some devices has effects, and
    /// again afterwards. O_NONBLOCK is for files such as /proc/kmsg, which look regular and block.
    fn read(path: &Path, name: &str) -> Option<TimeZone> {
        if !fs::metadata(path).ok()?.is_file() {
            return None;
        }
        let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let file = File::from(open(path, flags, Mode::empty()).ok()?);
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut content = Vec::new();
        file.take(MAX_SIZE).read_to_end(&mut content).ok()?;
        TimeZone::tzif(name, &content).ok()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_rule_needs_no_file() {
            let at = jiff::Timestamp::UNIX_EPOCH;
            for (tz, offset) in [("UTC0", 0), ("<+05>-5", 5), ("EST5EDT,M3.2.0,M11.1.0", -5)] {
                let zone = named(tz, Some("/nonexistent".into())).unwrap();
                assert_eq!(zone.to_offset(at).seconds(), offset * 3600, "{tz}");
            }
        }

        #[test]
        fn a_file_that_is_not_a_time_zone_is_none() {
            for tz in [
                "",
                ":",
                ":/dev/zero",
                "/dev/null",
                "/etc",
                "../../../dev/zero",
                "/etc/passwd",
            ] {
                assert!(named(tz, None).is_none(), "{tz}");
                assert!(named(tz, Some("/dev".into())).is_none(), "{tz}");
            }
        }
    }
}
