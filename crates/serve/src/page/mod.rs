//! The page for a person: what is served, where it comes from, and a row to try. HTML that was made here, no script,
//! and nothing from elsewhere.

mod answer;
mod drift;
mod form;
mod reasons;
mod view;

use std::sync::LazyLock;

use minijinja::{AutoEscape, Environment, HtmlEscape, Value};
use serde::Serialize;
use tabgraft_model::report::breaking;

pub(crate) use answer::{Answered, Similar};
pub(crate) use drift::DriftView;
pub(crate) use form::Form;
pub(crate) use reasons::Reasons;
pub(crate) use view::{ModelView, View};

use crate::failure::Failure;

/// What the page looks like.
pub(crate) const STYLE: &str = include_str!("style.css");
/// What a browser may do with it: show it, with our style, and send its form to us.
pub(crate) const POLICY: &str = "default-src 'none'; style-src 'self'; img-src data:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const TEMPLATE: &str = "page.html";

static TEMPLATES: LazyLock<Environment<'static>> = LazyLock::new(|| {
    let mut environment = Environment::new();
    // Names, levels and reasons are a stranger's: all is escaped, but the drawing that escapes its own.
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("name", name);
    // A template that cannot be read is found by every test that opens a page.
    let _ = environment.add_template(TEMPLATE, include_str!("page.html.j2"));
    environment
});

/// A name that a phone may break between its words.
fn name(name: &str) -> Value {
    Value::from_safe_string(breaking(&HtmlEscape(name).to_string()))
}

/// The page.
pub(crate) fn html(view: &impl Serialize) -> Result<String, Failure> {
    let template = TEMPLATES.get_template(TEMPLATE).map_err(|_| Failure::internal())?;
    template.render(view).map_err(|_| Failure::internal())
}
