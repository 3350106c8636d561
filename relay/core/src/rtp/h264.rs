//! H.264 from RTP payloads (RFC 6184, packetization mode 1): packets in order in, whole access units out.

use thiserror::Error;

/// Bytes of one access unit at most; more is no picture that a browser sends.
pub const MAX_ACCESS_UNIT: usize = 2 << 20;

/// Types of NAL units (H.264 table 7-1, RFC 6184 table 1).
const IDR: u8 = 5;
const SPS: u8 = 7;
const PPS: u8 = 8;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;

/// Bytes of the length before a NAL unit.
const PREFIX: usize = 4;
/// Parameter sets of a kind that are remembered, and bytes of one.
const MAX_SETS: usize = 8;
const MAX_SET: usize = 1_024;

/// Why an access unit cannot be put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum H264Error {
    /// A payload that ends before what it announces.
    #[error("H.264 payload is cut short")]
    Truncated,
    /// A kind of payload that packetization mode 1 does not have.
    #[error("H.264 payload of a kind that was not negotiated")]
    Kind,
    /// A fragment that continues nothing, or something else instead of the next fragment.
    #[error("H.264 fragments do not fit together")]
    Fragment,
    /// More than [`MAX_ACCESS_UNIT`].
    #[error("H.264 access unit is too large")]
    TooLarge,
    /// A keyframe whose parameter sets have never come.
    #[error("H.264 keyframe without parameter sets")]
    ParameterSets,
}

/// A whole access unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccessUnit<'a> {
    /// Its NAL units, each with its length before it (4 bytes, big-endian), as samples of MP4 have them; see [`nal_units`].
    /// A keyframe's parameter sets are in it, before its first slice.
    pub data: &'a [u8],
    /// An IDR picture: a decoder can start here.
    pub keyframe: bool,
}

/// The NAL units of [`AccessUnit::data`], without their lengths, up to the first one that is cut short.
pub fn nal_units(mut data: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (len, rest) = data.split_first_chunk::<PREFIX>()?;
        let (unit, behind) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*len)).ok()?)?;
        data = behind;
        Some(unit)
    })
}

/// Puts access units together from payloads that come in the order of their numbers, each once.
///
/// It remembers the parameter sets, and puts them into keyframes that come without. Memory is bounded by
/// [`MAX_ACCESS_UNIT`] and is used again.
#[derive(Debug, Default)]
pub struct H264Assembler {
    data: Vec<u8>,
    /// Where the length of a unit lies whose fragments are coming.
    fragment: Option<usize>,
    has: Has,
    /// `data` was given out.
    finished: bool,
    sps: Sets,
    pps: Sets,
}

/// What an access unit has so far.
#[derive(Debug, Clone, Copy, Default)]
struct Has {
    slice: bool,
    idr: bool,
    sps: bool,
    pps: bool,
}

impl H264Assembler {
    /// Takes the next payload of the access unit. One without bytes is padding.
    ///
    /// # Errors
    /// When it cannot belong there; then the access unit is lost and [`Self::clear`] must follow.
    pub fn push(&mut self, payload: &[u8]) -> Result<(), H264Error> {
        if std::mem::take(&mut self.finished) {
            self.clear();
        }
        let Some((&first, rest)) = payload.split_first() else {
            return Ok(());
        };
        let kind = first & 0x1f;
        if self.fragment.is_some() && kind != FU_A {
            return Err(H264Error::Fragment);
        }
        match kind {
            1..STAP_A => self.whole(payload),
            STAP_A => self.aggregate(rest),
            FU_A => self.fragment(first, rest),
            // Reserved: to be ignored (RFC 6184 §5.2).
            0 | 30 | 31 => Ok(()),
            _ => Err(H264Error::Kind),
        }
    }

