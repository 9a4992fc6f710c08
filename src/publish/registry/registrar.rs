//! Asks the registry until it has answered for each topic, on a thread of its own.

use std::thread;

use tokio::sync::mpsc;
use tokio::time::sleep;

use super::Registry;
use crate::bounds;
use crate::event::Family;
use crate::publish::{Failure, Settings, SettingsError};

/// What the registry has said: ids, which are known from now on, or why not.
pub type Registration = Result<(), Failure>;

/// Asks until all is known, then ends by itself; or when nobody listens any more.
pub struct Registrar {
    /// What is found: failures, as they come, and then that all is known.
    pub found: mpsc::Receiver<Registration>,
}

impl Registrar {
    /// Starts asking for the topics of these settings; `None` where there is nothing to ask.
    ///
    /// # Errors
    /// Where no client can be made.
    pub fn start(settings: &Settings) -> Result<Option<Self>, SettingsError> {
        let Some(registry) = settings.registry.clone().filter(|_| !settings.is_registered()) else {
            return Ok(None);
        };
        let client = registry.client()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| SettingsError::Contradiction(error.to_string()))?;
        let topics = Family::ALL.map(|family| (family, settings.topic(family)));
        let (found_in, found) = mpsc::channel(1);
        thread::Builder::new()
            .name("schema-registry".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    tokio::select! {
                        () = ask_on(&registry, &client, &topics, &found_in) => {}
                        () = found_in.closed() => {}
                    }
                });
            })
            .map_err(|error| SettingsError::Contradiction(error.to_string()))?;
        Ok(Some(Self { found }))
    }
}

async fn ask_on(
    registry: &Registry,
    client: &reqwest::Client,
    topics: &[(Family, String)],
    found: &mpsc::Sender<Registration>,
) {
    let mut pause = bounds::REGISTRY_PAUSE_MIN;
    loop {
        let asked = ask_all(registry, client, topics).await;
        let ended = asked.is_ok();
        if found.send(asked).await.is_err() || ended {
            return;
        }
        sleep(pause.mul_f64(rand::random_range(0.75..1.25))).await;
        pause = (pause * 2).min(bounds::REGISTRY_PAUSE_MAX);
    }
}

/// Asks for every topic that is not known yet, up to the first that fails.
async fn ask_all(
    registry: &Registry,
    client: &reqwest::Client,
    topics: &[(Family, String)],
) -> Registration {
    for (family, topic) in topics {
        if registry.known.get(topic).is_some() {
            continue;
        }
        let schema = registry.schemas.iter().find(|(of, _)| of == family);
        let schema = schema.map_or("", |(_, schema)| schema);
        let id = registry.ask(client, topic, schema).await?;
        registry.known.put(topic, id);
        tracing::info!(topic, id = id.number, "the schema is registered");
    }
    Ok(())
}
