//! The provider's session of a room, for the log.
//!
//! Read from what the boundary let out, so it is no more personal than what consumers read. A
//! participant's session is left where it is: it stands for one person's stay, and what is in a log
//! is not erased when that person is forgotten.

/// The session id of the room, if the event shows one. Found without reading the rest of the event:
/// neither text can stand within a value, where its quotes would be escaped.
pub(super) fn of(value: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(value).ok()?;
    let (_, room) = text.split_once(r#""room":{"#)?;
    let (room, _) = room.split_once('}')?;
    let (_, id) = room.split_once(r#""session_id":""#)?;
    let (id, _) = id.split_once('"')?;
    (!id.contains('\\')).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::of;

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
}
