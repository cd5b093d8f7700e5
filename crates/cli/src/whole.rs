//! Files that appear whole or not at all.

use anyhow::{Context, Result};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Lets `fill` write a file beside `path` and renames it, so that a full disk leaves what was there before.
/// What is written passes through a buffer and never stands in memory as a whole.
pub fn write(path: &Path, fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let write = || -> io::Result<()> {
        let mut file = BufWriter::new(File::create(&temporary)?);
        fill(&mut file)?;
        file.flush()?;
        file.get_ref().sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write()
        .inspect_err(|_| drop(std::fs::remove_file(&temporary)))
        .with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_fails_halfway_leaves_the_one_before() {
        let folder = std::env::temp_dir().join(format!("wisp-whole-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("out.bin");
        write(&path, |file| file.write_all(b"first")).unwrap();
        let error = write(&path, |file| {
            file.write_all(&[0; 1 << 16])?;
            Err(io::Error::other("the disk is full"))
        });
        let text = format!("{:#}", error.unwrap_err());
        assert_eq!(text, format!("cannot write {}: the disk is full", path.display()));
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "no temporary file stays");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
