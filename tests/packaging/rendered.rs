//! The chart as Helm renders it.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::tools::{documents, fetched, file, good};

const CHART: &str = "deploy/helm/hookgate";

/// The values that the chart ships as examples.
pub(crate) const EXAMPLES: [&str; 3] = ["full", "small", "load-balancer"];

/// Where the chart mounts secrets.
pub(crate) const SECRETS: &str = "/run/secrets/hookgate/";

/// Where an example's values are.
pub(crate) fn example(name: &str) -> PathBuf {
    file(CHART).join("ci").join(format!("{name}-values.yaml"))
}

/// Helm on the chart.
pub(crate) fn helm(verb: &[&str]) -> Command {
    let mut command = fetched("helm");
    command.args(verb).arg(file(CHART));
    command
}

/// Every object of one rendering.
pub(crate) struct Rendered {
    pub(crate) text: String,
    objects: Vec<Value>,
}

impl Rendered {
    /// Of an example, with further arguments.
    #[track_caller]
    pub(crate) fn of(name: &str, more: &[&str]) -> Self {
        Self::with(&example(name), more)
    }

    /// Of any values.
    #[track_caller]
    pub(crate) fn with(values: &Path, more: &[&str]) -> Self {
        let text = good(helm(&["template", "gate"]).arg("-f").arg(values).args(more));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rendered.yaml");
        std::fs::write(&path, &text).unwrap();
        Self { text, objects: documents(&path) }
    }

    /// The objects of a kind.
    pub(crate) fn all(&self, kind: &str) -> Vec<&Value> {
        self.objects.iter().filter(|object| object["kind"] == kind).collect()
    }

    /// The one object of a kind.
    #[track_caller]
    pub(crate) fn the(&self, kind: &str) -> &Value {
        let all = self.all(kind);
        assert_eq!(all.len(), 1, "{kind}");
        all[0]
    }

    /// What the pods run.
    pub(crate) fn pod(&self) -> &Value {
        &self.the("StatefulSet")["spec"]["template"]["spec"]
    }

    /// The one container.
    pub(crate) fn container(&self) -> &Value {
        let containers = self.pod()["containers"].as_array().unwrap();
        assert_eq!(containers.len(), 1);
        &containers[0]
    }

    /// The text of its configuration.
    #[track_caller]
    pub(crate) fn configuration(&self) -> &str {
        let maps = self.all("ConfigMap").into_iter();
        let mut texts = maps.filter_map(|map| map["data"]["hookgate.toml"].as_str());
        texts.next().expect("a configuration")
    }

    /// The same as a table.
    pub(crate) fn table(&self) -> toml::Table {
        self.configuration().parse().unwrap()
    }
}
