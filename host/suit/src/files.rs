// SPDX-License-Identifier: Apache-2.0
//! Writing files so that a reader, or the next start, never meets half of one.

use crate::Error;
use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// Puts `bytes` at `path`, in one step: until then the old file, if any, stays what it was.
///
/// # Errors
/// [`Error::Io`].
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let put = || {
        let mut builder = tempfile::Builder::new();
        // A leading dot keeps the file out of sight of who reads the directory meanwhile.
        builder.prefix(".").suffix(".new").permissions(Permissions::from_mode(0o644));
        let mut file = builder.tempfile_in(directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(path).map_err(|error| error.error)?;
        Ok(())
    };
    put().map_err(|source| Error::io("write", path, source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_file_replaces_the_old_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        write_atomic(&path, b"old").unwrap();
        write_atomic(&path, b"new").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        let error = write_atomic(&dir.path().join("absent/file"), b"").unwrap_err().to_string();
        assert!(error.contains("absent/file"), "{error}");
    }
}
