//! What is counted, as Prometheus reads it (text format 0.0.4).

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Upper ends of the buckets of a request's time, in seconds.
const SECONDS: [f64; 13] =
    [0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 2.5, 10.0];
/// Upper ends of the buckets of a batch's rows.
const ROWS: [f64; 8] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 512.0];

/// A number that goes up and down.
#[derive(Debug, Default)]
pub(crate) struct Gauge(AtomicUsize);

impl Gauge {
    pub fn set(&self, value: usize) {
        self.0.store(value, Ordering::Relaxed);
    }

    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn sub(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    pub fn value(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Everything that is counted.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// Jobs that wait.
    pub waiting: Gauge,
    /// Requests that are worked on or wait.
    pub requests: Gauge,
    /// Connections that are open.
    pub connections: Gauge,
    answered: Mutex<Answered>,
    batch_jobs: AtomicU64,
}

#[derive(Debug, Default)]
struct Answered {
    /// By route and status.
    requests: BTreeMap<(String, u16), u64>,
    /// By route.
    seconds: BTreeMap<String, Histogram<{ SECONDS.len() }>>,
    /// Rows, cells without a value, unseen ones and those with another guardrail, by model.
    rows: BTreeMap<String, RowCounts>,
    batches: Histogram<{ ROWS.len() }>,
}

/// What a model was asked about.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct RowCounts {
    pub rows: u64,
    pub missing: u64,
    pub unseen: u64,
    pub guardrails: u64,
}

#[derive(Debug)]
struct Histogram<const N: usize> {
    /// Values up to each end, and above all of them.
    counts: [u64; N],
    n: u64,
    sum: f64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Histogram { counts: [0; N], n: 0, sum: 0.0 }
    }
}

impl<const N: usize> Histogram<N> {
    fn add(&mut self, value: f64, ends: &[f64; N]) {
        self.counts.iter_mut().zip(ends).filter(|(_, end)| value <= **end).for_each(|(count, _)| *count += 1);
        self.n += 1;
        self.sum += value;
    }

    fn write(&self, name: &str, labels: &str, ends: &[f64; N], text: &mut String) {
        let comma = if labels.is_empty() { "" } else { "," };
        for (count, end) in self.counts.iter().zip(ends) {
            let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"{end}\"}} {count}");
        }
        let _ = writeln!(text, "{name}_bucket{{{labels}{comma}le=\"+Inf\"}} {}", self.n);
        let _ = writeln!(text, "{name}_sum{{{labels}}} {}\n{name}_count{{{labels}}} {}", self.sum, self.n);
    }
}

impl Metrics {
    /// A request was answered.
    pub fn request(&self, route: &str, status: u16, seconds: f64) {
        let mut answered = self.lock();
        *answered.requests.entry((route.to_owned(), status)).or_default() += 1;
        answered.seconds.entry(route.to_owned()).or_default().add(seconds, &SECONDS);
    }

    /// A model answered about rows.
    pub fn rows(&self, model: &str, more: RowCounts) {
        let mut answered = self.lock();
        let counts = answered.rows.entry(model.to_owned()).or_default();
        counts.rows += more.rows;
        counts.missing += more.missing;
        counts.unseen += more.unseen;
        counts.guardrails += more.guardrails;
    }

    /// Rows of so many requests were computed together.
    pub fn batch(&self, n_rows: usize, n_jobs: usize) {
        self.lock().batches.add(n_rows as f64, &ROWS);
        self.batch_jobs.fetch_add(n_jobs as u64, Ordering::Relaxed);
    }

