//! Another user of the same machine.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Command, Stdio};

use url::Url;

use crate::elevated::as_nobody;
use crate::env::{
    BROWSER, CLIENT_SECRET, Env, Login, Run, Sandbox, Scene, case_held, free_port, redirect_uri,
};

/// BD-01.
#[test]
#[ignore = "needs root, or sudo, to act as another user"]
fn a_port_of_another_users_ends_the_login() {
    squatted("BD-01", "127.0.0.1", "http://127.0.0.1:{PORT}/callback");
}

/// BD-02.
#[test]
#[ignore = "needs root, or sudo, to act as another user"]
fn a_port_of_another_users_on_ipv6_ends_the_login_too() {
    squatted("BD-02", "::1", "http://localhost:{PORT}/callback");
}

/// CB-23: the start address leads another user nowhere, and the genuine browser is still let in.
#[test]
#[ignore = "needs root, or sudo, to act as another user"]
fn another_user_neither_starts_nor_ends_the_login() {
    for redirect_uri in [
        "http://127.0.0.1:{PORT}/callback",
        "http://localhost:{PORT}/callback",
    ] {
        let mut scene = Scene::at(redirect_uri);
        let callback = scene.login.consent("allow");
        for _ in 0..3 {
            assert_eq!(
                status_as_nobody(&callback.0),
                "403",
                "the callback by another user"
            );
        }
        let page = scene.login.deliver(&callback);
        assert_eq!(page.status, 200, "{page}");
        let finished = scene.login.finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        let warnings = finished
            .err()
            .matches("another user of this machine")
            .count();
        assert_eq!(warnings, 1, "told once: {finished}");
        assert_eq!(scene.sandbox.exchanges(), 1);
        case_held(format!("CB-23 callback to {redirect_uri}"));
    }
}

/// CB-23: the start address.
#[test]
#[ignore = "needs root, or sudo, to act as another user"]
fn the_start_address_is_for_its_own_user() {
    let env = Env::new();
    let redirect_uri = redirect_uri();
    let sandbox = Sandbox::start(&env, &redirect_uri);
    let mut login = Login::opened_by(&env, &sandbox.base, &redirect_uri, BROWSER);
    let start = env
        .opened()
        .unwrap_or_else(|| panic!("no browser was opened"));
    let start = start
        .trim()
        .parse()
        .unwrap_or_else(|e| panic!("{start}: {e}"));
    assert_eq!(status_as_nobody(&start), "403");
    let callback = login.consent("allow");
    assert_eq!(login.deliver(&callback).status, 200);
    let finished = login.finish();
    assert_eq!(finished.code, Some(0), "{finished}");
    assert!(
        finished
            .err()
            .contains("warning: another user of this machine"),
        "{finished}"
    );
    case_held("CB-23 the start address");
}

/// Its owner could put another file in the place of ours.
#[test]
#[ignore = "needs root, or sudo, to act as another user"]
fn a_directory_of_another_users_is_not_written_to() {
    let place = tempfile::tempdir().unwrap_or_else(|e| panic!("{e}"));
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(place.path(), open).unwrap_or_else(|e| panic!("{e}"));
    let mut mkdir = Command::new("mkdir");
    mkdir.arg("-m777").arg(place.path().join("webex-connect"));
    let made = as_nobody(&mkdir).status();
    assert!(made.is_ok_and(|status| status.success()), "mkdir");
    let env = Env::new().var("XDG_DATA_HOME", place.path());
    env.run(["login", "--sandbox", "--approve"])
        .code(6)
        .stderr_has("webex-connect belongs to another user (uid 65534")
        .stderr_has("`XDG_DATA_HOME`")
        .check();
    let left = std::fs::read_dir(place.path().join("webex-connect"));
    assert_eq!(left.map_or(0, Iterator::count), 0, "something was written");
}

/// The status that another user's GET is answered with.
fn status_as_nobody(url: &Url) -> String {
    const SCRIPT: &str = r#"
        use IO::Socket::IP;
        my ($host, $port, $target) = @ARGV;
        my $peer = IO::Socket::IP->new(PeerHost => "127.0.0.1", PeerPort => $port) or die "$@";
        print $peer "GET $target HTTP/1.1\r\nHost: $host:$port\r\n\r\n";
        $_ = <$peer>;
        print((split)[1]);"#;
    let mut perl = Command::new("perl");
    let port = url.port().unwrap_or(80).to_string();
    let host = url.host_str().unwrap_or_default();
    perl.args(["-e", SCRIPT, host, &port, &url[url::Position::BeforePath..]]);
    let output = as_nobody(&perl)
        .output()
        .unwrap_or_else(|e| panic!("another user's program: {e}"));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn squatted(case: &str, address: &str, redirect_uri: &str) {
    let env = Env::new();
    let port = free_port();
    let redirect_uri = redirect_uri.replace("{PORT}", &port.to_string());
    let sandbox = Sandbox::start(&env, &redirect_uri);
    let squatter = Squatter::on(address, port);
    let mut command = Login::command(&env, &sandbox, &redirect_uri);
    command.args(["--browser", BROWSER]);
    Run::new(command)
        .stdin(&format!("{CLIENT_SECRET}\n"))
        .secret(CLIENT_SECRET)
        .code(8)
        .stderr_has(&port.to_string())
        .stderr_has("in use")
        .stderr_has("device")
        .check();
    assert_eq!(env.opened(), None, "{case}: a browser was opened");
    assert_eq!(squatter.harvest(), "0 connections, 0 bytes\n", "{case}");
    case_held(format!("{case} another user"));
}

/// Another user's program on a port. It ends when its input does and says what came.
struct Squatter {
    process: Child,
    stdout: BufReader<ChildStdout>,
}

impl Squatter {
    fn on(address: &str, port: u16) -> Squatter {
        const SCRIPT: &str = r#"
            use IO::Socket::IP; use IO::Select; $| = 1;
            my $listener = IO::Socket::IP->new(
                LocalHost => $ARGV[0], LocalPort => $ARGV[1], Listen => 5, V6Only => 1) or die "$@";
            print "ready $>\n";
            my $waiting = IO::Select->new($listener, \*STDIN);
            my ($connections, $bytes) = (0, 0);
            while (my @ready = $waiting->can_read) {
                if (grep { $_ == $listener } @ready) {
                    my $peer = $listener->accept or next;
                    $connections += 1;
                    $bytes += length $_ while sysread $peer, $_, 4096;
                } else { last }
            }
            print "$connections connections, $bytes bytes\n";"#;
        let mut perl = Command::new("perl");
        perl.args(["-e", SCRIPT, address, &port.to_string()]);
        let mut process = as_nobody(&perl)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("another user's program: {e}"));
        let Some(stdout) = process.stdout.take() else {
            unreachable!("stdout is piped");
        };
        let mut stdout = BufReader::new(stdout);
        let mut line = String::new();
        let read = stdout.read_line(&mut line);
        assert_eq!(line, "ready 65534\n", "another user's program: {read:?}");
        Squatter { process, stdout }
    }

    fn harvest(mut self) -> String {
        drop(self.process.stdin.take());
        let mut rest = String::new();
        let read = self.stdout.read_to_string(&mut rest);
        let ended = self.process.wait();
        assert!(read.is_ok() && ended.is_ok(), "{read:?} {ended:?}");
        rest
    }
}
