//! A working file of which the disk sees ciphertext alone: what is put into it is counted, hashed, deflated and sealed,
//! chunk by chunk, under a key that lives in memory as long as the file does. The file has no name.

use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::{ChaCha20Poly1305, Nonce};
use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

const CHUNK: usize = 64 * 1024;
const TAG: usize = 16;

/// A file that is being written.
pub(super) struct Spool {
    deflate: DeflateEncoder<Sealing>,
    crc: Crc,
    hash: Sha256,
    length: u64,
}

/// A file that is whole.
pub(super) struct Spooled {
    file: File,
    cipher: ChaCha20Poly1305,
    /// Of what was put in.
    pub(super) crc: u32,
    pub(super) sha256: [u8; 32],
    /// Bytes that were put in.
    pub(super) length: u64,
    /// Bytes after deflating.
    pub(super) packed: u64,
}

struct Sealing {
    file: File,
    cipher: ChaCha20Poly1305,
    chunk: Vec<u8>,
    chunks: u64,
    packed: u64,
}

impl Spool {
    pub(super) fn new(folder: &Path) -> io::Result<Self> {
        let mut key = Zeroizing::new([0; 32]);
        getrandom::fill(&mut *key).map_err(|_| io::Error::other("the system gives no randomness"))?;
        let sealing = Sealing {
            file: tempfile::tempfile_in(folder)?,
            cipher: ChaCha20Poly1305::new((&*key).into()),
            chunk: Vec::with_capacity(CHUNK + TAG),
            chunks: 0,
            packed: 0,
        };
        // Level 6, which is what `gzip` does if nobody says otherwise.
        let deflate = DeflateEncoder::new(sealing, Compression::new(6));
        Ok(Self { deflate, crc: Crc::new(), hash: Sha256::new(), length: 0 })
    }

    pub(super) fn finish(self) -> io::Result<Spooled> {
        let mut sealing = self.deflate.finish()?;
        sealing.seal()?;
        sealing.file.rewind()?;
        Ok(Spooled {
            file: sealing.file,
            cipher: sealing.cipher,
            crc: self.crc.sum(),
            sha256: self.hash.finalize().into(),
            length: self.length,
            packed: sealing.packed,
        })
    }
}

impl Write for Spool {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.crc.update(bytes);
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        self.deflate.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Write for Sealing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(CHUNK - self.chunk.len());
        self.chunk.extend_from_slice(&bytes[..taken]);
        if self.chunk.len() == CHUNK {
            self.seal()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sealing {
    fn seal(&mut self) -> io::Result<()> {
        if self.chunk.is_empty() {
            return Ok(());
        }
        self.packed += self.chunk.len() as u64;
        self.cipher
            .encrypt_in_place(&nonce(self.chunks), b"", &mut self.chunk)
            .map_err(|_| io::Error::other("a chunk could not be sealed"))?;
        self.file.write_all(&self.chunk)?;
        self.chunk.clear();
        self.chunks += 1;
        Ok(())
    }
}

impl Spooled {
    /// The deflated bytes, in order.
    pub(super) fn copy_to(mut self, out: &mut impl Write) -> io::Result<()> {
        let mut chunk = Vec::with_capacity(CHUNK + TAG);
        let (mut left, mut chunks) = (self.packed, 0);
        while left > 0 {
            let length = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
            chunk.resize(length + TAG, 0);
            self.file.read_exact(&mut chunk)?;
            self.cipher
                .decrypt_in_place(&nonce(chunks), b"", &mut chunk)
                .map_err(|_| io::Error::other("a working file was altered"))?;
            out.write_all(&chunk)?;
            left -= length as u64;
            chunks += 1;
        }
        Ok(())
    }
}

/// Chunks are numbered, and a key seals one file.
fn nonce(chunk: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&chunk.to_be_bytes());
    nonce.into()
}
