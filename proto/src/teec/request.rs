// SPDX-License-Identifier: Apache-2.0
use super::{read_component_id, write_component_id};
use crate::Error;
use crate::cbor::{Reader, encode};
use crate::limits::MAX_URI;
use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

/// Bytes of a payload in one [`Command::FetchData`](super::Command::FetchData) at most.
pub const MAX_FETCH_DATA: usize = 32 * 1024;

/// A request of Linux concerning one Trusted Component: `[component-id, hint / null]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TaRequest {
    /// The Trusted Component, elements of its SUIT component identifier.
    pub component_id: Vec<Vec<u8>>,
    /// A TAM URI somebody proposes. Advisory: the Agent decides (REQ-TEEP-121).
    pub tam_uri_hint: Option<String>,
}

impl TaRequest {
    /// Encodes for [`Command::RequestTa`](super::Command::RequestTa) and
    /// [`Command::UnrequestTa`](super::Command::UnrequestTa).
    pub fn encode(&self) -> Vec<u8> {
        encode(|w| {
            w.array(2);
            write_component_id(w, &self.component_id);
            match &self.tam_uri_hint {
                Some(hint) => w.text(hint),
                None => w.null(),
            };
        })
    }

    /// Decodes what [`encode`](Self::encode) makes.
    ///
    /// # Errors
    /// When `bytes` are anything else, or exceed [`crate::limits`].
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        r.array_of(2, "a TA request [component-id, hint]")?;
        let component_id = read_component_id(&mut r)?;
        let tam_uri_hint =
            if r.optional_null() { None } else { Some(r.sized_text(MAX_URI, "a TAM URI")?.to_owned()) };
        Ok(Self { component_id, tam_uri_hint })
    }
}

/// Part of a payload that [`Reply::Fetch`](super::Reply::Fetch) asked for: `[offset, bytes]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FetchData<'b> {
    /// Where in the payload the bytes belong.
    pub offset: u64,
    /// At most [`MAX_FETCH_DATA`] bytes. None at all says that the payload ends at `offset`.
    pub bytes: &'b [u8],
}

impl<'b> FetchData<'b> {
    /// Encodes for [`Command::FetchData`](super::Command::FetchData).
    pub fn encode(&self) -> Vec<u8> {
        encode(|w| {
            w.array(2).uint(self.offset).bytes(self.bytes);
        })
    }

    /// Decodes what [`encode`](Self::encode) makes.
    ///
    /// # Errors
    /// When `bytes` are anything else, or more than [`MAX_FETCH_DATA`].
    pub fn decode(bytes: &'b [u8]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        r.array_of(2, "fetched data [offset, bytes]")?;
        let offset = r.uint("an offset")?;
        Ok(Self { offset, bytes: r.sized_bytes(0..=MAX_FETCH_DATA, "at most 32 KiB")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_COMPONENT_ID;
    use crate::teec::Command;
    use alloc::vec;

    #[test]
    fn requests_round_trip() {
        for tam_uri_hint in [None, Some("https://tam.example/tam".to_owned())] {
            let request = TaRequest { component_id: vec![b"a".to_vec(), vec![0; 16]], tam_uri_hint };
            assert_eq!(TaRequest::decode(&request.encode()), Ok(request));
        }
    }

    #[test]
    fn largest_request_fits_its_limit() {
        let request = TaRequest {
            component_id: vec![vec![0; MAX_COMPONENT_ID]],
            tam_uri_hint: Some("x".repeat(MAX_URI)),
        };
        let bytes = request.encode();
        assert!(bytes.len() <= Command::RequestTa.max_request());
        TaRequest::decode(&bytes).expect("within the limits");
    }

    #[test]
    fn fetched_data_round_trips_up_to_its_limit() {
        let bytes = vec![7; MAX_FETCH_DATA + 1];
        for len in [0, 1, MAX_FETCH_DATA] {
            let data = FetchData { offset: u64::MAX, bytes: &bytes[..len] };
            let request = data.encode();
            assert!(request.len() <= Command::FetchData.max_request());
            assert_eq!(FetchData::decode(&request), Ok(data));
        }
        FetchData::decode(&FetchData { offset: 0, bytes: &bytes }.encode()).expect_err("one past the limit");
    }

    #[test]
    fn garbage_is_refused() {
        for bytes in [&b""[..], b"\x80", b"\x81\x09", b"\x82\x00\x00", b"\xa0", b"\x84\x02\x61a\x00\xf6"] {
            TaRequest::decode(bytes).expect_err("not a request");
            FetchData::decode(bytes).expect_err("not data");
        }
        TaRequest::decode(b"\x82\x80\xf6").expect_err("a component identifier without elements");
    }
}
