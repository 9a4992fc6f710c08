//! The provider's session of a room, for the log.
//!
//! Read from what the boundary let out, so it is no more personal than what consumers read. A
//! participant's session is left where it is: it stands for one person's stay, and what is in a log
//! is not erased when that person is forgotten.

/// Bytes of the longest session that is told; providers' have 36 at most.
const LONGEST: usize = 64;

/// A session id in a place of its own, so that an event is not kept for it and nothing allocated.
#[derive(Clone, Copy)]
pub(super) struct Session {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Session {
    /// That of the room, if the event shows one.
    pub(super) fn of(value: &[u8]) -> Option<Self> {
        let id = of(value)?.as_bytes();
        let mut bytes = [0; LONGEST];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self { bytes, len: id.len() })
    }

    /// As the provider writes it.
    pub(super) fn as_str(&self) -> &str {
        let id = self.bytes.get(..self.len).unwrap_or_default();
        std::str::from_utf8(id).unwrap_or_default()
    }
}

/// Found without reading the rest of the event: neither text can stand within a value, where its
/// quotes would be escaped.
fn of(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let (_, room) = text.split_once(r#""room":{"#)?;
    let (room, _) = room.split_once('}')?;
    let (_, id) = room.split_once(r#""session_id":""#)?;
    let (id, _) = id.split_once('"')?;
    (!id.contains('\\')).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::{LONGEST, Session, of};

    #[test]
    fn the_rooms_session_is_found_and_nobody_elses() {
        let found = |data: &str| {
            of(format!(r#"{{"id":"e","data":{{{data}}}}}"#).as_bytes()).map(str::to_owned)
        };
        let person = r#""participant":{"session_id":"person"}"#;
        let room = r#""room":{"name":"a","session_id":"RM_1","started_at":"t"}"#;
        assert_eq!(found(&format!("{room},{person}")).as_deref(), Some("RM_1"));
        assert_eq!(found(person), None);
        assert_eq!(found(&format!(r#""room":{{"name":"a"}},{person}"#)), None);
        // A name that looks like it, with its quotes escaped, or cut at a brace: never a wrong one.
        let name = r#""room":{"name":"\"session_id\":\"x\"","id":"i"}"#;
        assert_eq!(found(&format!("{name},{person}")), None);
        assert_eq!(
            found(&format!(r#""room":{{"name":"a}}b","session_id":"RM_1"}},{person}"#)),
            None
        );
        assert_eq!(found(r#""room":{"session_id":"a\"b"}"#), None);
        assert_eq!(of(b"\xff"), None);
    }

    #[test]
    fn a_session_is_kept_without_an_allocation_and_one_that_is_too_long_is_not_told() {
        let of = |id: &str| format!(r#"{{"data":{{"room":{{"session_id":"{id}"}}}}}}"#);
        let event = of("6497c79b-f326-4942-aef8-c36a29140ad1");
        let counted = allocation_counter::measure(|| {
            let session = Session::of(event.as_bytes()).unwrap();
            assert_eq!(session.as_str(), "6497c79b-f326-4942-aef8-c36a29140ad1");
        });
        assert_eq!(counted.count_total, 0);
        assert!(Session::of(of(&"x".repeat(LONGEST)).as_bytes()).is_some());
        assert!(Session::of(of(&"x".repeat(LONGEST + 1)).as_bytes()).is_none());
    }
}
