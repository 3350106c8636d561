use proptest::prelude::*;

use super::*;

const SPS_UNIT: &[u8] = &[0x67, 0x42, 0xc0, 0x1f, 0x80, 7];
const PPS_UNIT: &[u8] = &[0x68, 0x80, 7];

/// A unit of that kind and length.
fn unit(kind: u8, len: usize) -> Vec<u8> {
    let mut unit = vec![0x60 | kind];
    unit.extend((1..len).map(|n| u8::try_from(n % 251).expect("below 251")));
    unit
}

fn aggregate(units: &[&[u8]]) -> Vec<u8> {
    let mut payload = vec![0x78];
    for unit in units {
        payload.extend(u16::try_from(unit.len()).expect("small").to_be_bytes());
        payload.extend(*unit);
    }
    payload
}

/// A unit in fragments of `size` bytes.
fn fragments(unit: &[u8], size: usize) -> Vec<Vec<u8>> {
    let chunks: Vec<&[u8]> = unit[1..].chunks(size).collect();
    let last = chunks.len() - 1;
    let fragment = |(n, chunk): (usize, &&[u8])| {
        let flags = if n == 0 { 0x80 } else { 0 } | if n == last { 0x40 } else { 0 };
        [&[unit[0] & 0xe0 | FU_A, flags | unit[0] & 0x1f], *chunk].concat()
    };
    chunks.iter().enumerate().map(fragment).collect()
}

/// The units of an access unit, and whether it is a keyframe.
type Units = (Vec<Vec<u8>>, bool);

/// What comes of these payloads.
fn assemble(assembler: &mut H264Assembler, payloads: &[Vec<u8>]) -> Result<Option<Units>, H264Error> {
    for payload in payloads {
        assembler.push(payload)?;
    }
    let unit = assembler.finish()?;
    Ok(unit.map(|unit| (nal_units(unit.data).map(<[u8]>::to_vec).collect(), unit.keyframe)))
}

#[test]
fn every_packing_gives_the_units_back() {
    let mut assembler = H264Assembler::default();
    let (idr, slice) = (unit(5, 3_000), unit(1, 500));
    let mut payloads = vec![aggregate(&[SPS_UNIT, PPS_UNIT])];
    payloads.extend(fragments(&idr, 1_100));
    let (units, keyframe) = assemble(&mut assembler, &payloads).expect("whole").expect("a picture");
    assert!(keyframe);
    assert_eq!(units, [SPS_UNIT.to_vec(), PPS_UNIT.to_vec(), idr]);
    let single = assemble(&mut assembler, &[slice.clone(), Vec::new(), slice.clone()]);
    assert_eq!(single, Ok(Some((vec![slice.clone(), slice], false))));
    // Nothing is given out twice.
    assert_eq!(assembler.finish(), Ok(None));
}

#[test]
fn a_keyframe_gets_the_parameter_sets_that_it_lacks() {
    let mut assembler = H264Assembler::default();
    let idr = unit(5, 30);
    assert_eq!(
        assemble(&mut assembler, std::slice::from_ref(&idr)),
        Err(H264Error::ParameterSets)
    );
    assembler.clear();
    // Alone they are no picture.
    let sets = [SPS_UNIT.to_vec(), PPS_UNIT.to_vec()];
    assert_eq!(assemble(&mut assembler, &sets), Ok(None));
    let whole = vec![SPS_UNIT.to_vec(), PPS_UNIT.to_vec(), idr.clone(), idr.clone()];
    let two_slices = [idr.clone(), idr.clone()];
    assert_eq!(assemble(&mut assembler, &two_slices), Ok(Some((whole, true))));
    // A later one of the same id replaces the former; one of another id stays beside it.
    let (wider, other) = ([0x67, 0x42, 0xc0, 0x1f, 0x80, 9], [0x67, 0x42, 0xc0, 0x1f, 0x40, 1]);
    assert_eq!(assemble(&mut assembler, &[wider.to_vec(), other.to_vec()]), Ok(None));
    let (units, _) = assemble(&mut assembler, std::slice::from_ref(&idr))
        .expect("whole")
        .expect("a picture");
    assert_eq!(units, [wider.to_vec(), other.to_vec(), PPS_UNIT.to_vec(), idr.clone()]);
    assembler.restart();
    assert_eq!(assemble(&mut assembler, &[idr]), Err(H264Error::ParameterSets));
}

