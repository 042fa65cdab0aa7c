//! Readers of text that operating systems keep: pure functions over strings, tested with recorded files.
