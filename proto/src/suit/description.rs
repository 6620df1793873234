// SPDX-License-Identifier: Apache-2.0
use super::ComponentId;
use super::labels::{component_text, text};
use crate::Error;
use crate::cbor::{Major, Reader, Writer, encode};
use crate::language;
use alloc::vec::Vec;

/// The suit-text of a manifest: descriptions for people, by language. Never acted upon, and shown only after
/// what steers a terminal was taken out (REQ-SUIT-091).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text<'b> {
    /// By language, in the order of the encoding.
    pub languages: Vec<Language<'b>>,
}

/// What suit-text says in one language.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Language<'b> {
    /// Its tag (RFC 5646), e.g. "en".
    pub tag: &'b str,
    /// About the manifest, by number; see [`text`](super::labels::text).
    pub manifest: Vec<(i64, &'b str)>,
    /// About components, by number; see [`component_text`](super::labels::component_text).
    pub components: Vec<(ComponentId<'b>, Vec<(i64, &'b str)>)>,
}

impl<'b> Text<'b> {
    /// Decodes the content of suit-text in a manifest with these `components`. Private entries whose value is
    /// no text are passed over.
    ///
    /// # Errors
    /// What is malformed, and a component that is none of the manifest's (REQ-SUIT-101).
    pub fn decode(bytes: &'b [u8], components: &[ComponentId<'_>]) -> Result<Self, Error> {
        let mut r = Reader::open(bytes)?;
        let at = r.offset();
        let mut languages = Vec::new();
        for _ in 0..r.map("a map of languages")? {
            let at = r.offset();
            let tag = Some(r.text(language::WHAT)?).filter(|tag| language::is_tag(tag));
            let tag = tag.ok_or(Error::malformed(language::WHAT, at))?;
            languages.push(Language::read(tag, &mut r, components)?);
        }
        if languages.is_empty() {
            Err(Error::malformed("text in at least one language", at))
        } else {
            Ok(Self { languages })
        }
    }

    /// Encodes it, maps in deterministic order (REQ-SUIT-031).
    pub fn encode(&self) -> Vec<u8> {
        let mut languages: Vec<&Language<'b>> = self.languages.iter().collect();
        languages.sort_by_key(|language| (language.tag.len(), language.tag));
        encode(|w| {
            w.map(languages.len());
            for language in languages {
                w.text(language.tag);
                language.write(w);
            }
        })
    }
}

impl<'b> Language<'b> {
    fn read(tag: &'b str, r: &mut Reader<'b>, known: &[ComponentId<'_>]) -> Result<Self, Error> {
        let mut language = Self { tag, ..Self::default() };
        for _ in 0..r.map("a map of texts")? {
            let at = r.offset();
            if !r.next_is(Major::Array) {
                let label = r.int("a text label or a component identifier")?;
                language.manifest.extend(read_entry(label, text::ALL, r)?);
                continue;
            }
            let id = ComponentId::read(r)?;
            if !known.contains(&id) {
                return Err(Error::malformed("text about components of the manifest only", at));
            }
            let mut entries = Vec::new();
            for _ in 0..r.map("a map of texts about a component")? {
                let label = r.int("a text label")?;
                entries.extend(read_entry(label, component_text::ALL, r)?);
            }
            language.components.push((id, entries));
        }
        Ok(language)
    }

    fn write(&self, w: &mut Writer) {
        let mut components: Vec<_> = self.components.iter().collect();
        components.sort_by_key(|(id, _)| id.as_bytes());
        w.map(self.manifest.len().saturating_add(components.len()));
        write_entries(w, &self.manifest);
        for (id, entries) in components {
            w.raw(id.as_bytes()).map(entries.len());
            write_entries(w, entries);
        }
    }
}

/// The value behind `label`; `None` if it is private and no text.
fn read_entry<'b>(label: i64, assigned: &[i64], r: &mut Reader<'b>) -> Result<Option<(i64, &'b str)>, Error> {
    if label < 0 && !r.next_is(Major::Text) {
        return r.item().map(|_| None);
    }
    if label >= 0 && !assigned.contains(&label) {
        return Err(r.error("a text label this implementation knows"));
    }
    r.text("text").map(|text| Some((label, text)))
}

fn write_entries(w: &mut Writer, entries: &[(i64, &str)]) {
    let mut entries = entries.to_vec();
    entries.sort_by_key(|(label, _)| super::parameter::deterministic(*label));
    for (label, text) in entries {
        w.int(label).text(text);
    }
}
