//! Columns of text under each other, for whoever prints them.

use crate::visible;

/// Rows of cells; each column is as wide as its widest cell. Whatever a cell holds, a row is one line.
#[derive(Debug, Default)]
pub struct Grid {
    rows: Vec<Vec<String>>,
}

impl Grid {
    /// A grid with a header.
    pub fn new<const N: usize>(header: [&str; N]) -> Self {
        Grid { rows: vec![header.map(|cell| visible(cell).into_owned()).to_vec()] }
    }

    /// A grid with a header of any length.
    pub fn of<'a>(header: impl IntoIterator<Item = &'a str>) -> Self {
        Grid { rows: vec![header.into_iter().map(|cell| visible(cell).into_owned()).collect()] }
    }

    /// Adds a row of any length.
    pub fn add(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().map(|cell| visible(&cell).into_owned()).collect());
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.rows.push(cells.map(|cell| visible(&cell).into_owned()).to_vec());
    }

    /// The lines, indented by two spaces; the last column is not padded.
    pub fn text(&self) -> String {
        let n_columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |i: usize| {
            self.rows.iter().filter_map(|row| row.get(i)).map(|c| c.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..n_columns).map(width).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line += "  ";
                line += cell;
                line.extend(std::iter::repeat_n(' ', width - cell.chars().count()));
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_by_characters_and_not_by_bytes() {
        let mut grid = Grid::new(["a", "b"]);
        grid.row(["größe".to_owned(), "1".to_owned()]);
        assert_eq!(grid.text(), "  a      b\n  größe  1\n");
    }

    #[test]
    fn a_row_is_one_line_whatever_its_cells_hold() {
        let mut grid = Grid::new(["a", "b\u{1b}[1m"]);
        grid.row(["x\nok: all is well".to_owned(), "1".to_owned()]);
        let text = grid.text();
        assert_eq!(text.lines().count(), 2);
        assert!(text.contains("  x\\nok: all is well  1\n") && !text.contains('\u{1b}'), "{text}");
    }
}
