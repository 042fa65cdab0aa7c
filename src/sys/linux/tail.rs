//! The end of a text file, line by line: logs are large, and nothing of them is kept but a few lines.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom};

/// Bytes as text, with marks in the places of what is no UTF-8. Nearly all of a log is plain, and the check whether all of
/// it is takes a fraction of the way that looks for each mark.
pub(super) fn text(bytes: &[u8]) -> Cow<'_, str> {
    str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed)
}

/// Shows each whole line within the last `bytes` of a file. What is no UTF-8 is shown with marks in its place.
///
/// # Errors
/// Where the file cannot be read; lines before that were shown.
pub(super) fn each_line(file: &str, bytes: u64, mut show: impl FnMut(&str)) -> io::Result<()> {
    let mut file = File::open(file)?;
    let start = file.metadata()?.len().saturating_sub(bytes);
    file.seek(SeekFrom::Start(start))?;
    let mut rest = BufReader::new(file.take(bytes));
    let mut line = Vec::new();
    if start > 0 {
        rest.skip_until(b'\n')?;
    }
    while rest.read_until(b'\n', &mut line)? > 0 {
        let text = text(&line);
        let whole = text.strip_suffix('\n').unwrap_or(&text);
        show(whole.strip_suffix('\r').unwrap_or(whole));
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn shown(text: &[u8], bytes: u64) -> Vec<String> {
        let mut file = tempfile::NamedTempFile::new().expect("a file");
        file.write_all(text).expect("written");
        let mut lines = Vec::new();
        let path = file.path().to_str().expect("a plain path");
        each_line(path, bytes, |line| lines.push(line.to_owned())).expect("read");
        lines
    }

    #[test]
    fn the_end_starts_with_a_whole_line() {
        assert_eq!(shown(b"one\ntwo\nthree\n", 100), ["one", "two", "three"]);
        assert_eq!(shown(b"one\r\n\ntwo", 100), ["one", "", "two"]);
        assert_eq!(shown(b"one\ntwo\nthree\n", 8), ["three"]);
        assert_eq!(shown(b"one\ntwo\nthree\n", 3), Vec::<String>::new());
        assert_eq!(shown(b"a\xff\nb\n", 100), ["a\u{fffd}", "b"]);
        assert!(each_line("/no/such/file", 100, |_| ()).is_err());
    }
}
