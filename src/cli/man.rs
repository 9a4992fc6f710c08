//! `man`: the manual pages, made of the same words as `--help`.

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::{Args, CommandFactory};
use clap_mangen::{Man as Page, generate_to};

use super::{Arguments, Failure, print};

/// Where to.
#[derive(Debug, Args)]
pub struct Man {
    /// Write a page for each verb into this folder; without it the first page is printed
    #[arg(long, value_name = "DIR")]
    pub into: Option<PathBuf>,
}

/// Prints or writes them.
///
/// # Errors
/// 1 for a folder that cannot be written.
pub fn run(args: &Man) -> Result<(), Failure> {
    if let Some(folder) = &args.into {
        let shown = folder.display();
        let written =
            fs::create_dir_all(folder).and_then(|()| generate_to(Arguments::command(), folder));
        written.with_context(|| format!("{shown} cannot be written"))?;
        return Ok(());
    }
    let mut page = Vec::new();
    Page::new(Arguments::command()).render(&mut page).map_err(anyhow::Error::from)?;
    Ok(print(&String::from_utf8_lossy(&page))?)
}
