//! `audit list`: who changed what, the newest first, page after page until enough.

use clap::Args;

use crate::bounds::{AUDIT_PAGE_MAX, EVENTS_PAGE_DEFAULT};
use crate::cli::client::{Client, Question};
use crate::cli::events::json_lines;
use crate::cli::sheet::{self, ODD, PLAIN, Sheet, number, text};
use crate::cli::{Failure, Global, asked, hint, print, words};
use crate::desk::{AuditFilter, AuditPage, AuditRecord};

/// How many, and how they are shown.
#[derive(Debug, Args)]
pub struct List {
    /// How many, at most
    #[arg(long, value_name = "N", default_value_t = EVENTS_PAGE_DEFAULT)]
    pub limit: usize,
    /// One JSON object a line
    #[arg(long)]
    pub json: bool,
}

/// Lists them.
///
/// # Errors
/// What the admin API refuses.
pub fn run(args: &List, global: &Global) -> Result<(), Failure> {
    let client = Client::new(global)?;
    let (records, is_more) = asked(pages(&client, args.limit))?;
    if args.json {
        return Ok(print(&json_lines(&records)?)?);
    }
    if records.is_empty() {
        hint("nothing was changed yet");
        return Ok(());
    }
    print(&table(&records))?;
    if is_more {
        hint("there are more: --limit N shows more of them");
    }
    Ok(())
}

async fn pages(client: &Client, limit: usize) -> Result<(Vec<AuditRecord>, bool), Failure> {
    let mut records: Vec<AuditRecord> = Vec::new();
    let mut cursor = None;
    loop {
        let left = limit.saturating_sub(records.len()).clamp(1, AUDIT_PAGE_MAX);
        let filter = AuditFilter { limit: Some(left), cursor };
        let page: AuditPage = client.ask(Question::get(&["audit"]).asking(&filter)?).await?;
        let is_empty = page.records.is_empty();
        records.extend(page.records);
        cursor = page.next_cursor;
        if cursor.is_none() || is_empty || records.len() >= limit {
            return Ok((records, cursor.is_some()));
        }
    }
}

fn table(records: &[AuditRecord]) -> String {
    let mut sheet = Sheet::new(&[
        number("NUMBER", 3),
        text("TIME", 0),
        text("BY", 0),
        text("ACTION", 0),
        text("TARGET", 1),
        text("RESULT", 0),
        text("REASON", 2),
    ]);
    for record in records {
        let style = if matches!(&*record.result, "begun" | "done") { PLAIN } else { ODD };
        let record = record.clone();
        sheet.row(
            style,
            [
                record.number.to_string(),
                words::moment(record.time),
                record.by,
                record.action,
                record.target.unwrap_or_default(),
                record.result,
                record.reason,
            ],
        );
    }
    sheet.render(sheet::width())
}
