//! Prompts of the Secret Service: a dialog on the desktop, which a person completes or dismisses.

use std::time::Duration;

use dbus::Message;
use dbus::arg::{RefArg, Variant};
use dbus::strings::Path;

use crate::store::keyring::bus::Bus;
use crate::store::keyring::failure::Failure;
use crate::store::keyring::secret_service::{NAME, ObjectPath, existing, object};

const PROMPT: &str = "org.freedesktop.Secret.Prompt";

/// How a prompt ended.
struct Completion {
    dismissed: bool,
    /// The object that was created, if the prompt was for one.
    object: Option<ObjectPath>,
}

/// Shows a prompt and waits until a person has completed it. Returns the object that was created, if the prompt was for
/// one.
pub fn complete(
    bus: &Bus,
    prompt: &ObjectPath,
    patience: Duration,
) -> Result<Option<ObjectPath>, Failure> {
    bus.subscribe(&format!(
        "type='signal',sender='{NAME}',path='{prompt}',interface='{PROMPT}',member='Completed'"
    ))?;
    let of_prompt = object(prompt, PROMPT);
    // The argument is the window that the prompt belongs to; a terminal has none that the keyring knows.
    let () = bus.call(of_prompt, "Prompt", ("",), patience)?;
    match bus.wait(patience, |message| completion(message, prompt))? {
        Some(Completion {
            dismissed: true, ..
        }) => Err(Failure::Dismissed),
        Some(completion) => Ok(completion.object),
        None => {
            bus.notify(of_prompt, "Dismiss");
            Err(Failure::Unanswered(patience))
        }
    }
}

fn completion(message: &Message, prompt: &ObjectPath) -> Option<Completion> {
    let is_ours = message.path().as_ref() == Some(prompt)
        && message.interface().is_some_and(|name| &*name == PROMPT)
        && message.member().is_some_and(|name| &*name == "Completed");
    if !is_ours {
        return None;
    }
    let (dismissed, result) = message.read2::<bool, Variant<Box<dyn RefArg>>>().ok()?;
    let path = result.0.as_str().and_then(|path| Path::new(path).ok());
    Some(Completion {
        dismissed,
        object: path.and_then(existing),
    })
}
