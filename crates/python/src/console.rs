//! What ConsoleExporter prints, as text; Python writes it.
