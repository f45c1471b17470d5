//! `completion` and `man`: what a shell is given, made from the command tree, so that no command is missing in it.
//!
//! The scripts are a few lines each and never go stale: they hand the words typed so far to the hidden `__complete`
//! and take from it what can come next, options, scopes and stored names alike. The other way, clap_complete's
//! generated scripts, freezes the commands of one version, knows nothing of the store, and in bash breaks scopes
//! apart at their colons; each shell's would have to be patched by hand.
//!
//! What `__complete` asks is clap_complete's engine. Its interface may change in any release, hence an exact version
//! in Cargo.toml; what the scripts rely on is our own and stays.

mod complete;
mod man;
pub mod reference;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::error::Result;
use crate::output::Output;

/// What needs neither store nor network nor variables: it works whatever is wrong with them.
#[derive(Subcommand)]
pub enum Shell {
    Completion(Arguments),
    Man(man::Arguments),
    #[command(name = "__complete", hide = true)]
    Complete(complete::Arguments),
}

/// Print the completion script of a shell
///
/// It completes commands, options, the names of your connections and apps,
/// scopes and presets. Load it where your shell starts; it asks the program
/// itself, and so stays right when the program is updated.
///
/// Names come from the store. It is given two seconds, and nothing is asked of
/// you, except that a desktop may offer to unlock its keyring.
///
///   $ echo 'source <(webex-connect completion bash)' >>~/.bashrc
///   $ echo 'source <(webex-connect completion zsh)' >>~/.zshrc
///   $ webex-connect completion fish >~/.config/fish/completions/webex-connect.fish
///   $ echo 'eval (webex-connect completion elvish | slurp)' >>~/.config/elvish/rc.elv
///   PS> webex-connect completion powershell | Out-String | Invoke-Expression
///
/// In zsh the line has to come after `compinit`.
#[derive(Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The shell
    #[arg(value_enum)]
    shell: Name,
}

/// The shells there is a script for.
#[derive(Clone, Copy, ValueEnum)]
enum Name {
    Bash,
    Zsh,
    Fish,
    #[value(name = "powershell")]
    PowerShell,
    Elvish,
}

/// Runs one of them.
///
/// # Errors
/// Standard output or a page can't be written, or there is no such page.
pub fn run(output: Output, shell: &Shell) -> Result<()> {
    match shell {
        Shell::Completion(arguments) => completion(output, arguments.shell),
        Shell::Man(arguments) => man::run(output, arguments),
        Shell::Complete(arguments) => {
            complete::run(output, arguments);
            Ok(())
        }
    }
}

fn completion(output: Output, shell: Name) -> Result<()> {
    let script = match shell {
        Name::Bash => include_str!("shell/completion.bash"),
        Name::Zsh => include_str!("shell/completion.zsh"),
        Name::Fish => include_str!("shell/completion.fish"),
        Name::PowerShell => include_str!("shell/completion.ps1"),
        Name::Elvish => include_str!("shell/completion.elv"),
    };
    match output.json {
        true => output.result_json(&json!({"script": script})),
        false => output.result(script.trim_end()),
    }
}
