//! The laboratory on the screen.
use crate::project::Project;
/// Opens it.
pub fn run(_project: Project) -> anyhow::Result<()> { Ok(()) }
