//! Parameters as OAuth counts them: from the query or from a form, never from both.

use std::collections::HashSet;

use crate::http::Request;
use crate::sandbox::answer::Refusal;

/// What a form must call itself (RFC 6749 §4.1.3).
const FORM: &str = "application/x-www-form-urlencoded";

/// Decoded parameters in the order sent.
pub struct Params(Vec<(String, String)>);

impl Params {
    pub fn of_query(request: &Request) -> Params {
        Params(request.query())
    }

    /// The parameters of a form, or nothing when the body says it is something else.
    pub fn of_form(request: &Request) -> Option<Params> {
        let media_type = request.header("Content-Type")?.split(';').next()?.trim();
        media_type
            .eq_ignore_ascii_case(FORM)
            .then(|| Params::of_text(&request.body))
    }

    /// The parameters of a request as the endpoints for programs take them: a form of names that stand once, and none
    /// in the address, where a secret ends up in logs (RFC 6749 §2.3.1 and §3.2, RFC 7009 §2.1).
    ///
    /// # Errors
    /// The refusal: `no_form` where the body is something else, else `invalid_request`.
    pub fn of_post(
        request: &Request,
        no_form: fn(&'static str) -> Refusal,
    ) -> Result<Params, Refusal> {
        let params = Params::of_form(request).ok_or_else(|| {
            no_form("The Content-Type must be application/x-www-form-urlencoded.")
        })?;
        if request.target.contains('?') {
            return Err(Refusal::invalid_request("Parameters belong in the body."));
        }
        if params.repeated() {
            return Err(Refusal::invalid_request("A parameter is repeated."));
        }
        Ok(params)
    }

    /// The parameters of a form's text.
    pub fn of_text(form: impl AsRef<[u8]>) -> Params {
        let pairs = url::form_urlencoded::parse(form.as_ref());
        Params(pairs.into_owned().collect())
    }

    /// Every value of a name that has one.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.iter()
            .filter(move |(known, value)| *known == name && !value.is_empty())
            .map(|(_, value)| value)
    }

    /// Takes out every value of a name, for the one that may stand twice.
    pub fn take(&mut self, name: &str) -> Vec<String> {
        let taken = self.0.extract_if(.., |(known, _)| known == name);
        taken.map(|(_, value)| value).collect()
    }

    /// One without a value counts as left out (RFC 6749 §3.1).
    pub fn get(&self, name: &str) -> Option<&str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Whether a name stands twice, which RFC 6749 §3.1 and §3.2 forbid.
    pub fn repeated(&self) -> bool {
        let mut seen = HashSet::new();
        !self.0.iter().all(|(name, _)| seen.insert(name))
    }

    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }
}
