//! A checked cursor over one section, and the little-endian loads behind the infallible accessors.

use super::{LoadError, Section};

/// Reads little-endian values from a section and names the place when one is wrong.
pub(crate) struct Reader<'a> {
    section: Section,
    base: usize,
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A cursor at the start of `bytes`, which stand at byte `base` of the file.
    pub fn new(section: Section, base: usize, bytes: &'a [u8]) -> Self {
        Self { section, base, bytes, at: 0 }
    }

    /// Position of the cursor, counted from the start of the file.
    pub fn position(&self) -> u64 {
        (self.base + self.at) as u64
    }

    /// The error for a value that breaks `rule`, at the cursor.
    pub fn invalid(&self, field: &'static str, found: u64, rule: &'static str) -> LoadError {
        LoadError::Invalid { section: self.section, at: self.position(), field, found, rule }
    }

    /// The next `n` bytes.
    pub fn take(&mut self, n: usize, field: &'static str) -> Result<&'a [u8], LoadError> {
        let left = self.bytes.get(self.at..).unwrap_or_default();
        let taken = left
            .get(..n)
            .ok_or_else(|| self.invalid(field, left.len() as u64, "inside the section (bytes left)"))?;
        self.at += n;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], LoadError> {
        let taken = self.take(N, field)?;
        taken.try_into().map_err(|_| self.invalid(field, taken.len() as u64, "inside the section"))
    }

    pub fn u8(&mut self, field: &'static str) -> Result<u8, LoadError> {
        Ok(u8::from_le_bytes(self.array(field)?))
    }

    pub fn u16(&mut self, field: &'static str) -> Result<u16, LoadError> {
        Ok(u16::from_le_bytes(self.array(field)?))
    }

    pub fn u32(&mut self, field: &'static str) -> Result<u32, LoadError> {
        Ok(u32::from_le_bytes(self.array(field)?))
    }

    pub fn u64(&mut self, field: &'static str) -> Result<u64, LoadError> {
        Ok(u64::from_le_bytes(self.array(field)?))
    }

    pub fn f32(&mut self, field: &'static str) -> Result<f32, LoadError> {
        Ok(f32::from_le_bytes(self.array(field)?))
    }

    /// Skips `n` bytes that the format reserves: all must be zero.
    pub fn reserved(&mut self, n: usize) -> Result<(), LoadError> {
        for _ in 0..n {
            let at = self.invalid("reserved", 0, "0");
            let found = self.u8("reserved")?;
            if found != 0 {
                return Err(match at {
                    LoadError::Invalid { section, at, field, rule, .. } => {
                        LoadError::Invalid { section, at, field, found: found.into(), rule }
                    }
                    other => other,
                });
            }
        }
        Ok(())
    }

    /// Ends the section: nothing may be left.
    pub fn finish(self) -> Result<(), LoadError> {
        let left = self.bytes.len().saturating_sub(self.at);
        if left == 0 { Ok(()) } else { Err(self.invalid("trailing bytes", left as u64, "0")) }
    }
}

/// The `u32` at byte `at` of checked bytes.
pub(crate) fn load_u32(bytes: &[u8], at: usize) -> u32 {
    let word = at.checked_add(4).and_then(|end| bytes.get(at..end)).and_then(|word| word.try_into().ok());
    word.map_or(0, u32::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_byte_that_is_wrong() {
        let mut reader = Reader::new(Section::Plan, 256, &[0, 0, 7]);
        assert_eq!(
            reader.reserved(3),
            Err(LoadError::Invalid {
                section: Section::Plan,
                at: 258,
                field: "reserved",
                found: 7,
                rule: "0"
            })
        );
        let mut reader = Reader::new(Section::Plan, 256, &[1, 2]);
        assert_eq!(reader.u16("x"), Ok(0x0201));
        assert!(reader.u8("x").is_err());
    }
}
