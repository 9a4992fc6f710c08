//! Whether events are told of to a tracing collector: in builds that can, where the configuration
//! names one.

use std::sync::Arc;
use std::time::Duration;

use super::StartError;
use crate::config::Otlp;
use crate::event::InstanceName;
use crate::telemetry::Telemetry;

/// The way to the collector, while there is one.
#[derive(Debug, Default)]
pub(super) struct Collecting {
    #[cfg(feature = "otlp")]
    collector: Option<crate::otlp::Collector>,
}

impl Collecting {
    /// From now on events are told of, if that is configured.
    #[cfg(feature = "otlp")]
    pub(super) fn start(
        otlp: Option<Otlp>,
        instance: &InstanceName,
        telemetry: &Arc<Telemetry>,
    ) -> Result<Self, StartError> {
        use crate::otlp::{Became, Settings};
        use crate::trace::Tracing;

        let Some(Otlp { endpoint, share }) = otlp else { return Ok(Self::default()) };
        let counters = Arc::clone(telemetry);
        let counted = move |became, spans: usize| match became {
            Became::Sent => counters.gateway.spans_sent.increment(spans as u64),
            Became::Dropped => counters.gateway.spans_dropped.increment(spans as u64),
        };
        let settings = Settings { endpoint, instance: instance.clone() };
        let (sink, collector) = crate::otlp::start(settings, Arc::new(counted))
            .map_err(|error| StartError::Defect(error.to_string()))?;
        telemetry.trace(Arc::new(Tracing::new(instance.clone(), share, sink)));
        Ok(Self { collector: Some(collector) })
    }

    /// The same in a build that cannot: the configuration has refused it.
    #[cfg(not(feature = "otlp"))]
    #[allow(clippy::unnecessary_wraps, reason = "as where it can fail")]
    pub(super) fn start(
        _: Option<Otlp>,
        _: &InstanceName,
        _: &Arc<Telemetry>,
    ) -> Result<Self, StartError> {
        Ok(Self::default())
    }

    /// Lets what was told go out.
    #[cfg(feature = "otlp")]
    pub(super) async fn flush(&self, within: Duration) {
        if let Some(collector) = &self.collector {
            collector.flush(within).await;
        }
    }

    /// There is nothing.
    #[cfg(not(feature = "otlp"))]
    pub(super) async fn flush(&self, _: Duration) {}
}
