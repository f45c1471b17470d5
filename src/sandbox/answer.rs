//! Answers, and the shapes in which Webex refuses.

use std::borrow::Cow;

use serde_json::{Value, json};
use url::Url;

use crate::http::Response;
use crate::page::{Forms, escape, fill, page};
use crate::sandbox::random;

/// What goes out, with what the log says of it.
pub struct Answer {
    pub response: Response,
    /// An error code where the shape has one, else the description.
    pub error: Option<String>,
}

impl Answer {
    pub fn json(body: &Value) -> Answer {
        Answer {
            response: json_response(200, body),
            error: None,
        }
    }

    /// Back to the app, with or without an `error` among the parameters.
    pub fn redirect(location: &Url, error: Option<&str>) -> Answer {
        Answer {
            response: Response::redirect(location),
            error: error.map(str::to_owned),
        }
    }

    pub fn page(response: Response) -> Answer {
        Answer {
            response,
            error: None,
        }
    }
}

/// A refusal: a value until it is answered, so that the pure parts can be compared.
#[derive(Debug, PartialEq, Eq)]
pub struct Refusal {
    status: u16,
    shape: Shape,
    description: String,
    header: Option<(&'static str, &'static str)>,
}

/// The two JSON shapes come from the same endpoints at Webex; a client must read both.
#[derive(Debug, PartialEq, Eq)]
enum Shape {
    /// `message`, `errors[].description`, `trackingId`.
    Webexapis,
    /// `error`, `error_description`, `trackingID`: RFC 6749 §5.2 and Webex's number.
    Idbroker(Cow<'static, str>),
    /// For a person, where the app can't or mustn't be called back (RFC 6749 §4.1.2.1).
    Page,
}

impl Refusal {
    pub fn webexapis(status: u16, description: impl Into<String>) -> Refusal {
        Refusal::new(status, Shape::Webexapis, description.into())
    }

    pub fn idbroker(
        status: u16,
        error: impl Into<Cow<'static, str>>,
        description: impl Into<String>,
    ) -> Refusal {
        Refusal::new(status, Shape::Idbroker(error.into()), description.into())
    }

    /// RFC 6749 §5.2, for what is malformed.
    pub fn invalid_request(description: impl Into<String>) -> Refusal {
        Refusal::idbroker(400, "invalid_request", description)
    }

    pub fn page(status: u16, description: impl Into<String>) -> Refusal {
        Refusal::new(status, Shape::Page, description.into())
    }

    pub fn not_found() -> Refusal {
        Refusal::webexapis(404, "The requested resource could not be found.")
    }

    /// 405 with the methods that would do (RFC 9110 §15.5.6).
    pub fn method(allowed: &'static str) -> Refusal {
        Refusal::webexapis(405, format!("This resource takes {allowed}."))
            .with_header("Allow", allowed)
    }

    pub fn with_header(mut self, name: &'static str, value: &'static str) -> Refusal {
        self.header = Some((name, value));
        self
    }

    fn new(status: u16, shape: Shape, description: String) -> Refusal {
        Refusal {
            status,
            shape,
            description,
            header: None,
        }
    }
}

impl From<Refusal> for Answer {
    fn from(refusal: Refusal) -> Answer {
        let description = &refusal.description;
        let tracking_id = format!("SANDBOX_{}", random::uuid());
        let mut response = match &refusal.shape {
            Shape::Webexapis => json_response(
                refusal.status,
                &json!({
                    "message": description,
                    "errors": [{"description": description}],
                    "trackingId": tracking_id,
                }),
            ),
            Shape::Idbroker(error) => json_response(
                refusal.status,
                &json!({
                    "error": error,
                    "error_description": description,
                    "trackingID": tracking_id,
                }),
            ),
            Shape::Page => refusal_page(refusal.status, description, &tracking_id),
        };
        if let Some((name, value)) = refusal.header {
            response = response.with_header(name, value);
        }
        let error = match refusal.shape {
            Shape::Idbroker(error) => error.into_owned(),
            Shape::Webexapis | Shape::Page => refusal.description,
        };
        Answer {
            response,
            error: Some(error),
        }
    }
}

fn json_response(status: u16, body: &Value) -> Response {
    Response::new(status, "application/json;charset=utf-8", body.to_string())
}

fn refusal_page(status: u16, description: &str, tracking_id: &str) -> Response {
    let content = fill(
        include_str!("refusal.html"),
        &[
            ("description", &escape(description)),
            ("tracking_id", tracking_id),
        ],
    );
    page(status, "Sandbox: request refused", &content, Forms::None)
}
