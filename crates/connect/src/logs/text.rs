//! Lines of a file, plain or gzipped, with their ends. It must not know what is in them.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// A longer line is none that a log has.
const LONGEST: u64 = 16 << 20;

/// Calls `each` with every line, its end left on.
pub(super) fn lines(
    file: &File,
    gzip: bool,
    mut each: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let plain: Box<dyn Read + '_> = if gzip { Box::new(MultiGzDecoder::new(file)) } else { Box::new(file) };
    let mut reader = BufReader::with_capacity(1 << 16, plain);
    let mut line = vec![];
    loop {
        line.clear();
        (&mut reader).take(LONGEST).read_until(b'\n', &mut line).map_err(|it| match it.kind() {
            // What is no gzip is said so in this way.
            io::ErrorKind::InvalidInput => io::Error::new(io::ErrorKind::InvalidData, it),
            _ => it,
        })?;
        if line.is_empty() {
            return Ok(());
        }
        if line.len() as u64 == LONGEST && line.last() != Some(&b'\n') {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a line is longer than 16 MiB"));
        }
        each(&line)?;
    }
}

/// A line without its end, and the end.
pub(super) fn parted(line: &[u8]) -> (&[u8], &[u8]) {
    let end = if line.ends_with(b"\r\n") { 2 } else { usize::from(line.ends_with(b"\n")) };
    line.split_at(line.len() - end)
}

/// Writes lines the way a file has them.
pub(super) enum Out {
    Plain(BufWriter<File>),
    Gzip(Box<GzEncoder<BufWriter<File>>>),
}

impl Out {
    pub(super) fn new(file: File, gzip: bool) -> Self {
        let file = BufWriter::with_capacity(1 << 16, file);
        if gzip {
            Self::Gzip(Box::new(GzEncoder::new(file, Compression::default())))
        } else {
            Self::Plain(file)
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(it) => it.write_all(bytes),
            Self::Gzip(it) => it.write_all(bytes),
        }
    }

    /// Writes what is left.
    pub(super) fn close(self) -> io::Result<File> {
        let file = match self {
            Self::Plain(it) => it,
            Self::Gzip(it) => it.finish()?,
        };
        file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}
