//! A sandbox, and a login that waits for its callback: how most stories begin, and the two ways they end.

use super::process::Finished;
use super::{Answer, Callback, Env, Login, Sandbox, case_held, free_port, redirect_uri};

pub struct Scene {
    pub env: Env,
    pub sandbox: Sandbox,
    pub login: Login,
}

impl Scene {
    /// With the file store and a redirect URI like most people's.
    pub fn open() -> Scene {
        Scene::at("http://127.0.0.1:{PORT}/callback")
    }

    /// With a redirect URI of one's own; `{PORT}` stands for a free port.
    pub fn at(redirect_uri: &str) -> Scene {
        Scene::with(Env::new(), redirect_uri, &["--no-browser"])
    }

    /// With more options of `sandbox`.
    pub fn sandboxed(options: &[&str]) -> Scene {
        let env = Env::new();
        let redirect_uri = redirect_uri();
        let sandbox = Sandbox::with(&env, &redirect_uri, options);
        let login = Login::start(&env, &sandbox, &redirect_uri, &["--no-browser"]);
        Scene {
            env,
            sandbox,
            login,
        }
    }

    /// The story after it: `work` is connected to a sandbox with these options.
    pub fn signed_in(options: &[&str]) -> (Env, Sandbox) {
        let mut scene = Scene::sandboxed(options);
        let callback = scene.login.consent("allow");
        scene.login.deliver(&callback);
        let finished = scene.login.finish();
        assert_eq!(finished.code, Some(0), "{finished}");
        (scene.env, scene.sandbox)
    }

    /// With everything of one's own; `more` as for [`Login::start`].
    pub fn with(env: Env, redirect_uri: &str, more: &[&str]) -> Scene {
        let redirect_uri = redirect_uri.replace("{PORT}", &free_port().to_string());
        let sandbox = Sandbox::start(&env, &redirect_uri);
        let login = Login::start(&env, &sandbox, &redirect_uri, more);
        Scene {
            env,
            sandbox,
            login,
        }
    }

    /// The genuine callback still succeeds: one exchange, one record, a page that says so.
    pub fn connects(self, case: &str, callback: &Callback) {
        let page = self.login.deliver(callback);
        self.connected(case, &page);
    }

    /// The rest of [`Scene::connects`], once the page came.
    pub fn connected(mut self, case: &str, page: &Answer) {
        assert_eq!(page.status, 200, "{case}: the page: {page}");
        assert!(
            page.body.contains("You are connected"),
            "{case}: the page: {page}"
        );
        let finished = self.login.finish();
        assert_eq!(finished.code, Some(0), "{case}: {finished}");
        assert_eq!(finished.json()["name"], "work", "{case}: {finished}");
        assert_eq!(self.sandbox.exchanges(), 1, "{case}: codes exchanged");
        assert_eq!(self.env.connections(), ["work"], "{case}");
        let token = self.env.run(["token", "work"]).any_stdout().check().out();
        assert!(token.trim().len() > 16, "{case}: a token: {token:?}");
        assert!(
            !finished.err().contains(token.trim()),
            "{case}: shows the token: {finished}"
        );
        case_held(case);
    }

    /// The login ends with this exit code: no code was exchanged and nothing is stored.
    pub fn ends(mut self, case: &str, code: i32) -> Finished {
        let finished = self.login.finish();
        assert_eq!(finished.code, Some(code), "{case}: {finished}");
        assert_eq!(self.sandbox.exchanges(), 0, "{case}: codes exchanged");
        assert!(
            self.env.connections().is_empty(),
            "{case}: a connection was stored"
        );
        case_held(case);
        finished
    }
}
