//! Tables that fit where they are shown.
//!
//! On a terminal the columns that matter least are left out until a row fits into a line; into a
//! pipe or a file all of them go. A row may have a colour, which `anstream` takes away where it
//! cannot be seen.

use anstyle::{AnsiColor, Style};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use console::Term;

/// What is as it should be.
pub(super) const PLAIN: Style = Style::new();
/// What waits, or should be looked at.
pub(super) const ODD: Style = AnsiColor::Yellow.on_default();
/// What is wrong.
pub(super) const BAD: Style = AnsiColor::Red.on_default();
/// What is as it should be, where that is the news.
pub(super) const GOOD: Style = AnsiColor::Green.on_default();
/// Titles.
pub(super) const STRONG: Style = Style::new().bold();

/// A column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    /// What stands above it.
    pub(super) title: &'static str,
    /// Those of the highest number go first where room is short; 0 stays.
    pub(super) rank: u8,
    /// Numbers stand to the right.
    pub(super) is_number: bool,
}

/// Rows below their columns.
pub(super) struct Sheet {
    columns: Vec<Column>,
    rows: Vec<(Style, Vec<String>)>,
}

/// A column of text.
pub(super) const fn text(title: &'static str, rank: u8) -> Column {
    Column { title, rank, is_number: false }
}

/// A column of numbers.
pub(super) const fn number(title: &'static str, rank: u8) -> Column {
    Column { title, rank, is_number: true }
}

/// Characters of a line on the terminal that standard output is; `None` where it is none.
pub(super) fn width() -> Option<usize> {
    let (_, columns) = Term::stdout().size_checked().filter(|_| Term::stdout().is_term())?;
    Some(usize::from(columns))
}

impl Sheet {
    pub(super) fn new(columns: &[Column]) -> Self {
        Self { columns: columns.to_vec(), rows: Vec::new() }
    }

    /// Adds a row: a cell for each column.
    pub(super) fn row<const N: usize>(&mut self, style: Style, cells: [String; N]) {
        self.rows.push((style, cells.to_vec()));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The table, with an end of line after each row, in lines of this many characters; every
    /// column in full for `None`.
    pub(super) fn render(&self, width: Option<usize>) -> String {
        let shown = self.shown(width.unwrap_or(usize::MAX));
        let mut table = Table::new();
        table.load_style(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
        let picked = |cells: &[String]| -> Vec<String> {
            shown.iter().filter_map(|place| cells.get(*place).cloned()).collect()
        };
        let titles: Vec<_> = self.columns.iter().map(|column| column.title.to_owned()).collect();
        table.set_header(picked(&titles));
        for (_, cells) in &self.rows {
            table.add_row(picked(cells));
        }
        for (at, place) in shown.iter().enumerate() {
            let is_number = self.columns.get(*place).is_some_and(|column| column.is_number);
            if let (true, Some(column)) = (is_number, table.column_mut(at)) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        let styles = std::iter::once(STRONG).chain(self.rows.iter().map(|(style, _)| *style));
        let lines = table.to_string();
        let lines = lines.lines().map(trimmed).zip(styles);
        lines.map(|(line, style)| format!("{style}{line}{style:#}\n")).collect()
    }

    /// The places of the columns that fit.
    fn shown(&self, width: usize) -> Vec<usize> {
        let mut shown: Vec<_> = (0..self.columns.len()).collect();
        let widths: Vec<_> = (0..self.columns.len()).map(|place| self.widest(place)).collect();
        let taken = |shown: &[usize]| -> usize {
            shown.iter().filter_map(|place| widths.get(*place)).map(|width| width + 2).sum()
        };
        while taken(&shown) > width.saturating_add(1) {
            let rank = |place: &usize| self.columns.get(*place).map_or(0, |column| column.rank);
            let least = shown.iter().copied().max_by_key(rank).filter(|place| rank(place) > 0);
            let Some(least) = least else { break };
            shown.retain(|place| *place != least);
        }
        shown
    }

    fn widest(&self, place: usize) -> usize {
        let title = self.columns.get(place).map_or(0, |column| column.title.chars().count());
        let cells = self.rows.iter().filter_map(|(_, cells)| cells.get(place));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0).max(title)
    }
}

/// The table puts a blank before the first column and after the last.
fn trimmed(line: &str) -> &str {
    line.strip_prefix(' ').unwrap_or(line).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet() -> Sheet {
        let mut sheet = Sheet::new(&[number("N", 0), text("NAME", 0), text("WIDE", 1)]);
        sheet.row(PLAIN, ["7".into(), "a".into(), "something long".into()]);
        sheet.row(PLAIN, ["12".into(), "bc".into(), String::new()]);
        sheet
    }

    fn plain(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn columns_are_aligned_and_lines_have_no_blanks_at_their_ends() {
        let text = plain(&sheet().render(None));
        assert_eq!(text, " N  NAME  WIDE\n 7  a     something long\n12  bc\n");
    }

    #[test]
    fn what_matters_least_goes_first_where_room_is_short() {
        let text = plain(&sheet().render(Some(20)));
        assert_eq!(text, " N  NAME\n 7  a\n12  bc\n");
        assert_eq!(plain(&sheet().render(Some(3))), text, "what must be shown is shown");
    }
}
