//! What went wrong, without a value out of the source: a server's own message may repeat one (`Duplicate entry '…'`),
//! so that only its number and messages that name things are told.

use countersign_service::ports::source::SourceError;
use mysql_async::{DriverError, Error, IoError};

/// No such table or column, no right; a foreign key in the way: these messages say names alone.
const SAYS_NAMES: [u16; 11] = [1044, 1045, 1049, 1054, 1142, 1143, 1146, 1227, 1370, 1451, 1452];
/// Conditions that pass: connections, memory and disk, locks, lost races, time, shutdown, a server that only reads.
const PASSES: [u16; 27] = [
    1020, 1021, 1030, 1037, 1038, 1040, 1041, 1053, 1114, 1129, 1158, 1159, 1160, 1161, 1180, 1203, 1205,
    1213, 1226, 1290, 1317, 1792, 1836, 1927, 1969, 3024, 3572,
];
pub(super) const DUPLICATE: u16 = 1062;
pub(super) const NO_TABLE: u16 = 1146;
pub(super) const NEEDS_RIGHT: u16 = 1227;
/// Read meanwhile by somebody else; a deadlock.
const LOST: [u16; 2] = [1020, 1213];

/// The server's number of an error, if it was the server who said it.
pub(super) fn code(error: &Error) -> Option<u16> {
    match error {
        Error::Server(told) => Some(told.code),
        _ => None,
    }
}

/// Whether this account may not do that.
pub(super) fn is_denied(error: &Error) -> bool {
    code(error).is_some_and(|it| [1142, 1143].contains(&it))
}

/// Whether the transaction lost against another one and can be done again from its start.
pub(super) fn lost_a_race(error: &Error) -> bool {
    code(error).is_some_and(|it| LOST.contains(&it))
}

/// Whether a commit that failed was certainly not done: the server rolled it back and said so. Whoever was killed
/// while committing may have been told so after the commit.
pub(super) fn was_rolled_back(error: &Error) -> bool {
    code(error).is_some_and(|it| LOST.contains(&it) || it == 1205)
}

/// What is wrong with the other side's certificate, say.
fn tls(error: &IoError) -> Option<String> {
    match error {
        IoError::Tls(error) => Some(error.to_string()),
        IoError::Io(error) => error.get_ref()?.downcast_ref::<rustls::Error>().map(ToString::to_string),
    }
}

pub(super) fn failed(source: &str, error: &Error) -> SourceError {
    let source_name = source.to_owned();
    let reason = match error {
        Error::Server(told) => {
            let mut reason = format!("error {} ({})", told.code, told.state);
            if SAYS_NAMES.contains(&told.code) {
                reason.push_str(&format!(": {}", told.message));
            }
            if !PASSES.contains(&told.code) {
                return SourceError::Refused { source_name, reason };
            }
            reason
        }
        Error::Io(error) if let Some(why) = tls(error) => {
            return SourceError::Refused { source_name, reason: format!("no TLS with this server: {why}") };
        }
        Error::Driver(DriverError::NoClientSslFlagFromServer) => {
            let reason = "the server has no TLS; give it a certificate, or say ssl-mode=disabled in the url"
                .to_owned();
            return SourceError::Refused { source_name, reason };
        }
        Error::Driver(DriverError::UnknownAuthPlugin { .. } | DriverError::CleartextPluginDisabled) => {
            let reason = "the server asks for a way to log in that is not spoken here".to_owned();
            return SourceError::Refused { source_name, reason };
        }
        Error::Driver(DriverError::ConnectionClosed) => "the connection was closed".to_owned(),
        Error::Io(IoError::Io(error)) => {
            format!("the server cannot be reached, or the connection broke ({})", error.kind())
        }
        Error::Io(IoError::Tls(_)) | Error::Driver(_) | Error::Other(_) | Error::Url(_) => {
            "the connection broke".to_owned()
        }
    };
    SourceError::Unavailable { source_name, reason }
}
