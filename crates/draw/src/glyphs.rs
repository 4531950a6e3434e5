/// The characters that a drawing is made of.
#[derive(Debug)]
pub(crate) struct Glyphs {
    pub(crate) branch: &'static str,
    pub(crate) last_branch: &'static str,
    /// Leads to the one span that stands for its folded siblings.
    pub(crate) sample_branch: &'static str,
    pub(crate) guide: &'static str,
    /// Stands before the depth of spans too deep to be indented.
    pub(crate) deep: &'static str,
    pub(crate) error: &'static str,
    pub(crate) note: &'static str,
    pub(crate) service: &'static str,
    pub(crate) boundary: &'static str,
    pub(crate) times: &'static str,
    pub(crate) sum: &'static str,
    pub(crate) dot: &'static str,
    /// One column.
    pub(crate) cut: &'static str,
    pub(crate) tick: &'static str,
    /// How busy a column is, from least to most.
    pub(crate) heights: [&'static str; 8],
}

pub(crate) const UNICODE: Glyphs = Glyphs {
    branch: "├─ ",
    last_branch: "╰─ ",
    sample_branch: "╰┄ ",
    guide: "│  ",
    deep: "┄",
    error: "✗ ",
    note: "• ",
    service: "● ",
    boundary: " › ",
    times: "×",
    sum: "Σ ",
    dot: " · ",
    cut: "…",
    tick: "▏",
    heights: ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"],
};

pub(crate) const ASCII: Glyphs = Glyphs {
    branch: "|- ",
    last_branch: "`- ",
    sample_branch: "`~ ",
    guide: "|  ",
    deep: "~",
    error: "x ",
    note: "* ",
    service: "o ",
    boundary: " > ",
    times: "x",
    sum: "sum ",
    dot: ", ",
    cut: "~",
    tick: "|",
    heights: [".", ":", "-", "-", "=", "+", "*", "#"],
};
