// SPDX-License-Identifier: Apache-2.0
use super::*;
use alloc::vec;

fn refused(bytes: &[u8]) -> Kind {
    Reader::open(bytes).expect_err("must be refused").kind
}

#[test]
fn accepts_each_kind_of_item() {
    for bytes in [
        &b"\x00"[..],
        b"\x38\xff",
        b"\x43abc",
        b"\x63abc",
        b"\x82\x01\x81\x02",
        b"\xa2\x01\x02\x61a\x80",
        b"\xd8\x6b\xa0",
        b"\xf4",
        b"\xf6",
        b"\xf9\x3c\x00",
        b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
    ] {
        Reader::open(bytes).expect("strict CBOR");
    }
}

#[test]
fn refuses_what_is_not_one_whole_item() {
    for bytes in [&b""[..], b"\x00\x00", b"\x82\x01", b"\x43ab", b"\xa1\x01", b"\xc1", b"\x18"] {
        assert_eq!(refused(bytes), Kind::Malformed, "{bytes:02x?}");
    }
}

#[test]
fn refuses_indefinite_lengths_and_reserved_heads() {
    for bytes in
        [&b"\x5f\x41a\xff"[..], b"\x9f\xff", b"\xbf\xff", b"\x7f\xff", b"\x1c", b"\xff", b"\xf8\x14", b"\xe0"]
    {
        assert_eq!(refused(bytes), Kind::Malformed, "{bytes:02x?}");
    }
}

#[test]
fn refuses_longer_than_shortest_integers_and_lengths() {
    for bytes in [
        &b"\x18\x17"[..],
        b"\x19\x00\xff",
        b"\x1a\x00\x00\xff\xff",
        b"\x1b\x00\x00\x00\x00\xff\xff\xff\xff",
        b"\x38\x00",
        b"\x58\x01a",
        b"\x78\x01a",
        b"\x98\x01\x00",
        b"\xb8\x01\x00\x00",
    ] {
        assert_eq!(refused(bytes), Kind::Malformed, "{bytes:02x?}");
    }
}

#[test]
fn refuses_duplicate_keys_at_any_level() {
    assert_eq!(refused(b"\xa2\x01\x02\x01\x03"), Kind::Malformed);
    assert_eq!(refused(b"\x81\xa3\x61a\x00\x61b\x00\x61a\x00"), Kind::Malformed);
    assert_eq!(refused(b"\xa2\x81\x01\x00\x81\x01\x00"), Kind::Malformed);
    Reader::open(b"\xa2\x01\xa1\x01\x00\x02\xa1\x01\x00").expect("the same key in different maps");
}

#[test]
fn refuses_text_that_is_not_utf8() {
    assert_eq!(refused(b"\x62\xc3\x28"), Kind::Malformed);
}

#[test]
fn depth_limit_and_one_past_it() {
    let mut nested = vec![0x81; MAX_DEPTH];
    nested.push(0);
    Reader::open(&nested).expect("at the limit");
    nested.insert(0, 0x81);
    assert_eq!(refused(&nested), Kind::TooLarge);
    assert_eq!(refused(&vec![0xc1; 100_000]), Kind::TooLarge, "nested tags");
}

#[test]
fn item_limit_and_one_past_it() {
    let list = |n: usize| {
        encode(|w| {
            w.array(n);
            for _ in 0..n {
                w.uint(0);
            }
        })
    };
    Reader::open(&list(MAX_ITEMS - 1)).expect("at the limit");
    assert_eq!(refused(&list(MAX_ITEMS)), Kind::TooLarge);
}

#[test]
fn map_limit_and_one_past_it() {
    let map = |n: usize| {
        encode(|w| {
            w.map(n);
            for key in 0..n {
                w.uint(key as u64).null();
            }
        })
    };
    Reader::open(&map(MAX_MAP_ENTRIES)).expect("at the limit");
    assert_eq!(refused(&map(MAX_MAP_ENTRIES + 1)), Kind::TooLarge);
}

#[test]
fn huge_announced_lengths_cost_nothing() {
    for head in [0x5bu8, 0x7b, 0x9b, 0xbb] {
        let mut bytes = vec![head];
        bytes.extend([0xff; 8]);
        assert_eq!(refused(&bytes), Kind::Malformed);
    }
}

#[test]
fn error_names_the_offset() {
    let error = Reader::open(b"\x82\x01\x18\x01").expect_err("not shortest");
    assert_eq!(error.offset, 2);
    assert_eq!(alloc::format!("{error}"), "malformed: the shortest encoding (at byte 2)");
}

#[test]
fn reads_what_was_written() {
    let bytes = encode(|w| {
        w.array(7).uint(7).int(-9).bytes(b"ab").text("cd").bool(true).null().tag(107).map(0);
    });
    let mut r = Reader::open(&bytes).expect("strict");
    assert_eq!(r.array("array"), Ok(7));
    assert_eq!(r.uint("uint"), Ok(7));
    assert_eq!(r.int("int"), Ok(-9));
    assert_eq!(r.bytes("bytes"), Ok(&b"ab"[..]));
    assert_eq!(r.text("text"), Ok("cd"));
    assert_eq!(r.bool("bool"), Ok(true));
    assert!(r.optional_null());
    assert_eq!(r.optional_tag(), Some(107));
    assert_eq!(r.map("map"), Ok(0));
}

#[test]
fn byte_string_head_is_what_the_encoder_writes() {
    for len in [0usize, 23, 24, 255, 256, 65_535, 65_536] {
        let content = vec![0u8; len];
        let encoded = encode(|w| {
            w.bytes(&content);
        });
        let mut head = Vec::new();
        bytes_head(&mut head, len);
        assert_eq!(head, encoded[..encoded.len() - len]);
    }
}
