//! Lines to paste into another terminal.

use super::screen::Screen;
use super::sender::Sender;
use super::story;
use crate::app::App;
use crate::event::Family;
use crate::publish::Embedded;

/// Prints a `curl` line that delivers an event of each provider, and a `kcat` line that reads it.
pub(super) fn lines(sender: &Sender, app: &App, broker: &Embedded, screen: &mut Screen) {
    screen.line("  To paste into another terminal:");
    for source in ["daily", "livekit"] {
        let mut scenes = story::STORY.iter().filter(|scene| scene.source == source);
        let Some(Ok(letter)) = scenes.next().map(|scene| sender.letter(*scene)) else { continue };
        let headers = letter.headers.iter().map(|(name, value)| format!("-H '{name}: {value}' "));
        let headers: String = headers.collect();
        let body = letter.body.replace('\'', r"'\''");
        screen.line("");
        screen.line(&format!("curl -i {} {headers}--data-raw '{body}'", letter.url));
    }
    screen.line("");
    let topic = Family::Participant.as_str();
    screen.line(&format!("kcat -b {} -C -t video.{topic} -f '%k %h\\n%s\\n\\n'", broker.brokers()));
    screen.line(&format!("curl -s http://{}/metrics | grep hookgate_deliveries", app.admin()));
    screen.line("");
}
