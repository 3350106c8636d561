//! The kept corpus on the stable toolchain, and what comes of changing it by chance.

use std::{fs, path::PathBuf};

use super::TARGETS;

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target)
}

/// The inputs kept for a target.
fn kept(target: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(corpus(target)).expect("a kept corpus");
    let mut paths: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).expect("readable")).collect()
}

#[test]
fn what_is_kept_passes() {
    for (target, enter) in TARGETS {
        let inputs = kept(target);
        assert!(!inputs.is_empty(), "{target} has a corpus");
        for input in inputs {
            enter(&input);
        }
    }
}

/// Each input changed in a few places, and cut; by a seed, so that a failure can be had again.
#[test]
fn what_is_nearly_kept_passes() {
    let mut state = 7_u64;
    let mut below = move |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(state >> 33).expect("31 bits") % end.max(1)
    };
    for (target, enter) in TARGETS {
        let inputs = kept(target);
        for _ in 0..300 {
            let mut input = inputs[below(inputs.len())].clone();
            for _ in 0..=below(4) {
                let at = below(input.len());
                if let Some(byte) = input.get_mut(at) {
                    *byte = [0, 0xff, *byte ^ (1 << below(8)), byte.wrapping_add(1)][below(4)];
                }
            }
            if below(4) == 0 {
                input.truncate(below(input.len()));
            }
            enter(&input);
        }
    }
}

#[test]
fn every_target_has_its_file() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
    let mut files: Vec<String> = fs::read_dir(folder.join("fuzz_targets"))
        .expect("targets")
        .map(|file| {
            file.expect("a file")
                .path()
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    let mut names: Vec<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    files.sort();
    names.sort();
    assert_eq!(files, names);
    for name in names {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name} is built");
    }
}
