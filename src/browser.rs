//! Opening the person's browser, and knowing when there is none.

use std::env;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use tokio::sync::oneshot;

use crate::variables;

/// Where this program runs, as far as it matters to a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surroundings {
    /// A browser opened here comes up in front of the person.
    Desktop,
    /// The person sits at another machine.
    Ssh,
    Container,
    /// Windows' browser is the one they use, and it is not ours to open.
    Wsl,
    /// No screen at all.
    Headless,
}

pub fn surroundings() -> Surroundings {
    let set = |name: &str| env::var_os(name).is_some_and(|value| !value.is_empty());
    let container = || {
        set("container")
            || Path::new("/.dockerenv").exists()
            || Path::new("/run/.containerenv").exists()
    };
    if set("SSH_CONNECTION") || set("SSH_TTY") {
        Surroundings::Ssh
    } else if container() {
        Surroundings::Container
    } else if set("WSL_DISTRO_NAME") {
        Surroundings::Wsl
    } else if cfg!(any(target_os = "macos", windows)) || set("DISPLAY") || set("WAYLAND_DISPLAY") {
        Surroundings::Desktop
    } else {
        Surroundings::Headless
    }
}

/// Whether a browser opened by this process would come up in front of the person.
pub fn is_desktop() -> bool {
    surroundings() == Surroundings::Desktop
}

/// The programs that would be asked to open an address, if none of them is on this machine.
pub fn missing_openers() -> Option<String> {
    let commands = open::commands("http://127.0.0.1/");
    let names: Vec<String> = commands
        .iter()
        .map(|command| command.get_program().to_string_lossy().into_owned())
        .collect();
    // Elsewhere an opener is part of the system, and not always a file of its name.
    let is_told = cfg!(all(unix, not(target_os = "macos")));
    let path = env::var_os("PATH").unwrap_or_default();
    (is_told && !is_any_in(&names, &path)).then(|| names.join(", "))
}

fn is_any_in(names: &[String], path: &OsStr) -> bool {
    env::split_paths(path).any(|directory| names.iter().any(|name| directory.join(name).is_file()))
}

/// Opens an address with one program, or with the desktop's own opener, and does not wait for it: browsers live
/// longer than logins. The receiver gets a word if every opener failed.
pub fn open(address: &str, program: Option<&str>) -> oneshot::Receiver<String> {
    let commands = match program {
        Some(program) => {
            let mut command = Command::new(program);
            command.arg(address);
            vec![command]
        }
        None => open::commands(address),
    };
    let (failed, failure) = oneshot::channel();
    let launching = std::thread::Builder::new().spawn(move || {
        let mut why = "no program to open it with was found".to_owned();
        for command in commands {
            match launch(command) {
                Ok(()) => return,
                Err(error) => why = error,
            }
        }
        // The login may be over; then nobody needs to know.
        let _ = failed.send(why);
    });
    // Where not even a thread can be had, the printed address is the way.
    drop(launching);
    failure
}

/// Runs an opener detached from our streams and from our process group, so that Ctrl-C here ends no browser.
fn launch(mut command: Command) -> Result<(), String> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for variable in variables::SECRET {
        command.env_remove(variable);
    }
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let program = command.get_program().to_string_lossy().into_owned();
    match command.spawn().and_then(|mut child| child.wait()) {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} failed ({status})")),
        Err(error) => Err(format!("{program} could not be run ({error})")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_opener_is_looked_for_in_every_directory_of_the_path() {
        let directory = tempfile::tempdir().unwrap();
        let names = ["xdg-open".to_owned(), "gio".to_owned()];
        let path = env::join_paths([Path::new("/nonexistent"), directory.path()]).unwrap();
        assert!(!is_any_in(&names, &path));
        std::fs::write(directory.path().join("gio"), "").unwrap();
        assert!(is_any_in(&names, &path));
        assert!(!is_any_in(&names, OsStr::new("")));
    }
}
