//! `firstline playbook`: lint, test and show.

use super::{Context, explain, library};
use crate::cli::PlaybookCommand;
use crate::error::Result;
use crate::exit::Exit;
use crate::report::Page;

pub(super) fn playbook(context: &Context, command: &PlaybookCommand) -> Result<Exit> {
    match command {
        PlaybookCommand::Show { playbook } => {
            let playbook = library::load(playbook)?;
            let mut page = Page::new(&context.terminal.style(context.common.verbose));
            explain::playbook_page(&mut page, &playbook);
            context.print(&page.finish())?;
            Ok(Exit::Good)
        }
    }
}
