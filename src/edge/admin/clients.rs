//! Who may ask by certificate: the names that the operator lists, each with its role.
//!
//! The authority says who somebody is, the configuration what they may do. An authority of a
//! company signs for many, and a role that stood in the certificate would be its to give: here a
//! name that is not listed may do nothing, and one that is taken out may do nothing from the next
//! reload on, whatever its certificate says and however long it is valid.

use super::tokens::name_rule;
use crate::desk::Role;

/// The certificates that may ask, by the common name (CN) of their subject.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clients(Vec<Client>);

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Client {
    name: String,
    role: Role,
}

impl Clients {
    /// One more: `viewer` or `operator`.
    ///
    /// # Errors
    /// The rule that its name or role breaks.
    pub fn add(&mut self, name: &str, role: &str) -> Result<(), &'static str> {
        name_rule(name, "must be of 1 to 64 letters, digits, dots, hyphens or underscores")?;
        let role = match role {
            "viewer" => Role::Viewer,
            "operator" => Role::Operator,
            _ => return Err("must have the role viewer or operator"),
        };
        if self.0.iter().any(|client| client.name == name) {
            return Err("has the name of one before it");
        }
        if self.0.len() >= crate::bounds::ADMIN_CLIENTS_MAX {
            return Err("is one too many: at most 64");
        }
        self.0.push(Client { name: name.to_owned(), role });
        Ok(())
    }

    /// Each with its role, in the order they were added.
    pub fn each(&self) -> impl Iterator<Item = (&str, Role)> {
        self.0.iter().map(|client| (client.name.as_str(), client.role))
    }

    /// The place of this name, and its role.
    pub(super) fn find(&self, name: &str) -> Option<(usize, Role)> {
        let place = self.0.iter().position(|client| client.name == name)?;
        Some((place, self.0.get(place)?.role))
    }
}
