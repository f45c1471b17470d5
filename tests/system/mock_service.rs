//! A Secret Service that behaves as GNOME Keyring never does, and KWallet, KeePassXC or oo7 do: it hides the items of a
//! locked collection, answers late, has prompts that a person completes, or leaves half an item behind.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use dbus::Message;
use dbus::arg::{RefArg, Variant};
use dbus::channel::Channel;
use dbus::strings::Path;

const NAME: &str = "org.freedesktop.secrets";
const COLLECTION: &str = "/org/freedesktop/secrets/collection/one";
const PROMPT: &str = "/org/freedesktop/secrets/prompt/one";
const SESSION: &str = "/org/freedesktop/secrets/session/one";
const NOTHING: &str = "/";

/// How the service behaves; a test may change it at any time.
pub struct Behavior {
    /// Whether the collection exists, which is the default one then.
    pub exists: bool,
    /// Whether another collection is open.
    pub other: bool,
    /// While it is locked, no search finds an item.
    pub locked: bool,
    /// Whether a person dismisses the prompts.
    pub dismisses: bool,
    /// Whether an item is created without its secret, and the creation answered with an error.
    pub creates_halves: bool,
    pub search_takes: Duration,
}

impl Default for Behavior {
    fn default() -> Behavior {
        Behavior {
            exists: true,
            other: false,
            locked: false,
            dismisses: false,
            creates_halves: false,
            search_takes: Duration::ZERO,
        }
    }
}

#[derive(Clone)]
pub struct Item {
    attributes: HashMap<String, String>,
    label: String,
    secret: Vec<u8>,
}

struct Shared {
    behavior: Mutex<Behavior>,
    items: Mutex<HashMap<String, Item>>,
    calls: Mutex<Vec<String>>,
    ends: AtomicBool,
}

/// The service, for as long as this lives.
pub struct MockService {
    shared: Arc<Shared>,
    server: Option<JoinHandle<()>>,
}

impl MockService {
    /// Serves on the bus of this address.
    pub fn start(address: &str, behavior: Behavior) -> MockService {
        let mut channel = Channel::open_private(address).unwrap_or_else(|e| panic!("{e}"));
        channel.register().unwrap_or_else(|e| panic!("{e}"));
        let request = Message::new_method_call(
            "org.freedesktop.DBus",
            "/org/freedesktop/DBus",
            "org.freedesktop.DBus",
            "RequestName",
        );
        let request = request
            .unwrap_or_else(|e| panic!("{e}"))
            .append2(NAME, 0_u32);
        let named = channel.send_with_reply_and_block(request, Duration::from_secs(5));
        named.unwrap_or_else(|e| panic!("{e}"));
        let shared = Arc::new(Shared {
            behavior: Mutex::new(behavior),
            items: Mutex::default(),
            calls: Mutex::default(),
            ends: AtomicBool::new(false),
        });
        let served = Arc::clone(&shared);
        let server = thread::spawn(move || {
            while !served.ends.load(Ordering::Relaxed)
                && channel.read_write(Some(Duration::from_millis(20))).is_ok()
            {
                while let Some(message) = channel.pop_message() {
                    for reply in served.answer(&message) {
                        channel.send(reply).unwrap_or_else(|()| panic!("no memory"));
                    }
                }
            }
        });
        MockService {
            shared,
            server: Some(server),
        }
    }

    pub fn behavior(&self) -> MutexGuard<'_, Behavior> {
        lock(&self.shared.behavior)
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        lock(&self.shared.items).len()
    }

    /// How often a method was called.
    pub fn calls(&self, method: &str) -> usize {
        let calls = lock(&self.shared.calls);
        calls.iter().filter(|call| *call == method).count()
    }
}

impl Drop for MockService {
    fn drop(&mut self) {
        self.shared.ends.store(true, Ordering::Relaxed);
        if let Some(server) = self.server.take() {
            // A panic of the service shows in the test that waits for it.
            let _ = server.join();
        }
    }
}

