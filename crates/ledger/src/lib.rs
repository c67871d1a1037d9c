//! The tamper-evident ledger: an RFC 6962 tree in C2SP tiles, signed checkpoints, proofs, and full verification.
//!
//! Ground floor: everything follows from the arguments. No I/O, no async, no clock, no environment, no
//! randomness; it knows neither what an entry says nor where tiles are kept.
//!
//! The way of one entry: [`Entry`] checks its length and hashes the leaf, [`Edge`] takes the leaf and names
//! the tiles that changed, [`Checkpoint`] says size and root and is signed as a note by a [`SigningKey`].
//! Later [`inclusion`] makes a proof from tiles, [`ProofFile`] carries it, and [`verify`] recomputes
//! a whole exported log from its entries.

mod checkpoint;
mod entry;
mod hash;
mod key;
mod note;
mod proof;
mod proof_file;
mod prove;
mod succession;
mod text;
mod tile;
mod tree;
mod verify;

pub use checkpoint::{CHECKPOINT_PATH, Checkpoint, CheckpointError, VKEY_PATH, checkpoint_path};
pub use entry::{BadBundle, Entries, Entry, EntryTooLong, MAX_ENTRY_BYTES};
pub use hash::{HASH_BYTES, Hash, empty_root, node_hash};
pub use key::{Algorithm, BadKeyName, BadVerifierKey, SigningKey, VerifierKey};
pub use note::{MAX_NOTE_BYTES, MAX_SIGNATURES, NoteError, OpenedNote, open_note, sign_note};
pub use proof::{Refuted, check_consistency, check_inclusion};
pub use proof_file::{BadProofFile, ProofFile, ProofRefused};
pub use prove::{ProofError, consistency, consistency_tiles, inclusion, inclusion_tiles};
pub use succession::{BadSuccession, succeed, succession_entry, succession_in, successor};
pub use tile::{Bundle, TILE_WIDTH, Tile, TileSource, bundles_of, edge_of, tiles_of};
pub use tree::{BrokenEdge, ChangedTile, Edge};
pub use verify::{Finding, LogSource, MAX_FINDINGS, Report, Watch, verify};
