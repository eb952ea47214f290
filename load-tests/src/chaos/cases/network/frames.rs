//! HTTP/2 frames (RFC 9113), for what no client library would send.

/// What every connection begins with.
pub(super) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// The type of a frame.
#[derive(Clone, Copy, Debug)]
#[repr(u8)]
pub(super) enum Kind {
    Data = 0,
    Headers = 1,
    Reset = 3,
    Settings = 4,
}

/// A frame's bytes.
pub(super) fn frame(kind: Kind, flags: u8, stream: u32, payload: &[u8]) -> anyhow::Result<Vec<u8>> {
    let [_, length @ ..] = u32::try_from(payload.len())?.to_be_bytes();
    let mut bytes = length.to_vec();
    bytes.extend([kind as u8, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    Ok(bytes)
}

/// The preface, and settings with which a reply gets so many bytes and no more.
pub(super) fn opening(reply_bytes: u32) -> anyhow::Result<Vec<u8>> {
    let setting = [&4_u16.to_be_bytes()[..], &reply_bytes.to_be_bytes()].concat();
    Ok([PREFACE, &frame(Kind::Settings, 0, 0, &setting)?].concat())
}

/// The head of a request, as literals without indexing (RFC 7541, 6.2.2).
pub(super) fn head(fields: &[(&str, &str)]) -> anyhow::Result<Vec<u8>> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            anyhow::ensure!(text.len() < 127, "longer fields need another encoding");
            block.push(u8::try_from(text.len())?);
            block.extend(text.as_bytes());
        }
    }
    Ok(block)
}
