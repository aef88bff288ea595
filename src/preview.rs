//! What `mocolab-train preview` says of its pictures before their bytes: a line of JSON, read by `mocolab data preview`.

use serde::{Deserialize, Serialize};

/// What the bytes are: RGB, `[rows, columns, height, width, 3]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Pixels of a column of a picture.
    pub height: usize,
    /// Pixels of a row of a picture.
    pub width: usize,
    /// Pictures in a row: one and its views.
    pub columns: usize,
    /// Rows of pictures.
    pub rows: usize,
    /// The class of each row.
    pub labels: Vec<String>,
}