#[test]
fn what_does_not_fit_together_is_refused() {
    let pieces = fragments(&unit(1, 300), 100);
    let cases: [(&[Vec<u8>], H264Error); 7] = [
        (&pieces[1..], H264Error::Fragment),
        (&pieces[..2], H264Error::Fragment),
        (&[pieces[0].clone(), unit(1, 5)], H264Error::Fragment),
        (&[pieces[0].clone(), pieces[0].clone()], H264Error::Fragment),
        (&[pieces[0].clone(), vec![0x7c, 0x45, 1]], H264Error::Fragment),
        (&[vec![0x78, 0, 9, 1]], H264Error::Truncated),
        (&[vec![0x79, 0, 0, 1]], H264Error::Kind),
    ];
    for (payloads, error) in cases {
        assert_eq!(
            assemble(&mut H264Assembler::default(), payloads),
            Err(error),
            "{payloads:?}"
        );
    }
}

#[test]
fn memory_is_bounded() {
    let mut assembler = H264Assembler::default();
    let piece = [&[0x7c, 0x01][..], &[0; 1_400]].concat();
    assert_eq!(assembler.push(&[0x7c, 0x81, 0]), Ok(()));
    let taken = (0..3_000).take_while(|_| assembler.push(&piece).is_ok()).count();
    assert!((1_400..1_600).contains(&taken), "{taken}");
    assert!(assembler.data.capacity() <= 2 * MAX_ACCESS_UNIT);
    // Sets of ever other ids.
    for id in 0..200_u32 {
        let bits = (id + 1) << (23 - 2 * (id + 1).ilog2());
        assembler.clear();
        let [_, rest @ ..] = bits.to_be_bytes();
        assert_eq!(assembler.push(&[&[0x68][..], &rest].concat()), Ok(()));
        assert!(assembler.pps.0.len() <= MAX_SETS);
    }
    assert_eq!(assembler.pps.0.len(), MAX_SETS);
}

#[test]
fn ids_are_read() {
    assert_eq!(exp_golomb(&[0x80]), Some(0));
    assert_eq!(exp_golomb(&[0x40]), Some(1));
    assert_eq!(exp_golomb(&[0x60]), Some(2));
    assert_eq!(exp_golomb(&[0x00, 0x80, 0x00]), Some(255));
    assert_eq!(exp_golomb(&[0x00, 0x80]), None);
    assert_eq!(exp_golomb(&[]), None);
}

proptest! {
    /// Whatever the sizes and the packing, units come back as they were.
    #[test]
    fn units_survive_packing(sizes in proptest::collection::vec((2_usize..4_000, 0_u8..3), 1..12), mtu in 20_usize..1_300) {
        let mut payloads = Vec::new();
        let mut units = Vec::new();
        for (size, packing) in sizes {
            let slice = unit(1, size);
            match packing {
                0 => payloads.push(slice.clone()),
                1 if size > mtu + 1 => payloads.extend(fragments(&slice, mtu)),
                _ => {
                    payloads.push(aggregate(&[&slice, &slice]));
                    units.push(slice.clone());
                }
            }
            units.push(slice);
        }
        prop_assert_eq!(assemble(&mut H264Assembler::default(), &payloads), Ok(Some((units, false))));
    }

    #[test]
    fn any_payloads_are_taken_or_refused(payloads in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..40)) {
        let mut assembler = H264Assembler::default();
        for payload in &payloads {
            if assembler.push(payload).is_err() {
                assembler.clear();
            }
            if payload.len() % 3 == 0 && let Ok(Some(unit)) = assembler.finish() {
                let total: usize = nal_units(unit.data).map(|unit| unit.len() + PREFIX).sum();
                prop_assert_eq!(total, unit.data.len());
                let kinds: Vec<u8> = nal_units(unit.data).map(|unit| unit[0] & 0x1f).collect();
                prop_assert_eq!(unit.keyframe, kinds.contains(&IDR));
                prop_assert!(!unit.keyframe || kinds.contains(&SPS) && kinds.contains(&PPS));
            }
        }
    }
}
