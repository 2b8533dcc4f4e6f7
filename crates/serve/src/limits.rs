//! How much a client may ask for, and how much all of them together.

use std::time::Duration;

use tabgraft_model::{Error, Result};

/// What the server holds its clients to.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Most bytes of a request's body, at least 1.
    pub body_bytes: usize,
    /// Most rows of a request, at least 1.
    pub rows: usize,
    /// Seconds for a request to arrive once it has begun, and again for its answer to be found; above 0.
    pub seconds: f64,
    /// Most connections that are open; further ones wait to be accepted. At least 1.
    pub connections: usize,
    /// Most requests that are worked on or wait; beyond, the answer is 503. At least 1.
    pub requests: usize,
    /// Most of these of one client, told by its token or else by its address; beyond, the answer is 429. At least 1.
    pub requests_of_client: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_bytes: 8 << 20,
            rows: 10_000,
            seconds: 30.0,
            connections: 1024,
            requests: 256,
            requests_of_client: 128,
        }
    }
}

impl Limits {
    /// Validates the ranges.
    ///
    /// # Errors
    /// An option error that names the option, the value and the range.
    pub fn check(&self) -> Result<()> {
        for (name, value) in [
            ("max_body", self.body_bytes),
            ("max_rows", self.rows),
            ("max_connections", self.connections),
            ("max_requests", self.requests),
            ("max_requests_of_client", self.requests_of_client),
        ] {
            if value == 0 {
                return Err(Error::option(format!("option `{name}` is 0, allowed is 1 or more")));
            }
        }
        if !(self.seconds > 0.0 && self.seconds <= 86_400.0) {
            return Err(Error::option(format!(
                "option `timeout` is {}, allowed is above 0 and up to 86400 seconds",
                self.seconds
            )));
        }
        Ok(())
    }

    /// [`Limits::seconds`].
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_out_of_range_is_named() {
        assert!(Limits::default().check().is_ok());
        let limits = Limits { rows: 0, ..Limits::default() };
        assert!(limits.check().unwrap_err().to_string().contains("`max_rows` is 0"));
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let error = Limits { seconds, ..Limits::default() }.check().unwrap_err();
            assert!(error.is_option() && error.to_string().contains("timeout"), "{error}");
        }
    }
}