    /// The access unit that was pushed; `None` if nothing to show has come (padding, or parameter sets alone, which are
    /// remembered).
    ///
    /// # Errors
    /// When it is incomplete.
    pub fn finish(&mut self) -> Result<Option<AccessUnit<'_>>, H264Error> {
        if self.finished {
            return Ok(None);
        }
        self.finished = true;
        if self.fragment.is_some() {
            return Err(H264Error::Fragment);
        }
        let Has { slice, idr, sps, pps } = self.has;
        if idr && !(sps && pps) {
            return Err(H264Error::ParameterSets);
        }
        Ok(slice.then_some(AccessUnit {
            data: &self.data,
            keyframe: idr,
        }))
    }

    /// Drops what was pushed of the access unit; parameter sets stay known.
    pub fn clear(&mut self) {
        self.data.clear();
        self.fragment = None;
        self.has = Has::default();
        self.finished = false;
    }

    /// Forgets the parameter sets too: another encoder follows.
    pub fn restart(&mut self) {
        self.clear();
        self.sps = Sets::default();
        self.pps = Sets::default();
    }

    /// An aggregation packet without decoding order numbers (RFC 6184 §5.7.1).
    fn aggregate(&mut self, mut rest: &[u8]) -> Result<(), H264Error> {
        while !rest.is_empty() {
            let (len, behind) = rest.split_first_chunk::<2>().ok_or(H264Error::Truncated)?;
            let len = usize::from(u16::from_be_bytes(*len));
            let (unit, behind) = behind.split_at_checked(len).ok_or(H264Error::Truncated)?;
            rest = behind;
            match unit.first().map(|first| first & 0x1f) {
                Some(1..STAP_A) => self.whole(unit)?,
                None | Some(0 | 30 | 31) => {}
                Some(_) => return Err(H264Error::Kind),
            }
        }
        Ok(())
    }

    /// A fragment of a NAL unit (RFC 6184 §5.8).
    fn fragment(&mut self, indicator: u8, rest: &[u8]) -> Result<(), H264Error> {
        let (&header, data) = rest.split_first().ok_or(H264Error::Truncated)?;
        let (starts, ends, kind) = (header & 0x80 != 0, header & 0x40 != 0, header & 0x1f);
        if !(1..STAP_A).contains(&kind) || starts && ends {
            return Err(H264Error::Kind);
        }
        if starts != self.fragment.is_none() {
            return Err(H264Error::Fragment);
        }
        let at = match self.fragment {
            Some(at) => at,
            None => {
                let at = self.begin(kind)?;
                self.append(&[indicator & 0xe0 | kind])?;
                at
            }
        };
        if self.data[at + PREFIX] & 0x1f != kind {
            return Err(H264Error::Fragment);
        }
        self.append(data)?;
        self.fragment = Some(at);
        if ends {
            self.fragment = None;
            self.end(at);
        }
        Ok(())
    }

    fn whole(&mut self, unit: &[u8]) -> Result<(), H264Error> {
        let at = self.begin(unit[0] & 0x1f)?;
        self.append(unit)?;
        self.end(at);
        Ok(())
    }

    /// Makes room for the length of a unit of `kind`, which follows; returns where it lies.
    fn begin(&mut self, kind: u8) -> Result<usize, H264Error> {
        if kind == IDR && !self.has.idr {
            self.has.idr = true;
            if !self.has.sps {
                self.has.sps = self.sps.write(&mut self.data);
            }
            if !self.has.pps {
                self.has.pps = self.pps.write(&mut self.data);
            }
        }
        let at = self.data.len();
        self.append(&[0; PREFIX])?;
        Ok(at)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), H264Error> {
        if self.data.len() + bytes.len() > MAX_ACCESS_UNIT {
            return Err(H264Error::TooLarge);
        }
        self.data.extend_from_slice(bytes);
        Ok(())
    }

    /// The unit whose length lies at `at` is whole.
    fn end(&mut self, at: usize) {
        let len = self.data.len() - at - PREFIX;
        let prefix = u32::try_from(len).expect("at most MAX_ACCESS_UNIT");
        self.data[at..at + PREFIX].copy_from_slice(&prefix.to_be_bytes());
        let unit = &self.data[at + PREFIX..];
        match unit[0] & 0x1f {
            1..=IDR => self.has.slice = true,
            SPS => {
                self.has.sps = true;
                // Profile, constraints and level come before the id.
                self.sps.keep(unit, 4);
            }
            PPS => {
                self.has.pps = true;
                self.pps.keep(unit, 1);
            }
            _ => {}
        }
    }
}

/// The parameter sets of one kind, by their ids.
#[derive(Debug, Default)]
struct Sets(Vec<(u32, Vec<u8>)>);

impl Sets {
    /// Remembers a set whose id follows `before` bytes. One that cannot be read is not worth remembering.
    fn keep(&mut self, unit: &[u8], before: usize) {
        let Some(id) = unit
            .get(before..)
            .and_then(exp_golomb)
            .filter(|_| unit.len() <= MAX_SET)
        else {
            return;
        };
        if let Some((_, kept)) = self.0.iter_mut().find(|(known, _)| *known == id) {
            kept.clear();
            kept.extend_from_slice(unit);
            return;
        }
        if self.0.len() == MAX_SETS {
            self.0.remove(0);
        }
        self.0.push((id, unit.to_vec()));
    }

    /// Appends all sets; whether there are any.
    fn write(&self, out: &mut Vec<u8>) -> bool {
        for (_, unit) in &self.0 {
            out.extend(u32::try_from(unit.len()).expect("at most MAX_SET").to_be_bytes());
            out.extend_from_slice(unit);
        }
        !self.0.is_empty()
    }
}

/// The unsigned Exp-Golomb number at the start (H.264 §9.1), of at most 8 bits and so many zeros before.
fn exp_golomb(bytes: &[u8]) -> Option<u32> {
    let mut word = [0; 4];
    for (to, from) in word.iter_mut().zip(bytes) {
        *to = *from;
    }
    let word = u32::from_be_bytes(word);
    let zeros = word.leading_zeros();
    let len = 2 * zeros + 1;
    if zeros > 8 || usize::try_from(len.div_ceil(8)).ok()? > bytes.len() {
        return None;
    }
    Some((word >> (32 - len)) - 1)
}

#[cfg(test)]
mod tests;
