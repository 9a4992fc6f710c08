//! From tables to settings: every section is read, and only a text without a mistake is a
//! [`Config`].

use toml::Table;

use super::face;
use super::given::Givers;
use super::keys::{self, Ring};
use super::read::{Report, Section};
use super::source::{Desk, sources};
use super::{Config, Face, admin, kafka, server, telemetry, tenant};

/// Reads every section, whatever is wrong with the others.
pub(super) fn check(table: &Table, report: &Report, desk: &Desk<'_>, tls: bool) -> Option<Config> {
    let mut root = Section::root(table, report);
    let givers: &Givers<'_> = &desk.givers;
    let server = server::server(root.table("server"), desk);
    let public = server.as_ref().map(|server| server.listen);
    let admin = admin::admin(root.table("admin"), public, desk);
    let mut journal = server::journal(root.table("journal"), givers.folder);
    let instance = server.as_ref().map(|server| &server.instance);
    let kafka = kafka::kafka(root.table("kafka"), instance, givers, tls);
    let mut ring = Ring::default();
    let keys = keys::keys(root.table("keys"), desk, &mut ring);
    let telemetry = telemetry::telemetry(root.table("telemetry"), tls);
    let tenants = tenant::tenants(&mut root, keys.as_ref(), desk, &mut ring);
    let sources = sources(&mut root, desk, &tenants);
    journal.ages = tenant::ages(&tenants, &sources);
    root.finish();
    (report.count() == 0).then_some(())?;
    let (server, kafka, keys) = (server?, kafka?, keys?);
    let mut face = Face::of(&server, &admin, &journal, &kafka, &keys, (&sources, &tenants));
    face.add(face::of_telemetry(&telemetry));
    let warnings = Vec::new();
    Some(Config {
        server,
        admin,
        journal,
        kafka,
        keys,
        telemetry,
        sources,
        tenants,
        warnings,
        face,
    })
}