    /// The page of metrics; `versions` are models with the id and name of their current version.
    pub fn text(&self, versions: &[(String, String, String)]) -> String {
        let mut text = String::new();
        let answered = self.lock();
        head(&mut text, "tabgraft_requests_total", "counter", "Requests that were answered.");
        for ((route, status), n) in &answered.requests {
            let route = label(route);
            let _ = writeln!(text, "tabgraft_requests_total{{route=\"{route}\",status=\"{status}\"}} {n}");
        }
        let name = "tabgraft_request_seconds";
        head(&mut text, name, "histogram", "Time from a request's head to its answer.");
        for (route, seconds) in &answered.seconds {
            seconds.write(name, &format!("route=\"{}\"", label(route)), &SECONDS, &mut text);
        }
        type Count = fn(&RowCounts) -> u64;
        let counts: [(&str, &str, Count); 4] = [
            ("tabgraft_rows_total", "Rows that were answered.", |c| c.rows),
            ("tabgraft_missing_cells_total", "Cells without a value in these rows.", |c| c.missing),
            ("tabgraft_unseen_cells_total", "Cells with a category that no training row had.", |c| c.unseen),
            ("tabgraft_guardrail_cells_total", "Cells that are unlike the training rows.", |c| c.guardrails),
        ];
        for (name, help, count) in counts {
            head(&mut text, name, "counter", help);
            for (model, counts) in &answered.rows {
                let _ = writeln!(text, "{name}{{model=\"{}\"}} {}", label(model), count(counts));
            }
        }
        head(&mut text, "tabgraft_batch_rows", "histogram", "Rows that were computed together.");
        answered.batches.write("tabgraft_batch_rows", "", &ROWS, &mut text);
        drop(answered);
        head(&mut text, "tabgraft_batched_requests_total", "counter", "Requests whose rows were computed.");
        let _ = writeln!(text, "tabgraft_batched_requests_total {}", self.batch_jobs.load(Ordering::Relaxed));
        for (name, help, gauge) in [
            ("tabgraft_waiting_jobs", "Jobs that wait for a thread.", &self.waiting),
            ("tabgraft_open_requests", "Requests that are worked on or wait.", &self.requests),
            ("tabgraft_open_connections", "Connections that are open.", &self.connections),
        ] {
            head(&mut text, name, "gauge", help);
            let _ = writeln!(text, "{name} {}", gauge.value());
        }
        head(&mut text, "tabgraft_current_version", "gauge", "The version that answers, 1 for each model.");
        for (model, version, name) in versions {
            let (model, name) = (label(model), label(name));
            let _ = writeln!(
                text,
                "tabgraft_current_version{{model=\"{model}\",version=\"{version}\",name=\"{name}\"}} 1"
            );
        }
        text
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Answered> {
        self.answered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said of a metric in front of its lines.
pub(crate) fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

/// A value between quotes.
pub(crate) fn label(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_cumulative_and_labels_escaped() {
        let metrics = Metrics::default();
        metrics.request("/a", 200, 0.000_4);
        metrics.request("/a", 200, 99.0);
        metrics.rows("m", RowCounts { rows: 3, unseen: 2, ..RowCounts::default() });
        let text = metrics.text(&[("m".into(), "id".into(), "a \"name\"\n".into())]);
        for line in [
            "tabgraft_requests_total{route=\"/a\",status=\"200\"} 2",
            "tabgraft_request_seconds_bucket{route=\"/a\",le=\"0.00025\"} 0",
            "tabgraft_request_seconds_bucket{route=\"/a\",le=\"0.0005\"} 1",
            "tabgraft_request_seconds_bucket{route=\"/a\",le=\"10\"} 1",
            "tabgraft_request_seconds_bucket{route=\"/a\",le=\"+Inf\"} 2",
            "tabgraft_request_seconds_count{route=\"/a\"} 2",
            "tabgraft_rows_total{model=\"m\"} 3",
            "tabgraft_unseen_cells_total{model=\"m\"} 2",
            "tabgraft_current_version{model=\"m\",version=\"id\",name=\"a \\\"name\\\"\\n\"} 1",
        ] {
            assert!(text.lines().any(|found| found == line), "{line} in\n{text}");
        }
    }
}