impl Shared {
    /// The reply to a call, and the signal that follows it.
    fn answer(&self, call: &Message) -> Vec<Message> {
        let (Some(path), Some(member)) = (call.path(), call.member()) else {
            return Vec::new();
        };
        if call.msg_type() != dbus::MessageType::MethodCall {
            return Vec::new();
        }
        lock(&self.calls).push(member.to_string());
        let reply = call.method_return();
        let reply = match &*member {
            "ReadAlias" => reply.append1(self.default_collection()),
            "OpenSession" => reply.append2(Variant(""), object(SESSION)),
            "SearchItems" => {
                thread::sleep(lock(&self.behavior).search_takes);
                let (found, none): (Vec<Path>, Vec<Path>) = (self.found(call), Vec::new());
                reply.append2(found, none)
            }
            "Unlock" => reply.append2(Vec::<Path>::new(), object(PROMPT)),
            "CreateCollection" => reply.append2(object(NOTHING), object(PROMPT)),
            "Prompt" => return vec![reply, self.complete()],
            "CreateItem" => match self.create(call) {
                Some(item) => reply.append2(item, object(NOTHING)),
                None => return vec![refusal(call)],
            },
            "GetSecret" => {
                let items = lock(&self.items);
                let secret = items.get(&*path).map(|item| item.secret.clone());
                let none = Vec::<u8>::new();
                let secret = secret.unwrap_or_default();
                reply.append1((object(SESSION), none, secret, "text/plain"))
            }
            "GetSecrets" => return vec![refusal(call)],
            "SetSecret" => {
                let (_, _, secret, _): (Path, Vec<u8>, Vec<u8>, String) = read(call);
                if let Some(item) = lock(&self.items).get_mut(&*path) {
                    item.secret = secret;
                }
                reply
            }
            "Delete" => {
                lock(&self.items).remove(&*path);
                reply.append1(object(NOTHING))
            }
            "Get" => match self.property(call, &path) {
                Some(value) => reply.append1(value),
                None => return vec![refusal(call)],
            },
            _ => reply,
        };
        vec![reply]
    }

    fn default_collection(&self) -> Path<'static> {
        match lock(&self.behavior).exists {
            true => object(COLLECTION),
            false => object(NOTHING),
        }
    }

    fn found(&self, call: &Message) -> Vec<Path<'static>> {
        let wanted: HashMap<String, String> = read(call);
        if lock(&self.behavior).locked {
            return Vec::new();
        }
        let items = lock(&self.items);
        let matches = |item: &Item| {
            wanted
                .iter()
                .all(|(name, value)| item.attributes.get(name) == Some(value))
        };
        let found = items.iter().filter(|(_, item)| matches(item));
        found.map(|(path, _)| object(path)).collect()
    }

    /// The item that was created; none if that is refused.
    fn create(&self, call: &Message) -> Option<Path<'static>> {
        type Properties = HashMap<String, Variant<Box<dyn RefArg>>>;
        type Secret = (Path<'static>, Vec<u8>, Vec<u8>, String);
        let (properties, secret): (Properties, Secret) =
            call.read2().unwrap_or_else(|e| panic!("CreateItem: {e}"));
        let property = |name: &str| &properties[&format!("org.freedesktop.Secret.Item.{name}")].0;
        let texts = property("Attributes").as_iter().into_iter().flatten();
        let texts: Vec<&str> = texts.filter_map(|text| text.as_str()).collect();
        let pairs = texts.chunks_exact(2);
        let halves = lock(&self.behavior).creates_halves;
        let item = Item {
            attributes: pairs
                .map(|pair| (pair[0].to_owned(), pair[1].to_owned()))
                .collect(),
            label: property("Label").as_str().unwrap_or_default().to_owned(),
            secret: if halves { Vec::new() } else { secret.2 },
        };
        let mut items = lock(&self.items);
        let path = format!("{COLLECTION}/{}", self.number());
        items.insert(path.clone(), item);
        (!halves).then(|| object(&path))
    }

    fn number(&self) -> usize {
        lock(&self.calls).len()
    }

    fn property(&self, call: &Message, path: &str) -> Option<Variant<Box<dyn RefArg>>> {
        let (_, name): (String, String) = call.read2().ok()?;
        let behavior = lock(&self.behavior);
        let value: Box<dyn RefArg> = match name.as_str() {
            "Locked" => Box::new(behavior.locked),
            "Collections" => {
                let mut collections = Vec::new();
                if behavior.other {
                    collections.push(object("/org/freedesktop/secrets/collection/session"));
                }
                Box::new(collections)
            }
            "Attributes" => Box::new(lock(&self.items).get(path)?.attributes.clone()),
            "Label" => Box::new(lock(&self.items).get(path)?.label.clone()),
            _ => return None,
        };
        Some(Variant(value))
    }

    /// What a person does to the prompt.
    fn complete(&self) -> Message {
        let mut behavior = lock(&self.behavior);
        if !behavior.dismisses {
            behavior.locked = false;
            behavior.exists = true;
        }
        let signal = Message::new_signal(PROMPT, "org.freedesktop.Secret.Prompt", "Completed");
        let signal = signal.unwrap_or_else(|e| panic!("{e}"));
        signal.append2(behavior.dismisses, Variant(object(COLLECTION)))
    }
}

fn read<T: dbus::arg::Arg + for<'a> dbus::arg::Get<'a>>(call: &Message) -> T {
    call.read1().unwrap_or_else(|e| panic!("{call:?}: {e}"))
}

fn object(path: &str) -> Path<'static> {
    Path::new(path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

fn refusal(call: &Message) -> Message {
    call.error(
        &"org.freedesktop.DBus.Error.Failed".into(),
        c"createDLGroup failed",
    )
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
