//! Lines to paste into another terminal.

use super::Places;
use super::screen::Screen;
use super::sender::Sender;
use super::story::PASTED;
use crate::event::Family;
use crate::verify::livekit::TOKEN_LIFE_SECONDS;

/// Prints a `curl` line that delivers a participant of each provider, signed now, and a `kcat` line
/// that reads them.
pub(super) fn lines(sender: &Sender, at: &Places, screen: &mut Screen) -> anyhow::Result<()> {
    screen.line("");
    screen.title("Serving until Ctrl-C. To paste into another terminal; what arrives shows here:");
    for scene in PASTED {
        let letter = sender.letter(scene)?;
        let headers = letter.headers.iter().map(|(name, value)| format!("-H '{name}: {value}' "));
        let headers: String = headers.collect();
        let body = letter.body.replace('\'', r"'\''");
        let remark = match scene.source {
            "livekit" => format!("; LiveKit's signature lives {TOKEN_LIFE_SECONDS} s from now"),
            _ => "; a second time it is a duplicate".to_owned(),
        };
        screen.line("");
        screen.line(&format!("# {}: a participant joins{remark}", scene.source));
        screen.line(&format!("curl -i -w '\\n' {} {headers}--data-raw '{body}'", letter.url));
    }
    screen.line("");
    screen.line("# read them as a consumer; count them as an operator");
    let topic = Family::Participant.as_str();
    screen.line(&format!("kcat -b {} -C -t video.{topic} -f '%k %h\\n%s\\n\\n'", at.brokers));
    screen.line(&format!("curl -s http://{}/metrics | grep hookgate_deliveries", at.admin));
    screen.line("");
    Ok(())
}
