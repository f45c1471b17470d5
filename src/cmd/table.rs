//! Columns for the eye, with nothing but space between them.

use comfy_table::{ContentArrangement, Table, presets};

/// An empty one. Within the columns of a terminal its cells are broken at words; without, no cell is broken.
pub fn table(columns: Option<u16>) -> Table {
    let mut table = Table::new();
    if let Some(columns) = columns {
        table
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(columns);
    }
    table.load_preset(presets::NOTHING);
    table
}
